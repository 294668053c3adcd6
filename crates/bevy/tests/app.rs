//! The plugin: what it saves and loads, when, and what it tells of.

mod automatic;
mod failing;
mod loads;
mod saves;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bevy_app::{App, AppExit, Update};
use bevy_ecs::prelude::*;
use keepstone_bevy::{
    KeepstonePlugin, LoadFailed, LoadFinished, Persist, SaveFailed, SaveFinished, SaveGame, SaveRecovered,
    SaveStarted, Saves, SavesUnavailable, wait_for_saves,
};
use keepstone_slots::{Player, SaveEntry, SaveOptions};
use keepstone_storage::{Files, MemFiles};

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "app.score", pod)]
#[repr(C)]
struct Score(u64);

/// Neither saved nor despawned.
#[derive(Component)]
struct Camera;

/// What observers heard, in order.
#[derive(Resource, Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn hear(&self, what: &str, report: &str) {
        self.0.lock().unwrap().push(format!("{what}: {report}"));
    }

    /// The kinds of events, each once since the last time.
    fn take(&self) -> Vec<String> {
        let heard = std::mem::take(&mut *self.0.lock().unwrap());
        heard.iter().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn memory() -> Arc<dyn Files> {
    Arc::new(MemFiles::new())
}

/// Saves on these files; what can wait is not done, so that nothing happens by itself.
fn on(files: &Arc<dyn Files>) -> KeepstonePlugin {
    let options = SaveOptions::default().files(Arc::clone(files)).background(false);
    KeepstonePlugin::in_dir("saves").player("ann").with_options(options).with_clock(|| 5)
}

/// An app that hears everything.
fn app(plugin: KeepstonePlugin) -> (App, Heard) {
    let heard = Heard::default();
    let mut app = App::new();
    app.add_plugins(plugin).insert_resource(heard.clone());
    app.add_observer(|e: On<SaveStarted>, heard: Res<Heard>| heard.hear("started", &e.report()))
        .add_observer(|e: On<SaveFinished>, heard: Res<Heard>| heard.hear("saved", &e.report()))
        .add_observer(|e: On<SaveFailed>, heard: Res<Heard>| heard.hear("failed", &e.report()))
        .add_observer(|e: On<LoadFinished>, heard: Res<Heard>| heard.hear("loaded", &e.report()))
        .add_observer(|e: On<LoadFailed>, heard: Res<Heard>| heard.hear("not loaded", &e.report()))
        .add_observer(|e: On<SaveRecovered>, heard: Res<Heard>| heard.hear("recovered", &e.report()))
        .add_observer(|e: On<SavesUnavailable>, heard: Res<Heard>| heard.hear("unavailable", &e.report()));
    (app, heard)
}

/// A frame in which this is asked for, and all that is saved because of it.
fn frame<M: Message>(app: &mut App, message: M) {
    app.world_mut().write_message(message);
    app.update();
    wait_for_saves(app.world_mut());
}

fn scores(app: &mut App) -> Vec<u64> {
    let world = app.world_mut();
    let mut scores: Vec<u64> = world.query::<&Score>().iter(world).map(|score| score.0).collect();
    scores.sort_unstable();
    scores
}

fn list(app: &App) -> Vec<SaveEntry> {
    app.world().resource::<Saves>().list().unwrap()
}

/// A clock that stands until it is set.
fn timer() -> (Arc<AtomicU64>, impl Fn() -> Duration + Send + Sync + 'static) {
    let seconds = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&seconds);
    (seconds, move || Duration::from_secs(shown.load(Ordering::Relaxed)))
}

/// Flips a bit of the container of a save.
fn damage(files: &dyn Files, save: &SaveEntry) {
    let path = PathBuf::from("saves").join(Player::new("ann").unwrap().dir_name()).join(save.file_name());
    let mut bytes = Vec::new();
    keepstone_storage::read(files, &path, u64::MAX, &mut bytes).unwrap();
    let at = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    files.open_rw(&path).unwrap().write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
}
