//! What changed since a moment, in files of its own: a base and a chain of deltas.

mod audit;
mod load;
mod marks;
mod save;

use std::{
    hash::Hash,
    io::{Read, Write},
    iter,
    path::Path,
};

use keepstone_ecs_persist::{ApplyReport, DeltaWorld, LiveRows, Mark};

pub(crate) use self::load::Loaded;
pub use self::{
    audit::{AuditMark, Missed},
    load::LoadedChain,
    marks::Marks,
};
use crate::{
    error::Error,
    loaded::LoadedDoc,
    options::{LoadOptions, SaveOptions},
    placed,
    report::SaveReport,
    source::Source,
    target::{Target, report},
};

/// Saving what changed, for every world whose adapter can tell; see [`DeltaWorld`].
///
/// A chain begins with a base, a whole save that also marks the moment. Each delta holds what changed since a mark, and is
/// loaded behind the base and the deltas before it. Marks are values: keep one for each reader of deltas, such as an autosave and a
/// peer.
#[doc(alias = "DeltaPersistencePlugin")]
pub trait WorldDeltas<M>: DeltaWorld<M> {
    /// Saves this world whole, as [`WorldFiles::save`](crate::WorldFiles::save) does, as the base of a chain, and marks the moment.
    ///
    /// # Errors
    /// As there.
    fn save_base(&mut self, path: impl AsRef<Path>) -> Result<(SaveReport, Mark<Self::Detail>), Error> {
        self.save_base_with(path, &SaveOptions::default())
    }

    /// Saves the base of a chain as these options say.
    ///
    /// # Errors
    /// As [`WorldFiles::save_with`](crate::WorldFiles::save_with); [`Error::NotInChain`] for options that choose or order what is
    /// saved, and for other formats than the container.
    fn save_base_with(
        &mut self,
        path: impl AsRef<Path>,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<(SaveReport, Mark<Self::Detail>), Error> {
        save::base(self, options, |doc, left, time| {
            Target::of(options).to_file(&[doc], path.as_ref(), left, time)
        })
    }

    /// Writes this world whole to a stream, as the base of a chain, and marks the moment: for a peer. Nothing is flushed or synced.
    ///
    /// # Errors
    /// As [`WorldFiles::save_to`](crate::WorldFiles::save_to).
    fn save_base_to(&mut self, out: &mut impl Write) -> Result<(SaveReport, Mark<Self::Detail>), Error> {
        self.save_base_to_with(out, &SaveOptions::default())
    }

    /// Writes the base of a chain to a stream as these options say; durability, reading back, the most bytes and files don't apply.
    ///
    /// # Errors
    /// As [`WorldDeltas::save_base_to`]; [`Error::NotInChain`] as for [`WorldDeltas::save_base_with`].
    fn save_base_to_with(
        &mut self,
        out: &mut impl Write,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<(SaveReport, Mark<Self::Detail>), Error> {
        save::base(self, options, |doc, left, time| Target::of(options).to_stream(&[doc], out, left, time))
    }

    /// Saves what changed since a mark to a file, replacing it in one step; durable when it returns. The mark then stands at the present
    /// moment; after an error it is where it was, and the next delta holds these changes too.
    ///
    /// # Errors
    /// When the changes can't be told or the file can't be written. [`MarkTooOld`](keepstone_ecs_persist::Error::MarkTooOld) asks for a new base.
    fn save_delta(
        &mut self,
        since: &mut Mark<Self::Detail>,
        path: impl AsRef<Path>,
    ) -> Result<SaveReport, Error> {
        self.save_delta_with(since, path, &SaveOptions::default())
    }

    /// Saves what changed since a mark as these options say: they have to name the registry of the base.
    ///
    /// # Errors
    /// As [`WorldDeltas::save_delta`]; [`Error::NotInChain`] as for [`WorldDeltas::save_base_with`].
    fn save_delta_with(
        &mut self,
        since: &mut Mark<Self::Detail>,
        path: impl AsRef<Path>,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<SaveReport, Error> {
        let (found, time) = save::changes(self, since, options)?;
        let target = Target::of(options);
        let (delta, left, mark) = save::parts(found);
        let saved =
            target.replace(path.as_ref(), |out| Ok((target.encode_delta(&delta, out)?, left)), time)?;
        *since = mark;
        Ok(saved)
    }

    /// Writes what changed since a mark to a stream. Nothing is flushed or synced.
    ///
    /// # Errors
    /// As [`WorldDeltas::save_delta`].
    fn save_delta_to(
        &mut self,
        since: &mut Mark<Self::Detail>,
        out: &mut impl Write,
    ) -> Result<SaveReport, Error> {
        self.save_delta_to_with(since, out, &SaveOptions::default())
    }

    /// Writes what changed since a mark to a stream as these options say; durability, reading back, the most bytes and files don't apply.
    ///
    /// # Errors
    /// As [`WorldDeltas::save_delta_with`].
    fn save_delta_to_with(
        &mut self,
        since: &mut Mark<Self::Detail>,
        out: &mut impl Write,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<SaveReport, Error> {
        let (found, time) = save::changes(self, since, options)?;
        let (delta, left, mark) = save::parts(found);
        let encoded = Target::of(options).encode_delta(&delta, out)?;
        *since = mark;
        Ok(report(encoded, left, time))
    }

    /// Loads a base and its deltas, in their order, into a world of its own, strictly. The rows say which entity is which, for deltas that
    /// come later.
    ///
    /// # Errors
    /// As [`WorldFiles::load`](crate::WorldFiles::load); [`WrongBase`](keepstone_ecs_persist::Error::WrongBase) when a delta is missing, comes twice or is of
    /// another chain.
    fn load_deltas<P: AsRef<Path>>(
        base: impl AsRef<Path>,
        deltas: impl IntoIterator<Item = P>,
    ) -> Result<LoadedChain<Self, Self::Entity>, Error> {
        Self::load_deltas_with(base, deltas, &LoadOptions::default())
    }

    /// Loads a base and its deltas as these options say.
    ///
    /// # Errors
    /// As [`WorldDeltas::load_deltas`], apart from what the options allow; [`Error::NotInChain`] for a filter or a policy for dangling
    /// references: the rows would not be those of the chain.
    fn load_deltas_with<P: AsRef<Path>>(
        base: impl AsRef<Path>,
        deltas: impl IntoIterator<Item = P>,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<LoadedChain<Self, Self::Entity>, Error> {
        load::refuse(options)?;
        let source = Source::of(options);
        let schema = || placed::schema::<M, Self>(options);
        let base = source.file(base.as_ref(), schema, |found| Ok(LoadedDoc::of(found.whole()?)))?;
        load::chain(base, deltas, &source, options)
    }

    /// Loads a base from a stream, which it reads to its end, into a world of its own, as these options say. Deltas come later, to
    /// [`WorldDeltas::apply_delta_from`].
    ///
    /// # Errors
    /// As [`WorldDeltas::load_deltas_with`].
    fn load_base_from(
        from: &mut impl Read,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<LoadedChain<Self, Self::Entity>, Error> {
        load::refuse(options)?;
        let source = Source::of(options);
        let schema = || placed::schema::<M, Self>(options);
        let base = source.stream(from, schema, |found| Ok(LoadedDoc::of(found.whole()?)))?;
        load::chain(base, iter::empty::<&Path>(), &source, options)
    }

    /// Applies a delta from a file to this running world: it writes the values that the delta has, and no others. `rows` then stand at the
    /// state behind it.
    ///
    /// # Errors
    /// As [`DeltaWorld::apply_delta`], and what is wrong with the file; this world is then as it was.
    fn apply_delta_file(
        &mut self,
        rows: &mut LiveRows<Self::Entity>,
        path: impl AsRef<Path>,
    ) -> Result<ApplyReport, Error> {
        self.apply_delta_file_with(rows, path, &LoadOptions::default())
    }

    /// Applies a delta from a file as these options say.
    ///
    /// # Errors
    /// As [`WorldDeltas::apply_delta_file`], apart from what the options allow; [`Error::NotInChain`] as for [`WorldDeltas::load_deltas_with`], and
    /// for a delta that the migrations would have to bring to the present version first: load it with its base instead.
    fn apply_delta_file_with(
        &mut self,
        rows: &mut LiveRows<Self::Entity>,
        path: impl AsRef<Path>,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<ApplyReport, Error> {
        load::refuse(options)?;
        let delta = Source::of(options).delta_file(path.as_ref())?;
        load::apply(self, rows, &delta, options).map_err(|error| error.in_file(path.as_ref()))
    }

    /// Applies a delta that is read from a stream, to its end.
    ///
    /// # Errors
    /// As [`WorldDeltas::apply_delta_file`].
    fn apply_delta_from(
        &mut self,
        rows: &mut LiveRows<Self::Entity>,
        from: &mut impl Read,
    ) -> Result<ApplyReport, Error> {
        self.apply_delta_from_with(rows, from, &LoadOptions::default())
    }

    /// Applies a delta that is read from a stream as these options say.
    ///
    /// # Errors
    /// As [`WorldDeltas::apply_delta_file_with`].
    fn apply_delta_from_with(
        &mut self,
        rows: &mut LiveRows<Self::Entity>,
        from: &mut impl Read,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<ApplyReport, Error> {
        load::refuse(options)?;
        let delta = Source::of(options).delta_stream(from)?;
        load::apply(self, rows, &delta, options)
    }

    /// Marks the moment and keeps a copy of all values, to find writes that change detection misses: see [`WorldDeltas::audit`].
    ///
    /// # Errors
    /// As [`DeltaWorld::mark`].
    fn audit_mark(&mut self) -> Result<AuditMark<Self::Detail>, Error> {
        audit::mark(self, Self::derived_registry()?)
    }

    /// The values that have changed since a mark and that a delta would not have: their writes bypassed change detection. Each costs a player what it
    /// changed.
    ///
    /// # Errors
    /// As [`DeltaWorld::delta`].
    fn audit(&mut self, since: &AuditMark<Self::Detail>) -> Result<Vec<Missed<Self::Entity>>, Error>
    where
        Self::Entity: Hash,
    {
        audit::audit(self, since, Self::derived_registry()?)
    }
}

impl<M, W: DeltaWorld<M>> WorldDeltas<M> for W {}
