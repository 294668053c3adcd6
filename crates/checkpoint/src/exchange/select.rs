use std::{collections::BTreeMap, sync::Arc};

use super::Selection;
use crate::{
    Error,
    catalog::Catalog,
    checkpoint::{Checkpoint, Fields},
    form::Body,
    id::Sequence,
    op::{NewCheckpoint, Op},
};

/// What leaves a store, with its numbers there.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    /// By number; the place is the number in the export.
    sessions: Vec<(u32, SelectedSession)>,
    branches: Vec<(u32, SelectedBranch)>,
    /// By sequence.
    pub(crate) checkpoints: Vec<Arc<Checkpoint>>,
}

/// A session that leaves a store.
#[derive(Debug)]
pub(crate) struct SelectedSession {
    pub(crate) name: Arc<str>,
    pub(crate) time: Option<i64>,
    pub(crate) metadata: Fields,
}

/// A branch that leaves a store.
#[derive(Debug)]
pub(crate) struct SelectedBranch {
    session: u32,
    name: Arc<str>,
    head: Option<Sequence>,
    /// Whether it is more than a name that checkpoints have.
    is_live: bool,
}

impl Selected {
    pub(crate) fn of(catalog: &Catalog, selection: &Selection) -> Result<Self, Error> {
        match selection {
            Selection::All => {
                let checkpoints = catalog.all().to_vec();
                Ok(Self::new(catalog, checkpoints, |_| true, |_, _| true))
            }
            Selection::Session(name) => {
                let number = numbered(catalog, name)?;
                let checkpoints = catalog.session(number).map(|session| session.checkpoints.clone());
                let is_own = |session| session == number;
                Ok(Self::new(catalog, checkpoints.unwrap_or_default(), is_own, |session, _| is_own(session)))
            }
            Selection::Branch { session: name, branch } => {
                let number = numbered(catalog, name)?;
                let known = catalog.session(number).and_then(|session| session.branches.get(branch.as_str()));
                let wanted =
                    *known.ok_or_else(|| Error::NoBranch { session: name.clone(), name: branch.clone() })?;
                let head = catalog.branch(wanted).and_then(|branch| branch.head);
                let mut checkpoints: Vec<_> = lineage(catalog, head).map(Arc::clone).collect();
                checkpoints.reverse();
                Ok(Self::new(catalog, checkpoints, |session| session == number, |_, branch| branch == wanted))
            }
        }
    }

    fn new(
        catalog: &Catalog,
        checkpoints: Vec<Arc<Checkpoint>>,
        has_session: impl Fn(u32) -> bool,
        has_branch: impl Fn(u32, u32) -> bool,
    ) -> Self {
        let sessions =
            catalog.sessions().filter(|(number, _)| has_session(*number)).map(|(number, session)| {
                let (name, metadata) = (Arc::clone(&session.name), session.metadata.clone());
                (number, SelectedSession { name, time: session.time, metadata })
            });
        let sessions = sessions.collect();
        let mut branches: BTreeMap<u32, SelectedBranch> = BTreeMap::new();
        for (number, branch) in
            catalog.branches().filter(|(number, branch)| has_branch(branch.session, *number))
        {
            let (session, name) = (branch.session, Arc::clone(&branch.name));
            branches.insert(number, SelectedBranch { session, name, head: branch.head, is_live: true });
        }
        for checkpoint in &checkpoints {
            branches.entry(checkpoint.branch_number).or_insert_with(|| SelectedBranch {
                session: checkpoint.session_number,
                name: Arc::clone(&checkpoint.branch),
                head: None,
                is_live: false,
            });
        }
        Self { sessions, branches: branches.into_iter().collect(), checkpoints }
    }

    /// The sessions, each with its live branches and their heads.
    #[cfg(feature = "json")]
    pub(crate) fn sessions(
        &self,
    ) -> impl Iterator<Item = (&SelectedSession, impl Iterator<Item = (&Arc<str>, Option<Sequence>)>)> {
        self.sessions.iter().map(|(number, session)| {
            let own = self.branches.iter().filter(|(_, branch)| branch.is_live && branch.session == *number);
            (session, own.map(|(_, branch)| (&branch.name, branch.head)))
        })
    }

    pub(crate) fn session_count(&self) -> u64 {
        self.sessions.len() as u64
    }

    pub(crate) fn live_branch_count(&self) -> u64 {
        self.branches.iter().filter(|(_, branch)| branch.is_live).count() as u64
    }

    /// A checkpoint that is part of it.
    pub(crate) fn get(&self, sequence: Sequence) -> Option<&Arc<Checkpoint>> {
        let place = self.checkpoints.binary_search_by_key(&sequence, |checkpoint| checkpoint.sequence);
        self.checkpoints.get(place.ok()?)
    }

    /// The operations that make it out of nothing, with bodies for all of its checkpoints.
    pub(crate) fn ops<'s>(&'s self, bodies: &'s [Body]) -> impl Iterator<Item = Op> + 's {
        let sessions = self.sessions.iter().map(|(_, session)| Op::Session {
            name: Arc::clone(&session.name),
            time: session.time,
            metadata: session.metadata.clone(),
        });
        let branches = self.branches.iter().map(|(_, branch)| {
            let (session, name) = (place_of(&self.sessions, branch.session), Arc::clone(&branch.name));
            if branch.is_live {
                Op::Branch { session, name, head: None }
            } else {
                Op::EndedBranch { session, name }
            }
        });
        let mut next = Sequence::default();
        let checkpoints = self.checkpoints.iter().zip(bodies).flat_map(move |(checkpoint, body)| {
            let skip = (checkpoint.sequence != next).then_some(Op::Skip { next: checkpoint.sequence });
            next = checkpoint.sequence.next();
            [skip, Some(Op::Checkpoint(Box::new(self.made(checkpoint, body))))].into_iter().flatten()
        });
        let heads = self.branches.iter().filter_map(|(number, branch)| {
            let head = branch.head.filter(|head| self.get(*head).is_some())?;
            Some(Op::HeadIs { branch: place_of(&self.branches, *number), to: Some(head) })
        });
        sessions.chain(branches).chain(checkpoints).chain(heads)
    }

    /// What makes a checkpoint. One whose parent is not part of it begins anew.
    fn made(&self, checkpoint: &Checkpoint, body: &Body) -> NewCheckpoint {
        let branch = place_of(&self.branches, checkpoint.branch_number);
        let parent = checkpoint.parent.filter(|parent| self.get(*parent).is_some());
        NewCheckpoint::again(checkpoint, Some(checkpoint.id), branch, parent, body)
    }
}

/// A checkpoint and those that it goes back to, as far as they are there.
pub(crate) fn lineage(catalog: &Catalog, head: Option<Sequence>) -> impl Iterator<Item = &Arc<Checkpoint>> {
    let get = |sequence: Option<Sequence>| catalog.get(sequence?);
    std::iter::successors(get(head), move |checkpoint| get(checkpoint.parent))
}

fn numbered(catalog: &Catalog, name: &str) -> Result<u32, Error> {
    catalog.session_named(name).ok_or_else(|| Error::NoSession { name: name.to_owned() })
}

/// The number in the export of what has a number in the store.
fn place_of<T>(list: &[(u32, T)], number: u32) -> u32 {
    let place = list.partition_point(|(other, _)| *other < number);
    u32::try_from(place).unwrap_or(u32::MAX)
}
