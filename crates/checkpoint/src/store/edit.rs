use std::sync::Arc;

use keepstone_storage::Durability;

use super::{CheckpointStore, Shared};
use crate::{
    Error,
    catalog::Catalog,
    id::{CheckpointId, Sequence},
    limits::{TAGS_MAX, check_annotation, check_message, check_tag},
    op::Op,
};

impl CheckpointStore {
    /// Puts tags on a checkpoint. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`]; [`Error::Length`] for a tag that doesn't have 1 to 255 bytes, [`Error::Tags`] for a 65th; else as a commit.
    pub fn tag(&self, id: impl Into<CheckpointId>, tags: &[&str]) -> Result<(), Error> {
        tags.iter().try_for_each(|tag| check_tag(tag))?;
        let mut add: Vec<Arc<str>> = tags.iter().map(|tag| Arc::from(*tag)).collect();
        add.sort_unstable();
        add.dedup();
        self.edit(id.into(), |catalog, of| {
            let known = catalog.get(of).map(|checkpoint| checkpoint.tags.clone()).unwrap_or_default();
            let needs = known.len() + add.iter().filter(|tag| !known.contains(tag)).count();
            if needs > TAGS_MAX {
                let (needs, allowed) = (needs as u64, TAGS_MAX as u64);
                return Err(Error::Tags { needs, allowed });
            }
            Ok(Op::Tags { of, add, remove: Vec::new() })
        })
    }

    /// Takes tags off a checkpoint; one that it doesn't have is no error. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`], else as a commit.
    pub fn untag(&self, id: impl Into<CheckpointId>, tags: &[&str]) -> Result<(), Error> {
        tags.iter().try_for_each(|tag| check_tag(tag))?;
        let mut remove: Vec<Arc<str>> = tags.iter().map(|tag| Arc::from(*tag)).collect();
        remove.sort_unstable();
        remove.dedup();
        self.edit(id.into(), |_, of| Ok(Op::Tags { of, add: Vec::new(), remove }))
    }

    /// Says something about a checkpoint under a name, or, with none, no longer. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`], [`Error::Length`], else as a commit.
    pub fn annotate(&self, id: impl Into<CheckpointId>, key: &str, value: Option<&str>) -> Result<(), Error> {
        check_annotation(key, value.unwrap_or_default())?;
        let (key, value) = (key.to_owned(), value.map(str::to_owned));
        self.edit(id.into(), |_, of| Ok(Op::Annotate { of, key, value }))
    }

    /// Gives a checkpoint another message. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`], [`Error::Length`], else as a commit.
    pub fn set_message(&self, id: impl Into<CheckpointId>, message: &str) -> Result<(), Error> {
        check_message(message)?;
        self.edit(id.into(), |_, of| Ok(Op::Message { of, text: message.into() }))
    }

    /// Keeps a checkpoint from every prune, or no longer. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`], else as a commit.
    pub fn lock(&self, id: impl Into<CheckpointId>, locked: bool) -> Result<(), Error> {
        self.edit(id.into(), |_, of| Ok(Op::Lock { of, locked }))
    }

    fn edit(
        &self,
        id: CheckpointId,
        op: impl FnOnce(&Catalog, Sequence) -> Result<Op, Error>,
    ) -> Result<(), Error> {
        self.shared.change(|catalog| {
            let of = catalog.find(id).ok_or(Error::NoCheckpoint { id })?.sequence;
            Ok(vec![op(catalog, of)?])
        })
    }
}

impl Shared {
    /// Commits what is made of what is known, durably; no operation is no commit.
    pub(super) fn change(&self, ops: impl FnOnce(&Catalog) -> Result<Vec<Op>, Error>) -> Result<(), Error> {
        let (number, journal) = {
            let mut live = self.live()?;
            let ops = ops(&live.catalog)?;
            if ops.is_empty() {
                return Ok(());
            }
            (live.commit(ops), Arc::clone(&live.journal))
        };
        // What failed is told once nobody is kept waiting by it.
        let number = number.inspect_err(|_| self.feed.tell())?;
        self.waited(&journal, number, Durability::Durable)
    }
}
