mod branches;
mod importer;
#[cfg(feature = "json")]
mod json;
mod keep;
mod states;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    io::Write,
    sync::{Arc, PoisonError},
};

use keepstone_format::ReadAt;

use super::{CheckpointStore, Shared, chain};
use crate::{
    Error,
    checkpoint::Checkpoint,
    exchange::{
        Exported, Imported, ImportedCheckpoint, Selection,
        container::{self, Export, Payloads},
        select::Selected,
    },
    form::Place,
    id::Sequence,
    pack::{self, Wanted},
};
use importer::Importer;

/// Bytes of payloads that are read at once.
const READ_BYTES: u64 = 4 << 20;
/// Payloads that are read at once.
const READ_COUNT: usize = 1024;

impl CheckpointStore {
    /// Writes checkpoints, with their sessions, branches and all that is said about them, as one `.keep` file: states as they are kept, so that an import has nothing to encode. A state that stands on one that is
    /// not exported is written whole. How heads have moved is not exported.
    ///
    /// Memory is taken for what is known of the checkpoints, and for a few payloads. Checkpoints can be made meanwhile, and are not exported; prunes wait, and so does moving states from the journal
    /// to packs.
    ///
    /// # Errors
    /// [`Error::NoSession`], [`Error::NoBranch`]; [`Error::State`], [`Error::Delta`] and [`Error::MissingBase`] if a state can't be read; [`Error::Format`] if `out` can't be written: then what it
    /// holds is no export.
    pub fn export(&self, selection: &Selection, out: impl Write) -> Result<Exported, Error> {
        let shared = &*self.shared;
        // Until it is over payloads stay where they are.
        let _moving = shared.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let selected = Selected::of(&shared.live()?.catalog, selection)?;
        let mut exported = Exported {
            checkpoints: selected.checkpoints.len() as u64,
            sessions: selected.session_count(),
            branches: selected.live_branch_count(),
            ..Exported::default()
        };
        let mut writer = container::begin(out)?;
        let mut payloads = Payloads::begin(&mut writer)?;
        shared.each_payload(&selected.checkpoints, &mut |checkpoint, bytes| {
            if checkpoint.base().is_none_or(|base| selected.get(base).is_some()) {
                return payloads.add(checkpoint.sequence, checkpoint.body.form, bytes);
            }
            let (state, _) = shared.state_and_chain(checkpoint.sequence, Some(checkpoint.id))?;
            let (body, _) = chain::whole(&state, &shared.options)?;
            exported.rebased += 1;
            match &body.place {
                Place::Journal(bytes) => payloads.add(checkpoint.sequence, body.form, bytes),
                Place::Pack(_) => Err(Error::Misuse { what: "a state that was just encoded is in memory" }),
            }
        })?;
        let bodies = payloads.finish()?;
        exported.bytes = container::finish(writer, &selected, &bodies)?;
        Ok(exported)
    }

    /// Takes in what [`export`](Self::export) has written. Checkpoints keep their ids and get new sequences; those that are there already are passed over, so that doing it twice changes nothing. Sessions and branches are
    /// found by name, or begin. A branch that has gone on here in another way than in the export stays as it is, and that of the export gets a free name.
    ///
    /// Every state is put together and compared with what the export says of it. Memory is taken for what is known of the checkpoints, for a few states, and for a commit of bounded size.
    ///
    /// It is durable when this returns. A crash, or an error, half-way leaves some of the checkpoints, and heads where they were; doing it again does the rest.
    ///
    /// # Errors
    /// [`Error::Format`], [`Error::Damaged`], [`Error::State`] and [`Error::Delta`] if the bytes are no sound export; [`Error::Moved`] if a head moves meanwhile; else as a commit.
    pub fn import(&self, source: impl ReadAt) -> Result<Imported, Error> {
        keep::import(self, &Export::open(source)?)
    }

    /// Takes in checkpoints from anywhere, parents first. What [`import`](Self::import) says holds, and states are encoded as if they had been checkpointed here. The last checkpoint of each branch that is new
    /// becomes its head. Where the first of them does not go on from a branch of its name that is there, the branch gets a free name.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`] for a parent that is not there, [`Error::Length`] for what is longer than it may be; else as [`import`](Self::import).
    pub fn import_all(
        &self,
        checkpoints: impl IntoIterator<Item = ImportedCheckpoint>,
    ) -> Result<Imported, Error> {
        let mut importer = Importer::new(self);
        let mut heads: HashMap<u32, Sequence> = HashMap::new();
        for checkpoint in checkpoints {
            if importer.has(checkpoint.id, None)? {
                continue;
            }
            let parent = importer.parent(checkpoint.parent)?;
            let session = importer.session(&checkpoint.session, None, &crate::Fields::new())?;
            let goes_on =
                |importer: &Importer<'_>, head: &Checkpoint| importer.leads_to(head.id, checkpoint.parent);
            let branch = importer.branch(session, &checkpoint.branch, &goes_on)?;
            let made = importer.encode(checkpoint, branch, parent)?;
            heads.insert(branch, made);
        }
        for (branch, head) in heads {
            importer.move_head(branch, head)?;
        }
        importer.finish()
    }
}

/// Takes a checkpoint and its bytes as they are kept.
type EachPayload<'e> = dyn FnMut(&Checkpoint, &[u8]) -> Result<(), Error> + 'e;

impl Shared {
    /// Reads the payloads of checkpoints, some at once.
    fn each_payload(&self, checkpoints: &[Arc<Checkpoint>], each: &mut EachPayload<'_>) -> Result<(), Error> {
        let mut rest = checkpoints;
        while !rest.is_empty() {
            let mut bytes = 0_u64;
            let fits = |checkpoint: &&Arc<Checkpoint>| {
                bytes = bytes.saturating_add(checkpoint.stored_bytes());
                bytes <= READ_BYTES
            };
            let count = rest.iter().take(READ_COUNT).take_while(fits).count().max(1);
            let (group, behind) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = behind;
            let wanted = group.iter().filter_map(|checkpoint| match checkpoint.body.place {
                Place::Pack(place) => {
                    Some(Wanted { id: checkpoint.id, sequence: checkpoint.sequence, place })
                }
                Place::Journal(_) => None,
            });
            let mut read = pack::read_many(self.ground.backend(), &wanted.collect::<Vec<_>>())?.into_iter();
            for checkpoint in group {
                match &checkpoint.body.place {
                    Place::Journal(bytes) => each(checkpoint, bytes)?,
                    Place::Pack(_) => each(checkpoint, &read.next().unwrap_or_default())?,
                }
            }
        }
        Ok(())
    }
}
