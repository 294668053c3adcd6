use keepstone_storage::Durability;
use keepstone_store::Payload;

use crate::{Draft, Fields, Session, Trigger};

/// Where a checkpoint is made, and what is said about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Request {
    /// The session, which has to be there.
    pub session: String,
    /// The branch; none: `main`.
    pub branch: Option<String>,
    /// What the checkpoint is, in at most 64 KiB.
    pub message: String,
    /// Tags of 1 to 255 bytes; at most 64.
    pub tags: Vec<String>,
    /// What else is said about it.
    pub annotations: Fields,
    /// Why it is made.
    pub trigger: Trigger,
    /// Whether no prune may take it.
    pub locked: bool,
    /// When it is made, in nanoseconds UTC since 1970; none: by the store's clock.
    pub time: Option<i64>,
    /// Whether it is answered before it is on the disk; see [`Durability::Buffered`].
    pub buffered: bool,
}

/// Which branch of a session: `"main"` is that session on its branch `main`, `("main", "what if")` is it on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'l> {
    /// The session.
    pub session: &'l str,
    /// The branch; none: `main`.
    pub branch: Option<&'l str>,
}

impl Request {
    /// A checkpoint on the branch `main` of a session.
    pub fn new(session: impl Into<String>) -> Self {
        Self { session: session.into(), ..Self::default() }
    }

    /// On another branch.
    pub fn branch(mut self, name: impl Into<String>) -> Self {
        self.branch = Some(name.into());
        self
    }

    /// Says what it is.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Puts a tag on it.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Says something else about it.
    pub fn annotate(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.insert(key.into(), value.into());
        self
    }

    /// Says why it is made.
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.trigger = trigger;
        self
    }

    /// Keeps it from every prune until it is unlocked.
    pub fn locked(mut self) -> Self {
        self.locked = true;
        self
    }

    /// Says when it is made, in nanoseconds UTC since 1970.
    pub fn at(mut self, time: i64) -> Self {
        self.time = Some(time);
        self
    }

    /// Says what is waited for.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.buffered = durability == Durability::Buffered;
        self
    }

    pub(super) fn line(&self) -> Line<'_> {
        Line { session: &self.session, branch: self.branch.as_deref() }
    }

    /// What makes the checkpoint. What is not said takes no memory.
    pub(super) fn draft<'s, P: Payload + ?Sized>(
        &self,
        session: &'s Session,
        payload: &'s P,
    ) -> Draft<'s, P> {
        let mut draft = session.checkpoint(payload).trigger(self.trigger.clone());
        if !self.message.is_empty() {
            draft = draft.message(self.message.as_str());
        }
        for tag in &self.tags {
            draft = draft.tag(tag.as_str());
        }
        for (key, value) in &self.annotations {
            draft = draft.annotate(key, value);
        }
        if self.locked {
            draft = draft.locked();
        }
        if let Some(time) = self.time {
            draft = draft.at(time);
        }
        if self.buffered { draft.durability(Durability::Buffered) } else { draft }
    }
}

impl From<&str> for Request {
    fn from(session: &str) -> Self {
        Self::new(session)
    }
}

impl<'l> From<&'l str> for Line<'l> {
    fn from(session: &'l str) -> Self {
        Self { session, branch: None }
    }
}

impl<'l> From<(&'l str, &'l str)> for Line<'l> {
    fn from((session, branch): (&'l str, &'l str)) -> Self {
        Self { session, branch: Some(branch) }
    }
}
