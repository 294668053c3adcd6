//! moonshine-save as its documentation shows it: an app with its observers, the entities marked, RON through a stream.

use std::{
    io::{self, Cursor, Write},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bevy_app::{App, TaskPoolPlugin};
use bevy_asset::AssetPlugin;
use bevy_ecs::{
    prelude::{On, ResMut, Resource},
    reflect::AppTypeRegistry,
    world::World,
};
use moonshine_save::prelude::*;

use super::dynamic;

pub(crate) const NAME: &str = "moonshine-save";

/// Whether a save or load has come to its end: what fails is only logged.
#[derive(Resource, Default)]
struct Done(bool);

/// What a save has written.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_| io::ErrorKind::Other)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An app with the first `count` entities of the mixed world.
pub(crate) fn app(count: u32) -> App {
    let mut app = empty();
    dynamic::spawn(app.world_mut(), count, |entity| {
        entity.insert(Save);
    });
    app
}

/// Saves what is marked.
pub(crate) fn save(app: &mut App) -> Result<Vec<u8>> {
    let sink = Sink::default();
    let world = app.world_mut();
    world.trigger_save(SaveWorld::default_into_stream(sink.clone()));
    finish(world)?;
    let mut bytes = sink.0.lock().ok().context("a writer panicked")?;
    Ok(std::mem::take(&mut *bytes))
}

/// Loads into a fresh app, and how long that took without making the app.
pub(crate) fn load(bytes: &[u8]) -> Result<(App, Duration)> {
    let mut app = empty();
    let input = Cursor::new(bytes.to_vec());
    let begin = Instant::now();
    app.world_mut().trigger_load(LoadWorld::default_from_stream(input));
    finish(app.world_mut())?;
    Ok((app, begin.elapsed()))
}

fn finish(world: &mut World) -> Result<()> {
    world.flush();
    ensure!(std::mem::take(&mut world.resource_mut::<Done>().0), "moonshine-save failed");
    Ok(())
}

/// An app that can save and load.
fn empty() -> App {
    let mut app = App::new();
    app.add_plugins((TaskPoolPlugin::default(), AssetPlugin::default()));
    app.init_resource::<AppTypeRegistry>().init_resource::<Done>();
    dynamic::register(&mut app.world().resource::<AppTypeRegistry>().write());
    app.add_observer(save_on_default_event).add_observer(load_on_default_event);
    app.add_observer(|_: On<Saved>, mut done: ResMut<Done>| done.0 = true);
    app.add_observer(|_: On<Loaded>, mut done: ResMut<Done>| done.0 = true);
    app
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loaded_app_has_what_was_saved() {
        let mut saved = app(1200);
        let expected = dynamic::census(saved.world_mut());
        assert_eq!(expected, [1200, 800, 600, 120 * 12, 120]);
        let bytes = save(&mut saved).unwrap();
        let (mut loaded, _) = load(&bytes).unwrap();
        assert_eq!(dynamic::census(loaded.world_mut()), expected);
        assert_eq!(dynamic::contents(loaded.world_mut()), dynamic::contents(saved.world_mut()));
    }

    #[test]
    fn what_fails_is_no_load() {
        assert!(load(b"no world").is_err());
    }
}
