//! Damage: every length to which a file can be cut, and every bit.

use keepstone_format::{Kind, Limits};
use keepstone_storage::{
    Error,
    generation::{self, Check},
};

use super::{PAGE, bytes_of, commit, dir, disk, load, memory, open, state, state_of};

/// Two generations: the files, and how long the newer container is.
pub(super) fn sample() -> ([Vec<u8>; 2], usize) {
    let files = memory();
    let mut generations = open(&files, 1).unwrap();
    commit(&mut generations, b"one").unwrap();
    let committed = commit(&mut generations, &state(2, 70)).unwrap();
    let len = usize::try_from(committed.bytes).unwrap();
    let [one, two] = [0, 1].map(|number| bytes_of(&*files, number));
    ([one[..PAGE + len + 200].to_vec(), two[..PAGE + len + 200].to_vec()], len)
}

/// Whether the newer generation, changed so, is found to be damaged; else it must be what it was.
pub(super) fn is_seen(one: &[u8], two: &[u8], page_tells: bool) -> Result<bool, String> {
    let files = disk(&[one, two]);
    let loaded = generation::load(&*files, dir(), Limits::default(), Check::Verifies);
    let loaded = loaded.map_err(|err| format!("not loaded: {err}"))?;
    let found = (loaded.generation, state_of(&loaded));
    let opened = open(&files, 1).map_err(|err| format!("not opened: {err}"))?;
    let damaged = opened.opened().damaged.len();
    match &loaded.passed_over[..] {
        [] if found == (2, state(2, 70)) && damaged == 0 => Ok(false),
        [Error::Container { source, .. }]
            if found == (1, b"one".to_vec()) && source.kind() == Kind::Damaged =>
        {
            if (damaged == 1) == page_tells { Ok(true) } else { Err(format!("{damaged} pages damaged")) }
        }
        other => Err(format!("found {found:?}, passed over {other:?}")),
    }
}

#[test]
fn a_generation_that_is_cut_is_seen_to_be() {
    let ([one, two], len) = sample();
    for cut in 0..two.len() {
        let part = &two[..cut];
        if cut == 0 {
            // Nothing is committed in an empty file.
            assert_eq!(load(&*disk(&[&one, part])).unwrap().0, 1);
            continue;
        }
        let seen = is_seen(&one, part, cut < PAGE).unwrap_or_else(|err| panic!("cut at {cut}: {err}"));
        assert_eq!(seen, cut < PAGE + len, "cut at {cut}");
    }
}

/// Flips every `step`th bit.
pub(super) fn flip(step: usize) -> Result<usize, String> {
    let ([one, mut two], len) = sample();
    let mut flipped = 0;
    for bit in (0..two.len() * 8).step_by(step) {
        // Of the padding of the page one bit a byte.
        if (40 * 8..PAGE * 8).contains(&bit) && !(bit / 8 + bit % 8).is_multiple_of(8) {
            continue;
        }
        two[bit / 8] ^= 1 << (bit % 8);
        let seen = is_seen(&one, &two, bit / 8 < PAGE).map_err(|err| format!("bit {bit}: {err}"))?;
        if seen != (bit / 8 < PAGE + len) {
            return Err(format!("bit {bit} is seen: {seen}"));
        }
        two[bit / 8] ^= 1 << (bit % 8);
        flipped += 1;
    }
    Ok(flipped)
}

#[test]
fn every_flipped_bit_is_seen_or_behind_the_container() {
    let flipped = flip(1).unwrap();
    assert!(flipped > 7000, "{flipped}");
}

/// A page in front of another container of the same length.
pub(super) fn exchange() -> Result<(), String> {
    let files = memory();
    let mut generations = open(&files, 2).unwrap();
    for text in [b"one", b"two", b"six"] {
        commit(&mut generations, text).unwrap();
    }
    drop(generations);
    let [one, two, three] = [0, 1, 2].map(|number| bytes_of(&*files, number));
    let mixed = [&three[..PAGE], &two[PAGE..]].concat();
    let files = disk(&[&one, &two, &mixed]);
    match load(&*files) {
        Ok((2, text)) if text == b"two" => {}
        other => return Err(format!("loaded {other:?}")),
    }
    let err = generation::open_newest(&*files, dir()).unwrap().reader(Limits::default());
    match err {
        Err(Error::Container {
            source: keepstone_format::Error::Invalid { what: "container", .. }, ..
        }) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn a_page_in_front_of_another_container_is_seen() {
    exchange().unwrap();
}

#[test]
fn what_is_left_of_a_damaged_container_can_be_salvaged() {
    let ([one, two], len) = sample();
    let files = disk(&[&one, &two[..PAGE + len - 30]]);
    let content = generation::open_newest(&*files, dir()).unwrap().into_content();
    let mut parts = Vec::new();
    let limits = Limits::default();
    keepstone_format::salvage(&content, &limits, &mut |part| parts.push(format!("{part:?}"))).unwrap();
    assert!(!parts.is_empty(), "the payload stands before what was cut off");
    assert_eq!(load(&*files).unwrap().0, 1);
}
