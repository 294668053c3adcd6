//! From operations to events.

use std::sync::Arc;

use super::Event;
use crate::{
    catalog::Catalog,
    checkpoint::Checkpoint,
    id::{CheckpointId, Sequence},
    op::{Cause, Op},
};

/// What is seen of an operation before it happens; the rest is looked up afterwards.
pub(crate) enum Seen {
    /// All of it.
    Event(Event),
    Created,
    Branch {
        session: u32,
        name: Arc<str>,
        head: Option<Sequence>,
    },
    Head {
        branch: u32,
        to: Option<Sequence>,
        cause: Cause,
    },
    Tagged(Sequence),
    Edited(Sequence),
}

impl Seen {
    /// What is to be told of operations that are about to happen to a catalog.
    pub(crate) fn all(catalog: &Catalog, ops: &[Op]) -> Vec<Self> {
        ops.iter().filter_map(|op| Self::of(catalog, op)).collect()
    }

    fn of(catalog: &Catalog, op: &Op) -> Option<Self> {
        let session_name = |number| catalog.session(number).map(|session| Arc::clone(&session.name));
        Some(match op {
            Op::Session { name, .. } => Self::Event(Event::SessionBegun { session: Arc::clone(name) }),
            Op::EndSession { session } => {
                Self::Event(Event::SessionEnded { session: session_name(*session)? })
            }
            Op::Rename { session, name } => {
                Self::Event(Event::SessionRenamed { from: session_name(*session)?, to: Arc::clone(name) })
            }
            Op::Branch { session, name, head } => {
                Self::Branch { session: *session, name: Arc::clone(name), head: *head }
            }
            Op::EndBranch { branch } => {
                let branch = catalog.branch(*branch)?;
                let session = session_name(branch.session)?;
                Self::Event(Event::BranchEnded { session, branch: Arc::clone(&branch.name) })
            }
            Op::Checkpoint(_) => Self::Created,
            Op::Head { branch, to, cause, .. } => Self::Head { branch: *branch, to: *to, cause: *cause },
            Op::Tags { of, .. } => Self::Tagged(*of),
            Op::Annotate { of, .. } | Op::Message { of, .. } | Op::Lock { of, .. } => Self::Edited(*of),
            _ => return None,
        })
    }

    /// The events, once it has happened. What was made stands last in the catalog.
    pub(crate) fn told(all: Vec<Self>, catalog: &Catalog) -> Vec<Event> {
        let count = all.iter().filter(|seen| matches!(seen, Self::Created)).count();
        let known = catalog.all();
        let mut made = known.get(known.len().saturating_sub(count)..).unwrap_or_default().iter();
        all.into_iter().filter_map(|seen| seen.event(catalog, &mut made)).collect()
    }

    fn event<'c>(
        self,
        catalog: &Catalog,
        made: &mut impl Iterator<Item = &'c Arc<Checkpoint>>,
    ) -> Option<Event> {
        let id = |of: Option<Sequence>| -> Option<CheckpointId> { Some(catalog.get(of?)?.id) };
        Some(match self {
            Self::Event(event) => event,
            Self::Created => Event::Created { checkpoint: Arc::clone(made.next()?) },
            Self::Branch { session, name, head } => {
                let session = Arc::clone(&catalog.session(session)?.name);
                Event::BranchBegun { session, branch: name, head: id(head) }
            }
            Self::Head { branch, to, cause } => {
                let branch = catalog.branch(branch)?;
                let session = Arc::clone(&catalog.session(branch.session)?.name);
                let (branch, to) = (Arc::clone(&branch.name), id(to));
                match cause {
                    Cause::Undo(_) => Event::Undone { session, branch, to },
                    // An import moves a head to the last of what it has brought, which is told.
                    Cause::Checkpoint => return None,
                    _ => Event::Restored { session, branch, to },
                }
            }
            Self::Tagged(of) => Event::Tagged { checkpoint: Arc::clone(catalog.get(of)?) },
            Self::Edited(of) => Event::Edited { checkpoint: Arc::clone(catalog.get(of)?) },
        })
    }
}
