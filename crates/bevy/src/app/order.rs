use bevy_ecs::{
    message::{Message, MessageCursor, Messages},
    world::World,
};
use keepstone_slots::SaveRequest;

use super::message::{AutosaveNow, LoadGame, QuickLoad, QuickSave, SaveGame};

/// A save that was asked for and that nobody has begun.
#[derive(Debug, Clone)]
pub(super) enum SaveOrder {
    Slot(u8, SaveRequest),
    Quick(SaveRequest),
    Auto(SaveRequest),
}

/// A load that was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum LoadOrder {
    Game(LoadGame),
    Quick,
}

/// What of the messages was read. Others may read them too.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    games: MessageCursor<SaveGame>,
    quick_saves: MessageCursor<QuickSave>,
    autosaves: MessageCursor<AutosaveNow>,
    loads: MessageCursor<LoadGame>,
    quick_loads: MessageCursor<QuickLoad>,
}

impl Inbox {
    /// The saves that were asked for since the last time.
    pub(super) fn saves(&mut self, world: &World) -> Vec<SaveOrder> {
        let games = read(&mut self.games, world, |it| SaveOrder::Slot(it.slot, it.request.clone()));
        let quick = read(&mut self.quick_saves, world, |it| SaveOrder::Quick(it.request.clone()));
        let auto = read(&mut self.autosaves, world, |it| SaveOrder::Auto(it.request.clone()));
        [games, quick, auto].concat()
    }

    /// The loads that were asked for since the last time.
    pub(super) fn loads(&mut self, world: &World) -> Vec<LoadOrder> {
        let games = read(&mut self.loads, world, |it| LoadOrder::Game(*it));
        let quick = read(&mut self.quick_loads, world, |_| LoadOrder::Quick);
        [games, quick].concat()
    }
}

fn read<M: Message, T>(cursor: &mut MessageCursor<M>, world: &World, of: impl Fn(&M) -> T) -> Vec<T> {
    match world.get_resource::<Messages<M>>() {
        Some(messages) => cursor.read(messages).map(of).collect(),
        None => Vec::new(),
    }
}
