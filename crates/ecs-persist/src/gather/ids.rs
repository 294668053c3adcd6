use keepstone_format::plain::{self, OwnedLayout};

use crate::{
    doc::{Column, ColumnData, WorldDoc},
    error::Error,
    gather::Index,
    identity::PersistId,
    schema::Encoding,
};

/// The [`PersistId`]s of a document that was checked.
pub(crate) struct Ids {
    /// By ordinal.
    ids: Vec<Option<u64>>,
    missing: u64,
}

impl Ids {
    pub(crate) fn of(doc: &WorldDoc<'_>, index: &Index) -> Result<Self, Error> {
        let mut ids = vec![None; index.entities() as usize];
        let mut missing = u64::from(index.entities());
        let name = |column: &Column<'_>| column.schema.name == PersistId::COMPONENT;
        if let Some((at, column)) = doc.columns.iter().enumerate().find(|(_, column)| name(column)) {
            for (ordinal, id) in index.holders(at).zip(read(column)?) {
                if let Some(slot) = ids.get_mut(ordinal as usize) {
                    *slot = Some(id);
                    missing -= 1;
                }
            }
        }
        Ok(Self { ids, missing })
    }

    /// The id of an entity.
    pub(crate) fn get(&self, ordinal: u32) -> Option<u64> {
        self.ids.get(ordinal as usize).copied().flatten()
    }

    /// How many entities have none.
    pub(crate) fn missing(&self) -> u64 {
        self.missing
    }

    /// Whether there are entities, and none has one.
    pub(crate) fn is_nobodys(&self) -> bool {
        !self.ids.is_empty() && self.missing == self.ids.len() as u64
    }

    /// The id of each entity.
    pub(crate) fn of_all(&self, what: &'static str) -> Result<Vec<u64>, Error> {
        if self.missing > 0 {
            return Err(Error::NoPersistId { entities: self.missing, of: self.ids.len() as u64, what });
        }
        Ok(self.ids.iter().copied().flatten().collect())
    }

    /// Ids with the ordinals of those that have them, ascending.
    pub(crate) fn sorted(&self) -> Vec<(u64, u32)> {
        let mut sorted: Vec<(u64, u32)> =
            self.ids.iter().zip(0_u32..).filter_map(|(id, ordinal)| Some(((*id)?, ordinal))).collect();
        sorted.sort_unstable();
        sorted
    }
}

/// Refuses an id that stands twice in a sorted list.
pub(crate) fn refuse_twice(sorted: &[(u64, u32)]) -> Result<(), Error> {
    for pair in sorted.windows(2) {
        if let [(one, _), (other, _)] = pair
            && one == other
        {
            return Err(Error::DuplicateId { id: PersistId(*one), place: "both are in this world" });
        }
    }
    Ok(())
}

fn read(column: &Column<'_>) -> Result<Vec<u64>, Error> {
    match (&column.schema.encoding, &column.data) {
        (Encoding::Plain(layout), ColumnData::Plain(pieces)) if *layout == PersistId::LAYOUT => {
            let mut ids = Vec::new();
            if let [piece] = pieces.as_slice() {
                plain::append_le_bytes(piece, &mut ids)?;
            } else {
                plain::append_le_bytes(&pieces.concat(), &mut ids)?;
            }
            Ok(ids)
        }
        (encoding, _) => Err(Error::Mismatch {
            name: column.schema.name.clone(),
            type_name: std::any::type_name::<PersistId>(),
            found: encoding.to_string(),
            expected: format!("plain {}", OwnedLayout::from(&PersistId::LAYOUT)),
        }),
    }
}
