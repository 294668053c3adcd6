use std::{fmt, sync::Arc};

/// What has a name of its own.
pub(super) trait Name {
    fn name(&self) -> &str;
}

/// Things of one kind in the order in which they were registered, no two with one name.
pub(super) struct Named<T: ?Sized>(Vec<Arc<T>>);

impl<T: ?Sized> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Name + ?Sized> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl<T: Name + ?Sized> Named<T> {
    /// Takes things whose names differ.
    pub(super) fn of(things: Vec<Arc<T>>) -> Self {
        Self(things)
    }

    /// Adds one, or gives it back if another has its name.
    pub(super) fn add(&mut self, thing: Arc<T>) -> Result<(), Arc<T>> {
        if self.get(thing.name()).is_some() {
            return Err(thing);
        }
        self.0.push(thing);
        Ok(())
    }

    /// Puts one in the place of that with its name, or adds it.
    pub(super) fn replace(&mut self, thing: Arc<T>) -> Option<Arc<T>> {
        if let Some(known) = self.0.iter_mut().find(|known| known.name() == thing.name()) {
            return Some(std::mem::replace(known, thing));
        }
        self.0.push(thing);
        None
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Arc<T>> {
        let at = self.0.iter().position(|known| known.name() == name)?;
        Some(self.0.remove(at))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<T>> {
        self.0.iter().find(|known| known.name() == name)
    }

    pub(super) fn first(&self) -> Option<&Arc<T>> {
        self.0.first()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|thing| thing.name())
    }

    /// All names as a text.
    pub(super) fn list(&self) -> String {
        self.names().collect::<Vec<_>>().join(", ")
    }
}
