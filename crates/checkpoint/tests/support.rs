use std::sync::Arc;

use keepstone_checkpoint::{Bytes, CheckpointStore, Error, Files, StoreOptions};
use keepstone_testkit::Random;

pub(crate) const ROOT: &str = "agent";

/// A store without a thread of its own, so that a run is the same every time.
pub(crate) fn quiet(files: &Arc<dyn Files>) -> StoreOptions {
    StoreOptions::new().files(Arc::clone(files)).background(false)
}

pub(crate) fn open(files: &Arc<dyn Files>) -> Result<CheckpointStore, Error> {
    CheckpointStore::open_with(ROOT, quiet(files))
}

pub(crate) fn bytes(text: &str) -> Bytes<'static> {
    text.as_bytes().to_vec().into()
}

/// Bytes of which a half can be compressed.
pub(crate) fn mixed(random: &mut Random, len: usize) -> Vec<u8> {
    (0..len)
        .map(|place| if place / 64 % 2 == 0 { u8::try_from(random.index(256)).unwrap() } else { 7 })
        .collect()
}

/// Changes a state a little: in place, or so that what is behind moves.
pub(crate) fn edit(random: &mut Random, state: &mut Vec<u8>) {
    let at = random.index(state.len() + 1);
    let len = 1 + random.index(20);
    let piece = mixed(random, len);
    match random.index(4) {
        0 => drop(state.splice(at..at, piece)),
        1 => drop(state.drain(at..(at + random.index(30)).min(state.len()))),
        _ => {
            let end = (at + piece.len()).min(state.len());
            let len = end - at;
            state[at..end].copy_from_slice(&piece[..len]);
        }
    }
}
