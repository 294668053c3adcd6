use std::sync::Arc;

use keepstone_format::Kind;

use super::{ObjectFault, Piece, manifests::Read};
use crate::{
    Error,
    catalog::{Broken, Catalog},
    form::{Body, Place},
    id::Sequence,
    op::{Decoder, NewCheckpoint, Op},
    store::open::Ground,
};

/// Fewest bytes that a checkpoint takes in a journal: its content id alone has 16.
const CHECKPOINT_LEN_MIN: u64 = 20;
/// Where nothing says how many checkpoints are lost, no more than these are: a manifest is written long before.
const UNKNOWN_MAX: u64 = 1 << 32;
/// The sequence that the first checkpoint behind lost commits is taken to have. What it has is not known.
const STRAYS_FROM: u64 = 1 << 61;
/// Between two such places.
const STRAYS_APART: u64 = 1 << 40;

/// What has happened to a store, as far as one manifest and the commits behind it say.
#[derive(Debug, Default)]
pub(in crate::store) struct Timeline {
    pub(in crate::store) catalog: Catalog,
    /// Commits that are lost.
    pub(in crate::store) lost: Vec<LostCommits>,
    /// Checkpoints behind lost commits: what they are coded against is lost.
    pub(in crate::store) strays: Vec<Stray>,
    /// What else is wrong.
    pub(in crate::store) faults: Vec<ObjectFault>,
    /// Where the journal ends in what nobody was told is durable.
    pub(in crate::store) torn: Option<ObjectFault>,
    /// No checkpoint there was has this sequence or a higher one.
    pub(in crate::store) beyond: Sequence,
    pub(in crate::store) bytes_read: u64,
}

/// Commits of a journal that are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostCommits {
    /// The first one.
    pub first: u64,
    /// The one behind the last; none: nobody knows whether there were more.
    pub behind: Option<u64>,
    /// Why.
    pub fault: ObjectFault,
}

/// A checkpoint behind lost commits.
#[derive(Debug, Clone)]
pub(in crate::store) struct Stray {
    /// The commit that it is in.
    pub(in crate::store) commit: u64,
    /// A sequence that fits those that it names.
    pub(in crate::store) sequence: Sequence,
    pub(in crate::store) new: Box<NewCheckpoint>,
}

/// A timeline in the making.
struct Replay {
    timeline: Timeline,
    decoder: Decoder,
    from: u64,
    below: Option<u64>,
    /// The sequence of the next stray, behind lost commits.
    next_stray: Option<u64>,
    /// How often commits were lost.
    runs: u64,
    /// How many checkpoints may be in what is lost, and are behind it.
    more: u64,
}

impl Timeline {
    /// Begins with a manifest, or with nothing, and lets the commits happen that are behind it and below a number.
    ///
    /// # Errors
    /// [`Error::Storage`] and [`Error::Backend`]; [`Error::Format`] for what a newer version wrote.
    pub(in crate::store) fn read(
        ground: &Ground,
        base: Option<&Read>,
        below: Option<u64>,
    ) -> Result<Self, Error> {
        let (catalog, from, last_time) = match base {
            Some(base) => (base.catalog.clone(), base.manifest.journal_from, base.last_time),
            None => (Catalog::default(), 1, None),
        };
        let decoder = Decoder::at(catalog.next_sequence(), last_time);
        let timeline = Self { catalog, ..Self::default() };
        let mut replay = Replay { timeline, decoder, from, below, next_stray: None, runs: 0, more: 0 };
        let store_id = base.map(|base| base.manifest.store_id);
        ground.each_commit(store_id, from, &mut |piece| replay.take(piece))?;
        let Replay { mut timeline, more, .. } = replay;
        let next = timeline.catalog.next_sequence().0.saturating_add(more);
        timeline.beyond = Sequence(next.min(Sequence::MAX.0));
        Ok(timeline)
    }
}

impl Replay {
    fn take(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        match piece {
            Piece::Read(bytes) => self.timeline.bytes_read = self.timeline.bytes_read.saturating_add(bytes),
            Piece::Torn(fault) => self.timeline.torn = Some(fault),
            Piece::Fault(fault) => self.timeline.faults.push(fault),
            // What the manifest holds is not missed.
            Piece::Lost { below: Some(below), fault, .. } if below <= self.from => {
                self.timeline.faults.push(fault);
            }
            Piece::Lost { from, below, bytes, fault } if self.below.is_none_or(|end| from < end) => {
                self.lose(from.max(self.from), below, bytes, fault);
            }
            Piece::Commit(number, commit)
                if number >= self.from && self.below.is_none_or(|end| number < end) =>
            {
                match self.next_stray {
                    None => self.commit(number, commit)?,
                    Some(next) => self.strays(number, commit, next)?,
                }
            }
            Piece::Lost { .. } | Piece::Commit(..) => {}
        }
        Ok(())
    }

    fn lose(&mut self, first: u64, behind: Option<u64>, bytes: Option<u64>, fault: ObjectFault) {
        let count = bytes.map_or(UNKNOWN_MAX, |bytes| bytes / CHECKPOINT_LEN_MIN);
        self.more = self.more.saturating_add(count);
        self.timeline.lost.push(LostCommits { first, behind, fault });
        self.begin_strays();
    }

    fn begin_strays(&mut self) {
        let first = STRAYS_FROM + STRAYS_APART.saturating_mul(self.runs.min(1 << 19));
        self.runs += 1;
        self.next_stray = Some(first);
        self.decoder = Decoder::at(Sequence(first), Some(0));
    }

    /// Lets a commit happen.
    fn commit(&mut self, number: u64, commit: &[u8]) -> Result<(), Error> {
        let mut wrong = None;
        for op in self.decoder.ops(commit) {
            let op = match op {
                Ok(op) => op,
                Err(source) if source.kind() == Kind::Damaged => {
                    wrong = Some(source.to_string());
                    break;
                }
                Err(source) => return Err(Error::format(&named(number), source)),
            };
            let is_checkpoint = matches!(op, Op::Checkpoint(_));
            let catalog = &mut self.timeline.catalog;
            if let Err(Broken(what)) = catalog.apply(op) {
                self.timeline.faults.push(ObjectFault::new(named(number), what));
                // It has its sequence all the same.
                let next = catalog.next_sequence().next();
                if is_checkpoint && catalog.apply(Op::Skip { next }).is_err() {
                    break;
                }
            }
        }
        if let Some(what) = wrong {
            let fault = ObjectFault::new(named(number), what);
            self.lose(number, Some(number + 1), Some(commit.len() as u64), fault);
        }
        Ok(())
    }

    /// Collects the checkpoints of a commit behind lost ones.
    fn strays(&mut self, number: u64, commit: &[u8], mut next: u64) -> Result<(), Error> {
        let mut is_wrong = false;
        for op in self.decoder.ops(commit) {
            let op = match op {
                Ok(op) => op,
                Err(source) if source.kind() == Kind::Damaged => {
                    is_wrong = true;
                    break;
                }
                Err(source) => return Err(Error::format(&named(number), source)),
            };
            if let Op::Checkpoint(new) = op {
                self.timeline.strays.push(Stray { commit: number, sequence: Sequence(next), new });
                next = next.saturating_add(1);
                self.more = self.more.saturating_add(1);
            } else {
                edit(&mut self.timeline.strays, op);
            }
        }
        if is_wrong {
            self.begin_strays();
        } else {
            self.next_stray = Some(next);
        }
        Ok(())
    }
}

/// What is said about a stray later on.
fn edit(strays: &mut [Stray], op: Op) {
    let of = match &op {
        Op::Tags { of, .. }
        | Op::Message { of, .. }
        | Op::Annotate { of, .. }
        | Op::Lock { of, .. }
        | Op::Rebase { of, .. } => *of,
        _ => return,
    };
    let Ok(place) = strays.binary_search_by_key(&of, |stray| stray.sequence) else { return };
    let Some(Stray { new, .. }) = strays.get_mut(place) else { return };
    match op {
        Op::Tags { add, remove, .. } => {
            let mut tags: Vec<Arc<str>> = std::mem::take(&mut new.tags);
            tags.retain(|tag| !remove.contains(tag));
            tags.extend(add);
            tags.sort_unstable();
            tags.dedup();
            tags.truncate(crate::limits::TAGS_MAX);
            new.tags = tags;
        }
        Op::Message { text, .. } => new.message = text,
        Op::Annotate { key, value: Some(value), .. } => drop(new.annotations.insert(key, value)),
        Op::Annotate { key, value: None, .. } => drop(new.annotations.remove(&key)),
        Op::Lock { locked, .. } => new.locked = locked,
        // What it was a difference to went with the same commit, and is a stray as well: it stands on no more than before.
        Op::Rebase { form, bytes, .. } => new.body = Body { form, place: Place::Journal(bytes) },
        _ => {}
    }
}

fn named(commit: u64) -> String {
    format!("commit {commit} of the journal")
}
