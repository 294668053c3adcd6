use std::fmt::Debug;

use crate::{
    doc::WorldDoc,
    error::Error,
    report::{Capture, Difference, SpawnReport},
};

/// A world of some ECS that can be captured into a [`WorldDoc`] and spawned from one.
///
/// `M` is a marker type of the adapter's crate: it lets a crate implement this trait for another crate's world type, and
/// there is one marker per ECS, so that calls infer it.
#[diagnostic::on_unimplemented(
    message = "keepstone has no adapter for `{Self}`",
    note = "for worlds of bevy_ecs 0.20, enable the feature `bevy` of the crate keepstone; a World of another version is another type"
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

/// How [`EcsWorld::spawn_doc`] treats what it can't place.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpawnOptions {
    /// Whether a reference to nothing is an error. Otherwise it stands in the report: it was written so because its target no longer
    /// existed when the world was saved.
    pub refuse_dangling: bool,
    /// What becomes of components that are not registered.
    pub unknown: Unknown,
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

impl Default for SpawnOptions {
    fn default() -> Self {
        Self {
            refuse_dangling: false,
            unknown: Unknown::Refuse,
            entities_max: u32::MAX - 1,
            bytes_max: u64::MAX,
        }
    }
}
