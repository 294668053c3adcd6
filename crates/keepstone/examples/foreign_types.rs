//! Saves components of other crates, which can't derive anything: as plain bytes, through serde, and by two functions.
//!
//! Every type is a component to hecs, so types of the standard library will do. With bevy the calls are the same.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{collections::VecDeque, error::Error, num::NonZeroU8, ops::RangeInclusive, time::Duration};

use hecs::World;
use keepstone::{
    LoadOptions, SaveOptions,
    ecs::{AsPlain, AsSerde},
    hecs::Registry,
    prelude::*,
};

/// All that the program saves; names and versions are its own choice, and stay when the types are renamed.
fn registry() -> Result<Registry, keepstone::ecs::Error> {
    let mut registry = Registry::default();
    // Bytes as they are: numbers, arrays of them, and types of crates that implement `keepstone::Plain`.
    registry.add_as::<[f32; 3], AsPlain>("game.position", 1)?;
    // Whatever has serde.
    registry.add_as::<Duration, AsSerde>("game.age", 1)?;
    registry.add_as::<VecDeque<String>, AsSerde>("game.orders", 1)?;
    // What has neither, or should look otherwise in a file: a value to save, and the way back.
    registry.add_with::<RangeInclusive<u8>, (u8, u8)>(
        "game.levels",
        1,
        |range| (*range.start(), *range.end()),
        |(start, end)| start..=end,
    )?;
    // The way back may refuse: then the load fails, names the row, and changes nothing.
    registry.try_add_with("game.lives", 1, |lives: &NonZeroU8| lives.get(), NonZeroU8::try_from)?;
    Ok(registry)
}

fn main() -> Result<(), Box<dyn Error>> {
    let registry = registry()?;
    let mut world = World::new();
    let orders = VecDeque::from(["go".to_owned(), "wait".to_owned()]);
    world.spawn(([1.0_f32, 2.0, 3.0], Duration::from_secs(40), orders));
    world.spawn(([4.0_f32, 5.0, 6.0], 3..=7_u8, NonZeroU8::MAX));

    let mut bytes = Vec::new();
    let saved = world.save_to_with(&mut bytes, &SaveOptions::default().registry(&registry).strict(true))?;
    println!("{} values of {} components", saved.encoded.values, saved.encoded.components);

    let options = LoadOptions::default().registry(&registry);
    let (loaded, _) = World::load_from_with(&mut bytes.as_slice(), &options)?;
    for (age, orders) in &mut loaded.query::<(&Duration, &VecDeque<String>)>() {
        println!("{age:?} old, with orders {orders:?}");
    }
    let mut found = loaded.query::<(&[f32; 3], &RangeInclusive<u8>, &NonZeroU8)>();
    let (position, levels, lives) = found.iter().next().ok_or("the second entity is gone")?;
    assert_eq!((*position, levels, lives.get()), ([4.0, 5.0, 6.0], &(3..=7), 255));
    println!("at {position:?}, levels {levels:?}, {lives} lives");
    Ok(())
}

#[test]
fn foreign_types_come_back() {
    main().unwrap();
}
