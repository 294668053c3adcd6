//! A game that saves by itself, without a window: what an app needs is in `game`.
//!
//! ```text
//! cargo run -p keepstone-bevy --features app --example autosave_app
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, path::Path};

use bevy_app::{App, AppExit, Update};
use bevy_ecs::prelude::*;
use keepstone_bevy::{
    KeepstonePlugin, LoadFinished, LoadGame, Persist, QuickSave, SaveFailed, SaveFinished, SaveGame,
    SaveRecovered, Saves,
};

#[derive(Component, Persist, Clone, Copy)]
#[persist(crate = "keepstone_bevy", name = "example.gold", pod)]
#[repr(C)]
struct Gold(u64);

/// What the player does, frame by frame.
#[derive(Resource, Default)]
struct Frame(u32);

/// The game, and what it says about its saves.
fn game(saves: &Path) -> App {
    let mut app = App::new();
    app.add_plugins(KeepstonePlugin::in_dir(saves).player("ann").autosave_every_secs(60).autosave_on_exit())
        .add_observer(|saved: On<SaveFinished>| println!("{}", saved.report()))
        .add_observer(|failed: On<SaveFailed>| println!("{}", failed.report()))
        .add_observer(|loaded: On<LoadFinished>| println!("{}", loaded.report()))
        .add_observer(|recovered: On<SaveRecovered>| println!("{}", recovered.report()))
        .init_resource::<Frame>()
        .add_systems(Update, play);
    app
}

fn play(mut frame: ResMut<Frame>, mut gold: Query<&mut Gold>, mut commands: Commands) {
    frame.0 += 1;
    gold.iter_mut().for_each(|mut gold| gold.0 += 10);
    match frame.0 {
        1 => {
            commands.spawn(Gold(0));
        }
        3 => {
            commands.write_message(SaveGame::slot(0).name("Before the dragon"));
        }
        5 => {
            commands.write_message(QuickSave::default());
        }
        7 => {
            commands.write_message(LoadGame::slot(0));
        }
        9 => {
            commands.write_message(AppExit::Success);
        }
        _ => {}
    }
}

/// Plays to the end, and returns how much gold there is and how many saves.
fn run(saves: &Path) -> Result<(u64, usize), Box<dyn Error>> {
    let mut app = game(saves);
    while app.should_exit().is_none() {
        app.update();
    }
    let world = app.world_mut();
    let gold = world.query::<&Gold>().single(world)?.0;
    let list = app.world().resource::<Saves>().list()?;
    for save in &list {
        let (slot, name) = (save.slot().unwrap_or_default(), save.name().unwrap_or("-"));
        println!("{slot:>2}  {:<6} {name}", save.kind().map(|kind| kind.to_string()).unwrap_or_default());
    }
    Ok((gold, list.len()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (gold, saves) = run(dir.path())?;
    println!("{gold} gold, {saves} saves");
    Ok(())
}

#[test]
fn the_game_goes_on_from_its_save_and_leaves_one_at_its_end() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    // 20 when it was saved, and two frames after it was loaded.
    assert_eq!(run(dir.path())?, (40, 3));
    // The next run goes on from what the end of the first has left.
    let mut app = game(dir.path());
    app.world_mut().write_message(LoadGame::slot(10));
    app.update();
    let world = app.world_mut();
    let gold: Vec<u64> = world.query::<&Gold>().iter(world).map(|gold| gold.0).collect();
    assert_eq!(gold, [40]);
    Ok(())
}
