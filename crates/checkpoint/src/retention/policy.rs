use std::collections::BTreeSet;

use super::Span;
use crate::id::CheckpointId;

/// What stays when a store is pruned.
///
/// A checkpoint stays if any rule keeps it. Whatever the rules are, these always stay: heads of branches; the newest checkpoint of each session; what is locked; where a branch begins, which is the
/// checkpoint that it was forked from and its own first one; and, for the grace of the store, what was a head until a restore or an undo moved that elsewhere.
///
/// Counts are of each session, and so are hours, days and the like. A policy without any rule keeps everything; with [`max_bytes`](Self::max_bytes) alone, everything that fits.
///
/// ```
/// use keepstone_checkpoint::{CheckpointStore, Policy};
///
/// let store = CheckpointStore::in_memory();
/// let session = store.session("agent")?;
/// for number in 0..100_u32 {
///     let draft = session.checkpoint(&number);
///     if number == 50 { draft.tag("release").commit()? } else { draft.commit()? };
/// }
/// let plan = store.plan(&Policy::new().keep_last(3).keep_tag("release"), None)?;
/// println!("{plan}");
/// let stays: Vec<u64> = plan.kept().iter().map(|kept| kept.checkpoint.sequence.0).collect();
/// assert_eq!(stays, [51, 98, 99, 100]);
///
/// store.apply(&plan, &mut |_| std::ops::ControlFlow::Continue(()))?;
/// assert_eq!(store.len()?, 4);
/// # Ok::<(), keepstone_checkpoint::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "RetentionPolicy")]
pub struct Policy {
    pub(super) parts: Vec<Part>,
    pub(super) bytes_max: Option<u64>,
    pub(super) ends_undo: bool,
}

/// Rules that are for the same sessions.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Part {
    pub(super) rules: Vec<Rule>,
    /// None: all.
    pub(super) sessions: Vec<String>,
    /// Whether counts are of each branch.
    pub(super) per_branch: bool,
}

/// What keeps a checkpoint.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Rule {
    Last(usize),
    LastOfAll(usize),
    Within(i64),
    LastOf(Span, usize),
    Tag(String),
    AnyTag,
    Annotated(String),
    Ids(BTreeSet<CheckpointId>),
}

impl Default for Policy {
    fn default() -> Self {
        Self { parts: vec![Part::default()], bytes_max: None, ends_undo: false }
    }
}

/// Whole policies.
impl Policy {
    /// No rule: everything stays.
    pub fn new() -> Self {
        Self::default()
    }

    /// The last so many of each session.
    #[doc(alias = "KeepRecent")]
    pub fn keep_recent(count: usize) -> Self {
        Self::new().keep_last(count)
    }

    /// What has one of these tags, and the last so many of each session.
    #[doc(alias = "PreserveTagged")]
    pub fn preserve_tagged<T: Into<String>>(tags: impl IntoIterator<Item = T>, count: usize) -> Self {
        tags.into_iter().fold(Self::keep_recent(count), Self::keep_tag)
    }

    /// What any of these policies keeps. One that is not for a session has no say in it; a session that none is for is left alone.
    ///
    /// A bound on bytes holds if all have one, and is the highest then. Undo ends if all allow it. A rule that is added is added to all of them.
    #[doc(alias = "Hybrid")]
    pub fn hybrid(policies: impl IntoIterator<Item = Self>) -> Self {
        let mut policies = policies.into_iter();
        let Some(mut sum) = policies.next() else { return Self::new() };
        for policy in policies {
            sum.parts.extend(policy.parts);
            sum.bytes_max = sum.bytes_max.zip(policy.bytes_max).map(|(left, right)| left.max(right));
            sum.ends_undo &= policy.ends_undo;
        }
        sum
    }
}

/// Rules.
impl Policy {
    /// Keeps the last so many of each session, in the order of the store.
    pub fn keep_last(self, count: usize) -> Self {
        self.rule(&Rule::Last(count))
    }

    /// Keeps the last so many of all sessions together, in the order of the store.
    pub fn keep_last_of_all(self, count: usize) -> Self {
        self.rule(&Rule::LastOfAll(count))
    }

    /// Keeps what is not older than so many nanoseconds. If the plan is not told the time that is all that has one.
    ///
    /// This and the next rules go by the times of checkpoints. One without a time is left alone if a policy has no other rules than these and those of tags, annotations and ids; else
    /// the other rules decide.
    pub fn keep_within(self, nanoseconds: i64) -> Self {
        self.rule(&Rule::Within(nanoseconds))
    }

    /// Keeps the last one of each of the last so many hours that have any, in UTC.
    pub fn keep_hourly(self, count: usize) -> Self {
        self.rule(&Rule::LastOf(Span::Hour, count))
    }

    /// Keeps the last one of each of the last so many days that have any, in UTC.
    pub fn keep_daily(self, count: usize) -> Self {
        self.rule(&Rule::LastOf(Span::Day, count))
    }

    /// Keeps the last one of each of the last so many weeks that have any, from Monday to Monday in UTC.
    pub fn keep_weekly(self, count: usize) -> Self {
        self.rule(&Rule::LastOf(Span::Week, count))
    }

    /// Keeps the last one of each of the last so many months that have any, in UTC.
    pub fn keep_monthly(self, count: usize) -> Self {
        self.rule(&Rule::LastOf(Span::Month, count))
    }

    /// Keeps the last one of each of the last so many years that have any, in UTC.
    pub fn keep_yearly(self, count: usize) -> Self {
        self.rule(&Rule::LastOf(Span::Year, count))
    }

    /// Keeps what has a tag.
    pub fn keep_tag(self, tag: impl Into<String>) -> Self {
        self.rule(&Rule::Tag(tag.into()))
    }

    /// Keeps what has any tag.
    pub fn keep_any_tagged(self) -> Self {
        self.rule(&Rule::AnyTag)
    }

    /// Keeps what has an annotation of this name, whatever it says.
    pub fn keep_annotated(self, key: impl Into<String>) -> Self {
        self.rule(&Rule::Annotated(key.into()))
    }

    /// Keeps these; one that is not there is no error.
    pub fn keep_ids(self, ids: impl IntoIterator<Item = CheckpointId>) -> Self {
        self.rule(&Rule::Ids(ids.into_iter().collect()))
    }

    /// Counts on each branch of a session by itself. Checkpoints of branches that have ended are counted as well.
    pub fn per_branch(mut self) -> Self {
        self.parts.iter_mut().for_each(|part| part.per_branch = true);
        self
    }

    /// Leaves all sessions alone but this one; said several times, but these.
    pub fn only_session(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.parts.iter_mut().for_each(|part| part.sessions.push(name.clone()));
        self
    }

    /// Lets the oldest go, beyond what the rules let go, until the states of the sessions that the policy is for take no more than so many bytes in the store.
    ///
    /// It takes what counts and times keep, but not what always stays, and not what is kept for its tag, its annotation or its id; if that is more than fits, more is kept.
    /// What a state takes that has to be written anew is estimated: as a difference, what the differences take that it is made of, and whole, what the state at the beginning of its chain takes.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.bytes_max = Some(bytes);
        self
    }

    /// Also lets go of what was a head until less than the grace ago, and is none only because the head was moved elsewhere. The plan names each step of undo that ends.
    pub fn ending_undo(mut self) -> Self {
        self.ends_undo = true;
        self
    }

    fn rule(mut self, rule: &Rule) -> Self {
        self.parts.iter_mut().for_each(|part| part.rules.push(rule.clone()));
        self
    }

    /// Names of the sessions that it is for, which have to be there.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|part| part.sessions.iter().map(String::as_str))
    }
}
