use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    hash::Hash,
};

use keepstone_ecs_persist::{Capture, Compared, DeltaWorld, PersistId, from_records};

use crate::error::Error;

/// Those of some entities whose values are the ones of their records.
pub(super) fn same<M, W>(
    world: &W,
    entities: &[(PersistId, W::Entity)],
    records: &[(PersistId, Vec<u8>)],
    registry: &W::Registry,
) -> Result<Vec<PersistId>, Error>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    let borrowed: Vec<(PersistId, &[u8])> =
        records.iter().map(|(id, record)| (*id, record.as_slice())).collect();
    let mut by_id: HashMap<PersistId, W::Entity> = entities.iter().copied().collect();
    let mut same = Vec::new();
    for stored in from_records(&borrowed)?.docs {
        let others: Vec<PersistId> =
            stored.ids.iter().copied().filter(|id| !by_id.contains_key(id)).collect();
        for (id, found) in others.iter().zip(world.entities_of(&others)) {
            by_id.extend(found.map(|entity| (*id, entity)));
        }
        let known: Vec<W::Entity> = stored.ids.iter().filter_map(|id| by_id.get(id).copied()).collect();
        if known.len() < stored.ids.len() {
            // What they refer to is gone.
            continue;
        }
        let whole = known.get(..stored.whole as usize).unwrap_or_default().to_vec();
        let before = Compared::base(&Capture::new(stored.doc, vec![Cow::Owned(known)]))?;
        let since = Compared::since(&before, &world.capture_entities(&whole, registry)?)?;
        let removed = since.delta.removed.iter().flat_map(|(_, rows)| rows);
        let changed: HashSet<u32> = since.delta.rows.iter().chain(removed).copied().collect();
        let whole = stored.ids.iter().take(whole.len()).zip(0..);
        same.extend(whole.filter(|(_, row)| !changed.contains(row)).map(|(id, _)| *id));
    }
    Ok(same)
}
