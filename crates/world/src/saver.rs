use std::{
    ffi::OsString,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use keepstone_ecs_persist::{EcsWorld, Schema, WorldDoc};
use keepstone_storage::Files;
use keepstone_store::{Ticket, Unclaimed, Worker, WorkerOptions};

use crate::{
    captured::{Left, with_capture},
    error::Error,
    loaded::LoadedDoc,
    options::{LoadOptions, SaveOptions},
    owned::copy,
    parted,
    report::SaveReport,
    source::Source,
    target::Target,
};

/// Saves and loads worlds in the background, on one thread of its own: what a game keeps for its automatic saves.
///
/// A save captures the world on the caller's thread into memory that it keeps from one save to the next; encoding, writing and
/// syncing happen on the thread, and a [`Ticket`] tells how it went. Saves and loads are done in the order in which they were called, so a
/// load sees the saves before it, and of two calls, one after the other, the file of a path never ends up with the older world. A save whose
/// path has one in the queue that has not begun takes its place: that one's ticket says
/// [`Superseded`](keepstone_store::Error::Superseded) (see [`Error::is_superseded`]), and what the caller waits for is one save, not two. A
/// load that was called between the two sees the later one. Two paths are one if they are spelled alike.
///
/// Dropping it waits for every save that it accepted. A process that is killed before keeps, for each path, the previous file or the
/// new one.
#[derive(Debug)]
pub struct Saver {
    worker: Worker<Error>,
    spare: Arc<Spare>,
}

/// Memory of finished saves.
#[derive(Debug, Default)]
pub(crate) struct Spare(Mutex<Vec<WorldDoc<'static>>>);

/// How many documents are kept for the next saves: one that is written and one that is captured meanwhile.
const SPARE_MAX: usize = 2;

/// A document on its way to a file. When it is done, failed or superseded, its memory is kept.
pub(crate) struct Lent {
    doc: WorldDoc<'static>,
    home: Arc<Spare>,
}

impl Spare {
    pub(crate) fn lend(self: &Arc<Self>) -> Lent {
        let doc = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        Lent { doc, home: Arc::clone(self) }
    }
}

#[cfg(feature = "slots")]
impl Lent {
    pub(crate) fn lent(&self) -> &WorldDoc<'static> {
        &self.doc
    }

    pub(crate) fn lent_mut(&mut self) -> &mut WorldDoc<'static> {
        &mut self.doc
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut spare = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_MAX {
            spare.push(std::mem::take(&mut self.doc));
        }
    }
}

impl Saver {
    /// Starts the thread, with room for four saves or loads beside the one that is done.
    ///
    /// # Errors
    /// [`Error::Background`] when the system gives no thread.
    pub fn new() -> Result<Self, Error> {
        let options = WorkerOptions::default().name("keepstone-saver");
        Ok(Self::with_worker(Worker::spawn(&options)?))
    }

    /// Works on a worker of your own, which may have another bound and other jobs.
    pub fn with_worker(worker: Worker<Error>) -> Self {
        Self { worker, spare: Arc::default() }
    }

    /// Saves a world to a file; waits while the queue is full and has no save of this path.
    ///
    /// # Errors
    /// When the world can't be captured, or the options want it in parts. All else is on the ticket.
    pub fn save<M, W: EcsWorld<M>>(
        &self,
        world: &W,
        path: impl AsRef<Path>,
    ) -> Result<Ticket<SaveReport, Error>, Error> {
        self.save_with(world, path, &SaveOptions::default())
    }

    /// Saves a world as these options say, on the ticket as [`WorldFiles::save_with`](crate::WorldFiles::save_with).
    ///
    /// # Errors
    /// As [`Saver::save`].
    pub fn save_with<M, W: EcsWorld<M>>(
        &self,
        world: &W,
        path: impl AsRef<Path>,
        options: &SaveOptions<'_, W::Registry>,
    ) -> Result<Ticket<SaveReport, Error>, Error> {
        let job = self.job(world, path.as_ref(), options)?;
        Ok(self.worker.submit_latest(key(path.as_ref(), &options.files), job))
    }

    /// Saves a world if there is room in the queue, or a save of this path to take the place of: for a frame that must not wait. Without room
    /// the world isn't captured.
    ///
    /// # Errors
    /// [`Error::Background`] of the kind `Busy` when there is no room; else as [`Saver::save`].
    pub fn try_save_with<M, W: EcsWorld<M>>(
        &self,
        world: &W,
        path: impl AsRef<Path>,
        options: &SaveOptions<'_, W::Registry>,
    ) -> Result<Ticket<SaveReport, Error>, Error> {
        let key = key(path.as_ref(), &options.files);
        self.worker.check_room(Some(&key))?;
        let job = self.job(world, path.as_ref(), options)?;
        Ok(self.worker.try_submit_latest(key, job)?)
    }

    /// Captures on this thread what is written on the other.
    fn job<M, W: EcsWorld<M>>(
        &self,
        world: &W,
        path: &Path,
        options: &SaveOptions<'_, W::Registry>,
    ) -> Result<impl FnOnce() -> Result<SaveReport, Error> + Send + 'static, Error> {
        parted::refuse_parts(options, "a save in the background")?;
        let begin = Instant::now();
        let mut lent = self.spare.lend();
        let omitted = with_capture(world, options, |capture| {
            copy(&capture.doc, &mut lent.doc);
            let (entities, dangling) = (capture.entities_left_out, capture.dangling);
            Ok(Left { values: capture.left_out, entities, dangling })
        })?;
        let (target, path, capture_time) = (Target::of(options), path.to_owned(), begin.elapsed());
        Ok(move || target.to_file(&[&lent.doc], &path, omitted, capture_time))
    }

    /// Reads, checks and decodes a file; what the ticket yields is placed with [`LoadedDoc::spawn_into`]. Files without a schema, such
    /// as JSON that was written so, are read by the derived components of `W`.
    ///
    /// # Errors
    /// When the derived components contradict each other. All else is on the ticket, as
    /// [`WorldFiles::load`](crate::WorldFiles::load) would tell it.
    pub fn load<M, W: EcsWorld<M>>(&self, path: impl AsRef<Path>) -> Result<Ticket<LoadedDoc, Error>, Error> {
        self.load_with::<M, W>(path, &LoadOptions::default())
    }

    /// Reads, checks and decodes a file as these options say.
    ///
    /// # Errors
    /// As [`Saver::load`].
    pub fn load_with<M, W: EcsWorld<M>>(
        &self,
        path: impl AsRef<Path>,
        options: &LoadOptions<'_, W::Registry>,
    ) -> Result<Ticket<LoadedDoc, Error>, Error> {
        let schema: Schema = crate::placed::schema::<M, W>(options)?;
        let (source, path) = (Source::of(options), path.as_ref().to_owned());
        Ok(self.worker.submit(move || source.file(&path, || Ok(schema), |it| Ok(LoadedDoc::of(it.whole()?)))))
    }

    /// Hands out the errors of saves and loads whose tickets were dropped, each once. No save is refused because an earlier one
    /// failed, so whoever drops tickets asks here before the next save.
    pub fn take_errors(&self) -> Unclaimed<Error> {
        self.worker.take_errors()
    }

    /// Waits for every save that was accepted and returns the errors that nobody took.
    pub fn finish(self) -> Unclaimed<Error> {
        self.worker.finish()
    }
}

/// The same for two saves of one file.
fn key(path: &Path, files: &Arc<dyn Files>) -> OsString {
    // A path names another file on another disk; while a save waits, its disk stays where it is.
    let mut key = OsString::from(format!("{:p} ", Arc::as_ptr(files)));
    key.push(path);
    key
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, sync::Arc};

    use keepstone_ecs_persist::WorldDoc;

    use super::{SPARE_MAX, Spare};

    #[test]
    fn a_lent_document_comes_back_whatever_became_of_the_save() {
        let spare = Arc::<Spare>::default();
        let lent: Vec<_> = (0..SPARE_MAX + 2).map(|_| spare.lend()).collect();
        drop(lent);
        assert_eq!(spare.0.lock().map(|docs| docs.len()).ok(), Some(SPARE_MAX));
        let mut first = spare.lend();
        let ids = Some(Cow::Owned(vec![1, 2, 3]));
        let doc = WorldDoc { foreign_ids: ids, ..WorldDoc::default() };
        super::copy(&doc, &mut first.doc);
        let place = first.doc.foreign_ids.as_ref().map(|ids| ids.as_ptr());
        drop(first);
        let mut second = spare.lend();
        super::copy(&doc, &mut second.doc);
        assert_eq!(second.doc.foreign_ids.as_ref().map(|ids| ids.as_ptr()), place, "the same memory");
    }
}
