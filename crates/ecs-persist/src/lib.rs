//! ECS worlds as columns with a schema, for any ECS.
//!
//! A [`WorldDoc`] is a world without an engine: a list of tables, a column per component, and a [`Schema`] that
//! says how each column's rows are written. An adapter crate captures a world into one (borrowing whole
//! columns where it can) and spawns a world from one; formats read and write it. This crate knows no ECS, opens no file
//! and reads no clock: it takes and yields bytes, so a world can also go over a socket.
//!
//! Limits: a world has at most 2^32 - 2 entities and 16,383 components. The bytes are specified in `FORMAT.md` of
//! keepstone-format, sections 3 and 4.
//!
//! ```
//! use keepstone_ecs_persist::{EncodeOptions, WorldDoc};
//! use keepstone_format::{Limits, Reader};
//!
//! let empty = WorldDoc::default();
//! let (bytes, report) = empty.encode(Vec::new(), &EncodeOptions::default())?;
//! assert_eq!(report.bytes_total, bytes.len() as u64);
//!
//! let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64))?;
//! assert_eq!(WorldDoc::decode(&reader, 0)?.entity_count(), 0);
//! # Ok::<(), keepstone_ecs_persist::Error>(())
//! ```
#![forbid(unsafe_code)]

mod canonical;
mod check;
mod codec;
mod coder;
mod dangling;
mod decode;
mod delta;
mod diff;
mod doc;
mod dynamic;
mod edit;
mod encode;
mod error;
mod evolve;
mod filter;
mod foreign;
mod format;
mod gather;
mod hash;
mod hidden;
mod identity;
#[cfg(feature = "json")]
mod json;
mod lengths;
mod meta;
mod migrate;
mod partial;
mod parts;
mod persist;
mod registry;
mod report;
mod reuse;
mod schema;
mod store;
mod validate;
mod world;

pub use codec::{AsMarker, AsPlain, AsProxy, AsSerde, Codec, Marker, Runs};
pub use coder::{Coder, Converted, Stateless};
pub use dangling::{Dangling, DanglingReference};
pub use decode::{WorldEntry, for_each_part, list_worlds};
pub use delta::{
    ApplyReport, Compared, DeltaChain, DeltaWorld, LiveRows, Mark, Marked, Since, StateId, WorldDelta,
};
pub use diff::{DiffAbout, DiffCounts, DiffOptions, MatchedBy, WorldChange, WorldDiff};
pub use doc::{Column, ColumnData, NONE, Table, WorldDoc};
pub use encode::{EncodeOptions, encode_worlds};
pub use error::{Chain, Error};
pub use evolve::{AsEvolving, AsSince, ColumnStep, Evolve};
pub use filter::{Filter, Filtered, RowView};
pub use foreign::{ForeignId, ForeignSink, ForeignSource};
pub use format::{
    Columnar, ColumnarDelta, DeltaFormat, FIRST_BYTES_MAX, PersistenceManager, ReadOptions, WorldFormat,
    WriteOptions,
};
pub use gather::{Gathered, Keep, Selection, targets_by_row};
pub use hash::{ComponentHashes, WorldHash};
pub use hidden::HiddenReferences;
pub use identity::{IdSource, PersistId};
#[cfg(feature = "json")]
pub use json::{Json, JsonProblem};
pub use lengths::Lengths;
pub use meta::WorldMeta;
pub use migrate::{Migration, MigrationChain, MigrationPlan, MigrationReport, MigrationStep};
pub use partial::{AsPartial, Partial};
pub use parts::{
    Cuts, LeftBehind, PART_ROWS, PartColumns, PartReader, PartSink, PartSource, PartWriter, Slice, Slices,
    WorldPart, rows_at_once,
};
pub use persist::{Persist, PersistRelationship, PersistTransient};
pub use registry::{Entry, Registry};
pub use report::{Capture, Difference, EncodeReport, LeftOut, Reason, RestoreReport, SpawnReport};
pub use schema::{ComponentSchema, Encoding, Schema};
#[cfg(feature = "conformance")]
pub use store::conformance;
pub use store::{
    EntityRecord, EntityStore, MemoryStore, StoreBatch, StoreError, StoredDoc, StoredDocs, from_records,
    records,
};
pub use validate::{DocLimits, Validation};
pub use world::{EcsWorld, IdConflict, Match, SpawnOptions, Unknown};

/// What `#[derive(Persist)]` calls in a crate without an ECS adapter: nothing to register with.
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($type:ty) => {};
}

/// As `__register`, for relationships.
#[doc(hidden)]
#[macro_export]
macro_rules! __register_relationship {
    ($type:ty) => {};
}

/// What `#[derive(Persist)]` refers to, in every crate that it can be told to use.
#[doc(hidden)]
pub mod __derive {
    pub use keepstone_format::plain::{Layout, Plain};

    pub use serde;

    pub use crate::evolve::zeroed;
    pub use crate::{
        AsEvolving, AsMarker, AsPartial, AsPlain, AsSerde, AsSince, Codec, Evolve, Marker, Partial, Persist,
        PersistRelationship, PersistTransient,
    };
}
