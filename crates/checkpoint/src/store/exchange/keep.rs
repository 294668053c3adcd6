use std::{collections::HashMap, sync::Arc};

use keepstone_format::ReadAt;

use super::importer::Importer;
use crate::{
    Error,
    catalog::Catalog,
    checkpoint::Checkpoint,
    exchange::{Imported, container::Export, select::lineage},
    id::{CheckpointId, Sequence},
    store::CheckpointStore,
};

/// Takes in an export.
pub(super) fn import<R: ReadAt>(store: &CheckpointStore, export: &Export<R>) -> Result<Imported, Error> {
    let catalog = &export.catalog;
    let mut importer = Importer::new(store);
    let mut sessions = HashMap::new();
    for (number, session) in catalog.sessions() {
        sessions.insert(number, importer.session(&session.name, session.time, &session.metadata)?);
    }
    let mut branches = Branches { catalog, sessions, found: HashMap::new() };
    let mut places: HashMap<Sequence, Sequence> = HashMap::new();
    let mut payloads = export.payloads()?;
    for checkpoint in catalog.all() {
        let sequence = if importer.has(checkpoint.id, Some(checkpoint.content))? {
            payloads.skip(checkpoint)?;
            importer.place(checkpoint.id)?
        } else {
            let bytes = payloads.next(checkpoint)?;
            let branch = branches.of(checkpoint, &mut importer)?;
            let place =
                |sequence: Option<Sequence>| sequence.and_then(|sequence| places.get(&sequence)).copied();
            let (parent, base) = (place(checkpoint.parent), place(checkpoint.base()));
            let base = base.zip(checkpoint.base().and_then(|base| catalog.get(base)).map(|base| base.id));
            importer.take(checkpoint, branch, parent, base, bytes)?
        };
        places.insert(checkpoint.sequence, sequence);
    }
    payloads.finish()?;
    for (number, branch) in catalog.branches() {
        let here = branches.live(number, &mut importer)?;
        if let Some(head) = branch.head.and_then(|head| places.get(&head)) {
            importer.move_head(here, *head)?;
        }
    }
    importer.finish()
}

/// What the branches of an export are here.
struct Branches<'e> {
    catalog: &'e Catalog,
    /// By their numbers in the export.
    sessions: HashMap<u32, u32>,
    found: HashMap<u32, u32>,
}

impl Branches<'_> {
    /// The branch of a checkpoint.
    fn of(&mut self, checkpoint: &Checkpoint, importer: &mut Importer<'_>) -> Result<u32, Error> {
        if self.catalog.branch(checkpoint.branch_number).is_some() {
            return self.live(checkpoint.branch_number, importer);
        }
        if let Some(found) = self.found.get(&checkpoint.branch_number) {
            return Ok(*found);
        }
        let session = self.session(checkpoint.session_number)?;
        let found = importer.ended_branch(session, &checkpoint.branch)?;
        self.found.insert(checkpoint.branch_number, found);
        Ok(found)
    }

    /// A branch that has not ended.
    fn live(&mut self, number: u32, importer: &mut Importer<'_>) -> Result<u32, Error> {
        if let Some(found) = self.found.get(&number) {
            return Ok(*found);
        }
        let branch = self.catalog.branch(number).ok_or(NO_BRANCH)?;
        let session = self.session(branch.session)?;
        let tip = branch.head.and_then(|head| self.catalog.get(head)).map(|head| head.id);
        let is_own = |id: CheckpointId| lineage(self.catalog, branch.head).any(|before| before.id == id);
        let goes_on = |importer: &Importer<'_>, head: &Checkpoint| {
            tip.is_none_or(|tip| is_own(head.id) || importer.leads_to(tip, Some(head.id)))
        };
        let found = importer.branch(session, &Arc::clone(&branch.name), &goes_on)?;
        self.found.insert(number, found);
        Ok(found)
    }

    fn session(&self, number: u32) -> Result<u32, Error> {
        self.sessions.get(&number).copied().ok_or(NO_BRANCH)
    }
}

const NO_BRANCH: Error = Error::Misuse { what: "a branch of the export is not there" };
