use std::time::Instant;

use keepstone_ecs_persist::EcsWorld;
use keepstone_slots::{Error as SlotsError, Loaded, SaveEntry, SaveId, SaveManager};

use super::report::SlotLoaded;
use crate::{
    error::Error,
    options::{LoadMode, LoadOptions},
    payload::{Incoming, short},
    placed,
    source::Decoded,
};

/// Which save is loaded.
#[derive(Clone, Copy)]
pub(super) enum Which<'w> {
    /// The latest good one of a player's slot.
    Latest(&'w str, u8),
    /// This one.
    Save(SaveId),
}

/// Reads a save, compares its hash, and puts it into a world.
pub(super) fn load<M, W: EcsWorld<M>>(
    world: &mut W,
    manager: &SaveManager,
    which: Which<'_>,
    mode: LoadMode,
    options: &LoadOptions<'_, W::Registry>,
) -> Result<SlotLoaded<W::Entity>, Error> {
    let begin = Instant::now();
    let loaded = match which {
        Which::Latest(player, slot) => manager.load_latest::<Incoming>(player, slot)?,
        Which::Save(id) => manager.load::<Incoming>(id)?,
    };
    let read_time = begin.elapsed();
    let Loaded { value: Incoming { doc, decode_time, values_max }, save, recovered, .. } = loaded;
    if let Some(expected) = save.state_hash() {
        compare(&save, expected, short(doc.hash()?))?;
    }
    let decoded = Decoded {
        doc,
        bytes: save.bytes(),
        read_time: read_time.saturating_sub(decode_time),
        decode_time,
        values_max: options.limits.map_or(values_max, |limits| limits.decoded_max),
    };
    let report = placed::place(world, &decoded, mode, options)?;
    Ok(SlotLoaded { report, save, recovered })
}

/// Refuses a state that isn't the one that was saved.
pub(super) fn compare(save: &SaveEntry, expected: u64, found: u64) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(SlotsError::StateHash { id: save.id(), expected, found }.into())
}
