use std::sync::Arc;

use super::heads::Heads;
use crate::{
    Error,
    catalog::{Broken, Catalog, Savepoint},
    events::{Feed, Seen, Work},
    id::{CheckpointId, Prefix, Sequence},
    journal::Journal,
    manifest::{PackInfo, Retired},
    op::{Encoder, Op},
    planted::{self, Plant},
};

/// Commits that may be in any journal.
const UNSEALED_MIN: u64 = 16 << 10;
/// Bytes of a manifest that take no longer to write than its name does.
const SHORT_MANIFEST_LEN: u64 = 64 << 10;

/// What is known of a store, and where what happens next is written. Whoever holds it takes the next place in the order.
pub(super) struct Live {
    pub(super) catalog: Catalog,
    encoder: Encoder,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) heads: Heads,
    pub(super) store_id: [u8; 16],
    /// Number of the newest manifest; 0: there is none.
    pub(super) manifest: u64,
    /// Bytes of its operations.
    pub(super) manifest_len: u64,
    /// The packs that the newest manifest names.
    pub(super) packs: Vec<PackInfo>,
    /// Packs that nothing refers to any more.
    pub(super) retired: Vec<Retired>,
    /// Checkpoints that are about to go: nothing may come to stand on them.
    pub(super) condemned: Vec<Sequence>,
    /// The first half of the ids that this opening gives out, once it is in the journal.
    prefix: Option<Prefix>,
    /// Bytes of states in the journal, also of those that are gone or kept in another way since.
    pub(super) journal_bytes: u64,
    /// Commits since the newest manifest.
    pub(super) unsealed: u64,
    /// The last commit since the opening with which a session or branch began: until it is durable, a number may come to be another's.
    pub(super) begun: Option<u64>,
    /// Why what is known may be more than what is on the disk.
    pub(super) failed: Option<String>,
    /// Who is told what happens.
    pub(super) feed: Arc<Feed>,
    buffer: Vec<u8>,
}

impl Live {
    pub(super) fn new(
        catalog: Catalog,
        encoder: Encoder,
        journal: Arc<dyn Journal>,
        manifest: u64,
        packs: Vec<PackInfo>,
        retired: Vec<Retired>,
    ) -> Self {
        let unsealed = journal.end() - journal.start();
        Self {
            catalog,
            encoder,
            journal,
            store_id: [0; 16],
            heads: Heads::default(),
            manifest,
            manifest_len: 0,
            packs,
            retired,
            condemned: Vec::new(),
            prefix: None,
            journal_bytes: 0,
            unsealed,
            begun: None,
            failed: None,
            feed: Arc::default(),
            buffer: Vec::new(),
        }
    }

    /// The encoder, for what a manifest has to say of it.
    pub(super) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Commits that may be in the journal before a manifest is written: as many as the manifest has checkpoints, so that each is written a few times at most.
    pub(super) fn unsealed_max(&self) -> u64 {
        (self.catalog.all().len() as u64 / 2).max(UNSEALED_MIN)
    }

    /// Bytes of states that may be in the journal before a manifest is written, of so many that are allowed anyway: as many as a long manifest has, for the same reason.
    pub(super) fn journal_bytes_max(&self, allowed: u64) -> u64 {
        if self.manifest_len > SHORT_MANIFEST_LEN { allowed.max(self.manifest_len) } else { allowed }
    }

    /// Lets operations happen as one commit, and answers its number in the journal. If one of them can't, or the journal refuses, none has.
    ///
    /// # Errors
    /// [`Error::Misuse`] for operations that can't happen, else what the journal says.
    pub(super) fn commit(&mut self, ops: Vec<Op>) -> Result<u64, Error> {
        self.refuse_condemned(&ops)?;
        let makes_checkpoints = ops.iter().any(|op| matches!(op, Op::Checkpoint(_)));
        let renames = ops.iter().any(is_about_names);
        let seen = self.feed.is_listened().then(|| Seen::all(&self.catalog, &ops));
        let begins = ops.iter().any(|op| matches!(op, Op::Session { .. } | Op::Branch { .. }));
        let writer = (makes_checkpoints && self.prefix.is_none()).then(draw_prefix);
        let before = (self.encoder, self.journal_bytes);
        self.buffer.clear();
        let savepoint = ops.iter().all(Savepoint::covers).then(|| self.catalog.savepoint());
        // Some others can only be undone by not having been done; one alone that can't happen has done nothing.
        let copy = (savepoint.is_none() && ops.len() > 1).then(|| self.catalog.clone());
        let all = writer.map(Op::Writer).into_iter().chain(ops);
        let done = match self.apply_all(all) {
            // Whether the journal has it after an error nobody knows, and what one operation alone has made may not be taken back.
            Ok(()) => self.journal.append(&self.buffer).inspect_err(|err| self.fail(err)),
            Err(err) => Err(err),
        };
        if let Ok(number) = &done {
            self.prefix = self.prefix.or(writer);
            self.unsealed += 1;
            self.begun = if begins { Some(*number) } else { self.begun };
            self.feed.pulse.next_is(self.catalog.next_sequence());
            self.feed.pulse.names.add(renames.into());
            if let Some(seen) = seen {
                self.feed.put(&self.journal, *number, Seen::told(seen, &self.catalog));
            }
        } else {
            (self.encoder, self.journal_bytes) = before;
            if let Some(savepoint) = savepoint {
                self.catalog.roll_back(&savepoint);
            } else if let Some(copy) = copy {
                self.catalog = copy;
            }
        }
        done
    }

    /// Takes note that what is known may be more than what is on the disk.
    pub(super) fn fail(&mut self, why: &Error) {
        if self.failed.is_none() {
            self.feed.failed(Work::Commit, why);
        }
        self.failed = Some(why.to_string());
    }

    /// Sees that nothing comes to stand on a checkpoint that is about to go.
    fn refuse_condemned(&self, ops: &[Op]) -> Result<(), Error> {
        if self.condemned.is_empty() {
            return Ok(());
        }
        let stands_on = |op: &Op| match op {
            Op::Branch { head, .. } => *head,
            Op::Head { to, .. } => *to,
            Op::Checkpoint(new) => new.body.form.base(),
            Op::Rebase { form, .. } => form.base(),
            Op::Tags { of, .. } | Op::Annotate { of, .. } | Op::Message { of, .. } | Op::Lock { of, .. } => {
                Some(*of)
            }
            _ => None,
        };
        let condemned = |of: &Sequence| self.condemned.binary_search(of).is_ok();
        match ops.iter().filter_map(stands_on).find(condemned) {
            Some(of) => {
                let id = self
                    .catalog
                    .get(of)
                    .map_or(CheckpointId::from_bytes([0; 16]), |checkpoint| checkpoint.id);
                Err(Error::NoCheckpoint { id })
            }
            None => Ok(()),
        }
    }

    fn apply_all(&mut self, ops: impl Iterator<Item = Op>) -> Result<(), Error> {
        for op in ops {
            let is_left_out = matches!(op, Op::Rebase { .. }) && planted::is(Plant::PruneAlone);
            if !is_left_out {
                self.encoder
                    .put(&op, &mut self.buffer)
                    .map_err(|source| Error::format("a commit", source))?;
            }
            self.journal_bytes += op.state_bytes();
            self.catalog.apply(op).map_err(|Broken(what)| Error::Misuse { what })?;
        }
        Ok(())
    }
}

/// Whether a name may mean another session or branch afterwards.
fn is_about_names(op: &Op) -> bool {
    matches!(
        op,
        Op::Session { .. }
            | Op::EndSession { .. }
            | Op::Rename { .. }
            | Op::Branch { .. }
            | Op::EndBranch { .. }
            | Op::RenameBranch { .. }
    )
}

/// Eight bytes that no other opening draws.
fn draw_prefix() -> Prefix {
    Prefix(keepstone_storage::random_id().first_chunk().copied().unwrap_or_default())
}
