//! Save slots of a game on plain hecs: saves by hand, quick and automatic ones, and what a load screen shows.
//!
//! ```text
//! cargo run -p keepstone --features hecs --example slots_hecs
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use hecs::World;
use keepstone::{
    LoadMode, LoadOptions, SaveOptions, WorldMeta,
    prelude::*,
    slots::{self, Autosave, AutosavePolicy, SaveManager, SaveRequest, Saved},
};

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "slots.gold", pod)]
#[repr(C)]
struct Gold(u64);

const PLAYER: &str = "ann";

/// A game of one number, with its saves.
struct Game {
    world: World,
    tick: u64,
    saver: SlotSaver,
    autosave: Autosave,
    /// The automatic save that is on its way.
    pending: Option<slots::Ticket<Saved, slots::Error>>,
}

impl Game {
    fn new(saves: &Path) -> Result<Self, Box<dyn Error>> {
        let manager = SaveManager::open(saves, slots::SaveOptions::default().application("gold", "1.0"))?;
        let mut world = World::new();
        world.spawn((Gold(0),));
        let autosave = Autosave::new(AutosavePolicy::every(Duration::from_mins(1)), Duration::ZERO);
        Ok(Self { world, tick: 0, saver: SlotSaver::new(manager), autosave, pending: None })
    }

    fn manager(&self) -> &Arc<SaveManager> {
        self.saver.manager()
    }

    /// What a save says about the world; and its hash, so that a load shows that nothing was lost.
    fn options(&self) -> SaveOptions<'static, keepstone::hecs::Registry> {
        let mut meta = WorldMeta::default();
        meta.tick = Some(self.tick);
        SaveOptions::default().meta(meta).state_hash(true)
    }

    /// A second of the game.
    fn second(&mut self) -> Result<(), Box<dyn Error>> {
        self.tick += 1;
        self.world.query_mut::<&mut Gold>().into_iter().for_each(|gold| gold.0 += 1);
        let now = Duration::from_secs(self.tick);
        // The save before is looked at in passing; here it is waited for, so that each run prints the same.
        if let Some(ticket) = self.pending.take() {
            match ticket.wait() {
                Ok(_) => self.autosave.saved(now),
                Err(error) => {
                    println!("not saved: {error}");
                    self.autosave.failed(now);
                }
            }
        }
        if self.autosave.tick(now) {
            let slot = self.manager().auto_slot(PLAYER)?;
            let request = SaveRequest::new().place("The mine");
            let handed = self.saver.save_with(&self.world, PLAYER, slot, &self.options(), &request)?;
            self.pending = Some(handed.ticket);
        }
        Ok(())
    }

    fn save(&self, slot: u8, name: &str) -> Result<(), Box<dyn Error>> {
        let request = SaveRequest::new().name(name).play_time(Duration::from_secs(self.tick));
        self.world.save_to_slot_with(self.manager(), PLAYER, slot, &self.options(), &request)?;
        Ok(())
    }

    fn quick_save(&self) -> Result<(), Box<dyn Error>> {
        self.save(self.manager().options().layout.quick, "Quick save")
    }

    /// Goes on from a save. A fresh world takes the place of the old one only when all of it is there.
    fn load(&mut self, slot: u8) -> Result<(), Box<dyn Error>> {
        let mut world = World::new();
        let loaded = world.load_from_slot_with(
            self.saver.manager(),
            PLAYER,
            slot,
            LoadMode::Merge,
            &LoadOptions::default(),
        )?;
        world.check_state(&loaded, &self.options())?;
        if let Some(recovered) = &loaded.recovered {
            println!("an earlier save was loaded: {}", recovered.reason());
        }
        self.tick = loaded.tick().unwrap_or_default();
        self.world = world;
        Ok(())
    }

    fn gold(&self) -> u64 {
        self.world.query::<&Gold>().iter().map(|gold| gold.0).sum()
    }

    /// The lines of a load screen.
    fn screen(&self) -> Result<Vec<String>, slots::Error> {
        let line = |save: &slots::SaveEntry| {
            let kind = save.kind().map(|kind| kind.to_string()).unwrap_or_default();
            let what = save.name().or(save.place()).unwrap_or("-").to_owned();
            format!("slot {:>2}  {kind:<6}  {what}", save.slot().unwrap_or_default())
        };
        Ok(self.manager().list(PLAYER)?.iter().map(line).collect())
    }
}

/// Plays for three minutes and returns what the screen shows, and how much gold there is after a load.
fn run(saves: &Path) -> Result<(Vec<String>, u64, u64), Box<dyn Error>> {
    let mut game = Game::new(saves)?;
    for second in 1..=180 {
        game.second()?;
        match second {
            30 => game.save(0, "The first gold")?,
            100 => game.quick_save()?,
            _ => {}
        }
    }
    if let Some(ticket) = game.pending.take() {
        ticket.wait()?;
    }
    let screen = game.screen()?;
    game.load(0)?;
    Ok((screen, game.gold(), game.tick))
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (screen, gold, tick) = run(dir.path())?;
    for line in screen {
        println!("{line}");
    }
    println!("{gold} gold after {tick} seconds");
    Ok(())
}

#[test]
fn the_screen_shows_every_save_and_a_load_goes_on_from_one() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (screen, gold, tick) = run(dir.path())?;
    assert_eq!(
        screen,
        [
            "slot 11  auto    The mine",
            "slot 15  quick   Quick save",
            "slot 10  auto    The mine",
            "slot  0  manual  The first gold",
        ]
    );
    assert_eq!((gold, tick), (30, 30));
    Ok(())
}
