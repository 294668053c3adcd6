use std::{
    any::{TypeId, type_name},
    collections::HashMap,
};

use crate::{error::Error, persist::Persist};

/// The components that a program saves and loads, with what an adapter needs to reach each (`C`).
#[derive(Debug, Clone)]
pub struct Registry<C> {
    entries: Vec<Entry<C>>,
    by_name: HashMap<String, usize>,
    by_type: HashMap<TypeId, usize>,
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
        Self { entries: Vec::new(), by_name: HashMap::new(), by_type: HashMap::new() }
    }
}

impl<C> Registry<C> {
    /// Registers `T` under its own name. Registering a type again changes nothing.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] when another type has that name, [`Error::DuplicateType`] when the type has another name,
    /// [`Error::BadName`] when the name is empty or too long.
    pub fn insert<T: Persist>(&mut self, ops: C) -> Result<(), Error> {
        self.insert_as::<T>(T::NAME, T::VERSION, ops)
    }

    /// Registers a type under a name and version given here, for types that can't implement [`Persist`].
    ///
    /// # Errors
    /// As [`Registry::insert`].
    pub fn insert_as<T: 'static>(&mut self, name: &str, version: u32, ops: C) -> Result<(), Error> {
        let (type_id, type_name) = (TypeId::of::<T>(), type_name::<T>());
        if name.is_empty() || name.len() > 255 {
            return Err(Error::BadName { name: name.to_owned(), type_name, len: name.len() });
        }
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

    /// The component with this name.
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
