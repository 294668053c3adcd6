use serde::{Deserialize, Serialize};

use crate::pecs::File;

/// How much of what a file has.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The entities.
    pub entities: u64,
    /// The component types in the registry.
    pub types: u64,
    /// The component types that only components name.
    pub unregistered_types: u64,
    /// The components, without those that repeat a type of their entity.
    pub components: u64,
    /// The bytes of the data of these components.
    pub data_len: u64,
    /// The components that repeat a type of their entity.
    pub repeated_components: u64,
}

impl File<'_> {
    /// Returns how much of what the file has.
    pub fn counts(&self) -> Counts {
        let types = u64::from(self.header.type_count);
        Counts {
            entities: self.header.entity_count,
            types,
            unregistered_types: self.types().len() as u64 - types,
            components: self.types().iter().map(|one| one.components).sum(),
            data_len: self.types().iter().map(|one| one.data_len).sum(),
            repeated_components: self.repeated_count,
        }
    }
}
