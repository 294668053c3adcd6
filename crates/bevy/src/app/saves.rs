use std::{collections::VecDeque, sync::Arc};

use bevy_ecs::resource::Resource;
use keepstone_slots::{Autosave, AutosavePolicy, Error as SlotsError, SaveEntry, SaveManager, Saved, Ticket};
use keepstone_world::{Error, SlotSaver};

use super::{
    order::{Inbox, SaveOrder},
    settings::Settings,
};

/// The saves of the game: whose they are, which there are, and what is on its way. Made by [`KeepstonePlugin`](super::KeepstonePlugin).
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Resource, Debug)]
pub struct Saves {
    pub(super) settings: Arc<Settings>,
    player: String,
    /// What saves, or why nothing does.
    saver: Result<Arc<SlotSaver>, Arc<Error>>,
    /// Whether somebody was told that nothing does.
    pub(super) told: bool,
    pub(super) inbox: Inbox,
    pub(super) waiting: VecDeque<SaveOrder>,
    pending: Vec<Pending>,
    autosave: Autosave,
    is_paused: bool,
    is_worth_saving: bool,
    /// Whether the app is about to end and what it was to save is saved.
    pub(super) has_left: bool,
}

/// A save in the background.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ticket: Ticket<Saved, SlotsError>,
    pub(super) slot: u8,
    pub(super) is_auto: bool,
}

/// A save that is done.
pub(super) struct Done {
    pub(super) slot: u8,
    pub(super) is_auto: bool,
    pub(super) result: Result<Saved, SlotsError>,
}

impl Saves {
    pub(super) fn new(settings: Settings) -> Self {
        let saver = settings.open().map(Arc::new).map_err(Arc::new);
        let autosave = Autosave::new(settings.policy, settings.clock.elapsed());
        Self {
            player: settings.player.clone(),
            settings: Arc::new(settings),
            saver,
            told: false,
            inbox: Inbox::default(),
            waiting: VecDeque::new(),
            pending: Vec::new(),
            autosave,
            is_paused: false,
            is_worth_saving: false,
            has_left: false,
        }
    }

    /// The player whose saves they are.
    pub fn player(&self) -> &str {
        &self.player
    }

    /// Saves and loads those of another player from now on: 1 to 128 bytes.
    pub fn set_player(&mut self, player: impl Into<String>) {
        self.player = player.into();
    }

    /// What keeps them, for all that messages don't do: locking, copying, deleting. `None` while they can't be opened: see
    /// [`SavesUnavailable`](super::SavesUnavailable).
    pub fn manager(&self) -> Option<&Arc<SaveManager>> {
        self.saver.as_ref().ok().map(|saver| saver.manager())
    }

    /// Why they can't be opened.
    pub fn error(&self) -> Option<&Error> {
        self.saver.as_ref().err().map(AsRef::as_ref)
    }

    /// Lists the saves of the player, the newest first, for a load screen. None where they can't be opened.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn list(&self) -> Result<Vec<SaveEntry>, SlotsError> {
        self.manager().map_or_else(|| Ok(Vec::new()), |manager| manager.list(&self.player))
    }

    /// Whether the player has a save in a slot that isn't known to be damaged.
    pub fn has_save(&self, slot: u8) -> bool {
        let latest = self.manager().and_then(|manager| manager.latest(&self.player, slot).ok().flatten());
        latest.is_some_and(|save| save.is_good())
    }

    /// Whether a save was asked for and is not done yet.
    pub fn is_saving(&self) -> bool {
        !self.waiting.is_empty() || !self.pending.is_empty()
    }

    /// Says that something has happened that is worth an automatic save: a level is done, a boss is dead. Whether and when that makes one due is up to the
    /// [policy](AutosavePolicy).
    pub fn worth_saving(&mut self) {
        self.is_worth_saving = true;
    }

    /// Changes when automatic saves are made.
    pub fn set_autosave_policy(&mut self, policy: AutosavePolicy) {
        self.autosave.set_policy(policy);
    }

    /// Stops automatic saves, the one at the end of the app included, or lets them go on: for menus, where there is no game to save.
    pub fn pause_autosave(&mut self, pause: bool) {
        self.is_paused = pause;
    }

    /// Whether automatic saves are stopped.
    pub fn is_autosave_paused(&self) -> bool {
        self.is_paused
    }

    /// What saves; tried to be opened again where it could not be.
    pub(super) fn saver(&mut self) -> Result<Arc<SlotSaver>, Arc<Error>> {
        if self.saver.is_err() {
            self.saver = self.settings.open().map(Arc::new).map_err(Arc::new);
        }
        self.saver.clone()
    }

    /// Whether the next save would not have to wait for others.
    pub(super) fn has_room(&self) -> bool {
        self.manager().is_none_or(|manager| manager.queued() < manager.options().queue_max)
    }

    /// Whether an automatic save is on its way.
    pub(super) fn is_autosaving(&self) -> bool {
        let is_waiting = self.waiting.iter().any(|order| matches!(order, SaveOrder::Auto(_)));
        is_waiting || self.pending.iter().any(|pending| pending.is_auto)
    }

    /// Whether an automatic save is due, which then has to be begun.
    pub(super) fn is_autosave_due(&mut self) -> bool {
        if self.is_paused || self.is_autosaving() {
            return false;
        }
        let now = self.settings.clock.elapsed();
        let is_worth = std::mem::take(&mut self.is_worth_saving);
        if is_worth { self.autosave.event(now) } else { self.autosave.tick(now) }
    }

    /// Says how an automatic save went, or that there is nothing that a load has not just brought.
    pub(super) fn autosaved(&mut self, went_well: bool) {
        let now = self.settings.clock.elapsed();
        if went_well { self.autosave.saved(now) } else { self.autosave.failed(now) }
    }

    pub(super) fn push(&mut self, pending: Pending) {
        self.pending.push(pending);
    }

    /// Takes out the saves that are done, or waits for all.
    pub(super) fn take_done(&mut self, wait: bool) -> Vec<Done> {
        let is_done = |pending: &Pending| wait || pending.ticket.is_done();
        let (done, rest) = std::mem::take(&mut self.pending).into_iter().partition::<Vec<_>, _>(is_done);
        self.pending = rest;
        let waited = |Pending { ticket, slot, is_auto }| Done { slot, is_auto, result: ticket.wait() };
        done.into_iter().map(waited).collect()
    }
}
