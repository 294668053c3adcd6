use std::{
    any::{TypeId, type_name},
    collections::{HashMap, HashSet},
};

use crate::{codec::Codec, error::Error, persist::Persist};

/// The components that a program saves and loads, with what an adapter needs to reach each (`C`).
#[derive(Debug, Clone)]
pub struct Registry<C> {
    entries: Vec<Entry<C>>,
    by_name: HashMap<String, usize>,
    by_type: HashMap<TypeId, usize>,
    transient: HashSet<TypeId>,
}

/// One registered component.
#[derive(Debug, Clone)]
pub struct Entry<C> {
    name: String,
    version: u32,
    type_id: TypeId,
    type_name: &'static str,
    ops: C,
}

impl<C> Entry<C> {
    /// The name in files.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that this program writes.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The Rust type.
    pub fn type_id(&self) -> TypeId {
        self.type_id
    }

    /// The Rust type's name, for messages.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// What the adapter registered.
    pub fn ops(&self) -> &C {
        &self.ops
    }
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            by_name: HashMap::new(),
            by_type: HashMap::new(),
            transient: HashSet::new(),
        }
    }
}

impl<C> Registry<C> {
    /// Registers `T` under its own name. Registering a type again changes nothing.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] when another type has that name, [`Error::DuplicateType`] when the type has another name,
    /// [`Error::BadName`] when the name is empty or too long.
    pub fn insert<T: Persist>(&mut self, ops: C) -> Result<(), Error> {
        self.insert_as::<T>(T::NAME, T::VERSION, ops)?;
        let mut names = T::ALIASES.to_vec();
        T::Codec::earlier_names(&mut names);
        names.iter().try_for_each(|alias| self.insert_alias::<T>(alias))
    }

    /// Lets `T`, registered before, also be read under a name that it once had. It is written under its own name.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] when another type has that name, [`Error::BadName`] when the name is empty or too long or `T` is not
    /// registered.
    pub fn insert_alias<T: 'static>(&mut self, alias: &str) -> Result<(), Error> {
        let type_name = type_name::<T>();
        let Some(&index) = self.by_type.get(&TypeId::of::<T>()) else {
            return Err(Error::BadName { name: alias.to_owned(), type_name, len: alias.len() });
        };
        check_name(alias, type_name)?;
        match self.get(alias) {
            Some(first) if first.type_id != TypeId::of::<T>() => {
                let (name, first) = (alias.to_owned(), first.type_name);
                Err(Error::DuplicateName { name, first, second: type_name })
            }
            _ => {
                self.by_name.insert(alias.to_owned(), index);
                Ok(())
            }
        }
    }

    /// Says that `T` is left out of saves on purpose: reports then don't count its values as lost.
    ///
    /// # Errors
    /// [`Error::DuplicateType`] when `T` is registered to be saved.
    pub fn insert_transient<T: 'static>(&mut self) -> Result<(), Error> {
        if let Some(first) = self.get_by_type(TypeId::of::<T>()) {
            let (first, second) = (first.name.clone(), "a transient component".to_owned());
            return Err(Error::DuplicateType { type_name: type_name::<T>(), first, second });
        }
        self.transient.insert(TypeId::of::<T>());
        Ok(())
    }

    /// Whether a type is left out on purpose: see [`Registry::insert_transient`].
    pub fn is_transient(&self, type_id: TypeId) -> bool {
        self.transient.contains(&type_id)
    }

    /// Registers a type under a name and version given here, for types that can't implement [`Persist`].
    ///
    /// # Errors
    /// As [`Registry::insert`].
    pub fn insert_as<T: 'static>(&mut self, name: &str, version: u32, ops: C) -> Result<(), Error> {
        let (type_id, type_name) = (TypeId::of::<T>(), type_name::<T>());
        check_name(name, type_name)?;
        if let Some(first) = self.get(name) {
            if first.type_id == type_id {
                return Ok(());
            }
            return Err(Error::DuplicateName {
                name: name.to_owned(),
                first: first.type_name,
                second: type_name,
            });
        }
        if let Some(first) = self.get_by_type(type_id) {
            let (first, second) = (first.name.clone(), name.to_owned());
            return Err(Error::DuplicateType { type_name, first, second });
        }
        let index = self.entries.len();
        self.by_name.insert(name.to_owned(), index);
        self.by_type.insert(type_id, index);
        self.entries.push(Entry { name: name.to_owned(), version, type_id, type_name, ops });
        Ok(())
    }

    /// The component that has, or once had, this name.
    pub fn get(&self, name: &str) -> Option<&Entry<C>> {
        self.by_name.get(name).and_then(|&index| self.entries.get(index))
    }

    /// The component of this Rust type.
    pub fn get_by_type(&self, type_id: TypeId) -> Option<&Entry<C>> {
        self.by_type.get(&type_id).and_then(|&index| self.entries.get(index))
    }

    /// All components in the order of their registration.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<C>> {
        self.entries.iter()
    }

    /// How many components are registered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn check_name(name: &str, type_name: &'static str) -> Result<(), Error> {
    if name.is_empty() || name.len() > 255 {
        return Err(Error::BadName { name: name.to_owned(), type_name, len: name.len() });
    }
    Ok(())
}
