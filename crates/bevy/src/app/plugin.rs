use std::{path::PathBuf, sync::Arc, time::Duration};

use bevy_app::{App, First, Last, Plugin};
use bevy_ecs::{
    schedule::{IntoScheduleConfigs, SystemSet},
    world::World,
};
use keepstone_slots::{AutosavePolicy, SaveRequest};
use keepstone_world::{LoadMode, LoadOptions, SaveOptions};

use super::{
    clock::Clock,
    message::{AutosaveNow, LoadGame, QuickLoad, QuickSave, SaveGame},
    saves::Saves,
    serve,
    settings::Settings,
};
use crate::Registry;

/// Saves and loads the world of an app: by messages, by itself, and when the app ends.
///
/// A game asks with messages, [`SaveGame`], [`QuickSave`], [`AutosaveNow`], [`LoadGame`] and [`QuickLoad`], and hears with observers how it
/// went: [`SaveStarted`](super::SaveStarted), [`SaveFinished`](super::SaveFinished), [`SaveFailed`](super::SaveFailed),
/// [`LoadFinished`](super::LoadFinished), [`LoadFailed`](super::LoadFailed), [`SaveRecovered`](super::SaveRecovered),
/// [`SavesUnavailable`](super::SavesUnavailable). The resource [`Saves`] lists what there is.
///
/// The frame waits for the capture of the world alone, in the schedule `Last`; encoding, writing and syncing happen on a thread, and are told of in `First`. Loads are done
/// within the frame that asks for them, once earlier saves are on the disk. When the app ends, which means that a message
/// [`AppExit`](bevy_app::AppExit) is there in `Last`, it waits for all saves that were asked for.
///
/// Only registered components are saved (see [`Registry`]). Entities that have none of them, such as windows and cameras, are neither saved nor, by a load, despawned. Those that
/// have one are the save's: a load despawns them unless the save has the same [`PersistId`](crate::PersistId). `Name` and `ChildOf` are registered already, so a camera that has a name needs an id, or the
/// app a registry of its own ([`KeepstonePlugin::with_registry`]).
///
/// ```no_run
/// use bevy_app::{App, Update};
/// use bevy_ecs::prelude::*;
/// use keepstone_bevy::{KeepstonePlugin, QuickSave, SaveFailed, SaveFinished};
///
/// #[derive(Resource)]
/// struct Pressed;
///
/// fn quick_save(mut saves: MessageWriter<QuickSave>) {
///     saves.write(QuickSave::default());
/// }
///
/// App::new()
///     .add_plugins(KeepstonePlugin::in_dir("saves").autosave_every_secs(60).autosave_on_exit())
///     .add_observer(|saved: On<SaveFinished>| println!("{}", saved.report()))
///     .add_observer(|failed: On<SaveFailed>| eprintln!("{}", failed.report()))
///     .add_systems(Update, quick_save.run_if(resource_added::<Pressed>))
///     .run();
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "PersistencePlugin")]
#[doc(alias = "SavePlugin")]
pub struct KeepstonePlugin {
    settings: Settings,
}

/// When the plugin works. What reads the world for a save runs before [`KeepstoneSystems::Serve`], and so does what writes [`AppExit`](bevy_app::AppExit).
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeepstoneSystems {
    /// In `First`: tells of saves that are done.
    Poll,
    /// In `Last`: captures, loads, and waits where the app ends.
    Serve,
}

impl KeepstonePlugin {
    /// Keeps the saves in this directory, which is made if it is missing. One app at a time has it open.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            settings: Settings {
                dir: dir.into(),
                player: "player".to_owned(),
                options: keepstone_slots::SaveOptions::default(),
                policy: AutosavePolicy::MANUAL,
                autosave_on_exit: false,
                load_mode: LoadMode::Restore,
                registry: None,
                describe: None,
                saving: None,
                loading: None,
                clock: Clock::default(),
            },
        }
    }

    /// Names the player whose saves they are, 1 to 128 bytes: `player` unless chosen. See [`Saves::set_player`].
    pub fn player(mut self, name: impl Into<String>) -> Self {
        self.settings.player = name.into();
        self
    }

    /// Saves by itself at such intervals, to the automatic slots in turn.
    pub fn autosave_every_secs(self, seconds: u64) -> Self {
        let policy = AutosavePolicy { interval: Some(Duration::from_secs(seconds)), ..self.settings.policy };
        self.autosave(policy)
    }

    /// Says when it saves by itself: never unless chosen. [`Saves::worth_saving`] tells of events.
    pub fn autosave(mut self, policy: AutosavePolicy) -> Self {
        self.settings.policy = policy;
        self
    }

    /// Saves by itself when the app ends, and waits for it.
    pub fn autosave_on_exit(mut self) -> Self {
        self.settings.autosave_on_exit = true;
        self
    }

    /// Says how the saves are kept: slots, rotation, compression, files. Without a clock among them they get that of the plugin.
    pub fn with_options(mut self, options: keepstone_slots::SaveOptions) -> Self {
        self.settings.options = options;
        self
    }

    /// Saves and loads the components of this registry instead of the derived ones.
    pub fn with_registry(mut self, registry: impl Into<Arc<Registry>>) -> Self {
        self.settings.registry = Some(registry.into());
        self
    }

    /// What becomes of the world when a save is loaded: [`LoadMode::Restore`] unless chosen, so that it is what the save says; with [`LoadMode::Merge`] the entities of the save are
    /// added.
    pub fn load_mode(mut self, mode: LoadMode) -> Self {
        self.settings.load_mode = mode;
        self
    }

    /// Says something about each save at the moment of its capture, whoever asked for it: the tick, the time played, where in the game, a picture. It is given what
    /// the message says, and what it returns is what counts.
    pub fn describe(
        mut self,
        describe: impl Fn(&World, SaveRequest) -> SaveRequest + Send + Sync + 'static,
    ) -> Self {
        self.settings.describe = Some(Arc::new(describe));
        self
    }

    /// Says how each world is captured: filter, strictness, metadata with its version, hash of the state.
    ///
    /// ```
    /// use keepstone_bevy::KeepstonePlugin;
    ///
    /// let plugin = KeepstonePlugin::in_dir("saves").saving(|options| options.strict(true).state_hash(true));
    /// # drop(plugin);
    /// ```
    pub fn saving(
        mut self,
        saving: impl for<'r> Fn(SaveOptions<'r, Registry>) -> SaveOptions<'r, Registry> + Send + Sync + 'static,
    ) -> Self {
        self.settings.saving = Some(Arc::new(saving));
        self
    }

    /// Says how each world is loaded: migrations, what becomes of unknown components.
    pub fn loading(
        mut self,
        loading: impl for<'r> Fn(LoadOptions<'r, Registry>) -> LoadOptions<'r, Registry> + Send + Sync + 'static,
    ) -> Self {
        self.settings.loading = Some(Arc::new(loading));
        self
    }

    /// Takes the time of saves, which lists show, from this clock instead of the system's: nanoseconds UTC since 1970.
    pub fn with_clock(mut self, utc: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.settings.clock.set_utc(utc);
        self
    }

    /// Takes the time between automatic saves from this clock instead of the system's: the time since any moment. It may stand still while the game is paused.
    pub fn with_timer(mut self, elapsed: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.settings.clock.set_elapsed(elapsed);
        self
    }
}

impl Plugin for KeepstonePlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<SaveGame>()
            .add_message::<QuickSave>()
            .add_message::<AutosaveNow>()
            .add_message::<LoadGame>()
            .add_message::<QuickLoad>()
            .insert_resource(Saves::new(self.settings.clone()))
            .add_systems(First, serve::poll.in_set(KeepstoneSystems::Poll))
            .add_systems(Last, (serve::serve, serve::leave).chain().in_set(KeepstoneSystems::Serve));
    }
}
