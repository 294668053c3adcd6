//! Files made at random are read as they were made.

use keepstone_compat::pecs::{Component, Header};

use crate::pecs::files::read;
use crate::pecs::wire::{Numbers, Spec};
use crate::pecs::world::check_same;

fn bytes(numbers: &mut Numbers, len_max: u64) -> Vec<u8> {
    (0..numbers.below(len_max)).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect()
}

/// Few ids and names, so that all of them come again.
fn spec(seed: u64) -> Spec {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let names = ["", "a", "b", "game::\u{540d}\u{524d}", "a_rather_longer_name"];
    let ids = 1 + numbers.below(8);
    let id = |numbers: &mut Numbers| u128::from(numbers.below(ids)) << (numbers.below(2) * 120);
    let types = (0..numbers.below(6))
        .map(|_| {
            let name = names[usize::try_from(numbers.below(5)).unwrap()];
            (id(&mut numbers), name.to_owned(), u32::try_from(numbers.below(1 << 32)).unwrap())
        })
        .collect();
    let entities = (0..numbers.below(60))
        .map(|_| {
            let components =
                (0..numbers.below(6)).map(|_| (id(&mut numbers), bytes(&mut numbers, 9))).collect();
            (u128::from(numbers.below(1000)), components)
        })
        .collect();
    let flags = if numbers.below(4) == 0 { u32::try_from(numbers.below(1 << 32)).unwrap() } else { 0 };
    Spec { flags, types, entities }
}

#[test]
fn random_files_are_read_as_they_were_made() {
    for seed in 0..1000 {
        let spec = spec(seed);
        let made = spec.file();
        let file = read(&made).unwrap_or_else(|err| panic!("seed {seed}: {err}"));
        let expected = Header {
            version: 1,
            flags: spec.flags,
            entity_count: spec.entities.len() as u64,
            type_count: u32::try_from(spec.types.len()).unwrap(),
        };
        assert_eq!(file.header, expected, "seed {seed}");
        let registered = file.types().iter().take(spec.types.len());
        let types: Vec<_> =
            registered.map(|one| (one.type_id.0, one.name.unwrap().to_owned(), one.version)).collect();
        assert_eq!(types, spec.types, "seed {seed}");
        let entities: Vec<_> = file
            .entities()
            .map(|entity| {
                let taken = |one: Component<'_>| (one.component_type.type_id.0, one.data.to_vec());
                (entity.id.0, entity.components().map(taken).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(entities, spec.entities, "seed {seed}");
        check_same(&file, &file.to_world());
    }
}
