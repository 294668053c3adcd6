//! Worlds in save slots.

mod load;
mod report;
mod save;
mod saver;

use keepstone_ecs_persist::EcsWorld;
use keepstone_slots::{SaveId, SaveManager, SaveRequest};

use self::load::Which;
pub use self::{
    report::{CaptureReport, SlotHanded, SlotLoaded, SlotSaved},
    saver::SlotSaver,
};
use crate::{
    error::Error,
    options::{LoadMode, LoadOptions, SaveOptions},
};

/// Saving to slots and loading from them for every world that an adapter knows.
///
/// A [`SaveManager`] keeps the saves of a directory: which of them is the latest, how many stay, what a load screen shows, what is loaded in
/// the place of a damaged one. A save holds the world as a file of [`WorldFiles`](crate::WorldFiles) does, so that
/// [`WorldFiles::load`](crate::WorldFiles::load) reads one that was exported.
///
/// Versions of worlds are told by what worlds say of themselves, [`WorldMeta::world_version`](crate::WorldMeta::world_version) and the versions of
/// components, and [`LoadOptions::migrations`] brings them to the present one. A manager for worlds has no
/// [`schema`](keepstone_slots::SaveOptions::schema) of its own: it would refuse saves of earlier versions before a chain sees them.
///
/// `M` is the adapter's marker; calls infer it.
///
/// ```
/// # #[cfg(feature = "lz4")] {
/// use bevy_ecs::prelude::*;
/// use keepstone_bevy as _;
/// use keepstone_slots::SaveManager;
/// use keepstone_world::WorldSlots;
///
/// # let dir = tempfile::tempdir().expect("a folder for the example");
/// # let saves = dir.path().join("saves");
/// let manager = SaveManager::open(&saves, keepstone_slots::SaveOptions::default())?;
/// World::new().save_to_slot(&manager, "ann", 0)?;
///
/// let mut world = World::new();
/// let loaded = world.load_from_slot(&manager, "ann", 0)?;
/// assert!(loaded.recovered.is_none(), "the latest save was good");
/// # }
/// # Ok::<(), keepstone_world::Error>(())
/// ```
pub trait WorldSlots<M>: EcsWorld<M> {
    /// Saves this world to a slot; durable when it returns.
    ///
    /// A crash half-way leaves the saves before it, or this one as well, whole. Components that are not registered are left out and stand in
    /// the report.
    ///
    /// # Errors
    /// When the world can't be captured; [`Error::Slots`] with those of [`SaveManager::save_with`]. All earlier saves are as they were.
    fn save_to_slot(&self, manager: &SaveManager, player: &str, slot: u8) -> Result<SlotSaved, Error> {
        self.save_to_slot_with(manager, player, slot, &SaveOptions::default(), &SaveRequest::default())
    }

    /// Saves this world as the options say, to a slot as the request says.
    ///
    /// Of the options count those about the world: registry, filter, references, order, strictness, metadata, threads, shuffle, and
    /// [`SaveOptions::state_hash`]. What is waited for, the codec and the files are those of the request and the manager. Name, time, tick,
    /// application version and custom entries of [`SaveOptions::meta`] are those of the save where the request doesn't say otherwise.
    ///
    /// # Errors
    /// As [`WorldSlots::save_to_slot`]; further what the options demand; [`Error::NotInStore`] for another format, for parts, and for
    /// reading back.
    fn save_to_slot_with(
        &self,
        manager: &SaveManager,
        player: &str,
        slot: u8,
        options: &SaveOptions<'_, Self::Registry>,
        request: &SaveRequest,
    ) -> Result<SlotSaved, Error> {
        save::save(self, manager, player, slot, options, request)
    }

    /// Saves this world to a slot in the background: captured when this returns, durable when the ticket says so. See [`SlotSaver`].
    ///
    /// # Errors
    /// As [`SlotSaver::save`].
    fn save_to_slot_in_background(
        &self,
        saver: &SlotSaver,
        player: &str,
        slot: u8,
    ) -> Result<SlotHanded, Error> {
        saver.save(self, player, slot)
    }

    /// Adds the entities of the latest save of a slot to this world, strictly: a component that isn't registered is an error. Where that save is
    /// damaged, it is the latest that is not, and [`SlotLoaded::recovered`] says what was lost.
    ///
    /// If the save holds the hash of its state (see [`SaveOptions::state_hash`]), what was read from it is hashed as well, before any migration and
    /// before this world is changed.
    ///
    /// # Errors
    /// [`Error::Slots`] with those of [`SaveManager::load_latest`], and with [`StateHash`](keepstone_slots::Error::StateHash) when what was read is not what was captured; what the
    /// save and the registry disagree about. This world is then as it was.
    fn load_from_slot(
        &mut self,
        manager: &SaveManager,
        player: &str,
        slot: u8,
    ) -> Result<SlotLoaded<Self::Entity>, Error> {
        self.load_from_slot_with(manager, player, slot, LoadMode::Merge, &LoadOptions::default())
    }

    /// Loads the latest good save of a slot as these options say; what they say about formats, threads and files doesn't matter.
    ///
    /// # Errors
    /// As [`WorldSlots::load_from_slot`], apart from what the options allow; [`Error::RestoreOfPart`].
    fn load_from_slot_with(
        &mut self,
        manager: &SaveManager,
        player: &str,
        slot: u8,
        mode: LoadMode,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<SlotLoaded<Self::Entity>, Error> {
        load::load(self, manager, Which::Latest(player, slot), mode, options)
    }

    /// Makes this world what the latest good save of a slot says, in place: see [`LoadMode::Restore`].
    ///
    /// # Errors
    /// As [`WorldSlots::load_from_slot`].
    fn restore_from_slot(
        &mut self,
        manager: &SaveManager,
        player: &str,
        slot: u8,
    ) -> Result<SlotLoaded<Self::Entity>, Error> {
        self.load_from_slot_with(manager, player, slot, LoadMode::Restore, &LoadOptions::default())
    }

    /// Loads one save, such as a backup that a player has chosen from a list. Nothing is loaded in the place of a damaged one.
    ///
    /// # Errors
    /// [`Error::Slots`] with those of [`SaveManager::load`]; otherwise as [`WorldSlots::load_from_slot_with`].
    fn load_save_with(
        &mut self,
        manager: &SaveManager,
        id: SaveId,
        mode: LoadMode,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<SlotLoaded<Self::Entity>, Error> {
        load::load(self, manager, Which::Save(id), mode, options)
    }

    /// The hash of this world as a save with these options would hold it: the first eight bytes of
    /// [`WorldFiles::hash_with`](crate::WorldFiles::hash_with), little-endian.
    ///
    /// # Errors
    /// As there.
    fn state_hash(&self, options: &SaveOptions<'_, Self::Registry>) -> Result<u64, Error> {
        save::state_hash(self, options)
    }

    /// Captures this world as a save with these options would and compares its hash with the one in the save that was loaded, if there is one. What a load
    /// compares by itself is what it read; this proves more: that the components of this program took every value as it was. It is for worlds
    /// that hold nothing but what was loaded, and types that have not changed since the save.
    ///
    /// # Errors
    /// [`Error::Slots`] with [`StateHash`](keepstone_slots::Error::StateHash) when they differ; as [`WorldFiles::hash_with`](crate::WorldFiles::hash_with).
    fn check_state(
        &self,
        loaded: &SlotLoaded<Self::Entity>,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<(), Error> {
        match loaded.save.state_hash() {
            Some(expected) => load::compare(&loaded.save, expected, self.state_hash(options)?),
            None => Ok(()),
        }
    }
}

impl<M, W: EcsWorld<M>> WorldSlots<M> for W {}
