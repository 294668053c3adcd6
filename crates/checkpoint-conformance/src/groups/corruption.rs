//! Objects whose bytes are not what was put: an error that can be matched, or what was there; never other bytes, never a panic.

use std::sync::Arc;

use keepstone_checkpoint::{CheckpointReader, CheckpointStore, Error, Kind, Query};

use crate::{
    act,
    check::{Bench, Checked, Stop},
    stand::{Stand, quiet},
    tap::{Lie, Tap},
};

checks![
    a_manifest_that_is_cut_short_is_an_error,
    a_manifest_with_another_bit_is_an_error_or_the_same,
    a_pack_that_is_cut_short_is_an_error_of_its_states,
    a_pack_with_another_bit_is_an_error_of_a_state_or_the_same,
    commits_that_are_cut_short_are_an_error,
    commits_with_another_bit_are_an_error_or_the_same,
    a_pack_that_is_missing_is_an_error_of_its_states_alone,
    an_object_with_the_bytes_of_another_is_an_error,
    an_object_without_bytes_is_an_error,
    an_object_with_bytes_behind_its_end_is_an_error_or_the_same,
];

/// A store with packs, a manifest and commits, and what each state has to be.
struct Sound {
    stand: Stand,
    states: Vec<(keepstone_checkpoint::CheckpointId, Vec<u8>)>,
}

impl Sound {
    fn new(bench: &Bench<'_>) -> Result<Self, Stop> {
        let stand = bench.stand()?;
        act::prepare(&stand.store)?;
        let stand = stand.reopen()?;
        let mut states = Vec::new();
        for found in stand.store.list(&Query::new())? {
            states.push((found.id, stand.store.state(&found)?.bytes().to_vec()));
        }
        Ok(Self { stand, states })
    }

    /// Reads everything through a lie about an object, and answers how many states were read.
    fn read(&self, name: &str, bytes: Option<Vec<u8>>) -> Result<usize, Stop> {
        let tap = Tap::new(self.stand.backend());
        tap.lie(Lie { name: name.to_owned(), bytes });
        let read = match CheckpointReader::on(Arc::<Tap>::clone(&tap), quiet()) {
            Err(err) => {
                typed(&err)?;
                0
            }
            Ok(reader) => {
                self.states(&reader.list(&Query::new())?, |id| Ok(reader.state(id)?.bytes().to_vec()))?
            }
        };
        let of_store = match CheckpointStore::on(Arc::<Tap>::clone(&tap), quiet()) {
            Err(err) => {
                typed(&err)?;
                0
            }
            Ok(store) => {
                self.states(&store.list(&Query::new())?, |id| Ok(store.state(id)?.bytes().to_vec()))?
            }
        };
        same!(of_store, read, "states that a store reads, and that a reader does");
        Ok(read)
    }

    fn states(
        &self,
        listed: &[Arc<keepstone_checkpoint::Checkpoint>],
        read: impl Fn(keepstone_checkpoint::CheckpointId) -> Result<Vec<u8>, Error>,
    ) -> Result<usize, Stop> {
        same!(listed.len(), self.states.len(), "checkpoints in the list");
        let mut count = 0;
        for ((id, state), listed) in self.states.iter().zip(listed) {
            same!(listed.id, *id, "a checkpoint of the list");
            match read(*id) {
                Ok(found) => {
                    ensure!(found == *state, "checkpoint {id}: another state than was checkpointed");
                    count += 1;
                }
                Err(err) => typed(&err)?,
            }
        }
        Ok(count)
    }

    /// The objects whose names begin so, and their bytes.
    fn objects(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, Stop> {
        let all = self.stand.ground_objects()?;
        let found: Vec<_> = all.into_iter().filter(|(name, _)| name.starts_with(prefix)).collect();
        ensure!(!found.is_empty(), "the store has no object {prefix}");
        Ok(found)
    }
}

/// Whether an error says that bytes are not what was written.
fn typed(err: &Error) -> Checked {
    let is = matches!(err.kind(), Kind::Damaged | Kind::Newer | Kind::Limit | Kind::NotFound);
    ensure!(is, "an error of the kind {:?} for damaged bytes: {err}", err.kind());
    Ok(())
}

/// Places in an object: all of them, or so many.
fn places(bench: &Bench<'_>, len: usize, quick: usize) -> Vec<usize> {
    if bench.is_full() || len <= quick {
        return (0..len).collect();
    }
    let mut random = bench.random();
    // Beginning and end are where most of the structure is.
    let edges = (0..quick / 4).chain(len - quick / 4..len);
    edges.chain((0..quick / 2).map(|_| random.index(len))).collect()
}

fn flip(bench: &Bench<'_>, prefix: &str) -> Checked {
    let sound = Sound::new(bench)?;
    let mut random = bench.random();
    for (name, bytes) in sound.objects(prefix)? {
        for at in places(bench, bytes.len(), 64) {
            let mut other = bytes.clone();
            if let Some(byte) = other.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
            let read = sound.read(&name, Some(other));
            read.map_err(|stop| stop.on(&format!("{name}, a bit of byte {at}")))?;
        }
    }
    Ok(())
}

fn a_manifest_that_is_cut_short_is_an_error(bench: &Bench<'_>) -> Checked {
    let sound = Sound::new(bench)?;
    // Those before the newest are not read.
    let Some((name, bytes)) = sound.objects("manifests/")?.pop() else { return Ok(()) };
    for len in places(bench, bytes.len(), 40) {
        let read = sound.read(&name, Some(bytes.get(..len).unwrap_or_default().to_vec()))?;
        same!(read, 0, "states that are read with {len} of {} bytes", bytes.len());
    }
    Ok(())
}

fn a_manifest_with_another_bit_is_an_error_or_the_same(bench: &Bench<'_>) -> Checked {
    flip(bench, "manifests/")
}

fn a_pack_that_is_cut_short_is_an_error_of_its_states(bench: &Bench<'_>) -> Checked {
    let sound = Sound::new(bench)?;
    for (name, bytes) in sound.objects("packs/")? {
        for len in places(bench, bytes.len(), 40) {
            let short = bytes.get(..len).unwrap_or_default().to_vec();
            let read = sound.read(&name, Some(short));
            // Behind the last state nothing is needed to read one.
            read.map_err(|stop| stop.on(&format!("{name}, {len} of {} bytes", bytes.len())))?;
        }
        let half = bytes.get(..bytes.len() / 4).unwrap_or_default().to_vec();
        let read = sound.read(&name, Some(half))?;
        ensure!(read < sound.states.len(), "{name}: a quarter of it is enough");
    }
    Ok(())
}

fn a_pack_with_another_bit_is_an_error_of_a_state_or_the_same(bench: &Bench<'_>) -> Checked {
    flip(bench, "packs/")
}

fn commits_that_are_cut_short_are_an_error(bench: &Bench<'_>) -> Checked {
    let sound = Sound::new(bench)?;
    if let Some((name, bytes)) = sound.objects("commits/")?.pop() {
        for len in places(bench, bytes.len(), 40) {
            let read = sound.read(&name, Some(bytes.get(..len).unwrap_or_default().to_vec()))?;
            same!(read, 0, "states that are read with {len} of {} bytes", bytes.len());
        }
    }
    Ok(())
}

fn commits_with_another_bit_are_an_error_or_the_same(bench: &Bench<'_>) -> Checked {
    flip(bench, "commits/")
}

fn a_pack_that_is_missing_is_an_error_of_its_states_alone(bench: &Bench<'_>) -> Checked {
    let sound = Sound::new(bench)?;
    for (name, _) in sound.objects("packs/")? {
        let read = sound.read(&name, None)?;
        ensure!(read < sound.states.len(), "{name} is not needed");
        ensure!(read > 0, "without {name} no state is read, and some are not in it");
    }
    Ok(())
}

fn an_object_with_the_bytes_of_another_is_an_error(bench: &Bench<'_>) -> Checked {
    let sound = Sound::new(bench)?;
    let objects = sound.objects("")?;
    let newest = |prefix: &str| objects.iter().rev().find(|(name, _)| name.starts_with(prefix));
    for prefix in ["manifests/", "commits/"] {
        let Some((name, own)) = newest(prefix) else { continue };
        for (other, bytes) in objects.iter().filter(|(_, bytes)| bytes != own) {
            let read = sound.read(name, Some(bytes.clone()))?;
            same!(read, 0, "states that are read with {other} in the place of {name}");
        }
    }
    Ok(())
}

fn an_object_without_bytes_is_an_error(bench: &Bench<'_>) -> Checked {
    let sound = Sound::new(bench)?;
    for prefix in ["manifests/", "commits/", "packs/"] {
        if let Some((name, _)) = sound.objects(prefix)?.pop() {
            let read = sound.read(&name, Some(Vec::new()))?;
            ensure!(read < sound.states.len(), "{name}: no byte is enough");
        }
    }
    Ok(())
}

fn an_object_with_bytes_behind_its_end_is_an_error_or_the_same(bench: &Bench<'_>) -> Checked {
    let sound = Sound::new(bench)?;
    for (name, bytes) in sound.objects("")? {
        for more in [1, 100, 5000] {
            let longer = [bytes.as_slice(), &vec![7; more]].concat();
            sound.read(&name, Some(longer)).map_err(|stop| stop.on(&format!("{name}, {more} bytes more")))?;
        }
    }
    Ok(())
}
