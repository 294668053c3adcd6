use std::fmt;

use keepstone_format::SectionId;

use crate::{
    delta::{
        WorldDelta,
        lists::{encode_delta, encode_rows},
    },
    doc::WorldDoc,
    encode::each_section,
    error::Error,
};

/// What a state of a world is known by in a chain of deltas: 16 bytes of BLAKE3 over what a save of it holds. FORMAT.md, section 7.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct StateId(pub [u8; 16]);

impl fmt::Display for StateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateId({self})")
    }
}

impl WorldDoc<'_> {
    /// What this document is known by as the base of a chain of deltas. It covers every byte of tables, schema, columns and name, and not the
    /// metadata; codecs and where the pieces of a column end have no part in it.
    ///
    /// ```
    /// use keepstone_ecs_persist::WorldDoc;
    ///
    /// assert_eq!(WorldDoc::default().state_id()?.to_string().len(), 32);
    /// # Ok::<(), keepstone_ecs_persist::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Format`] when a name is longer than 255 bytes, [`Error::Limit`] with more than 16,383 components.
    pub fn state_id(&self) -> Result<StateId, Error> {
        let mut feed = Feed(blake3::Hasher::new());
        feed.world(self)?;
        Ok(feed.finish())
    }
}

impl WorldDelta<'_> {
    /// What the state is known by that this delta makes of the one before.
    ///
    /// # Errors
    /// As [`WorldDoc::state_id`].
    pub fn state_id(&self) -> Result<StateId, Error> {
        let mut feed = Feed(blake3::Hasher::new());
        feed.0.update(&self.previous.0);
        feed.section(SectionId::DELTA, 0, &[&encode_delta(self)?]);
        feed.section(SectionId::ROWS, 0, &[&encode_rows(self)]);
        feed.world(&self.doc)?;
        Ok(feed.finish())
    }
}

struct Feed(blake3::Hasher);

impl Feed {
    fn world(&mut self, doc: &WorldDoc<'_>) -> Result<(), Error> {
        each_section(doc, &mut |id, instance, pieces| self.section(id, instance, pieces))
    }

    fn section(&mut self, id: SectionId, instance: u32, pieces: &[&[u8]]) {
        let len: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.0.update(&id.0.to_le_bytes());
        self.0.update(&instance.to_le_bytes());
        self.0.update(&len.to_le_bytes());
        for piece in pieces {
            self.0.update(piece);
        }
    }

    fn finish(&self) -> StateId {
        let mut id = [0; 16];
        self.0.finalize_xof().fill(&mut id);
        StateId(id)
    }
}
