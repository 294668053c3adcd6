use std::fmt::Debug;

use crate::{
    doc::WorldDoc,
    error::Error,
    evolve::ColumnStep,
    parts::{LeftBehind, PartSink, PartSource},
    report::{Capture, Difference, LeftOut, RestoreReport, SpawnReport},
    schema::Schema,
};

/// A world of some ECS that can be captured into a [`WorldDoc`] and spawned from one.
///
/// `M` is a marker type of the adapter's crate: it lets a crate implement this trait for another crate's world type, and
/// there is one marker per ECS, so that calls infer it.
#[diagnostic::on_unimplemented(
    message = "keepstone has no adapter for `{Self}`",
    note = "for worlds of bevy_ecs 0.20, enable the feature `bevy` of the crate keepstone, for those of hecs 0.11 the feature `hecs`; a World of another version is another type"
)]
pub trait EcsWorld<M>: Sized {
    /// The components known to this ECS.
    type Registry: Send + Sync + 'static;
    /// The ECS's entity id.
    type Entity: Copy + Eq + Debug + Send + Sync + 'static;

    /// A world without entities.
    fn empty() -> Self;

    /// The components that registered themselves (`#[derive(Persist)]`) and the ECS's own.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] when two derived types share a name.
    fn derived_registry() -> Result<&'static Self::Registry, Error>;

    /// Captures the entities and resources of this world, borrowing whole columns where the ECS stores them so.
    ///
    /// # Errors
    /// [`Error::Value`] when a component's `Serialize` fails, [`Error::Limit`] beyond 2^32 - 2 entities.
    fn capture<'w>(&'w self, registry: &Self::Registry) -> Result<Capture<'w, Self::Entity>, Error>;

    /// Spawns the entities of a document into this world, under new ids, and sets its resources.
    ///
    /// Everything is decoded before the first entity is spawned, so an error of the file leaves this world as it was. A hook that
    /// panics does not: what was inserted before it stays.
    ///
    /// # Errors
    /// What the file and the registry disagree about; see [`SpawnOptions`].
    fn spawn_doc(
        &mut self,
        doc: &WorldDoc<'_>,
        registry: &Self::Registry,
        options: &SpawnOptions,
    ) -> Result<SpawnReport<Self::Entity>, Error>;

    /// Captures this world part by part, so that no more than a part of at most `rows_max` entities is in memory beside the world. Otherwise as
    /// [`EcsWorld::capture`].
    ///
    /// # Errors
    /// As [`EcsWorld::capture`], and what the sink answers.
    fn capture_parts(
        &self,
        registry: &Self::Registry,
        rows_max: u32,
        sink: &mut dyn PartSink,
    ) -> Result<LeftBehind, Error> {
        let capture = self.capture(registry)?;
        capture.doc.split(rows_max, sink)?;
        Ok(LeftBehind {
            left_out: capture.left_out,
            entities: capture.entities_left_out,
            dangling: capture.dangling,
        })
    }

    /// Looks for references that serde shows as numbers: in registered components, those of serde values that are written as u64 and have the
    /// bits of a living entity. It serializes these components once, some thousand values at a time. Plain components are not looked at.
    ///
    /// # Errors
    /// [`Error::Value`] when a component's `Serialize` fails.
    fn hidden_references(&self, registry: &Self::Registry) -> Result<Vec<LeftOut>, Error> {
        let _ = registry;
        Ok(Vec::new())
    }

    /// Spawns a world part by part as it is read, so that no more than a part is in memory beside this world. Otherwise as
    /// [`EcsWorld::spawn_doc`].
    ///
    /// # Errors
    /// As [`EcsWorld::spawn_doc`]. A part may be wrong when those before it have been spawned: they are despawned again, and what their
    /// hooks did stays.
    fn spawn_parts(
        &mut self,
        parts: &mut dyn PartSource,
        registry: &Self::Registry,
        options: &SpawnOptions,
    ) -> Result<SpawnReport<Self::Entity>, Error> {
        self.spawn_doc(&WorldDoc::from_parts(parts)?, registry, options)
    }

    /// Makes this world what the document says, writing only what differs: equal values are not touched, so change detection sees
    /// real changes alone.
    ///
    /// Entities of the document that are found here (see [`Match`]) get the values and references that they lack and lose registered
    /// components that the document doesn't give them; those that are not found are spawned. What a capture of this world
    /// would hold and the document doesn't have is despawned, or removed if it is a resource. Components that are not registered stay as they are.
    ///
    /// Everything is decoded before anything is changed, as in [`EcsWorld::spawn_doc`].
    ///
    /// # Errors
    /// As [`EcsWorld::spawn_doc`]; [`Error::NotSupported`] where the adapter can't.
    fn restore_doc(
        &mut self,
        doc: &WorldDoc<'_>,
        found: Match<'_, Self::Entity>,
        registry: &Self::Registry,
        options: &SpawnOptions,
    ) -> Result<RestoreReport<Self::Entity>, Error> {
        let _ = (doc, found, registry, options);
        Err(Error::NotSupported { what: "restoring in place" })
    }

    /// What is known of the registered components without looking at values: plain layouts and references. For files that don't say
    /// what their values are, such as JSON without a schema.
    fn schema(registry: &Self::Registry) -> Schema {
        let _ = registry;
        Schema::default()
    }

    /// The steps that the columns of a file take to become the components that are registered now; see [`AsSince`](crate::AsSince). Components that
    /// are not registered take none.
    ///
    /// # Errors
    /// [`Error::NewerComponent`] for a later definition than the registered one, [`Error::NoMigration`] when no step begins at one.
    fn column_steps(registry: &Self::Registry, schema: &Schema) -> Result<Vec<ColumnStep>, Error> {
        let _ = (registry, schema);
        Ok(Vec::new())
    }

    /// The first difference between entities of this world and entities of another, pair by pair: component sets, every
    /// registered component's value, every reference (mapped by the pairs), and registered resources.
    ///
    /// # Errors
    /// [`Error::Value`] when a component's `Serialize` fails.
    fn difference(
        &self,
        other: &Self,
        pairs: &[(Self::Entity, Self::Entity)],
        registry: &Self::Registry,
    ) -> Result<Option<Difference>, Error>;
}

/// Which entity of a world each ordinal of a document is, for [`EcsWorld::restore_doc`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Match<'e, E> {
    /// The one with the same [`PersistId`](crate::PersistId). Entities of the document without one are spawned.
    PersistIds,
    /// The one at this place: the entities of the capture that the document comes from. Those that are gone are spawned again under
    /// new ids, and the report says which.
    Entities(&'e [E]),
}

/// How [`EcsWorld::spawn_doc`] treats what it can't place.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpawnOptions {
    /// Whether a reference to nothing is an error. Otherwise it stands in the report: it was written so because its target no longer
    /// existed when the world was saved.
    pub refuse_dangling: bool,
    /// What becomes of components that are not registered.
    pub unknown: Unknown,
    /// What becomes of entities whose `PersistId` another entity of the world has already.
    pub ids: IdConflict,
    /// The most entities that are accepted.
    pub entities_max: u32,
    /// The most memory, in bytes, that decoded component values may take before they move into the world, what they own on the heap aside. A
    /// row without bytes costs nothing in a file and may be a large value.
    pub bytes_max: u64,
}

/// What becomes of the components of a file that this program doesn't know. The report lists them, unless they are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unknown {
    /// They are an error.
    #[default]
    Refuse,
    /// They stay with their entities, as they are, and are written back by the next save. References in them follow their entities.
    Keep,
    /// They are left out.
    Skip,
}

/// What becomes of an entity of a file whose [`PersistId`](crate::PersistId) an entity of the world has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IdConflict {
    /// It is an error, and the world stays as it was.
    #[default]
    Refuse,
    /// The one of the file gets a new id.
    Remap,
    /// The one of the world is despawned.
    Replace,
}

impl Default for SpawnOptions {
    fn default() -> Self {
        Self {
            refuse_dangling: false,
            unknown: Unknown::Refuse,
            ids: IdConflict::Refuse,
            entities_max: u32::MAX - 1,
            bytes_max: u64::MAX,
        }
    }
}
