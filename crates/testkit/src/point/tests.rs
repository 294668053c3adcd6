use std::{collections::BTreeMap, path::PathBuf};

use super::*;
use crate::Step;

fn create(path: &str, inode: u64) -> Step {
    let path = PathBuf::from(path).into();
    Step::CreateNew { path, inode }
}

fn rename(from: &str, to: &str) -> Step {
    let (from, to) = (PathBuf::from(from).into(), PathBuf::from(to).into());
    Step::Rename { from, to }
}

fn sync_dir(path: &str) -> Step {
    let path = PathBuf::from(path).into();
    Step::SyncDir { path }
}

fn write(inode: u64, offset: u64, byte: u8, len: usize) -> Step {
    Step::Write { inode, offset, data: vec![byte; len].into() }
}

/// The disk that `steps` make of one that `durable` has filled.
fn model(durable: &[Step], steps: &[Step]) -> Model {
    let mut model = Model::default();
    for step in durable {
        model.apply(step);
    }
    model.settle();
    for step in steps {
        model.apply(step);
    }
    model
}

/// All images by their hash, each of which must be its own.
fn images(model: &Model) -> BTreeMap<u128, Image> {
    let mut images = BTreeMap::new();
    let mut keep = |left: &Left<'_>| {
        assert_eq!(images.insert(left.hash, left.image()), None);
        Ok::<_, ()>(())
    };
    let count = all(model, &mut keep).unwrap();
    assert_eq!(count, model.count(u64::MAX >> 1));
    images
}

/// The sets of names that a crash after `steps` may leave on a disk that `durable` has filled.
fn check(durable: &[Step], steps: &[Step], expected: &[&[&str]]) {
    let images = images(&model(durable, steps));
    let found: BTreeSet<Vec<PathBuf>> = images.values().map(Image::names).collect();
    let of = |names: &&[&str]| names.iter().map(PathBuf::from).collect();
    assert_eq!(found, expected.iter().map(of).collect());
    assert_eq!(images.len(), found.len());
}

#[test]
fn unsynced_names_are_kept_and_lost_in_every_combination() {
    let steps = [create("a", 0), create("b", 1)];
    check(&[], &steps, &[&[], &["a"], &["b"], &["a", "b"]]);
    let synced = [create("a", 0), sync_dir(""), create("b", 1)];
    check(&[], &synced, &[&["a"], &["a", "b"]]);
}

#[test]
fn a_rename_is_kept_whole_or_lost_whole() {
    check(&[create("a", 0)], &[rename("a", "b")], &[&["a"], &["b"]]);
    // Even where the old name itself was never durable.
    check(&[], &[create("a", 0), rename("a", "b")], &[&[], &["a"], &["b"]]);
}

#[test]
fn a_removed_name_may_come_back_until_its_directory_is_synced() {
    let removed = Step::Remove { path: PathBuf::from("a").into() };
    let steps = [removed, sync_dir("")];
    check(&[create("a", 0)], &steps[..1], &[&["a"], &[]]);
    check(&[create("a", 0)], &steps, &[&[]]);
}

#[test]
fn what_a_directory_holds_is_lost_with_its_name() {
    let made = Step::CreateDir { path: PathBuf::from("d").into() };
    let inside = [made.clone(), create("d/a", 0), sync_dir("d")];
    check(&[], &inside, &[&[], &["d", "d/a"]]);
    check(&[made], &[create("d/a", 0), sync_dir("")], &[&["d"], &["d", "d/a"]]);
}

#[test]
fn a_file_that_kept_two_names_is_two_files_from_then_on() {
    let steps = [rename("a", "b"), rename("b", "c")];
    let images = images(&model(&[create("a", 0), write(0, 0, 1, 9)], &steps));
    let twice = images.values().find(|image| image.names() == [PathBuf::from("a"), PathBuf::from("c")]);
    let numbers = twice.unwrap().nodes.values().filter_map(|found| match found {
        Found::File(saved) => Some(saved.inode),
        Found::Dir => None,
    });
    let numbers: Vec<u64> = numbers.collect();
    assert_ne!(numbers[0], numbers[1]);
}

#[test]
fn a_sample_has_every_whole_step_lost_and_kept_and_states_of_the_full_list_alone() {
    let steps = [create("a", 0), write(0, 0, 1, 1024), create("b", 1), write(1, 0, 2, 512), rename("b", "c")];
    let model = model(&[], &steps);
    let full = images(&model);
    let sampled = |states_max: u64, seed: u64| {
        let mut hashes = Vec::new();
        let mut keep = |left: &Left<'_>| {
            assert_eq!(full.get(&left.hash), Some(&left.image()));
            hashes.push(left.hash);
            Ok::<_, ()>(())
        };
        some(&model, states_max, &mut Random::new(seed), &mut keep).unwrap();
        hashes
    };
    // Four corner cases and three of each step.
    let corners = sampled(0, 1);
    assert_eq!(corners.len(), 4 + 3 * 5);
    assert_eq!(sampled(100, 1)[..corners.len()], corners);
    assert_eq!(sampled(100, 7), sampled(100, 7));
    assert_ne!(sampled(100, 7), sampled(100, 8));
    let reached: BTreeSet<u128> = sampled(20_000, 1).into_iter().collect();
    assert_eq!(reached.len(), full.len());
}
