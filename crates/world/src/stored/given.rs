use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::Arc,
};

use keepstone_ecs_persist::{
    Column, ColumnData, ComponentSchema, DeltaWorld, Encoding, EntityStore, Error as WorldError, IdSource,
    PersistId, SpawnOptions, StoreError, WorldDoc,
};
use keepstone_format::{
    crc32,
    plain::{OwnedLayout, Primitive},
    wire::Input,
};

use crate::{error::Error, stored::StoredEntities};

/// The highest ids that entities of a store have had, one for each source that handed them out, as the store keeps them: a world that is new to the store
/// goes on behind them. FORMAT.md, section 12.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Given(BTreeMap<u32, PersistId>);

/// The id that nobody hands out.
const NOTE: PersistId = PersistId(0);
const MAGIC: &[u8; 4] = b"KIDS";
const VERSION: u8 = 1;

impl Given {
    /// Takes ids into account, and says whether one was higher than what was known.
    fn see(&mut self, ids: impl IntoIterator<Item = PersistId>) -> bool {
        let mut is_higher = false;
        for id in ids.into_iter().filter(|id| *id != NOTE) {
            let known = self.0.entry(id.allocator()).or_insert(NOTE);
            is_higher |= *known < id;
            *known = id.max(*known);
        }
        is_higher
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        self.0.values().for_each(|id| out.extend_from_slice(&id.0.to_le_bytes()));
        let sum = crc32(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, WorldError> {
        const WHAT: &str = "note of a store about its ids";
        let mut input = Input::new(WHAT, bytes);
        if input.array::<4>()? != *MAGIC {
            return Err(input.invalid("it doesn't begin with KIDS").into());
        }
        let [found] = input.array::<1>()?.map(u32::from);
        if found != u32::from(VERSION) {
            let (format, newest) = (WHAT.to_owned(), VERSION.into());
            return Err(WorldError::NewerFormat { format, found, newest });
        }
        let mut given = Self::default();
        while input.remaining() > 4 {
            given.see([PersistId(u64::from_le_bytes(input.array::<8>()?))]);
        }
        let sum = u32::from_le_bytes(input.array::<4>()?);
        if bytes.len().checked_sub(4).and_then(|len| bytes.get(..len)).map(crc32) != Some(sum) {
            return Err(input.invalid("its checksum doesn't hold").into());
        }
        input.finish()?;
        Ok(given)
    }
}

impl<M, W> StoredEntities<M, W>
where
    W: DeltaWorld<M, Entity: Hash>,
{
    /// Makes a world hand out ids behind those of a store, once for each store: a new world would begin with those that others have there.
    pub(super) fn go_on_behind(&mut self, world: &mut W, store: &str) -> Result<(), Error> {
        if self.given.contains_key(store) {
            return Ok(());
        }
        let given = match self.stores.store(store)?.load(NOTE) {
            Ok(note) => Given::decode(&note)?,
            Err(StoreError::Missing { .. }) => Given::default(),
            Err(error) => return Err(error.into()),
        };
        for id in given.0.values() {
            world.spawn_doc(&source_behind(*id), self.registry_of()?, &SpawnOptions::default())?;
        }
        self.given.insert(Arc::from(store), given);
        Ok(())
    }

    /// What a store has to be told when records of these ids are written to it, if that is anything new; `then` is what is known once it was.
    pub(super) fn note(
        &self,
        store: &str,
        ids: impl IntoIterator<Item = PersistId>,
    ) -> Option<(PersistId, Vec<u8>, Given)> {
        let mut then = self.given.get(store).cloned().unwrap_or_default();
        then.see(ids).then(|| (NOTE, then.encode(), then))
    }

    /// Remembers what a store was told.
    pub(super) fn noted(&mut self, store: &str, then: Given) {
        self.given.insert(Arc::from(store), then);
    }
}

/// The stores' notes, by name.
pub(super) type Notes = HashMap<Arc<str>, Given>;

/// A world of nothing but a source of ids that stands behind this one.
fn source_behind(id: PersistId) -> WorldDoc<'static> {
    let mut source = IdSource::new(id.allocator());
    source.observe(id);
    let numbers = OwnedLayout::Array(Box::new(OwnedLayout::Primitive(Primitive::U64)), 2);
    let encoding = Encoding::Plain(numbers);
    let schema = ComponentSchema::new(IdSource::RESOURCE, IdSource::VERSION, true, encoding);
    let bytes: Vec<u8> = source.to_parts().iter().flat_map(|part| part.to_le_bytes()).collect();
    let columns = vec![Column { schema, data: ColumnData::Plain(vec![Cow::Owned(bytes)]) }];
    WorldDoc { columns, ..WorldDoc::default() }
}

#[cfg(test)]
mod tests {
    use keepstone_ecs_persist::PersistId;

    use super::Given;

    #[test]
    fn a_note_comes_back_and_a_broken_one_is_refused() {
        let mut given = Given::default();
        assert!(given.see([PersistId(7), PersistId((5 << 44) | 9), PersistId(3)]));
        assert!(!given.see([PersistId(7), PersistId(5 << 44)]));
        let note = given.encode();
        assert_eq!(Given::decode(&note).unwrap(), given);
        for len in 0..note.len() {
            assert!(Given::decode(&note[..len]).is_err(), "cut to {len}");
        }
        for bit in 0..note.len() * 8 {
            let mut broken = note.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(Given::decode(&broken).is_err(), "bit {bit}");
        }
    }
}
