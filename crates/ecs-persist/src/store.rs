//! Entities outside the world, each by itself: what a store of them has to do, and what it is given. FORMAT.md, section 12.

mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod entity_store;
mod error;
mod join;
mod memory;
mod read;
mod record;
mod shapes;
mod write;

pub use self::{
    batch::StoreBatch,
    entity_store::EntityStore,
    error::StoreError,
    memory::MemoryStore,
    read::{StoredDoc, StoredDocs, from_records},
    record::EntityRecord,
    write::records,
};
