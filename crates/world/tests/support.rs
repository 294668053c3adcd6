use std::{path::Path, sync::Arc};

use bevy_ecs::prelude::*;
use keepstone_bevy::Persist;
use keepstone_storage::{Files, Op};
pub(crate) use keepstone_testkit::tap::Tapped;
use keepstone_testkit::tap::{Call, Tap, With};
use keepstone_world::{Codec, Error, LoadOptions, SaveOptions, SaveReport, WorldFiles};
use serde::{Deserialize, Serialize};

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.score", pod)]
#[repr(C)]
pub(crate) struct Score(pub(crate) u64);

#[derive(Component, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "test.title")]
pub(crate) struct Title(pub(crate) String);

pub(crate) const PATH: &str = "saves/game.keep";

/// A world that is told from others by its number.
pub(crate) fn world(number: u64) -> World {
    let mut world = World::new();
    world.spawn((Score(number), Title(format!("world {number}"))));
    world.spawn(Score(number + 1));
    world
}

/// The number of a world made by [`world`], if it is one.
pub(crate) fn number(world: &mut World) -> Option<u64> {
    let titled: Vec<(Score, Title)> =
        world.query::<(&Score, &Title)>().iter(world).map(|(s, t)| (*s, t.clone())).collect();
    let [(Score(number), Title(title))] = titled.as_slice() else { return None };
    let second = world.query_filtered::<&Score, Without<Title>>().iter(world).next()?.0;
    (second == number + 1 && *title == format!("world {number}")).then_some(*number)
}

pub(crate) fn save(world: &World, files: Arc<dyn Files>) -> Result<SaveReport, Error> {
    world.save_with(PATH, &SaveOptions::default().files(files).codec(Codec::None))
}

pub(crate) fn load(files: Arc<dyn Files>) -> Result<Option<u64>, Error> {
    let (mut world, _) = World::load_with(Path::new(PATH), &LoadOptions::default().files(files))?;
    Ok(number(&mut world))
}

/// Flips a bit of each file that takes its name.
#[derive(Debug)]
pub(crate) struct Rot;

impl Tap for Rot {
    fn after(&self, call: &Call<'_>, inner: &dyn Files) -> Result<(), keepstone_storage::Error> {
        if let (Op::Rename, With::Target(path)) = (call.op, call.with) {
            let mut content = Vec::new();
            keepstone_storage::read(inner, path, u64::MAX, &mut content)?;
            let middle = content.len() / 2;
            content[middle] ^= 1;
            inner.remove(path)?;
            inner.create_new(path)?.write_all_at(&content, 0)?;
        }
        Ok(())
    }
}
