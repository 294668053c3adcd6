use std::ops::ControlFlow;

use super::{CheckpointStore, Shared, rewrite::Rewritten, session::no_session};
use crate::{
    Error, Kind,
    catalog::Catalog,
    events::{Event, Work},
    id::Sequence,
    retention::{Plan, Policy},
};

/// How far a prune is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Checkpoints for which it is done.
    pub done: u64,
    /// Checkpoints for which it is to be done.
    pub total: u64,
}

/// What a prune does, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// States that stay and are differences to states that go are made anew.
    Rebase,
    /// They are written: to the journal; where it has no room for them to packs, with what is in the journal and in packs that would be mostly empty.
    Write,
    /// Of a validation: manifests, packs and the journal are checked.
    Objects,
    /// Of a validation or repair: states are put together.
    States,
}

/// What a prune has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Pruned {
    /// Checkpoints that are gone.
    pub checkpoints: u64,
    /// Checkpoints that were written anew because what they were differences to is gone.
    pub rebased: u64,
    /// Bytes that were written for what stays: of the states that were written anew if they went to the journal, of packs if it had no room for them, with what else was moved there.
    pub bytes_written: u64,
    /// Whether it was stopped, and everything is as it was.
    pub stopped: bool,
}

/// Who is told how far a prune is, and can stop it.
pub(super) struct Watch<'w> {
    progress: Option<&'w mut dyn FnMut(Progress) -> ControlFlow<()>>,
}

impl CheckpointStore {
    /// Finds what a policy lets go at a time in nanoseconds UTC since 1970; without one, at that of the store's clock, if it has one. Nothing happens to the store, and no state is read.
    ///
    /// # Errors
    /// [`Error::NoSession`] if the policy is for a session that is not there; as a commit, if an earlier one has failed.
    pub fn plan(&self, policy: &Policy, now: Option<i64>) -> Result<Plan, Error> {
        let options = &self.shared.options;
        let now = now.or_else(|| options.now());
        let catalog = self.shared.live()?.catalog.clone();
        if let Some(name) = policy.sessions().find(|name| catalog.session_named(name).is_none()) {
            return Err(no_session(name));
        }
        Ok(Plan::new(policy, &catalog, now, options.grace))
    }

    /// Lets go what a plan says, and is durable when it returns. Checkpoints that stay have the state that they had; those made since the plan all stay.
    ///
    /// It is one commit of the journal. Where the journal has no room for the states that have to be written anew, see [`StoreOptions::journal_bytes_max`](crate::StoreOptions::journal_bytes_max), they go to a pack, with all that is in the journal.
    ///
    /// `progress` is told how far it is, and stops it: then everything is as it was. After the last that it is told of nothing stops it any more. It may read and write the store, but whatever waits for a prune waits for ever: to seal, sweep, prune or close the store, and to end a session. A crash half-way leaves all, or all but
    /// what the plan lets go. Others read and write meanwhile; what goes they can't edit, fork from or restore as a head.
    ///
    /// The space is given back by [`sweep`](Self::sweep), after a grace that begins with the next [`seal`](Self::seal) or sweep.
    ///
    /// # Errors
    /// [`Error::Misuse`] if something that goes is not there any more, or stays by the same policy since the plan was made, because it was tagged, say; [`Error::Storage`], [`Error::Backend`], and what
    /// [`get`](Self::get) says of states that have to be written anew. Then nothing is gone, unless it could not be told whether the last write was made; the next call reads the store again.
    pub fn apply(
        &self,
        plan: &Plan,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Pruned, Error> {
        if plan.is_empty() {
            return Ok(Pruned::default());
        }
        let shared = &self.shared;
        let done = {
            let _moving = shared.moving();
            shared.prune_moving(plan, &mut Watch::told(progress))
        };
        shared.feed.tell();
        done
    }

    /// Lets go all but the newest so many of all sessions together, and what always stays; see [`Policy`]. Steps of undo that lead to what goes end.
    ///
    /// # Errors
    /// As [`CheckpointStore::apply`].
    pub fn compact(&self, count: usize) -> Result<Pruned, Error> {
        let plan = self.plan(&Policy::new().keep_last_of_all(count).ending_undo(), None)?;
        self.apply(&plan, &mut |_| ControlFlow::Continue(()))
    }
}

impl Shared {
    /// Lets go what a plan says. Whoever calls holds `moving`, and has what comes of it told once it doesn't any more.
    pub(super) fn prune_moving(&self, plan: &Plan, watch: &mut Watch<'_>) -> Result<Pruned, Error> {
        let done = self.prune_quietly(plan, watch);
        let feed = &self.feed;
        match &done {
            Ok(pruned) => {
                feed.pulse.went_well(Work::Retention);
                if pruned.checkpoints > 0 {
                    feed.pulse.pruned.add(pruned.checkpoints);
                    let checkpoints = plan.gone().iter().map(|gone| gone.id).collect();
                    feed.note(Event::Pruned { checkpoints, rebased: pruned.rebased });
                }
            }
            // The plan is wrong, and not the store.
            Err(err) if matches!(err.kind(), Kind::Misuse | Kind::NotFound) => {}
            Err(err) => feed.failed(Work::Retention, err),
        }
        done
    }

    fn prune_quietly(&self, plan: &Plan, watch: &mut Watch<'_>) -> Result<Pruned, Error> {
        let gone = plan.sequences();
        self.condemn(&gone, |catalog| plan.fits(catalog))?;
        Ok(match self.rewrite(&gone, watch)? {
            Some(Rewritten { rebased, bytes }) => {
                Pruned { checkpoints: gone.len() as u64, rebased, bytes_written: bytes, stopped: false }
            }
            None => Pruned { stopped: true, ..Pruned::default() },
        })
    }

    /// Sees that what is to be pruned may go, and that nothing comes to stand on it from here on.
    fn condemn(&self, gone: &[Sequence], fits: impl FnOnce(&Catalog) -> bool) -> Result<(), Error> {
        let mut live = self.live()?;
        if !fits(&live.catalog) {
            return Err(STALE);
        }
        live.condemned = gone.to_vec();
        Ok(())
    }
}

/// What a plan is that no longer fits.
const STALE: Error = Error::Misuse { what: STALE_WHAT };
const STALE_WHAT: &str = "the store has changed since the plan was made; make it again";

/// Whether a plan no longer fits.
pub(super) fn is_stale(err: &Error) -> bool {
    matches!(err, Error::Misuse { what } if *what == STALE_WHAT)
}

impl<'w> Watch<'w> {
    /// Somebody is told, and may stop it.
    pub(super) fn told(progress: &'w mut dyn FnMut(Progress) -> ControlFlow<()>) -> Self {
        Self { progress: Some(progress) }
    }

    /// Nobody is told, and nobody stops it.
    pub(super) fn nobody() -> Self {
        Self { progress: None }
    }

    /// Tells how far it is; true: it is to stop.
    pub(super) fn stops(&mut self, stage: Stage, done: u64, total: u64) -> bool {
        let told = self.progress.as_mut().map(|progress| progress(Progress { stage, done, total }));
        told.is_some_and(|told| told.is_break())
    }
}
