use std::{io::Write, path::Path, time::Duration};

use keepstone_ecs_persist::{EcsWorld, LeftOut, Match, RestoreReport, Unknown, WorldDoc};

use crate::{
    captured::{Left, with_capture},
    error::Error,
    options::{LoadOptions, SaveOptions},
    parted,
    report::SaveReport,
    target::Target,
};

/// A captured world that owns its bytes: it can wait, go to another thread, be saved later, and the world it comes from can be made what
/// it was again.
///
/// Captured into again with [`WorldFiles::capture_into`](crate::WorldFiles::capture_into), it keeps its memory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OwnedCapture<E> {
    /// The world, without an engine.
    pub doc: WorldDoc<'static>,
    /// The entity of each ordinal of the document, in order.
    pub entities: Vec<E>,
    /// Component values that are not in the document.
    pub left_out: Vec<LeftOut>,
    /// Entities that are not in the document.
    pub entities_left_out: u64,
    /// References to entities that no longer existed.
    pub dangling: u64,
    /// Whether a filter left something out: then no world can be restored from it.
    is_partial: bool,
}

/// Why a capture isn't saved in parts.
const CAPTURED: &str = "a capture before it";

impl<E> Default for OwnedCapture<E> {
    /// Of an empty world.
    fn default() -> Self {
        Self {
            doc: WorldDoc::default(),
            entities: Vec::new(),
            left_out: Vec::new(),
            entities_left_out: 0,
            dangling: 0,
            is_partial: false,
        }
    }
}

impl<E> OwnedCapture<E> {
    /// Saves what was captured to a file, as [`WorldFiles::save_with`](crate::WorldFiles::save_with) saves a world. What the options say
    /// about the world (components, metadata, strictness, what is left out) was decided when it was captured.
    ///
    /// # Errors
    /// As there.
    pub fn save_with<R>(
        &self,
        path: impl AsRef<Path>,
        options: &SaveOptions<'_, R>,
    ) -> Result<SaveReport, Error> {
        parted::refuse_parts(options, CAPTURED)?;
        Target::of(options).to_file(&[&self.doc], path.as_ref(), self.left(), Duration::ZERO)
    }

    /// Writes what was captured to a stream.
    ///
    /// # Errors
    /// As [`WorldFiles::save_to`](crate::WorldFiles::save_to).
    pub fn save_to_with<R>(
        &self,
        out: &mut impl Write,
        options: &SaveOptions<'_, R>,
    ) -> Result<SaveReport, Error> {
        parted::refuse_parts(options, CAPTURED)?;
        Target::of(options).to_stream(&[&self.doc], out, self.left(), Duration::ZERO)
    }

    fn left(&self) -> Left {
        Left { values: self.left_out.clone(), entities: self.entities_left_out, dangling: self.dangling }
    }
}

/// Captures a world into memory that is there already.
pub(crate) fn capture_into<M, W: EcsWorld<M>>(
    world: &W,
    into: &mut OwnedCapture<W::Entity>,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<(), Error> {
    with_capture(world, options, |capture| {
        into.entities.clear();
        capture.append_entities(&mut into.entities);
        into.is_partial = options.filter.is_some();
        copy(&capture.doc, &mut into.doc);
        into.left_out = capture.left_out;
        (into.entities_left_out, into.dangling) = (capture.entities_left_out, capture.dangling);
        Ok(())
    })
}

/// Copies a document over another one, whose memory is used again.
pub(crate) fn copy(doc: &WorldDoc<'_>, into: &mut WorldDoc<'static>) {
    *into = doc.copy_into(std::mem::take(into));
}

/// Makes a world what it was when it was captured.
pub(crate) fn restore<M, W: EcsWorld<M>>(
    world: &mut W,
    from: &OwnedCapture<W::Entity>,
    options: &LoadOptions<'_, W::Registry>,
) -> Result<RestoreReport<W::Entity>, Error> {
    let registry = match options.registry {
        Some(registry) => registry,
        None => W::derived_registry()?,
    };
    if from.is_partial || options.filter.is_some() {
        return Err(Error::RestoreOfPart);
    }
    let mut how = options.to_spawn(u64::MAX);
    // What is not registered was kept by the world itself, so there is nothing to refuse.
    how.unknown = options.unknown.unwrap_or(Unknown::Keep);
    Ok(world.restore_doc(&from.doc, Match::Entities(&from.entities), registry, &how)?)
}
