//! Deltas in formats that a program added.

use std::{
    io::{Read, Write},
    sync::Arc,
};

use keepstone_ecs_persist::{
    ColumnarDelta, DeltaFormat, Error as Cause, PersistenceManager, ReadOptions, WorldDelta, WriteOptions,
};
use keepstone_storage::{Files as _, MemFiles};
use keepstone_world::{Error, Kind, LoadedChain, SaveOptions};

use super::{
    BASE, delta, from_files,
    game::{BevyWorld, Game, HecsWorld},
    in_files,
};

/// The container behind three letters.
struct Toy;

impl DeltaFormat for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn version(&self) -> u32 {
        1
    }

    fn detect(&self, first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(b"TOY")
    }

    fn save(&self, delta: &WorldDelta<'_>, out: &mut dyn Write, options: &WriteOptions) -> Result<(), Cause> {
        out.write_all(b"TOY").map_err(|source| Cause::Write { source })?;
        ColumnarDelta.save(delta, out, options)
    }

    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDelta<'static>, Cause> {
        input.read_exact(&mut [0; 3]).map_err(|source| Cause::Read { source })?;
        ColumnarDelta.load(input, options)
    }
}

fn a_delta_is_written_in_the_format_that_was_chosen_and_found_by_its_first_bytes<M, W: Game<M>>() {
    let mut formats = PersistenceManager::with_default_formats();
    formats.register_delta_format(Toy).unwrap();
    let files = Arc::new(MemFiles::new());
    let mut world = W::game(4);
    let (_, mut mark) = world.save_base_with(BASE, &in_files(&files)).unwrap();
    world.add(11);
    let named = in_files(&files).read_back(true).delta_format_named(&formats, "toy").unwrap();
    let saved = world.save_delta_with(&mut mark, delta(1), &named).unwrap();
    let mut bytes = Vec::new();
    keepstone_storage::read(&*files, delta(1).as_ref(), u64::MAX, &mut bytes).unwrap();
    assert!(bytes.starts_with(b"TOY"));
    assert_eq!((saved.encoded.entities, saved.encoded.bytes_total), (1, bytes.len() as u64));
    // Both formats in one chain.
    world.add(12);
    world.save_delta_with(&mut mark, delta(2), &in_files(&files)).unwrap();
    let known = from_files(&files).formats(formats);
    let LoadedChain { world: loaded, .. } = W::load_deltas_with(BASE, [delta(1), delta(2)], &known).unwrap();
    assert_eq!(loaded.census(), world.census());

    let error = W::load_deltas_with(BASE, [delta(1)], &from_files(&files)).map(drop).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "nobody knows the format: {error}");
    files.remove(delta(2).as_ref()).unwrap();
}

#[test]
fn a_delta_is_written_in_the_format_that_was_chosen_and_found_by_its_first_bytes_in_both_ecs() {
    a_delta_is_written_in_the_format_that_was_chosen_and_found_by_its_first_bytes::<_, HecsWorld>();
    a_delta_is_written_in_the_format_that_was_chosen_and_found_by_its_first_bytes::<_, BevyWorld>();
}

#[test]
fn a_format_that_nobody_registered_is_named() {
    let formats = PersistenceManager::with_default_formats();
    let options: SaveOptions<'_, keepstone_hecs::Registry> = SaveOptions::default();
    let error = options.delta_format_named(&formats, "toy").map(drop).unwrap_err();
    assert!(matches!(&error, Error::World(Cause::UnknownPlugin { asked, .. }) if asked == "toy"), "{error}");
}
