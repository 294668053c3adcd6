//! What a chain can't have, and files that are not what they should be.

use std::{num::NonZeroU32, sync::Arc};

use keepstone_ecs_persist::{Error as Cause, LiveRows, StateId};
use keepstone_format::Limits;
use keepstone_storage::{Files as _, MemFiles};
use keepstone_world::{
    Dangling, Error, Filter, Kind, LoadOptions, LoadedChain, SaveOptions, WorldDeltas as _, WorldFiles as _,
};

use super::{
    BASE, delta, from_files,
    game::{BevyWorld, Game, HecsWorld, in_hecs},
    in_files,
};

/// A base, three deltas, and the first of another chain as number 9.
fn files<M, W: Game<M>>() -> Arc<MemFiles> {
    let files = Arc::new(MemFiles::new());
    let mut world = W::game(4);
    let (_, mut mark) = world.save_base_with(BASE, &in_files(&files)).unwrap();
    for number in 1..=3 {
        world.add(u64::from(number) + 10);
        world.save_delta_with(&mut mark, delta(number), &in_files(&files)).unwrap();
    }
    let mut other = W::game(5);
    let (_, mut mark) = other.save_base_to(&mut Vec::new()).unwrap();
    other.add(1);
    other.save_delta_with(&mut mark, delta(9), &in_files(&files)).unwrap();
    files
}

fn is_wrong_base(error: &Error, path: &str) -> bool {
    matches!(error, Error::File { path: found, source: Cause::WrongBase { .. } } if **found == *std::path::Path::new(path))
}

fn deltas_out_of_order_are_refused<M, W: Game<M>>() {
    let files = files::<M, W>();
    for (numbers, wrong) in
        [(vec![2], 2), (vec![1, 1], 1), (vec![1, 3], 3), (vec![2, 1], 2), (vec![9], 9), (vec![1, 2, 9], 9)]
    {
        let paths = numbers.iter().copied().map(delta);
        let error = W::load_deltas_with(BASE, paths, &from_files(&files)).map(drop).unwrap_err();
        assert!(is_wrong_base(&error, &delta(wrong)), "{numbers:?}: {error:?}");
        // And by a running world, which stays as it is and takes the right one afterwards.
        let LoadedChain { mut world, mut rows, .. } =
            W::load_deltas_with(BASE, [""; 0], &from_files(&files)).unwrap();
        let (last, good) = numbers.split_last().unwrap();
        let mut apply = |number: u32, rows: &mut LiveRows<W::Entity>| {
            let result = world.apply_delta_file_with(rows, delta(number), &from_files(&files));
            (result, world.census())
        };
        if numbers != [2, 1] {
            for &number in good {
                apply(number, &mut rows).0.unwrap();
            }
            let (state, sequence) = (rows.state, rows.sequence);
            let (error, census) = apply(*last, &mut rows);
            assert!(is_wrong_base(&error.unwrap_err(), &delta(wrong)));
            assert_eq!((rows.state, rows.sequence), (state, sequence));
            assert_eq!(census.len() as u64, 4 + u64::from(sequence));
            let next = sequence + 1;
            if next < 4 {
                assert_eq!(apply(next, &mut rows).0.unwrap().spawned, 1);
            }
        }
    }
}

#[test]
fn deltas_out_of_order_are_refused_in_both_ecs() {
    deltas_out_of_order_are_refused::<_, HecsWorld>();
    deltas_out_of_order_are_refused::<_, BevyWorld>();
}

#[test]
fn options_that_would_make_other_rows_are_refused() {
    let files = files::<_, HecsWorld>();
    let mut world = HecsWorld::game(2);
    let (_, mut mark) = world.save_base_to(&mut Vec::new()).unwrap();
    for (what, options) in [
        ("a filter", SaveOptions::default().filter(Filter::default())),
        ("a canonical order", SaveOptions::default().canonical(true)),
        ("a policy for dangling references", SaveOptions::default().dangling(Dangling::Refuse)),
        ("a save in parts", SaveOptions::default().in_parts()),
        ("a save in parts", SaveOptions::default().part_rows(NonZeroU32::MIN)),
        ("another format", SaveOptions::default().format(keepstone_ecs_persist::Json)),
    ] {
        let base = world.save_base_to_with(&mut Vec::new(), &options).unwrap_err();
        let delta = world.save_delta_to_with(&mut mark, &mut Vec::new(), &options).unwrap_err();
        for error in [base, delta] {
            assert!(matches!(error, Error::NotInChain { option } if option == what), "{error:?}");
            assert_eq!(error.kind(), Kind::Misuse);
        }
    }
    assert_eq!(mark.sequence, 0);
    for (what, options) in [
        ("a filter", from_files(&files).filter(Filter::default())),
        ("a policy for dangling references", from_files(&files).dangling(Dangling::Refuse)),
        ("a choice between worlds", from_files(&files).world("a")),
    ] {
        let mut rows = LiveRows::of_base(mark.root, []);
        let load = HecsWorld::load_deltas_with(BASE, [delta(1)], &options).map(drop).unwrap_err();
        let apply = world.apply_delta_file_with(&mut rows, delta(1), &options).unwrap_err();
        for error in [load, apply] {
            assert!(matches!(error, Error::NotInChain { option } if option == what), "{error:?}");
        }
    }
}

#[test]
fn a_delta_is_no_world_and_a_world_no_delta() {
    let files = files::<_, HecsWorld>();
    let error = HecsWorld::load_with(delta(1), &from_files(&files)).map(drop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "saves/auto-1.delta is a delta and no world; load its base and the deltas up to it with load_deltas, or apply it to a world that has them"
    );
    assert_eq!(error.kind(), Kind::Misuse);
    let LoadedChain { mut world, mut rows, .. } =
        HecsWorld::load_deltas_with(BASE, [""; 0], &from_files(&files)).unwrap();
    let error = world.apply_delta_file_with(&mut rows, BASE, &from_files(&files)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "saves/auto.keep is no delta but a world; a base comes first in load_deltas, and any world is loaded with load"
    );
    let error = HecsWorld::load_deltas_with(delta(1), [delta(2)], &from_files(&files)).map(drop).unwrap_err();
    assert!(matches!(error, Error::IsADelta { .. }), "{error:?}");
    let bytes = {
        let mut bytes = Vec::new();
        keepstone_storage::read(&*files, delta(1).as_ref(), 1 << 20, &mut bytes).unwrap();
        bytes
    };
    let error = HecsWorld::load_from(&mut bytes.as_slice()).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("the stream is a delta"), "{error}");
}

#[test]
fn a_delta_beyond_a_limit_is_refused_before_it_is_read() {
    let files = files::<_, HecsWorld>();
    let load = |options: LoadOptions<'_, _>| {
        let LoadedChain { mut world, mut rows, .. } =
            HecsWorld::load_deltas_with(BASE, [""; 0], &from_files(&files)).unwrap();
        let error = world.apply_delta_file_with(&mut rows, delta(1), &options).unwrap_err();
        assert_eq!((world.census().len(), rows.sequence), (4, 0));
        error
    };
    let error = load(from_files(&files).bytes_max(100));
    assert!(
        matches!(&error, Error::Storage(keepstone_storage::Error::Limit { allowed: 100, .. })),
        "{error:?}"
    );
    let mut limits = Limits::for_file_len(1000);
    limits.decoded_max = 8;
    let error = load(from_files(&files).limits(limits));
    assert_eq!(error.kind(), Kind::Limit, "{error:?}");
    let error = load(from_files(&files).entities_max(0));
    assert_eq!(error.kind(), Kind::Limit, "{error:?}");
    let (mut world, mut rows) = (HecsWorld::game(0), LiveRows::of_base(StateId::default(), []));
    let endless = &mut std::io::repeat(7);
    let error =
        world.apply_delta_from_with(&mut rows, endless, &LoadOptions::default().bytes_max(99)).unwrap_err();
    assert!(matches!(error, Error::TooLong { allowed: 99 }), "{error:?}");
}

#[test]
fn a_damaged_delta_changes_nothing_and_says_which_file() {
    let files = files::<_, HecsWorld>();
    let path = delta(2);
    let mut bytes = Vec::new();
    keepstone_storage::read(&*files, path.as_ref(), 1 << 20, &mut bytes).unwrap();
    for at in (0..bytes.len()).step_by(37) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        files.remove(path.as_ref()).unwrap();
        files.create_new(path.as_ref()).unwrap().write_all_at(&damaged, 0).unwrap();
        match HecsWorld::load_deltas_with(BASE, [delta(1), path.clone()], &from_files(&files)) {
            // Padding and the like.
            Ok(chain) => assert_eq!(chain.world.census().len(), 6),
            Err(error) => assert!(error.to_string().contains(&path), "{at}: {error}"),
        }
    }
}

#[test]
fn what_a_strict_save_refuses_it_refuses_in_a_delta() {
    let mut world = HecsWorld::game(2);
    let (_, mut mark) = world.save_base_to(&mut Vec::new()).unwrap();
    let gone = world.spawn((in_hecs::Score(1),));
    world.spawn((in_hecs::Score(2), in_hecs::Friend(gone)));
    world.despawn(gone).unwrap();
    let strict = SaveOptions::default().strict(true);
    world.save_delta_to_with(&mut mark, &mut Vec::new(), &strict).unwrap_err();
    assert_eq!(mark.sequence, 0);
    let saved = world.save_delta_to(&mut mark, &mut Vec::new()).unwrap();
    assert_eq!((saved.encoded.dangling, mark.sequence), (1, 1));
}
