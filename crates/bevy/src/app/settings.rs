use std::{fmt, path::PathBuf, sync::Arc};

use bevy_ecs::world::World;
use keepstone_slots::{AutosavePolicy, SaveManager, SaveRequest};
use keepstone_world::{Error, LoadMode, LoadOptions, SaveOptions, SlotSaver};

use super::clock::Clock;
use crate::{Bevy, EcsWorld, Registry};

pub(super) type Describe = dyn Fn(&World, SaveRequest) -> SaveRequest + Send + Sync;
pub(super) type Saving = dyn for<'r> Fn(SaveOptions<'r, Registry>) -> SaveOptions<'r, Registry> + Send + Sync;
pub(super) type Loading =
    dyn for<'r> Fn(LoadOptions<'r, Registry>) -> LoadOptions<'r, Registry> + Send + Sync;

/// What a plugin was told.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) dir: PathBuf,
    pub(super) player: String,
    pub(super) options: keepstone_slots::SaveOptions,
    pub(super) policy: AutosavePolicy,
    pub(super) autosave_on_exit: bool,
    pub(super) load_mode: LoadMode,
    pub(super) registry: Option<Arc<Registry>>,
    pub(super) describe: Option<Arc<Describe>>,
    pub(super) saving: Option<Arc<Saving>>,
    pub(super) loading: Option<Arc<Loading>>,
    pub(super) clock: Clock,
}

impl Settings {
    pub(super) fn open(&self) -> Result<SlotSaver, Error> {
        let mut options = self.options.clone();
        if options.clock.is_none() {
            options.clock = Some(self.clock.utc());
        }
        Ok(SlotSaver::new(SaveManager::open(&self.dir, options)?))
    }

    /// What is said about a save.
    pub(super) fn request(&self, world: &World, request: SaveRequest) -> SaveRequest {
        match &self.describe {
            Some(describe) => describe(world, request),
            None => request,
        }
    }

    pub(super) fn save_options(&self) -> Result<SaveOptions<'_, Registry>, Error> {
        let options = SaveOptions::default().registry(self.registry()?);
        Ok(match &self.saving {
            Some(saving) => saving(options),
            None => options,
        })
    }

    pub(super) fn load_options(&self) -> Result<LoadOptions<'_, Registry>, Error> {
        let options = LoadOptions::default().registry(self.registry()?);
        Ok(match &self.loading {
            Some(loading) => loading(options),
            None => options,
        })
    }

    fn registry(&self) -> Result<&Registry, Error> {
        match &self.registry {
            Some(registry) => Ok(registry),
            None => Ok(<World as EcsWorld<Bevy>>::derived_registry()?),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("dir", &self.dir)
            .field("player", &self.player)
            .field("options", &self.options)
            .field("policy", &self.policy)
            .field("autosave_on_exit", &self.autosave_on_exit)
            .field("load_mode", &self.load_mode)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
