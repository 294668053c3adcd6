//! What changes cost.

use keepstone_checkpoint::delta::{Delta, Options};
use keepstone_testkit::Random;

/// The bytes of the delta of `len` bytes of which `share` in 100 change, in runs of `run` bytes.
fn scattered(len: usize, share: usize, run: usize) -> usize {
    let mut random = Random::new(run as u64);
    let source = random.bytes(len);
    let mut target = source.clone();
    for _ in 0..len * share / 100 / run {
        let at = random.index(len - run);
        let new = random.bytes(run);
        target[at..at + run].copy_from_slice(&new);
    }
    let delta = Delta::between(&source, &target, &Options::new()).unwrap();
    assert!(delta.apply(&source).unwrap() == target);
    delta.plain_len()
}

#[test]
fn one_run_in_a_kilobyte_costs_six_bytes_more_than_itself() {
    let source = vec![0; 1024];
    for at in 0..=1010 {
        let mut target = source.clone();
        target[at..at + 14].fill(7);
        let len = Delta::between(&source, &target, &Options::new()).unwrap().plain_len();
        assert!(len <= 20, "{len} bytes for a change at {at}");
    }
}

#[test]
fn scattered_changes_cost_what_their_gaps_do() {
    // The share is in 100; some of the runs meet, and some bytes are the same as before.
    assert!(scattered(100_000, 1, 1) < 1000 * 23 / 10);
    assert!(scattered(100_000, 1, 4) < 250 * 6);
    assert!(scattered(100_000, 1, 14) < 71 * 17);
    assert!(scattered(100_000, 4, 4) < 1000 * 6);
}

#[test]
fn a_state_that_did_not_change_costs_a_handful_of_bytes() {
    for len in [1 << 10, 10_240, 1 << 20] {
        let state = vec![3; len];
        let delta = Delta::between(&state, &state, &Options::new()).unwrap();
        assert!(delta.plain_len() <= 5);
        assert_eq!(delta.stats().ops, 0);
    }
}
