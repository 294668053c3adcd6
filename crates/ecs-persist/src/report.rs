use std::{borrow::Cow, fmt};

use crate::{doc::WorldDoc, identity::PersistId};

/// A captured world: the document, the entities behind its ordinals, and what was left out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Capture<'w, E: Copy> {
    /// The document, borrowing from the world.
    pub doc: WorldDoc<'w>,
    entities: Vec<Cow<'w, [E]>>,
    /// Component values that are not in the document.
    pub left_out: Vec<LeftOut>,
    /// Entities that are not in the document, because none of their components is registered and no saved entity refers to them.
    pub entities_left_out: u64,
    /// References to entities that no longer exist.
    pub dangling: u64,
}

impl<'w, E: Copy> Capture<'w, E> {
    /// Puts a capture together from a document and the entities of its ordinals, in pieces; for adapters.
    pub fn new(doc: WorldDoc<'w>, entities: Vec<Cow<'w, [E]>>) -> Self {
        Self { doc, entities, left_out: Vec::new(), entities_left_out: 0, dangling: 0 }
    }

    /// The entity of each ordinal, in order.
    pub fn entities(&self) -> impl Iterator<Item = E> + '_ {
        self.entities.iter().flat_map(|piece| piece.iter().copied())
    }

    /// Puts the entity of each ordinal behind what is in `into`, piece by piece.
    pub fn append_entities(&self, into: &mut Vec<E>) {
        for piece in &self.entities {
            into.extend_from_slice(piece);
        }
    }
}

/// Values of one component that were not saved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The ECS's name of the component; for what is in the file, its name there.
    pub component: String,
    /// How many values; for [`Reason::HiddenReference`], how many numbers in them.
    pub count: u64,
    /// Why.
    pub reason: Reason,
}

impl LeftOut {
    /// Puts an entry together; for adapters.
    pub fn new(component: String, count: u64, reason: Reason) -> Self {
        Self { component, count, reason }
    }
}

/// Why component values were not saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The component is not registered: derive `Persist` or call `registry.add::<T>()`.
    NotRegistered,
    /// The ECS rebuilds it on load from something that was saved.
    Rebuilt,
    /// It belongs to the ECS itself: observers, systems, query filters.
    OfTheEcs,
    /// It stands on the entity of a resource, and such entities are not saved.
    OnResource,
    /// Its type is left out on purpose, or this value said that it is not to be saved.
    Transient,
    /// A filter of the caller leaves it out.
    Filtered,
    /// It was kept while the component was not registered, and now it is: load the file again to have it.
    KeptBefore,
    /// It is saved, as a number that has the bits of a living entity: if that is a reference, it won't follow its entity. Mark the field with
    /// `#[serde(with = "keepstone::value::entity")]`. Strict saves look for it: see [`EcsWorld::hidden_references`](crate::EcsWorld::hidden_references).
    HiddenReference,
}

impl Reason {
    /// Whether the application misses the value after a load.
    pub fn is_loss(self) -> bool {
        matches!(self, Self::NotRegistered | Self::OnResource | Self::KeptBefore | Self::HiddenReference)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRegistered => "not registered",
            Self::Rebuilt => "rebuilt on load",
            Self::OfTheEcs => "of the ECS itself",
            Self::OnResource => "on the entity of a resource",
            Self::Transient => "transient",
            Self::Filtered => "left out by a filter",
            Self::KeptBefore => "kept before it was registered",
            Self::HiddenReference => "a number that equals a living entity",
        })
    }
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodeReport {
    /// Entities in the file.
    pub entities: u64,
    /// Components (columns) in the file, resources included.
    pub components: u64,
    /// Component values in the file.
    pub values: u64,
    /// Bytes of all sections before the codec.
    pub bytes_decoded: u64,
    /// Bytes of all sections after the codec.
    pub bytes_stored: u64,
    /// Bytes of the whole container.
    pub bytes_total: u64,
    /// Component values that were left out, and why.
    pub left_out: Vec<LeftOut>,
    /// Entities that were left out.
    pub entities_left_out: u64,
    /// References to entities that no longer exist, written as *none*.
    pub dangling: u64,
}

impl EncodeReport {
    /// What an application misses after a load: values whose component is not registered.
    pub fn lost(&self) -> impl Iterator<Item = &LeftOut> {
        self.left_out.iter().filter(|left| left.reason.is_loss())
    }

    /// Whether everything was saved that was the application's own.
    pub fn is_complete(&self) -> bool {
        self.lost().next().is_none() && self.dangling == 0
    }
}

/// What was spawned.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpawnReport<E> {
    /// The new entity of each ordinal of the file.
    pub entities: Vec<E>,
    /// Component values that were inserted.
    pub values: u64,
    /// Resources that were set.
    pub resources: u32,
    /// Components of the file that are not registered, with how many values each has.
    pub unknown: Vec<(String, u64)>,
    /// References to nothing; a relationship without a target was not inserted.
    pub dangling: u64,
    /// `PersistId`s that were in use and what they became: see [`IdConflict::Remap`](crate::IdConflict::Remap).
    pub remapped: Vec<(PersistId, PersistId)>,
    /// Entities of the world that were despawned for those of the file: see [`IdConflict::Replace`](crate::IdConflict::Replace).
    pub replaced: u64,
}

impl<E> SpawnReport<E> {
    /// A report of a world whose entities are these; for adapters.
    pub fn new(entities: Vec<E>) -> Self {
        Self {
            entities,
            values: 0,
            resources: 0,
            unknown: Vec::new(),
            dangling: 0,
            remapped: Vec::new(),
            replaced: 0,
        }
    }
}

/// What a restore in place changed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RestoreReport<E> {
    /// The entity of each ordinal of the document.
    pub entities: Vec<E>,
    /// How many of them were spawned.
    pub spawned: u64,
    /// Those that had been despawned since and came back: the entity they were, and the one they are. Known only with
    /// [`Match::Entities`](crate::Match::Entities).
    pub respawned: Vec<(E, E)>,
    /// Entities that the document doesn't have and that were despawned.
    pub despawned: u64,
    /// Values that were written because they differed or were missing, resources included.
    pub written: u64,
    /// Values that were equal and were not touched.
    pub unchanged: u64,
    /// Registered components and resources that were removed.
    pub removed: u64,
    /// Components of the document that are not registered, with how many values each has.
    pub unknown: Vec<(String, u64)>,
    /// References to nothing.
    pub dangling: u64,
}

impl<E> RestoreReport<E> {
    /// A report of a world whose entities are these; for adapters.
    pub fn new(entities: Vec<E>) -> Self {
        Self {
            entities,
            spawned: 0,
            respawned: Vec::new(),
            despawned: 0,
            written: 0,
            unchanged: 0,
            removed: 0,
            unknown: Vec::new(),
            dangling: 0,
        }
    }
}

/// Where two worlds differ.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The place in the list of pairs; `None` for a resource.
    pub pair: Option<usize>,
    /// The component.
    pub component: String,
    /// What differs.
    pub what: String,
}

impl Difference {
    /// Puts one together; for adapters.
    pub fn new(pair: Option<usize>, component: &str, what: impl Into<String>) -> Self {
        Self { pair, component: component.to_owned(), what: what.into() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pair {
            Some(pair) => write!(f, "entity pair {pair}: {}: {}", self.component, self.what),
            None => write!(f, "resource {}: {}", self.component, self.what),
        }
    }
}
