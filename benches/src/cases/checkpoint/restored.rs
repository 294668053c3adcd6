use std::{path::Path, rc::Rc};

use anyhow::{Context, Result, ensure};
use keepstone::storage::{Files as _, OsFiles};
use keepstone_checkpoint::{Bytes, Checkpoint, CheckpointId, CheckpointStore, Durability, Query};

use super::{
    States, in_memory,
    states::{place, scatter},
};
use crate::{
    Scratch,
    bundle::Data,
    case::{Case, Plan},
    mixed::SplitMix,
};

pub(super) const COUNT: u32 = 1000;
const RUN_LEN: usize = 14;

/// The state of the head, beside a copy of it.
pub(in crate::cases) fn head(plan: &Plan, _: &Path) -> Result<Case> {
    let mut states = States::new(usize::try_from(plan.amount)?, 1);
    let session = in_memory()?;
    for _ in 0..10 {
        session.checkpoint(states.next()).commit()?;
    }
    let (store, id) = (session.store().clone(), session.head()?.context("there is a head")?.id);
    let state = store.get::<Bytes<'static>>(id)?.0.into_owned();
    let case = plan.case().limit(1.2);
    let case = case.ours(move |watch| watch.together(|| Ok(store.get::<Bytes<'static>>(id)?)));
    Ok(case.floor(1.0, "copy of the state", move |watch| watch.together(|| Ok(state.clone()))))
}

/// Any checkpoint of many, whose states are differences in packs, beside what has to be read and copied for it.
pub(in crate::cases) fn any(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "checkpoint-any")?);
    let states = filled(&scratch, plan.amount)?;
    let store = CheckpointStore::open(scratch.path().join("ours"))?;
    let all = store.list(&Query::new())?;
    let ids: Vec<CheckpointId> = all.iter().map(|checkpoint| checkpoint.id).collect();
    for (id, state) in ids.iter().zip(&states) {
        ensure!(store.get::<Bytes<'static>>(*id)?.0 == *state, "{id} is not what it was");
    }
    let chains = chains(&all, &states)?;
    let mean = chains.iter().map(|chain| chain.len).sum::<usize>() / chains.len().max(1);
    let keyframes = all.iter().filter(|checkpoint| checkpoint.is_keyframe()).count();
    let by_hand = scratch.path().join("by-hand");
    let longest = chains.iter().map(|chain| chain.len).max().unwrap_or_default();
    drop(scratch.zeros("by-hand", longest as u64)?);

    let mut random = SplitMix::new(1);
    let case = plan.case().limit(3.0).ours(move |watch| {
        let _ = scratch.path();
        watch.note_remark(format!("{keyframes} states are kept whole; a chain has {mean} bytes on average"));
        watch.together(|| {
            let id = ids.get(place(&mut random, ids.len())).context("there are checkpoints")?;
            Ok(store.get::<Bytes<'static>>(*id)?)
        })
    });
    let (mut random, mut room) = (SplitMix::new(1), vec![0; longest]);
    let name = "keyframe decoded, state copied, file of the chain opened and read";
    Ok(case.floor(1.0, name, move |watch| {
        watch.together(|| {
            let chain = chains.get(place(&mut random, chains.len())).context("there are checkpoints")?;
            let file = OsFiles.open(&by_hand)?;
            file.read_full_at(room.get_mut(..chain.len).unwrap_or_default(), 0)?;
            let keyframe = lz4_flex::decompress_size_prepended(&chain.keyframe)?;
            Ok((keyframe, chain.state.clone()))
        })
    }))
}

/// Makes checkpoints and closes the store, so that they are in packs; answers their states.
pub(super) fn filled(scratch: &Scratch, len: u32) -> Result<Vec<Vec<u8>>> {
    let store = CheckpointStore::open(scratch.path().join("ours"))?;
    let states = fill(&store, len)?;
    store.close()?;
    Ok(states)
}

/// Makes checkpoints, and answers their states.
pub(super) fn fill(store: &CheckpointStore, len: u32) -> Result<Vec<Vec<u8>>> {
    let session = store.session("main")?;
    let mut random = SplitMix::new(2);
    let mut state = Data::Mixed.bytes(usize::try_from(len)?);
    let mut states = Vec::new();
    for _ in 0..COUNT {
        session.checkpoint(&Bytes::from(state.as_slice())).durability(Durability::Buffered).commit()?;
        states.push(state.clone());
        scatter(&mut random, &mut state, RUN_LEN);
    }
    Ok(states)
}

/// What a state is put together from.
struct Chain {
    /// Bytes of it as they are kept.
    len: usize,
    /// The state at its end, compressed.
    keyframe: Rc<Vec<u8>>,
    state: Vec<u8>,
}

fn chains(all: &[std::sync::Arc<Checkpoint>], states: &[Vec<u8>]) -> Result<Vec<Chain>> {
    let mut chains: Vec<Chain> = Vec::with_capacity(all.len());
    for (checkpoint, state) in all.iter().zip(states) {
        let own = usize::try_from(checkpoint.stored_bytes())?;
        let base = checkpoint.base().map(|base| usize::try_from(base.0 - 1)).transpose()?;
        let (len, keyframe) = match base {
            None => (own, Rc::new(lz4_flex::compress_prepend_size(state))),
            Some(base) => {
                let base = chains.get(base).context("a base comes first")?;
                (base.len + own, Rc::clone(&base.keyframe))
            }
        };
        chains.push(Chain { len, keyframe, state: state.clone() });
    }
    Ok(chains)
}
