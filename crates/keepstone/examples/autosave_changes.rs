//! Saves a world every few moments by what changed alone: a base, deltas behind it, and a new base once they have grown.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use bevy_ecs::prelude::*;
use keepstone::{
    Mark,
    bevy::Moment,
    ecs,
    prelude::*,
    storage::{Files as _, OsFiles},
    world,
};
use serde::{Deserialize, Serialize};

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "autosave.place", pod)]
#[repr(C)]
struct Place {
    x: f32,
    y: f32,
}

#[derive(Component, Persist, Serialize, Deserialize, PartialEq, Debug)]
#[persist(name = "autosave.name")]
struct Name(String);

/// Chains in a directory. Each has a number, so that the deltas of one are never taken for those of another: `3.keep`, `3-1.delta`, ...
struct Autosave {
    dir: PathBuf,
    chain: u64,
    /// The moment of the last save, and the bytes of the base and of the deltas behind it.
    last: Option<(Mark<Moment>, u64, u64)>,
}

impl Autosave {
    /// Goes on behind the chains that are there, with a chain of its own: marks don't outlive a program.
    fn new(dir: &Path) -> Result<Self, world::Error> {
        Ok(Self { dir: dir.to_owned(), chain: newest(dir)?.unwrap_or(0), last: None })
    }

    /// Saves what changed since the last save, or all of the world.
    fn save(&mut self, world: &mut World) -> Result<u64, world::Error> {
        let Some((mark, base_bytes, delta_bytes)) = &mut self.last else { return self.save_base(world) };
        // To load more than this takes longer than to load a base.
        if *delta_bytes > *base_bytes {
            return self.save_base(world);
        }
        let path = delta(&self.dir, self.chain, mark.sequence + 1);
        match world.save_delta(mark, path) {
            Ok(saved) => {
                *delta_bytes += saved.encoded.bytes_total;
                Ok(saved.encoded.bytes_total)
            }
            Err(world::Error::World(ecs::Error::MarkTooOld { .. })) => self.save_base(world),
            Err(error) => Err(error),
        }
    }

    fn save_base(&mut self, world: &mut World) -> Result<u64, world::Error> {
        let chain = self.chain + 1;
        let (saved, mark) = world.save_base(base(&self.dir, chain))?;
        let bytes = saved.encoded.bytes_total;
        (self.chain, self.last) = (chain, Some((mark, bytes, 0)));
        // The new chain is on the disk: the others are no longer needed.
        for name in OsFiles.list(&self.dir)? {
            if number_of(&name).is_some_and(|number| number < chain) {
                OsFiles.remove(&self.dir.join(name))?;
            }
        }
        Ok(bytes)
    }

    /// The last world that was saved.
    fn load(dir: &Path) -> Result<Option<World>, world::Error> {
        let Some(chain) = newest(dir)? else { return Ok(None) };
        let deltas = (1..).map(|sequence| delta(dir, chain, sequence));
        let deltas = deltas.take_while(|path| OsFiles.metadata(path).is_ok());
        Ok(Some(World::load_deltas(base(dir, chain), deltas)?.world))
    }
}

fn base(dir: &Path, chain: u64) -> PathBuf {
    dir.join(format!("{chain}.keep"))
}

fn delta(dir: &Path, chain: u64, sequence: u32) -> PathBuf {
    dir.join(format!("{chain}-{sequence}.delta"))
}

/// The chain that a file is of.
fn number_of(name: &std::ffi::OsStr) -> Option<u64> {
    name.to_str()?.split(['-', '.']).next()?.parse().ok()
}

/// The last chain with a base.
fn newest(dir: &Path) -> Result<Option<u64>, world::Error> {
    let names = OsFiles.list(dir)?;
    let bases = names.iter().filter(|name| Path::new(name).extension().is_some_and(|it| it == "keep"));
    Ok(bases.filter_map(|name| number_of(name)).max())
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let mut world = World::new();
    let walkers: Vec<Entity> =
        (0..1000_u16).map(|at| world.spawn(Place { x: f32::from(at), y: 0.0 }).id()).collect();
    let mut autosave = Autosave::new(dir.path())?;
    println!("the base has {} bytes", autosave.save(&mut world)?);

    for moment in 1..=5_u8 {
        // Ten of them walk, one gets a name, and one more comes.
        for &walker in walkers.iter().skip(usize::from(moment)).take(10) {
            world.get_mut::<Place>(walker).ok_or("a walker is gone")?.y += 1.0;
        }
        world.spawn((Place { x: 0.0, y: 9.0 }, Name(format!("number {moment}"))));
        let bytes = autosave.save(&mut world)?;
        println!("the changes of moment {moment} have {bytes} bytes");
        assert!(bytes < 2000);
    }

    // The program ends, or is killed at any moment of a save, and starts again.
    let mut loaded = Autosave::load(dir.path())?.ok_or("nothing was saved")?;
    assert_eq!(loaded.query::<&Name>().iter(&loaded).count(), 5);
    let sum = |world: &mut World| world.query::<&Place>().iter(world).map(|place| place.y).sum::<f32>();
    assert_eq!(sum(&mut loaded).to_bits(), sum(&mut world).to_bits());

    let mut autosave = Autosave::new(dir.path())?;
    autosave.save(&mut loaded)?;
    assert_eq!(OsFiles.list(dir.path())?, ["2.keep"], "the first chain is gone with its deltas");
    println!("and a new chain begins");
    Ok(())
}

#[test]
fn what_changed_is_saved_and_loaded() {
    main().unwrap();
}
