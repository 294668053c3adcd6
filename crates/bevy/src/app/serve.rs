use std::sync::Arc;

use bevy_app::AppExit;
use bevy_ecs::{message::Messages, world::World};
use keepstone_format::Kind;
use keepstone_slots::{SaveKind, SaveRequest};
use keepstone_world::{Error, SlotHanded, SlotSaver, WorldSlots};

use super::{
    event::{
        LoadFailed, LoadFinished, SaveFailed, SaveFinished, SaveRecovered, SaveStarted, SavesUnavailable,
    },
    message::LoadGame,
    order::{LoadOrder, SaveOrder},
    saves::{Done, Pending, Saves},
};

/// Tells of the saves that are done.
pub(super) fn poll(world: &mut World) {
    let Some(mut saves) = world.get_resource_mut::<Saves>() else { return };
    let done = saves.take_done(false);
    let untold = if saves.told { None } else { saves.saver().err() };
    saves.told = true;
    if let Some(error) = untold {
        world.trigger(SavesUnavailable { error });
    }
    tell(world, done);
}

/// Does what messages ask for.
pub(super) fn serve(world: &mut World) {
    let Some(mut saves) = world.get_resource_mut::<Saves>() else { return };
    let mut inbox = std::mem::take(&mut saves.inbox);
    let (asked, loads) = (inbox.saves(world), inbox.loads(world));
    let Some(mut saves) = world.get_resource_mut::<Saves>() else { return };
    saves.inbox = inbox;
    saves.waiting.extend(asked);
    if saves.is_autosave_due() {
        saves.waiting.push_back(SaveOrder::Auto(SaveRequest::default()));
    }
    begin_all(world, false);
    for order in loads {
        // It sees the saves that were asked for before it.
        wait_for_saves(world);
        load(world, order);
    }
}

/// Saves what is to be saved when the app ends, and waits for it.
pub(super) fn leave(world: &mut World) {
    if world.get_resource::<Messages<AppExit>>().is_none_or(Messages::is_empty) {
        return;
    }
    let Some(mut saves) = world.get_resource_mut::<Saves>() else { return };
    if std::mem::replace(&mut saves.has_left, true) {
        return;
    }
    let is_asked = saves.waiting.iter().any(|order| matches!(order, SaveOrder::Auto(_)));
    if saves.settings.autosave_on_exit && !saves.is_autosave_paused() && !is_asked {
        saves.waiting.push_back(SaveOrder::Auto(SaveRequest::default()));
    }
    wait_for_saves(world);
}

/// Begins every save that was asked for, waits until all are done and durable, and tells of them. The plugin does so before a load and when the app ends; a program does before it
/// takes the [`App`](bevy_app::App) apart by itself.
pub fn wait_for_saves(world: &mut World) {
    begin_all(world, true);
    let Some(mut saves) = world.get_resource_mut::<Saves>() else { return };
    let done = saves.take_done(true);
    // Requests may have left syncs out.
    let flushed = saves.manager().map_or(Ok(()), |manager| manager.flush());
    tell(world, done);
    if let Err(error) = flushed {
        world.trigger(SaveFailed { slot: None, error: Arc::new(error.into()) });
    }
}

/// Begins the saves that were asked for; without waiting, as many as there is room for.
fn begin_all(world: &mut World, wait: bool) {
    loop {
        let Some(mut saves) = world.get_resource_mut::<Saves>() else { return };
        if !wait && !saves.has_room() {
            return;
        }
        let Some(order) = saves.waiting.pop_front() else { return };
        let is_auto = matches!(order, SaveOrder::Auto(_));
        let opened = saves.saver();
        match opened.map_err(Failed::before).and_then(|with| begin(world, &with, &order, wait)) {
            Ok((slot, kind, SlotHanded { ticket, captured, .. })) => {
                if let Some(mut saves) = world.get_resource_mut::<Saves>() {
                    saves.push(Pending { ticket, slot, is_auto });
                }
                world.trigger(SaveStarted { slot, kind, captured });
            }
            Err(Failed { error, .. }) if !wait && is_full(&error) => {
                if let Some(mut saves) = world.get_resource_mut::<Saves>() {
                    saves.waiting.push_front(order);
                }
                return;
            }
            Err(Failed { slot, error }) => {
                if let (true, Some(mut saves)) = (is_auto, world.get_resource_mut::<Saves>()) {
                    saves.autosaved(false);
                }
                world.trigger(SaveFailed { slot, error });
            }
        }
    }
}

/// Why a save was not begun.
struct Failed {
    slot: Option<u8>,
    error: Arc<Error>,
}

impl Failed {
    fn before(error: Arc<Error>) -> Self {
        Self { slot: None, error }
    }
}

/// Captures the world, and hands it over.
fn begin(
    world: &World,
    with: &SlotSaver,
    order: &SaveOrder,
    wait: bool,
) -> Result<(u8, SaveKind, SlotHanded), Failed> {
    let saves = world.resource::<Saves>();
    let layout = &with.manager().options().layout;
    let (slot, kind, request) = match order {
        SaveOrder::Slot(slot, request) => (*slot, None, request),
        SaveOrder::Quick(request) => (layout.quick, Some(SaveKind::Quick), request),
        SaveOrder::Auto(request) => {
            let slot = with.manager().auto_slot(saves.player());
            (slot.map_err(|error| Failed::before(Arc::new(error.into())))?, Some(SaveKind::Auto), request)
        }
    };
    let mut request = saves.settings.request(world, request.clone());
    request.kind = kind.or(request.kind);
    let kind = request.kind.unwrap_or_else(|| layout.kind_of(slot));
    let handed = saves.settings.save_options().and_then(|options| {
        if wait {
            with.save_with(world, saves.player(), slot, &options, &request)
        } else {
            with.try_save_with(world, saves.player(), slot, &options, &request)
        }
    });
    match handed {
        Ok(handed) => Ok((slot, kind, handed)),
        Err(error) => Err(Failed { slot: Some(slot), error: Arc::new(error) }),
    }
}

/// Whether the queue has no room: another thread may use the manager too.
fn is_full(error: &Error) -> bool {
    matches!(error, Error::Slots(source) if matches!(**source, keepstone_slots::Error::Background(_)))
        && error.kind() == Kind::Busy
}

/// Tells of saves that are done.
fn tell(world: &mut World, done: Vec<Done>) {
    for Done { slot, is_auto, result } in done {
        let is_superseded = result.as_ref().is_err_and(keepstone_slots::Error::is_superseded);
        if let (true, Some(mut saves)) = (is_auto, world.get_resource_mut::<Saves>()) {
            saves.autosaved(result.is_ok() || is_superseded);
        }
        match result {
            Ok(saved) => world.trigger(SaveFinished { saved }),
            Err(_) if is_superseded => {}
            Err(error) => world.trigger(SaveFailed { slot: Some(slot), error: Arc::new(error.into()) }),
        }
    }
}

fn load(world: &mut World, order: LoadOrder) {
    let Some(mut saves) = world.get_resource_mut::<Saves>() else { return };
    let (opened, player) = (saves.saver(), saves.player().to_owned());
    let settings = Arc::clone(&saves.settings);
    let mut slot = match order {
        LoadOrder::Game(LoadGame::Slot(slot)) => Some(slot),
        LoadOrder::Game(LoadGame::Save(_)) | LoadOrder::Quick => None,
    };
    let loaded = opened.and_then(|with| {
        let options = settings.load_options()?;
        let (manager, mode) = (with.manager(), settings.load_mode);
        if let LoadOrder::Game(LoadGame::Save(id)) = order {
            return Ok(world.load_save_with(manager, id, mode, &options)?);
        }
        let of = *slot.get_or_insert(manager.options().layout.quick);
        Ok(world.load_from_slot_with(manager, &player, of, mode, &options)?)
    });
    match loaded {
        Ok(loaded) => {
            if let Some(mut saves) = world.get_resource_mut::<Saves>() {
                saves.autosaved(true);
            }
            if let Some(recovered) = loaded.recovered.clone() {
                world.trigger(SaveRecovered { save: loaded.save.clone(), recovered });
            }
            world.trigger(LoadFinished { loaded });
        }
        Err(error) => world.trigger(LoadFailed { slot, error }),
    }
}
