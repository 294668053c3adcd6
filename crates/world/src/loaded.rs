use std::time::Instant;

use keepstone_ecs_persist::{EcsWorld, WorldDoc};

use crate::{
    error::Error,
    options::{LoadMode, LoadOptions},
    placed,
    report::LoadReport,
    source::Decoded,
};

/// A world that was read, checked and decoded, and is not in a world yet: what a load in the background yields.
#[derive(Debug, Clone)]
pub struct LoadedDoc(Decoded<'static>);

impl LoadedDoc {
    /// Copies what is borrowed from the file.
    pub(crate) fn of(decoded: Decoded<'_>) -> Self {
        let begin = Instant::now();
        let Decoded { doc, bytes, read_time, decode_time, values_max } = decoded;
        let doc = doc.into_owned();
        Self(Decoded { doc, bytes, read_time, decode_time: decode_time + begin.elapsed(), values_max })
    }

    pub(crate) fn into_decoded(self) -> Decoded<'static> {
        self.0
    }

    /// The world, without an engine.
    pub fn doc(&self) -> &WorldDoc<'static> {
        &self.0.doc
    }

    /// The world, without an engine.
    pub fn into_doc(self) -> WorldDoc<'static> {
        self.0.doc
    }

    /// Adds the entities to a world, strictly: a component that isn't registered is an error.
    ///
    /// # Errors
    /// What the file and the registry disagree about; the world is then as it was.
    pub fn spawn_into<M, W: EcsWorld<M>>(&self, world: &mut W) -> Result<LoadReport<W::Entity>, Error> {
        self.spawn_into_with(world, LoadMode::Merge, &LoadOptions::default())
    }

    /// Puts the entities into a world as these options say; what they say about reading the file no longer matters.
    ///
    /// # Errors
    /// As [`WorldFiles::load_into_with`](crate::WorldFiles::load_into_with), as far as the world is concerned; it is then as it was.
    pub fn spawn_into_with<M, W: EcsWorld<M>>(
        &self,
        world: &mut W,
        mode: LoadMode,
        options: &LoadOptions<'_, W::Registry>,
    ) -> Result<LoadReport<W::Entity>, Error> {
        placed::place(world, &self.0, mode, options)
    }
}
