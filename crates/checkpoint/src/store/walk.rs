//! Putting many states together, each once.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use super::restore::limits;
use crate::{
    Error,
    backend::Backend,
    checkpoint::Checkpoint,
    delta::DeltaRef,
    form::{Form, Place},
    id::{ContentId, Sequence},
    pack::{self, Parts, Wanted},
    whole,
};

/// Bytes of payloads that are read at once.
const READ_BYTES: u64 = 4 << 20;
/// Payloads that are read at once.
const READ_COUNT: usize = 1024;

/// Puts states together, each from its bytes and the state that it stands on, which was put together before.
///
/// Of two states that stand on the same one that comes first on which fewer stand. So at no time more states are in memory than the logarithm of their number, and one for each.
pub(super) struct Walk<'w> {
    pub(super) backend: &'w dyn Backend,
    /// Checkpoints by sequence.
    pub(super) all: &'w [Arc<Checkpoint>],
    pub(super) state_bytes_max: u64,
}

/// A state that was put together.
pub(super) struct Made<'m> {
    pub(super) state: &'m Arc<Vec<u8>>,
    /// Its bytes as they are kept.
    pub(super) stored: &'m [u8],
}

/// Why a state can't be had.
pub(super) struct Unmade {
    pub(super) error: Error,
    /// The checkpoint whose own bytes are at fault, if those of this one are not.
    pub(super) of: Option<Sequence>,
}

/// What is told of each checkpoint that was asked for.
pub(super) type Tell<'t> =
    &'t mut dyn FnMut(&Arc<Checkpoint>, Result<Made<'_>, Unmade>) -> Result<ControlFlow<()>, Error>;

/// A state that others wait for.
struct Held {
    state: Result<Arc<Vec<u8>>, Sequence>,
    /// How many.
    waiting: u32,
}

/// Which checkpoint stands on which, by their places in the list.
struct Forest {
    base: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    order: Vec<usize>,
}

impl Walk<'_> {
    /// Puts the states together that are wanted, and those that they stand on; false: it was stopped.
    ///
    /// # Errors
    /// What `tell` answers. What is wrong with a state is told.
    pub(super) fn run(&self, wanted: &dyn Fn(&Checkpoint) -> bool, tell: Tell<'_>) -> Result<bool, Error> {
        let forest = Forest::of(self.all, wanted);
        let mut held: HashMap<usize, Held> = HashMap::new();
        let mut rest = forest.order.as_slice();
        while !rest.is_empty() {
            let (count, group) = self.read_some(rest);
            for (place, stored) in rest.iter().copied().zip(group) {
                let Some(checkpoint) = self.all.get(place) else { continue };
                let base = base_of(&forest, &mut held, place);
                let is_wanted = wanted(checkpoint);
                let made = stored.map_err(|error| Unmade { error, of: None }).and_then(|stored| {
                    self.make(checkpoint, &stored, base, is_wanted).map(|state| (state, stored))
                });
                let waiting = forest.children.get(place).map_or(0, Vec::len);
                if waiting > 0 {
                    let state = match &made {
                        Ok((state, _)) => Ok(Arc::clone(state)),
                        Err(unmade) => Err(unmade.of.unwrap_or(checkpoint.sequence)),
                    };
                    let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
                    held.insert(place, Held { state, waiting });
                }
                if !is_wanted {
                    continue;
                }
                let told = match &made {
                    Ok((state, stored)) => tell(checkpoint, Ok(Made { state, stored }))?,
                    Err(_) => match made {
                        Err(unmade) => tell(checkpoint, Err(unmade))?,
                        Ok(_) => ControlFlow::Continue(()),
                    },
                };
                if told.is_break() {
                    return Ok(false);
                }
            }
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(true)
    }

    /// Puts a state together.
    fn make(
        &self,
        checkpoint: &Checkpoint,
        stored: &[u8],
        base: Option<Result<Arc<Vec<u8>>, Sequence>>,
        is_wanted: bool,
    ) -> Result<Arc<Vec<u8>>, Unmade> {
        let base = match base.transpose() {
            Ok(base) => base,
            Err(of) => {
                let what = format!("it is a difference to checkpoint number {of}, whose state is lost");
                return Err(Unmade { error: Error::state(checkpoint.id, what), of: Some(of) });
            }
        };
        make(checkpoint, stored, base.as_ref(), is_wanted, self.state_bytes_max)
            .map_err(|error| Unmade { error, of: None })
    }

    /// The stored bytes of the first few checkpoints of a list, and how many these are.
    fn read_some(&self, places: &[usize]) -> (usize, Vec<Result<Vec<u8>, Error>>) {
        let mut bytes = 0_u64;
        let fits = |checkpoint: &&Arc<Checkpoint>| {
            bytes = bytes.saturating_add(checkpoint.stored_bytes());
            bytes <= READ_BYTES
        };
        let next = places.iter().filter_map(|place| self.all.get(*place));
        let count = next.clone().take(READ_COUNT).take_while(fits).count().max(1);
        let group: Vec<&Arc<Checkpoint>> = next.take(count).collect();
        let in_packs = group.iter().filter_map(|checkpoint| wanted_of(checkpoint));
        let together = pack::read_many(self.backend, &in_packs.collect::<Vec<_>>()).ok();
        let mut together = together.as_ref().map(Parts::iter);
        let read = group.iter().map(|checkpoint| match (&checkpoint.body.place, &mut together) {
            (Place::Journal(bytes), _) => Ok(bytes.to_vec()),
            (Place::Pack(_), Some(together)) => Ok(together.next().unwrap_or_default().to_vec()),
            // One of them can't be had: each for itself says which.
            (Place::Pack(place), None) => pack::read(self.backend, checkpoint.id, checkpoint.sequence, place),
        });
        (count, read.collect())
    }
}

/// Puts a state together from its bytes and the one that it stands on. If it is to be checked, it is the one that the checkpoint says.
pub(super) fn make(
    checkpoint: &Checkpoint,
    stored: &[u8],
    base: Option<&Arc<Vec<u8>>>,
    checks: bool,
    state_bytes_max: u64,
) -> Result<Arc<Vec<u8>>, Error> {
    let id = checkpoint.id;
    let state = match (checkpoint.body.form, base) {
        (Form::Full(codec), _) => Arc::new(
            whole::decode(codec, stored, checkpoint.len, state_bytes_max)
                .map_err(|source| Error::format(&format!("checkpoint {id}"), source))?,
        ),
        (Form::Same(_), Some(base)) => Arc::clone(base),
        (Form::Delta(_), Some(base)) => {
            let broken = |source| Error::Delta { id, source: Box::new(source) };
            let delta = DeltaRef::decode(stored, limits(state_bytes_max)).map_err(broken)?;
            Arc::new(delta.apply(base).map_err(broken)?)
        }
        (Form::Same(base) | Form::Delta(base), None) => return Err(Error::MissingBase { id, base }),
    };
    if checks && state.len() as u64 != checkpoint.len {
        let what = format!("its state has {} bytes, and {} were expected", state.len(), checkpoint.len);
        return Err(Error::state(id, what));
    }
    if checks {
        let found = ContentId::of(&state);
        if found != checkpoint.content {
            let what = format!("its state is {found}, and {} was expected", checkpoint.content);
            return Err(Error::state(id, what));
        }
    }
    Ok(state)
}

/// The state that a checkpoint stands on; whoever is the last to wait for it takes it away.
fn base_of(
    forest: &Forest,
    held: &mut HashMap<usize, Held>,
    place: usize,
) -> Option<Result<Arc<Vec<u8>>, Sequence>> {
    let base = forest.base.get(place).copied().flatten()?;
    let found = held.get_mut(&base)?;
    found.waiting = found.waiting.saturating_sub(1);
    if found.waiting > 0 {
        return Some(found.state.clone());
    }
    held.remove(&base).map(|held| held.state)
}

fn wanted_of(checkpoint: &Checkpoint) -> Option<Wanted> {
    match checkpoint.body.place {
        Place::Pack(place) => Some(Wanted { id: checkpoint.id, sequence: checkpoint.sequence, place }),
        Place::Journal(_) => None,
    }
}

impl Forest {
    fn of(all: &[Arc<Checkpoint>], wanted: &dyn Fn(&Checkpoint) -> bool) -> Self {
        let place_of = |base: Sequence| all.binary_search_by_key(&base, |found| found.sequence).ok();
        let base: Vec<Option<usize>> =
            all.iter().map(|checkpoint| checkpoint.base().and_then(place_of)).collect();
        // How many are wanted of those that stand on it and itself. Bases come before what stands on them.
        let mut sizes: Vec<usize> = all.iter().map(|checkpoint| usize::from(wanted(checkpoint))).collect();
        for place in (0..all.len()).rev() {
            let size = sizes.get(place).copied().unwrap_or_default();
            let base = base.get(place).copied().flatten();
            if let Some(sum) = base.and_then(|base| sizes.get_mut(base)) {
                *sum += size;
            }
        }
        let size = |place: &usize| sizes.get(*place).copied().unwrap_or_default();
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
        let mut open: Vec<usize> = Vec::new();
        for (place, base) in base.iter().enumerate().filter(|(place, _)| size(place) > 0) {
            match base.and_then(|base| children.get_mut(base)) {
                Some(children) => children.push(place),
                None => open.push(place),
            }
        }
        for children in &mut children {
            children.sort_by_key(|place| std::cmp::Reverse(size(place)));
        }
        open.reverse();
        let mut order = Vec::with_capacity(all.len());
        while let Some(place) = open.pop() {
            order.push(place);
            open.extend(children.get(place).into_iter().flatten());
        }
        Self { base, children, order }
    }
}
