use std::{collections::HashMap, sync::Arc};

use crate::{
    Error,
    backend::Backend,
    checkpoint::Checkpoint,
    form::{Body, Form, Place},
    id::{ContentId, Sequence},
    pack,
    store::{salvage::is_damage, walk::make},
};

/// What is known of how a state is kept, and its bytes.
type Found = (Form, Vec<u8>);

/// Looks for states elsewhere than where they are said to be.
pub(super) struct Again<'a> {
    backend: &'a dyn Backend,
    state_bytes_max: u64,
    /// By sequence.
    all: &'a [Arc<Checkpoint>],
    /// How those are kept that can be put together, in the old store.
    sound: HashMap<Sequence, Arc<Checkpoint>>,
    /// The first one with a state.
    contents: HashMap<(ContentId, u64), Sequence>,
    /// The last state that was put together.
    last: Option<(Sequence, Arc<Vec<u8>>)>,
}

impl<'a> Again<'a> {
    pub(super) fn new(
        backend: &'a dyn Backend,
        state_bytes_max: u64,
        all: &'a [Arc<Checkpoint>],
        good: &HashMap<Sequence, Body>,
    ) -> Self {
        let mut again = Self {
            backend,
            state_bytes_max,
            all,
            sound: HashMap::new(),
            contents: HashMap::new(),
            last: None,
        };
        for checkpoint in all.iter().filter(|checkpoint| good.contains_key(&checkpoint.sequence)) {
            again.know(checkpoint);
        }
        again
    }

    fn know(&mut self, checkpoint: &Arc<Checkpoint>) {
        let first = self.contents.entry((checkpoint.content, checkpoint.len)).or_insert(checkpoint.sequence);
        *first = (*first).min(checkpoint.sequence);
        self.sound.insert(checkpoint.sequence, Arc::clone(checkpoint));
    }

    /// How the state of a checkpoint can be kept, if it can be put together from anything. Those before it have been looked for.
    pub(super) fn find(
        &mut self,
        checkpoint: &Arc<Checkpoint>,
        others: &[Body],
    ) -> Result<Option<Found>, Error> {
        for body in [&checkpoint.body].into_iter().chain(others) {
            let mut other = Checkpoint::clone(checkpoint);
            other.body = body.clone();
            // What it stands on has to be before it, and be there.
            if body.form.base().is_some_and(|base| !self.sound.contains_key(&base)) {
                continue;
            }
            let made = self.stored(&other).and_then(|stored| {
                let base = body.form.base().map(|base| self.state(base)).transpose()?;
                let state = make(&other, &stored, base.as_ref(), true, self.state_bytes_max)?;
                Ok((state, stored))
            });
            match made {
                Ok((state, stored)) => {
                    self.last = Some((checkpoint.sequence, state));
                    self.know(&Arc::new(other));
                    return Ok(Some((body.form, stored)));
                }
                Err(error) if is_damage(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.same(checkpoint)
    }

    /// The same state as that of another checkpoint.
    fn same(&mut self, checkpoint: &Arc<Checkpoint>) -> Result<Option<Found>, Error> {
        let Some(&of) = self.contents.get(&(checkpoint.content, checkpoint.len)) else { return Ok(None) };
        let found = if of < checkpoint.sequence {
            (Form::Same(of), Vec::new())
        } else {
            let state = self.state(of)?;
            (Form::Full(keepstone_format::Codec::None), state.to_vec())
        };
        let mut other = Checkpoint::clone(checkpoint);
        other.body = Body { form: found.0, place: Place::Journal(found.1.as_slice().into()) };
        self.know(&Arc::new(other));
        Ok(Some(found))
    }

    /// The state of a checkpoint that can be put together.
    fn state(&mut self, of: Sequence) -> Result<Arc<Vec<u8>>, Error> {
        let mut chain: Vec<Arc<Checkpoint>> = Vec::new();
        let mut state = None;
        let mut next = Some(of);
        while let Some(sequence) = next {
            if let Some((_, last)) = self.last.as_ref().filter(|(last, _)| *last == sequence) {
                state = Some(Arc::clone(last));
                break;
            }
            let Some(checkpoint) = self.sound.get(&sequence) else {
                let id = self.id_of(of);
                return Err(Error::MissingBase { id, base: sequence });
            };
            next = checkpoint.base();
            chain.push(Arc::clone(checkpoint));
        }
        for checkpoint in chain.iter().rev() {
            let stored = self.stored(checkpoint)?;
            state = Some(make(checkpoint, &stored, state.as_ref(), false, self.state_bytes_max)?);
        }
        let state = state.ok_or(Error::Misuse { what: "a state is made of something" })?;
        self.last = Some((of, Arc::clone(&state)));
        Ok(state)
    }

    fn id_of(&self, sequence: Sequence) -> crate::CheckpointId {
        let found = self.all.binary_search_by_key(&sequence, |found| found.sequence).ok();
        let found = found.and_then(|place| self.all.get(place));
        found.map_or(crate::CheckpointId::from_bytes([0; 16]), |found| found.id)
    }

    fn stored(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, Error> {
        match &checkpoint.body.place {
            Place::Journal(bytes) => Ok(bytes.to_vec()),
            Place::Pack(place) => pack::read(self.backend, checkpoint.id, checkpoint.sequence, place),
        }
    }
}
