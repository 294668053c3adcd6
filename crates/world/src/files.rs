use std::{
    io::{Read, Write},
    path::Path,
};

use keepstone_ecs_persist::{EcsWorld, Filter, MigrationChain, RestoreReport, Validation, WorldHash};

use crate::{
    Ticket,
    captured::{Captured, with_capture, with_captured},
    error::Error,
    loaded::LoadedDoc,
    options::{LoadMode, LoadOptions, SaveOptions},
    owned::{self, OwnedCapture},
    parted, placed,
    plan::{self, LoadPlan},
    report::{LoadReport, SaveReport},
    saver::Saver,
    source::{Found, Source},
    target::Target,
};

/// Saving and loading for every world that an adapter knows.
///
/// `M` is the adapter's marker; calls infer it.
pub trait WorldFiles<M>: EcsWorld<M> {
    /// Saves this world to a file, replacing it in one step; durable when it returns.
    ///
    /// A crash at any moment leaves the previous file or the new one. Components that are not registered are left out
    /// and stand in the report.
    ///
    /// # Errors
    /// When the world can't be encoded or the file can't be written; the previous file is then as it was. When only the
    /// directory could not be synced, the new file is in place and may be lost to a power cut.
    #[doc(alias = "save_binary")]
    fn save(&self, path: impl AsRef<Path>) -> Result<SaveReport, Error> {
        self.save_with(path, &SaveOptions::default())
    }

    /// Saves this world as these options say.
    ///
    /// # Errors
    /// As [`WorldFiles::save`]; further what the options demand: a limit, strictness, reading back.
    fn save_with(
        &self,
        path: impl AsRef<Path>,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<SaveReport, Error> {
        match options.part_rows {
            Some(rows) => parted::save(self, path.as_ref(), rows, options),
            None => save_worlds(&[("", self)], path, options),
        }
    }

    /// Loads a file into a world of its own, strictly: a component that isn't registered is an error.
    ///
    /// A reference whose target was gone when the world was saved is not; [`WorldFiles::load_with`] counts such references in its report.
    ///
    /// # Errors
    /// When the file is missing, damaged, newer than this program, over a limit, or has a component that isn't registered.
    /// Of a world in parts (see [`SaveOptions::in_parts`]) entities may have been spawned, with their hooks, when a later part turns out
    /// to be damaged; they are despawned again, and what their hooks did stays.
    #[doc(alias = "load_binary")]
    fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::load_with(path, &LoadOptions::default())?.0)
    }

    /// Loads a file into a world of its own as these options say, and reports.
    ///
    /// # Errors
    /// As [`WorldFiles::load`], apart from what the options allow.
    fn load_with(
        path: impl AsRef<Path>,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<(Self, LoadReport<Self::Entity>), Error> {
        let mut world = Self::empty();
        let report = world.load_into_with(path, LoadMode::Merge, options)?;
        Ok((world, report))
    }

    /// Loads a file into this world. The report says which entity each of the file's became.
    ///
    /// # Errors
    /// As [`WorldFiles::load`]; this world is then as it was.
    fn load_into(
        &mut self,
        path: impl AsRef<Path>,
        mode: LoadMode,
    ) -> Result<LoadReport<Self::Entity>, Error> {
        self.load_into_with(path, mode, &LoadOptions::default())
    }

    /// Loads a file into this world as these options say.
    ///
    /// # Errors
    /// As [`WorldFiles::load_with`]; this world is then as it was.
    fn load_into_with(
        &mut self,
        path: impl AsRef<Path>,
        mode: LoadMode,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<LoadReport<Self::Entity>, Error> {
        let schema = || placed::schema::<M, Self>(options);
        let takes_parts = mode == LoadMode::Merge && parted::can_load(options);
        Source::of(options).parts(takes_parts).file(path.as_ref(), schema, |found| match found {
            Found::Whole(it) => placed::place(self, &it, mode, options),
            Found::Parts(from, len) => parted::load(self, from, len, options),
        })
    }

    /// Writes this world to a stream. Nothing is flushed or synced: what survives is the stream's matter.
    ///
    /// # Errors
    /// When the world can't be encoded or the stream fails.
    #[doc(alias = "save_binary_stream")]
    fn save_to(&self, out: &mut impl Write) -> Result<SaveReport, Error> {
        self.save_to_with(out, &SaveOptions::default())
    }

    /// Writes this world to a stream as these options say; durability, reading back, the most bytes and files don't apply.
    ///
    /// # Errors
    /// As [`WorldFiles::save_to`].
    fn save_to_with(
        &self,
        out: &mut impl Write,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<SaveReport, Error> {
        if let Some(rows) = options.part_rows {
            return parted::save_to(self, out, rows, options);
        }
        with_captured(&[("", self)], options, |Captured { docs, left, time }| {
            Target::of(options).to_stream(&docs.iter().collect::<Vec<_>>(), out, left, time)
        })
    }

    /// Reads a world from memory into a world of its own, strictly. Columns that are not compressed are read where they lie.
    ///
    /// # Errors
    /// As [`WorldFiles::load`].
    fn load_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self::load_bytes_with(bytes, &LoadOptions::default())?.0)
    }

    /// Reads a world from memory as these options say, and reports.
    ///
    /// # Errors
    /// As [`WorldFiles::load_with`].
    fn load_bytes_with(
        bytes: &[u8],
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<(Self, LoadReport<Self::Entity>), Error> {
        let mut world = Self::empty();
        let schema = || placed::schema::<M, Self>(options);
        let source = Source::of(options).parts(parted::can_load(options));
        let report = source.bytes(bytes, schema, |found| match found {
            Found::Whole(it) => placed::place(&mut world, &it, LoadMode::Merge, options),
            Found::Parts(from, len) => parted::load(&mut world, from, len, options),
        })?;
        Ok((world, report))
    }

    /// Reads a world from a stream, to its end, strictly.
    ///
    /// # Errors
    /// As [`WorldFiles::load`].
    fn load_from(from: &mut impl Read) -> Result<Self, Error> {
        Ok(Self::load_from_with(from, &LoadOptions::default())?.0)
    }

    /// Reads a world from a stream, to its end, as these options say, and reports.
    ///
    /// # Errors
    /// As [`WorldFiles::load_with`].
    fn load_from_with(
        from: &mut impl Read,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<(Self, LoadReport<Self::Entity>), Error> {
        let mut world = Self::empty();
        let schema = || placed::schema::<M, Self>(options);
        let report =
            Source::of(options).parts(parted::can_load(options)).stream(
                from,
                schema,
                |found| match found {
                    Found::Whole(it) => placed::place(&mut world, &it, LoadMode::Merge, options),
                    Found::Parts(from, len) => parted::load(&mut world, from, len, options),
                },
            )?;
        Ok((world, report))
    }

    /// Saves this world to a file as JSON, with a line for each component: for people, other languages, version control.
    ///
    /// # Errors
    /// As [`WorldFiles::save`]; what JSON can't hold is refused, never left out.
    #[cfg(feature = "json")]
    fn save_json(&self, path: impl AsRef<Path>) -> Result<SaveReport, Error> {
        self.save_with(path, &SaveOptions::default().format(keepstone_ecs_persist::Json))
    }

    /// Loads a JSON file into a world of its own, strictly. [`WorldFiles::load`] finds out by itself that a file is JSON; this
    /// one says what is wrong with a file that isn't.
    ///
    /// # Errors
    /// As [`WorldFiles::load`]; errors of the text name path, line and column.
    #[cfg(feature = "json")]
    fn load_json(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::load_with(path, &LoadOptions::default().format_named("json"))?.0)
    }

    /// Saves what a filter leaves of this world; what it leaves out stands in the report.
    ///
    /// # Errors
    /// As [`WorldFiles::save`], and as [`Filter::apply`].
    fn save_filtered(&self, path: impl AsRef<Path>, filter: &Filter) -> Result<SaveReport, Error> {
        self.save_with(path, &SaveOptions::default().filter(filter.clone()))
    }

    /// Loads a file of any earlier version into a world of its own, strictly. The chain's steps bring it to the present one in memory; the
    /// file stays as it is.
    ///
    /// # Errors
    /// As [`WorldFiles::load`], and as [`MigrationChain::apply`]: a missing step is named, a later version is
    /// [`Newer`](keepstone_format::Kind::Newer).
    fn load_with_migrations(path: impl AsRef<Path>, chain: &MigrationChain) -> Result<Self, Error> {
        Ok(Self::load_with(path, &LoadOptions::default().migrations(chain))?.0)
    }

    /// Names the steps that a load of this file would take, without taking one: those of the chain, and those between definitions of
    /// components.
    ///
    /// # Errors
    /// As the load, as far as versions are concerned.
    fn dry_run(path: impl AsRef<Path>, options: &LoadOptions<'_, Self::Registry>) -> Result<LoadPlan, Error> {
        let schema = || placed::schema::<M, Self>(options);
        let registry = placed::registry::<M, Self>(options)?;
        Source::of(options)
            .file(path.as_ref(), schema, |found| plan::of::<M, Self>(&found.whole()?.doc, registry, options))
    }

    /// Looks for what an application would want to know before it saves: references to nothing, ids that two entities have or that
    /// are missing, components that would not be saved.
    ///
    /// # Errors
    /// When the world can't be captured.
    fn validate(&self) -> Result<Validation, Error> {
        self.validate_with(&SaveOptions::default())
    }

    /// Looks at what a save with these options would write.
    ///
    /// # Errors
    /// As [`WorldFiles::validate`], and what the options demand.
    fn validate_with(&self, options: &SaveOptions<'_, Self::Registry>) -> Result<Validation, Error> {
        with_capture(self, options, |capture| Ok(capture.validate()?))
    }

    /// A hash of everything that a save of this world would hold. It doesn't depend on the order of the rows in memory where entities have a
    /// [`PersistId`](keepstone_ecs_persist::PersistId), so two programs in step have the same.
    ///
    /// # Errors
    /// When the world can't be captured; when only some entities have an id, or two have the same.
    #[doc(alias = "checksum")]
    fn hash(&self) -> Result<WorldHash, Error> {
        self.hash_with(&SaveOptions::default())
    }

    /// A hash of what a save with these options would write; codec and format don't matter to it.
    ///
    /// # Errors
    /// As [`WorldFiles::hash`], and what the options demand.
    fn hash_with(&self, options: &SaveOptions<'_, Self::Registry>) -> Result<WorldHash, Error> {
        with_capture(self, options, |capture| Ok(capture.doc.hash()?))
    }

    /// Captures this world into memory of its own, to be saved later or to come back to with [`WorldFiles::restore`].
    ///
    /// # Errors
    /// When a component's `Serialize` fails, or a limit is exceeded.
    fn capture_owned(&self) -> Result<OwnedCapture<Self::Entity>, Error> {
        self.capture_owned_with(&SaveOptions::default())
    }

    /// Captures this world as these options say: their components, metadata and strictness.
    ///
    /// # Errors
    /// As [`WorldFiles::capture_owned`]; when strict, if anything would be left out.
    fn capture_owned_with(
        &self,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<OwnedCapture<Self::Entity>, Error> {
        let mut capture = OwnedCapture::default();
        self.capture_into(&mut capture, options)?;
        Ok(capture)
    }

    /// Captures this world over an earlier capture, whose memory is used again.
    ///
    /// # Errors
    /// As [`WorldFiles::capture_owned_with`]; the earlier capture is then as it was.
    fn capture_into(
        &self,
        capture: &mut OwnedCapture<Self::Entity>,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<(), Error> {
        owned::capture_into(self, capture, options)
    }

    /// Makes this world what it was when it was captured, in place: entities keep their ids, only what differs is written, what
    /// came since is despawned, and what was despawned comes back under new ids, which the report has. A capture with
    /// a filter is refused: what the filter left out would be despawned.
    ///
    /// # Errors
    /// [`Error::RestoreOfPart`] for a capture with a filter. When the capture is of another world; `NotSupported` where the adapter of this ECS can't.
    #[doc(alias = "rollback")]
    fn restore(
        &mut self,
        capture: &OwnedCapture<Self::Entity>,
    ) -> Result<RestoreReport<Self::Entity>, Error> {
        self.restore_with(capture, &LoadOptions::default())
    }

    /// Makes this world what it was as these options say; what they say about files doesn't matter.
    ///
    /// # Errors
    /// As [`WorldFiles::restore`].
    fn restore_with(
        &mut self,
        capture: &OwnedCapture<Self::Entity>,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<RestoreReport<Self::Entity>, Error> {
        owned::restore(self, capture, options)
    }

    /// Saves this world in the background: captured when this returns, durable when the ticket says so. See [`Saver`].
    ///
    /// # Errors
    /// When the world can't be captured. All else is on the ticket.
    fn save_in_background(&self, path: impl AsRef<Path>, saver: &Saver) -> Result<Ticket<SaveReport>, Error> {
        saver.save(self, path)
    }

    /// Reads, checks and decodes a file in the background. `ticket.wait()?.spawn_into(&mut world)` places it.
    ///
    /// # Errors
    /// As [`Saver::load`].
    fn load_in_background(path: impl AsRef<Path>, saver: &Saver) -> Result<Ticket<LoadedDoc>, Error> {
        saver.load::<M, Self>(path)
    }
}

impl<M, W: EcsWorld<M>> WorldFiles<M> for W {}

/// Saves several worlds, such as the levels of a game, under their names into one file, from which each can be loaded alone with
/// [`LoadOptions::world`]. Otherwise as [`WorldFiles::save_with`]; the report is about all of them.
///
/// # Errors
/// As [`WorldFiles::save_with`]; when two worlds have one name.
pub fn save_worlds<M, W: EcsWorld<M>>(
    worlds: &[(&str, &W)],
    path: impl AsRef<Path>,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<SaveReport, Error> {
    parted::refuse_parts(options, "other worlds beside it")?;
    with_captured(worlds, options, |Captured { docs, left, time }| {
        Target::of(options).to_file(&docs.iter().collect::<Vec<_>>(), path.as_ref(), left, time)
    })
}
