use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use super::{Repair, place};
use crate::{
    Error,
    catalog::{Broken, Catalog},
    checkpoint::{Checkpoint, Fields},
    form::{Body, Form},
    id::{CheckpointId, Prefix, Sequence},
    op::{NewCheckpoint, Op, Parent},
    store::{
        MAIN,
        rewrite::Packs,
        salvage::{Stray, is_damage},
        walk::Walk,
    },
};

/// A checkpoint behind lost commits, in its new place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// The id that it got: the one that it had is not known.
    pub id: CheckpointId,
    /// Likewise its sequence.
    pub sequence: Sequence,
    /// The session that it is in now.
    pub session: Arc<str>,
    /// The commit of the journal that it was in.
    pub commit: u64,
}

/// What is left of those behind lost commits.
pub(super) struct Verified {
    pub(super) good: Vec<Good>,
    pub(super) lost: u64,
}

/// One that can be put together.
pub(super) struct Good {
    sequence: Sequence,
    commit: u64,
    new: NewCheckpoint,
}

/// Puts the states together of those that stand on none, or on each other.
pub(super) fn verify(
    repair: &Repair<'_>,
    strays: Vec<Stray>,
    packs: &mut Packs<'_>,
) -> Result<Verified, Error> {
    let all: Vec<Arc<Checkpoint>> = strays.iter().map(|stray| Arc::new(as_checkpoint(stray))).collect();
    let first = repair.timeline.beyond;
    // Sequences in the new store, in the order of the old one.
    let numbers: HashMap<Sequence, Sequence> =
        strays.iter().map(|stray| stray.sequence).zip((first.0..).map(Sequence)).collect();
    let walk =
        Walk { backend: repair.ground.backend(), all: &all, state_bytes_max: repair.options.state_bytes_max };
    let mut bodies: HashMap<Sequence, Body> = HashMap::new();
    walk.run(&|_| true, &mut |checkpoint, made| {
        match made {
            Ok(made) => {
                if let Some(number) = numbers.get(&checkpoint.sequence) {
                    let place = place(packs, *number, made.stored)?;
                    bodies.insert(checkpoint.sequence, Body { form: checkpoint.body.form, place });
                }
            }
            Err(unmade) if is_damage(&unmade.error) => {}
            Err(unmade) => return Err(unmade.error),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut verified = Verified { good: Vec::new(), lost: 0 };
    for Stray { commit, sequence, new } in strays {
        let (Some(mut body), Some(number)) = (bodies.remove(&sequence), numbers.get(&sequence)) else {
            verified.lost += 1;
            continue;
        };
        let number_of = |base: Sequence| numbers.get(&base).copied().unwrap_or(base);
        body.form = match body.form {
            Form::Delta(base) => Form::Delta(number_of(base)),
            Form::Same(base) => Form::Same(number_of(base)),
            form @ Form::Full(_) => form,
        };
        let parent = Parent::Known(body.form.base());
        let new = NewCheckpoint { id: None, branch: 0, parent, time: None, body, ..*new };
        verified.good.push(Good { sequence: *number, commit, new });
    }
    Ok(verified)
}

/// As much of a checkpoint as putting its state together takes.
fn as_checkpoint(stray: &Stray) -> Checkpoint {
    let new = &stray.new;
    Checkpoint {
        id: CheckpointId::new(Prefix([0; 8]), stray.sequence),
        sequence: stray.sequence,
        session: Arc::default(),
        branch: Arc::default(),
        parent: None,
        time: None,
        trigger: new.trigger.clone(),
        message: Arc::default(),
        tags: Vec::new(),
        annotations: Fields::new(),
        locked: false,
        facts: new.facts,
        layout: new.layout,
        len: new.len,
        content: new.content,
        body: new.body.clone(),
        session_number: 0,
        branch_number: 0,
    }
}

impl Verified {
    /// Brings them into a session of their own.
    pub(super) fn join(self, catalog: &mut Catalog) -> Result<Vec<Recovered>, Error> {
        if self.good.is_empty() {
            return Ok(Vec::new());
        }
        let broken = |Broken(what)| Error::Misuse { what };
        let numbered = (2..).map(|number: u64| format!("recovered-{number}"));
        let mut names = std::iter::once("recovered".to_owned()).chain(numbered);
        let name = names.find(|name| catalog.session_named(name).is_none()).unwrap_or_default();
        let name: Arc<str> = name.into();
        let too_many = Error::Misuse { what: "there are too many sessions or branches to add one" };
        let (Some(session), Some(branch)) = (catalog.next_session(), catalog.next_branch()) else {
            return Err(too_many);
        };
        let begin = Op::Session { name: Arc::clone(&name), time: None, metadata: Fields::new() };
        catalog.apply(begin).map_err(broken)?;
        catalog.apply(Op::Branch { session, name: MAIN.into(), head: None }).map_err(broken)?;
        let prefix = keepstone_storage::random_id().first_chunk().copied().unwrap_or_default();
        catalog.apply(Op::Writer(Prefix(prefix))).map_err(broken)?;
        let mut recovered = Vec::with_capacity(self.good.len());
        for Good { sequence, commit, mut new } in self.good {
            new.branch = branch;
            catalog.apply(Op::Skip { next: sequence }).map_err(broken)?;
            let made = catalog.checkpoint(new).map_err(broken)?;
            recovered.push(Recovered { id: made.id, sequence, session: Arc::clone(&name), commit });
        }
        let to = recovered.last().map(|last| last.sequence);
        catalog.apply(Op::HeadIs { branch, to }).map_err(broken)?;
        Ok(recovered)
    }
}
