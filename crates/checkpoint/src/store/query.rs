use std::{ops::RangeInclusive, sync::Arc};

use super::{CheckpointStore, session::no_session};
use crate::{Error, catalog::Catalog, checkpoint::Checkpoint, id::Sequence};

/// Which checkpoints are wanted. All that is said has to hold; nothing said is all.
///
/// ```
/// use keepstone_checkpoint::{Bytes, CheckpointStore, Query};
///
/// let store = CheckpointStore::in_memory();
/// let session = store.session("main")?;
/// for number in 0..10_u8 {
///     let draft = session.checkpoint(&number);
///     if number % 5 == 0 { draft.tag("safe").commit()? } else { draft.commit()? };
/// }
/// let safe = store.list(&Query::new().tag("safe"))?;
/// assert_eq!(safe.iter().map(|found| found.sequence.0).collect::<Vec<_>>(), [1, 6]);
///
/// let mut page = Query::new().session("main").newest_first().limit(4);
/// let first = store.list(&page)?;
/// page = page.after(first[3].sequence);
/// assert_eq!(store.list(&page)?[0].sequence.0, 6);
/// # Ok::<(), keepstone_checkpoint::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Query {
    session: Option<String>,
    branch: Option<String>,
    tags: Vec<String>,
    annotations: Vec<(String, Option<String>)>,
    times: Option<RangeInclusive<i64>>,
    sequences: Option<RangeInclusive<u64>>,
    locked: Option<bool>,
    newest_first: bool,
    after: Option<Sequence>,
    limit: Option<usize>,
}

impl Query {
    /// All checkpoints, the oldest first.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those of a session.
    pub fn session(mut self, name: impl Into<String>) -> Self {
        self.session = Some(name.into());
        self
    }

    /// Those that were made on a branch of this name.
    pub fn branch(mut self, name: impl Into<String>) -> Self {
        self.branch = Some(name.into());
        self
    }

    /// Those with a tag; said several times, those with all of them.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Those with an annotation, whatever it says or with this value; said several times, those with all of them.
    pub fn annotation(mut self, key: impl Into<String>, value: Option<&str>) -> Self {
        self.annotations.push((key.into(), value.map(str::to_owned)));
        self
    }

    /// Those made between two times, both included, in nanoseconds UTC since 1970. Without a time of its own a checkpoint is in no range.
    pub fn times(mut self, times: RangeInclusive<i64>) -> Self {
        self.times = Some(times);
        self
    }

    /// Those between two places in the order, both included.
    pub fn sequences(mut self, sequences: RangeInclusive<u64>) -> Self {
        self.sequences = Some(sequences);
        self
    }

    /// Those that are locked, or those that aren't.
    pub fn locked(mut self, locked: bool) -> Self {
        self.locked = Some(locked);
        self
    }

    /// The newest first.
    pub fn newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }

    /// Only those that come behind this one, in the order that is asked for: the next page. It need not be there any more.
    pub fn after(mut self, sequence: Sequence) -> Self {
        self.after = Some(sequence);
        self
    }

    /// At most so many.
    pub fn limit(mut self, count: usize) -> Self {
        self.limit = Some(count);
        self
    }

    /// Whether a checkpoint is one of those.
    fn holds(&self, checkpoint: &Checkpoint) -> bool {
        let has_annotation = |(key, value): &(String, Option<String>)| {
            checkpoint
                .annotations
                .get(key)
                .is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        };
        self.branch.as_deref().is_none_or(|branch| *checkpoint.branch == *branch)
            && self.tags.iter().all(|tag| checkpoint.tags.iter().any(|found| **found == **tag))
            && self.annotations.iter().all(has_annotation)
            && self.locked.is_none_or(|locked| checkpoint.locked == locked)
            && self
                .times
                .as_ref()
                .is_none_or(|times| checkpoint.time.is_some_and(|time| times.contains(&time)))
    }

    /// Whether every checkpoint of the list that it is asked of is one of those.
    fn is_everything(&self) -> bool {
        self.branch.is_none()
            && self.tags.is_empty()
            && self.annotations.is_empty()
            && self.locked.is_none()
            && self.times.is_none()
    }

    /// Those of a list in the order of their sequences.
    pub(crate) fn of(&self, catalog: &Catalog) -> Result<Vec<Arc<Checkpoint>>, Error> {
        let all = match &self.session {
            None => catalog.all(),
            Some(name) => {
                let session = catalog.session_named(name).and_then(|number| catalog.session(number));
                &session.ok_or_else(|| no_session(name))?.checkpoints
            }
        };
        let all = self.between(all);
        let limit = self.limit.unwrap_or(usize::MAX);
        if self.is_everything() {
            let count = limit.min(all.len());
            return Ok(if self.newest_first {
                all.iter().rev().take(count).map(Arc::clone).collect()
            } else {
                all.get(..count).unwrap_or_default().to_vec()
            });
        }
        let wanted = |checkpoint: &&Arc<Checkpoint>| self.holds(checkpoint);
        Ok(if self.newest_first {
            all.iter().rev().filter(wanted).take(limit).map(Arc::clone).collect()
        } else {
            all.iter().filter(wanted).take(limit).map(Arc::clone).collect()
        })
    }

    /// The part of a list whose sequences are wanted.
    fn between<'c>(&self, all: &'c [Arc<Checkpoint>]) -> &'c [Arc<Checkpoint>] {
        let (mut first, mut last) = self.sequences.clone().map_or((0, u64::MAX), RangeInclusive::into_inner);
        match self.after {
            Some(Sequence(after)) if self.newest_first => last = last.min(after.saturating_sub(1)),
            Some(Sequence(after)) => first = first.max(after.saturating_add(1)),
            None => {}
        }
        if first > last {
            return &[];
        }
        let start = all.partition_point(|checkpoint| checkpoint.sequence.0 < first);
        let end = all.partition_point(|checkpoint| checkpoint.sequence.0 <= last);
        all.get(start..end).unwrap_or_default()
    }
}

impl CheckpointStore {
    /// Lists checkpoints. No state is read, whatever is asked for.
    ///
    /// # Errors
    /// [`Error::NoSession`]; as a commit, if an earlier one has failed.
    pub fn list(&self, query: &Query) -> Result<Vec<Arc<Checkpoint>>, Error> {
        query.of(&self.shared.live()?.catalog)
    }

    /// The newest of those that a query asks for.
    ///
    /// # Errors
    /// As [`CheckpointStore::list`].
    pub fn latest(&self, query: &Query) -> Result<Option<Arc<Checkpoint>>, Error> {
        Ok(self.list(&query.clone().newest_first().limit(1))?.pop())
    }

    /// Of a session the checkpoint that was the latest at a time, in nanoseconds UTC since 1970: that with the highest time up to then, and of several that made last.
    ///
    /// # Errors
    /// As [`CheckpointStore::list`].
    pub fn at(&self, session: &str, time: i64) -> Result<Option<Arc<Checkpoint>>, Error> {
        let found = self.list(&Query::new().session(session).times(i64::MIN..=time))?;
        Ok(found.into_iter().max_by_key(|checkpoint| (checkpoint.time, checkpoint.sequence)))
    }

    /// How many checkpoints there are.
    ///
    /// # Errors
    /// As a commit, if an earlier one has failed.
    pub fn len(&self) -> Result<usize, Error> {
        Ok(self.shared.live()?.catalog.all().len())
    }

    /// Whether there is no checkpoint.
    ///
    /// # Errors
    /// As a commit, if an earlier one has failed.
    pub fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len()? == 0)
    }
}
