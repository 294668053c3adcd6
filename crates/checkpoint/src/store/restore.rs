use std::{borrow::Cow, sync::Arc};

use keepstone_format::{Codec, Limits};
use keepstone_store::{FromPayload, PayloadError};

use super::{CheckpointStore, Shared, heads::Chain, live::Live};
use crate::{
    Error,
    backend::Backend,
    catalog::Catalog,
    checkpoint::Checkpoint,
    delta::{self, DeltaKind, DeltaRef},
    diff::{DiffOptions, Difference},
    form::{Form, Place},
    id::{CheckpointId, Sequence},
    pack::{self, Parts, Wanted},
    state::State,
    whole,
};

/// How often a state is looked for anew because it was moved to another pack meanwhile.
const TRIES_MAX: u32 = 4;

impl CheckpointStore {
    /// Makes the payload of a checkpoint again. No head moves.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`]; [`Error::State`], [`Error::Delta`] and [`Error::MissingBase`] if its state can't be put together; [`Error::Payload`] if it is of another sort.
    pub fn get<T: FromPayload>(&self, id: impl Into<CheckpointId>) -> Result<T, Error> {
        let id = id.into();
        decoded(id, &self.state(id)?)
    }

    /// The state of a checkpoint as bytes. No head moves.
    ///
    /// # Errors
    /// As [`CheckpointStore::get`].
    pub fn state(&self, id: impl Into<CheckpointId>) -> Result<State, Error> {
        let id = id.into();
        let checkpoint = {
            let live = self.shared.live()?;
            let checkpoint = live.catalog.find(id).ok_or(Error::NoCheckpoint { id })?;
            if let Some(state) = in_memory(&live, checkpoint) {
                return Ok(state);
            }
            Arc::clone(checkpoint)
        };
        self.shared.put_together(&checkpoint)
    }

    /// Finds what makes the state of one checkpoint of that of another. States that are known to be the same are not read.
    ///
    /// # Errors
    /// As [`CheckpointStore::get`], but for [`Error::Payload`]: what can't be taken apart is compared as bytes.
    pub fn diff(
        &self,
        before: impl Into<CheckpointId>,
        after: impl Into<CheckpointId>,
    ) -> Result<Difference, Error> {
        self.diff_with(before, after, &DiffOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`CheckpointStore::diff`].
    pub fn diff_with(
        &self,
        before: impl Into<CheckpointId>,
        after: impl Into<CheckpointId>,
        options: &DiffOptions,
    ) -> Result<Difference, Error> {
        let (before, after) = (self.checkpoint(before)?, self.checkpoint(after)?);
        if let Some(known) = Difference::known(&before, &after) {
            return Ok(known);
        }
        Ok(self.state(&before)?.diff(&self.state(&after)?, options))
    }

    /// What is known of a checkpoint without its state.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`].
    pub fn checkpoint(&self, id: impl Into<CheckpointId>) -> Result<Arc<Checkpoint>, Error> {
        let id = id.into();
        self.shared.live()?.catalog.find(id).map(Arc::clone).ok_or(Error::NoCheckpoint { id })
    }
}

/// Sees that a sequence is still that of a checkpoint: one that is lost before it is durable leaves its own to the next.
fn same(catalog: &Catalog, sequence: Sequence, id: CheckpointId) -> Result<(), Error> {
    let is_same = catalog.get(sequence).is_some_and(|known| known.id == id);
    if is_same { Ok(()) } else { Err(Error::NoCheckpoint { id }) }
}

/// Makes the payload of a checkpoint again.
pub(crate) fn decoded<T: FromPayload>(id: CheckpointId, state: &State) -> Result<T, Error> {
    state.decode().map_err(|source| failed(id, source))
}

fn failed(id: CheckpointId, source: PayloadError) -> Error {
    Error::Payload { what: format!("checkpoint {id}"), source: Box::new(source) }
}

/// The state of a checkpoint, if it is the head of its branch and in memory.
fn in_memory(live: &Live, checkpoint: &Checkpoint) -> Option<State> {
    let bytes = live.heads.state(checkpoint.branch_number, checkpoint.sequence)?;
    Some(State::new(bytes, checkpoint.layout, checkpoint.facts))
}

impl Shared {
    /// The state of a checkpoint.
    pub(super) fn state(&self, checkpoint: &Checkpoint) -> Result<State, Error> {
        {
            let live = self.live()?;
            same(&live.catalog, checkpoint.sequence, checkpoint.id)?;
            if let Some(state) = in_memory(&live, checkpoint) {
                return Ok(state);
            }
        }
        self.put_together(checkpoint)
    }

    /// The state of a checkpoint that is not in memory.
    fn put_together(&self, checkpoint: &Checkpoint) -> Result<State, Error> {
        let (bytes, _) = self.state_and_chain(checkpoint.sequence, Some(checkpoint.id))?;
        Ok(State::new(bytes, checkpoint.layout, checkpoint.facts))
    }

    /// Puts the state of a checkpoint together, which has this id if one is given.
    pub(super) fn state_and_chain(
        &self,
        sequence: Sequence,
        id: Option<CheckpointId>,
    ) -> Result<(Arc<Vec<u8>>, Chain), Error> {
        let mut tries = 0;
        loop {
            let links = {
                let live = self.live()?;
                id.map_or(Ok(()), |id| same(&live.catalog, sequence, id))?;
                links(&live.catalog, sequence)?
            };
            let put = put_together(self.ground.backend(), &links, self.options.state_bytes_max);
            tries += 1;
            match put {
                // A pack is gone: what was in it is in another one now.
                Err(Error::MissingPack { .. }) if tries < TRIES_MAX => {}
                put => return put.map(|(bytes, chain)| (Arc::new(bytes), chain)),
            }
        }
    }
}

/// A part of what a state is put together from.
pub(crate) struct Link {
    pub(crate) id: CheckpointId,
    pub(crate) sequence: Sequence,
    pub(crate) form: Form,
    len: u64,
    place: Place,
}

impl Link {
    /// The bytes of its state as they are kept.
    pub(crate) fn read(&self, backend: &dyn Backend) -> Result<Cow<'_, [u8]>, Error> {
        match &self.place {
            Place::Journal(bytes) => Ok(Cow::Borrowed(bytes)),
            Place::Pack(place) => Ok(Cow::Owned(pack::read(backend, self.id, self.sequence, place)?)),
        }
    }
}

/// What a state is put together from: the one that is kept whole first.
pub(crate) fn links(catalog: &Catalog, of: Sequence) -> Result<Vec<Link>, Error> {
    let mut links: Vec<Link> = Vec::new();
    let mut next = Some(of);
    while let Some(sequence) = next {
        let Some(checkpoint) = catalog.get(sequence) else {
            let id = links.last().map_or(CheckpointId::from_bytes([0; 16]), |link| link.id);
            return Err(Error::MissingBase { id, base: sequence });
        };
        // Bases come before what stands on them: the catalog sees to that, so this ends.
        next = checkpoint.base();
        let body = &checkpoint.body;
        if !matches!(body.form, Form::Same(_)) || links.is_empty() {
            let (form, place) = (body.form, body.place.clone());
            links.push(Link { id: checkpoint.id, sequence, len: checkpoint.len, form, place });
        }
    }
    links.reverse();
    Ok(links)
}

/// Puts a state together.
pub(crate) fn put_together(
    backend: &dyn Backend,
    links: &[Link],
    state_bytes_max: u64,
) -> Result<(Vec<u8>, Chain), Error> {
    let Some((first, rest)) = links.split_first() else {
        return Err(Error::Misuse { what: "a state is made of something" });
    };
    let Some(of) = links.last() else { return Err(Error::Misuse { what: "a state is made of something" }) };
    let read = read_packed(backend, links)?;
    let mut payloads = payloads(links, &read);
    let whole = payloads.next().unwrap_or_default();
    let keyframe = decode_whole(first, whole, state_bytes_max)?;
    let mut chain = Chain { keyframe: whole.len() as u64, deltas: 0, prefixed: 0 };
    let mut deltas = Vec::with_capacity(rest.len());
    for (link, bytes) in rest.iter().zip(payloads) {
        if let Form::Same(_) = link.form {
            continue;
        }
        chain.deltas = chain.deltas.saturating_add(bytes.len() as u64);
        deltas.push((link.id, bytes));
    }
    let (state, prefixed) = follow(keyframe, &deltas, of.id, state_bytes_max)?;
    chain.prefixed = prefixed;
    if state.len() as u64 != of.len {
        let what = format!("its state has {} bytes, and {} were expected", state.len(), of.len);
        return Err(Error::state(of.id, what));
    }
    Ok((state, chain))
}

/// Goes from a state that was kept whole to the one at the end of its differences, and counts those that can only be undone by decompressing.
fn follow(
    mut state: Vec<u8>,
    deltas: &[(CheckpointId, &[u8])],
    of: CheckpointId,
    state_bytes_max: u64,
) -> Result<(Vec<u8>, u32), Error> {
    // Most of them change a few bytes where they are, which takes no look ahead.
    let done = deltas.iter().take_while(|(_, bytes)| delta::patch(bytes, &mut state)).count();
    let deltas = deltas.get(done..).unwrap_or_default();
    if deltas.is_empty() {
        return Ok((state, 0));
    }
    let limits = limits(state_bytes_max);
    let mut chain = Vec::with_capacity(deltas.len());
    for (id, bytes) in deltas {
        chain.push(DeltaRef::decode(bytes, limits).map_err(|source| broken(*id, source))?);
    }
    let prefixed = chain.iter().filter(|delta| delta.kind() == DeltaKind::Prefixed).count();
    let state = delta::restore(&state, &chain).map_err(|source| broken(of, source))?;
    Ok((state, u32::try_from(prefixed).unwrap_or(u32::MAX)))
}

/// Limits of differences between states.
pub(super) fn limits(state_bytes_max: u64) -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = state_bytes_max;
    limits
}

fn decode_whole(link: &Link, bytes: &[u8], state_bytes_max: u64) -> Result<Vec<u8>, Error> {
    let codec = match link.form {
        Form::Full(codec) => codec,
        _ => Codec::None,
    };
    whole::decode(codec, bytes, link.len, state_bytes_max)
        .map_err(|source| Error::format(&format!("checkpoint {}", link.id), source))
}

fn broken(id: CheckpointId, source: delta::Error) -> Error {
    Error::Delta { id, source: Box::new(source) }
}

/// The bytes of those links that are in packs.
fn read_packed(backend: &dyn Backend, links: &[Link]) -> Result<Parts, Error> {
    let mut wanted = Vec::with_capacity(links.len());
    for link in links {
        if let Place::Pack(place) = link.place {
            wanted.push(Wanted { id: link.id, sequence: link.sequence, place });
        }
    }
    pack::read_many(backend, &wanted)
}

/// The bytes of all links.
fn payloads<'l>(links: &'l [Link], packed: &'l Parts) -> impl Iterator<Item = &'l [u8]> {
    let mut packed = packed.iter();
    links.iter().map(move |link| match &link.place {
        Place::Journal(bytes) => &**bytes,
        Place::Pack(_) => packed.next().unwrap_or_default(),
    })
}
