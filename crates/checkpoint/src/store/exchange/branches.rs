use std::sync::Arc;

use super::importer::Importer;
use crate::{
    Error,
    checkpoint::{Checkpoint, Fields},
    exchange::{Renamed, select::lineage},
    id::{CheckpointId, Sequence},
    limits::{NAME_LEN_MAX, check_annotation, check_name},
    op::{Cause, Op},
    store::{MAIN, session::no_session},
};

impl Importer<'_> {
    /// The number of a session, which begins if there is none of its name.
    pub(super) fn session(
        &mut self,
        name: &Arc<str>,
        time: Option<i64>,
        metadata: &Fields,
    ) -> Result<u32, Error> {
        if let Some(number) = self.store.shared.live()?.catalog.session_named(name) {
            return Ok(number);
        }
        check_name("name of a session", name)?;
        metadata.iter().try_for_each(|(key, value)| check_annotation(key, value))?;
        let begun = Op::Session { name: Arc::clone(name), time, metadata: metadata.clone() };
        self.commit(vec![begun])?;
        self.report.sessions.push(Arc::clone(name));
        self.store.shared.live()?.catalog.session_named(name).ok_or_else(|| no_session(name))
    }

    /// The number of the branch that goes by a name in what is imported: that of the name if it is empty, or goes on as the imported one does; else the next free name gets one.
    pub(super) fn branch(
        &mut self,
        session: u32,
        name: &Arc<str>,
        goes_on: &dyn Fn(&Self, &Checkpoint) -> bool,
    ) -> Result<u32, Error> {
        if let Some(found) = self.branches.get(&(session, Arc::clone(name))) {
            return Ok(*found);
        }
        check_name("name of a branch", name)?;
        let mut count = 1_u64;
        let number = loop {
            let wanted = numbered(name, count);
            count += 1;
            let (known, head) = {
                let live = self.store.shared.live()?;
                let state = live.catalog.session(session).ok_or_else(|| no_session(""))?;
                let known = state.branches.get(&*wanted).copied();
                let head =
                    known.and_then(|number| live.catalog.branch(number)).and_then(|branch| branch.head);
                (known, head.and_then(|head| live.catalog.get(head)).map(Arc::clone))
            };
            let is_right = head.as_ref().is_none_or(|head| goes_on(self, head));
            match known {
                Some(number) if is_right => {
                    self.heads.insert(number, head.map(|head| head.sequence));
                    break number;
                }
                Some(_) => {}
                None => break self.begin_branch(session, &wanted)?,
            }
        };
        self.branches.insert((session, Arc::clone(name)), number);
        let (of, to) = {
            let live = self.store.shared.live()?;
            let of = live.catalog.session(session).map(|session| Arc::clone(&session.name));
            (of.unwrap_or_default(), live.catalog.branch_name(number).map(Arc::clone).unwrap_or_default())
        };
        if to != *name {
            self.report.renamed.push(Renamed { session: of, branch: Arc::clone(name), to });
        }
        Ok(number)
    }

    /// A branch that has ended already: a name that checkpoints have.
    pub(super) fn ended_branch(&mut self, session: u32, name: &Arc<str>) -> Result<u32, Error> {
        check_name("name of a branch", name)?;
        let mut number = None;
        self.commit_of(|catalog| {
            number = catalog.next_branch();
            Ok(vec![Op::EndedBranch { session, name: Arc::clone(name) }])
        })?;
        number.ok_or(TOO_MANY)
    }

    fn begin_branch(&mut self, session: u32, name: &Arc<str>) -> Result<u32, Error> {
        let mut number = None;
        self.commit_of(|catalog| {
            number = catalog.next_branch();
            Ok(vec![Op::Branch { session, name: Arc::clone(name), head: None }])
        })?;
        number.ok_or(TOO_MANY)
    }

    /// Sees that sessions that were begun have a branch.
    pub(super) fn complete(&mut self) -> Result<(), Error> {
        for name in self.report.sessions.clone() {
            let session = {
                let live = self.store.shared.live()?;
                let number = live.catalog.session_named(&name);
                number.filter(|number| {
                    live.catalog.session(*number).is_some_and(|session| session.branches.is_empty())
                })
            };
            if let Some(session) = session {
                self.begin_branch(session, &MAIN.into())?;
            }
        }
        Ok(())
    }

    /// Moves the head of a branch on to a checkpoint; one that is further already stays.
    pub(super) fn move_head(&mut self, branch: u32, to: Sequence) -> Result<(), Error> {
        self.flush()?;
        let (to, before) = (self.known(to), self.heads.get(&branch).copied().flatten());
        let shared = &*self.store.shared;
        let time = shared.options.now();
        // Whoever makes a checkpoint on the branch meanwhile is done first, or begins with the new head.
        let turn = shared.turn(branch)?;
        let _head = turn.lock();
        shared.change(|catalog| {
            let state = catalog
                .branch(branch)
                .ok_or(Error::Misuse { what: "a branch has ended while it was imported; import again" })?;
            if lineage(catalog, state.head).any(|before| before.sequence == to) {
                return Ok(Vec::new());
            }
            if state.head != before {
                let session = catalog.session(state.session).map(|session| session.name.to_string());
                return Err(Error::Moved {
                    session: session.unwrap_or_default(),
                    branch: state.name.to_string(),
                });
            }
            Ok(vec![Op::Head { branch, to: Some(to), cause: Cause::Checkpoint, time }])
        })
    }

    /// Whether a checkpoint is another one, or is one of those that it goes back to.
    pub(super) fn leads_to(&self, before: CheckpointId, from: Option<CheckpointId>) -> bool {
        let mut next = from.and_then(|id| self.look_up(id));
        while let Some(sequence) = next {
            let Some((id, parent)) = self.id_and_parent(sequence) else { return false };
            if id == before {
                return true;
            }
            next = parent;
        }
        false
    }
}

const TOO_MANY: Error = Error::Misuse { what: "there are too many branches" };

/// A name and a number; the first has none. What is too long for that is cut.
fn numbered(name: &Arc<str>, count: u64) -> Arc<str> {
    if count == 1 {
        return Arc::clone(name);
    }
    let number = format!("-{count}");
    let end = name.floor_char_boundary(NAME_LEN_MAX.saturating_sub(number.len()));
    let name = name.get(..end).unwrap_or_default();
    format!("{name}{number}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_names_are_numbered_from_two_and_no_longer_than_names_may_be() {
        assert_eq!(&*numbered(&"main".into(), 1), "main");
        assert_eq!(&*numbered(&"main".into(), 2), "main-2");
        let long: Arc<str> = "\u{e9}".repeat(127).into();
        let cut = numbered(&long, 10);
        assert_eq!(&*cut, format!("{}-10", "\u{e9}".repeat(126)));
        assert!(cut.len() <= NAME_LEN_MAX);
    }
}
