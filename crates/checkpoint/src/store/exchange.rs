mod branches;
mod importer;
mod in_order;
#[cfg(feature = "json")]
mod json;
mod keep;
mod snapshot;
mod states;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::HashMap, io::Write};

use keepstone_format::ReadAt;

use super::{CheckpointReader, CheckpointStore, chain};
use crate::{
    Error,
    checkpoint::Checkpoint,
    exchange::{
        Exported, Imported, ImportedCheckpoint, Selection,
        container::{self, Export, Payloads},
    },
    form::{Form, Place},
    id::Sequence,
};
use importer::Importer;
use in_order::{Next, in_order};
use snapshot::Snapshot;

impl CheckpointStore {
    /// Writes checkpoints, with their sessions, branches and all that is said about them, as one `.keep` file: states as they are kept, so that an import has nothing to encode. A state that stands on one that is
    /// not exported is written whole. How heads have moved is not exported.
    ///
    /// Exported is the store as it is when this is called. Whatever happens to it meanwhile, a checkpoint that is made or a prune, waits for nothing and is not seen; but packs are not
    /// [swept](Self::sweep) before the export is over. States that have to be written whole are encoded by as many threads as the options allow; the bytes don't depend on how many.
    ///
    /// Memory is taken for what is known of the checkpoints, for some payloads, and for 8 MiB of states that are encoded, and one more.
    ///
    /// # Errors
    /// [`Error::NoSession`], [`Error::NoBranch`]; [`Error::State`], [`Error::Delta`] and [`Error::MissingBase`] if a state can't be read; [`Error::Format`] if `out` can't be written: then what it
    /// holds is no export.
    pub fn export(&self, selection: &Selection, out: impl Write) -> Result<Exported, Error> {
        Snapshot::of(&self.shared, selection)?.export(out)
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

impl CheckpointReader {
    /// Writes checkpoints as [`CheckpointStore::export`] does: those of the store as this reader knows it, while a program has it open for writing, say. No lock is taken and no byte of the store changed.
    ///
    /// # Errors
    /// As [`CheckpointStore::export`]; [`Error::MissingPack`] if the store has pruned or moved checkpoints since this reader was [refreshed](Self::refresh), and then swept where they were: refresh it and begin again.
    pub fn export(&self, selection: &Selection, out: impl Write) -> Result<Exported, Error> {
        Snapshot::of_reader(self, selection)?.export(out)
    }
}

impl Snapshot<'_> {
    fn export(&self, out: impl Write) -> Result<Exported, Error> {
        let selected = &self.selected;
        let mut exported = self.exported();
        let mut writer = container::begin(out)?;
        let mut payloads = Payloads::begin(&mut writer)?;
        let (mut stored, mut rebased) = (self.payloads(), 0);
        in_order(
            self.window(),
            || {
                let Some((checkpoint, bytes)) = stored.next()? else { return Ok(None) };
                if checkpoint.base().is_none_or(|base| selected.get(base).is_some()) {
                    let cost = bytes.len() as u64;
                    return Ok(Some((cost, Next::Done((checkpoint.sequence, checkpoint.body.form, bytes)))));
                }
                rebased += 1;
                Ok(Some((checkpoint.len, Next::Work(checkpoint.sequence))))
            },
            |sequence| {
                let (state, _) = self.state(sequence)?;
                let (body, _) = chain::whole(&state, self.options)?;
                let bytes = match &body.place {
                    Place::Journal(bytes) => Cow::Owned(bytes.to_vec()),
                    Place::Pack(_) => {
                        return Err(Error::Misuse { what: "a state that was just encoded is in memory" });
                    }
                };
                Ok((sequence, body.form, bytes))
            },
            |(sequence, form, bytes): (Sequence, Form, Cow<'_, [u8]>)| payloads.add(sequence, form, &bytes),
        )?;
        exported.rebased = rebased;
        let bodies = payloads.finish()?;
        exported.bytes = container::finish(writer, selected, &bodies)?;
        Ok(exported)
    }
}
