use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use keepstone_store::{FromPayload, Payload, Ticket, Worker, WorkerOptions};

use super::{
    Progress, Step,
    work::{Taken, Work},
};
use crate::{Error, manager::Shared};

/// A migration of all saves on a thread of its own; see [`BulkMigration`](super::BulkMigration) for what it does to each.
///
/// The saves stay open for writing until it has ended. Dropping it ends it behind the save that it is at, and waits for that.
pub struct BackgroundMigration {
    control: Arc<Control>,
    ticket: Option<Ticket<(), Error>>,
    /// Last: its thread ends when the ticket's job does.
    _worker: Worker<Error>,
}

/// What the thread and its handle share.
struct Control {
    state: Mutex<State>,
    /// Something else is wanted.
    changed: Condvar,
}

struct State {
    wanted: Wanted,
    progress: Progress,
    failed: Vec<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Run,
    Pause,
    End,
}

impl BackgroundMigration {
    pub(super) fn start<T>(shared: Arc<Shared>, work: Work<T>) -> Result<Self, Error>
    where
        T: Payload + FromPayload + 'static,
    {
        let state = State { wanted: Wanted::Run, progress: work.progress, failed: Vec::new() };
        let control = Arc::new(Control { state: Mutex::new(state), changed: Condvar::new() });
        let worker = Worker::spawn(&WorkerOptions::default().name("keepstone-migrate"))?;
        let at_work = Arc::clone(&control);
        let ticket = worker.submit(move || {
            at_work.work(&shared, work);
            Ok(())
        });
        Ok(Self { control, ticket: Some(ticket), _worker: worker })
    }

    /// Has it stop behind the save that it is at, until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.control.want(Wanted::Pause);
    }

    /// Has it go on.
    pub fn resume(&self) {
        self.control.want(Wanted::Run);
    }

    /// Has it end behind the save that it is at. What is done stays done.
    pub fn cancel(&self) {
        self.control.want(Wanted::End);
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.control.lock().progress
    }

    /// Hands out what failed since it was last asked: each a [`Step::Failed`].
    pub fn take_failed(&self) -> Vec<Step> {
        std::mem::take(&mut self.control.lock().failed)
    }

    /// Whether it has ended.
    pub fn is_done(&self) -> bool {
        self.ticket.as_ref().is_none_or(Ticket::is_done)
    }

    /// Waits until it has ended, after resuming it if it is paused, and returns how far it came.
    ///
    /// # Errors
    /// [`Error::Background`] if a step of the program panicked. Saves that failed are in [`Progress::failed`] and [`take_failed`](Self::take_failed).
    pub fn wait(&mut self) -> Result<Progress, Error> {
        self.resume();
        self.ticket.take().map_or(Ok(()), Ticket::wait)?;
        Ok(self.progress())
    }
}

impl Control {
    /// A panic elsewhere leaves nothing half-changed in it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn want(&self, wanted: Wanted) {
        let mut state = self.lock();
        if state.wanted != Wanted::End {
            state.wanted = wanted;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn work<T: Payload + FromPayload + 'static>(&self, shared: &Shared, mut work: Work<T>) {
        loop {
            let state = self.lock();
            let state = self.changed.wait_while(state, |state| state.wanted == Wanted::Pause);
            if state.unwrap_or_else(PoisonError::into_inner).wanted == Wanted::End {
                return;
            }
            let Some(Taken { player, step }) = work.step(shared) else { return };
            let is_migrated = matches!(step, Step::Migrated { .. });
            let mut state = self.lock();
            state.progress = work.progress;
            if matches!(step, Step::Failed { .. }) {
                state.failed.push(step);
            }
            drop(state);
            if is_migrated && shared.options.background {
                // What can wait, on a thread that has time. What fails here is tried again the next time.
                drop(shared.folder(player.as_str()).map(|folder| shared.maintain(&folder, false)));
            }
        }
    }
}

impl Drop for BackgroundMigration {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for BackgroundMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundMigration")
            .field("progress", &self.progress())
            .field("is_done", &self.is_done())
            .finish_non_exhaustive()
    }
}
