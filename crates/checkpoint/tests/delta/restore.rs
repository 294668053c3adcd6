//! States through chains of deltas.

use keepstone_checkpoint::delta::{Delta, DeltaKind, Error, Options, restore};
use keepstone_format::Codec;
use keepstone_testkit::Random;

use super::support::{codecs, decode, edit, encode, state};

/// What is done to a state before the next checkpoint.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// Bytes are replaced.
    Aligned,
    /// Records come and go.
    Shifted,
    /// Anything.
    Any,
    /// One of these, another each time.
    Mixed,
}

fn change(random: &mut Random, state: &mut Vec<u8>, what: Change) {
    let at = random.index(state.len());
    let len = (1 + random.index(60)).min(state.len() - at);
    match what {
        Change::Aligned => {
            let new = random.bytes(len);
            state[at..at + len].copy_from_slice(&new);
        }
        Change::Shifted if random.one_in(2) && state.len() > 1000 => drop(state.drain(at..at + len)),
        Change::Shifted => {
            let new = random.bytes(len);
            state.splice(at..at, new);
        }
        Change::Any => edit(random, state, 300),
        Change::Mixed => {
            let what = [Change::Aligned, Change::Shifted, Change::Any][random.index(3)];
            change(random, state, what);
        }
    }
}

/// Makes a chain and asserts that each of its states comes back; returns the kinds that it had.
fn check(seed: u64, len: usize, count: usize, what: Change) -> Vec<DeltaKind> {
    let mut random = Random::new(seed);
    let keyframe = state(&mut random, len);
    let (mut states, mut chain) = (vec![keyframe.clone()], Vec::new());
    let codecs: Vec<Codec> = codecs().collect();
    while chain.len() < count {
        let before = &states[states.len() - 1];
        let mut next = before.clone();
        for _ in 0..=random.index(4) {
            change(&mut random, &mut next, what);
        }
        let Some(delta) = Delta::between(before, &next, &Options::new()) else { continue };
        chain.push(encode(&delta, codecs[random.index(codecs.len())]));
        states.push(next);
    }
    let chain: Vec<_> = chain.iter().map(|bytes| decode(bytes)).collect();
    let mut applied = keyframe.clone();
    for (index, delta) in chain.iter().enumerate() {
        applied = delta.apply(&applied).unwrap();
        assert!(applied == states[index + 1]);
    }
    for end in (0..=count).step_by(1 + count / 20).chain([count]) {
        let restored = restore(&keyframe, &chain[..end]).unwrap();
        assert!(restored == states[end], "seed {seed}, {what:?}, {end} of {count}");
    }
    chain.iter().map(keepstone_checkpoint::delta::DeltaRef::kind).collect()
}

#[test]
fn each_state_of_a_chain_comes_back() {
    let mut kinds = Vec::new();
    for seed in 0..40 {
        for what in [Change::Aligned, Change::Shifted, Change::Any, Change::Mixed] {
            for (len, count) in [(300, 12), (20_000, 40)] {
                kinds.extend(check(seed, len, count, what));
            }
        }
    }
    for kind in [DeltaKind::Aligned, DeltaKind::Shifted, DeltaKind::Moved] {
        assert!(kinds.iter().filter(|found| **found == kind).count() > 300, "{kind:?}");
    }
}

#[test]
fn states_of_many_pieces_and_long_chains_come_back() {
    for what in [Change::Aligned, Change::Shifted, Change::Any, Change::Mixed] {
        check(1, 300_000, 150, what);
        check(2, 3000, 1500, what);
    }
}

#[test]
fn records_longer_than_a_piece_come_and_go() {
    let mut random = Random::new(3);
    let mut states = vec![random.bytes(100_000)];
    let mut chain = Vec::new();
    for _ in 0..30 {
        let mut next = states[states.len() - 1].clone();
        let at = random.index(next.len() - 30_000);
        let new = random.bytes(25_000);
        next.splice(at..at, new);
        let at = random.index(next.len() - 30_000);
        next.drain(at..at + 24_000);
        let delta = Delta::between(&states[states.len() - 1], &next, &Options::new()).unwrap();
        chain.push(encode(&delta, Codec::None));
        states.push(next);
    }
    let chain: Vec<_> = chain.iter().map(|bytes| decode(bytes)).collect();
    for end in 0..=30 {
        assert!(restore(&states[0], &chain[..end]).unwrap() == states[end], "{end}");
    }
}

#[test]
fn the_delta_that_does_not_follow_is_named() {
    let mut random = Random::new(5);
    let long = random.bytes(3000);
    let mut other = long.clone();
    other[2999] ^= 1;
    let cut = encode(&Delta::between(&long, &long[..2000], &Options::new()).unwrap(), Codec::None);
    let patch = encode(&Delta::between(&long, &other, &Options::new()).unwrap(), Codec::None);
    let chain = [decode(&patch), decode(&patch), decode(&cut), decode(&patch)];
    assert!(restore(&long, &chain[..3]).unwrap() == long[..2000]);
    let error = restore(&long, &chain).unwrap_err();
    let Error::Chain { index: 3, source } = error else { panic!("{error}") };
    assert!(matches!(*source, Error::Source { expected: 2999, found: 2000, .. }), "{source}");
    assert!(matches!(restore(&[], &chain), Err(Error::Chain { index: 0, .. })));
}
