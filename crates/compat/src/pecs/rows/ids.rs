use std::{borrow::Cow, collections::HashSet};

use keepstone_ecs_persist::{Column, ColumnData, Encoding, NONE, PersistId, WorldDoc};
use keepstone_format::plain::{self, Plain};

use crate::{error::Error, pecs::Id};

/// What a reference to nothing that was saved becomes.
pub(super) const NOTHING: u128 = u128::MAX;

/// The upper half of ids that stand for ordinals: `keepston`, most significant first.
const ORDINAL_HALF: u128 = 0x6b65_6570_7374_6f6e << 64;

/// Where the stable ids of a file are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Ordinals,
    PersistIds,
    ForeignIds,
}

impl Source {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Ordinals => 0,
            Self::PersistIds => 1,
            Self::ForeignIds => 2,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Ordinals, Self::PersistIds, Self::ForeignIds].into_iter().find(|one| one.code() == code)
    }
}

/// The stable id of each entity of a world, by ordinal.
pub(super) struct Ids<'d> {
    by_ordinal: Cow<'d, [u128]>,
    pub(super) source: Source,
    /// Those that no reference can be written with.
    ambiguous: HashSet<u128>,
}

impl<'d> Ids<'d> {
    /// The foreign ids; else those of the component [`PersistId`], and the ordinals of entities without one.
    pub(super) fn of(doc: &'d WorldDoc<'_>) -> Self {
        let (by_ordinal, source) = match (&doc.foreign_ids, persist_ids(doc)) {
            (Some(ids), _) => (Cow::Borrowed(ids.as_ref()), Source::ForeignIds),
            (None, Some(ids)) => (Cow::Owned(ids), Source::PersistIds),
            (None, None) => (Cow::Owned((0..doc.entity_count()).map(of_ordinal).collect()), Source::Ordinals),
        };
        let ambiguous = match source {
            Source::Ordinals => HashSet::new(),
            _ => ambiguous(&by_ordinal),
        };
        Self { by_ordinal, source, ambiguous }
    }

    pub(super) fn get(&self, ordinal: u32) -> Option<u128> {
        self.by_ordinal.get(usize::try_from(ordinal).ok()?).copied()
    }

    /// The id by which a reference names its target.
    pub(super) fn target(&self, ordinal: u32, component: &str) -> Result<u128, Error> {
        if ordinal == NONE {
            return Ok(NOTHING);
        }
        let id = self.get(ordinal).expect("the document was checked");
        if self.ambiguous.contains(&id) {
            return Err(Error::Ambiguous { component: component.to_owned(), id: Id(id) });
        }
        Ok(id)
    }
}

fn of_ordinal(ordinal: u32) -> u128 {
    ORDINAL_HALF | (u128::from(ordinal) + 1)
}

/// The ids that more than one entity has, and the one that means nothing.
fn ambiguous(ids: &[u128]) -> HashSet<u128> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    let twice = sorted.windows(2).filter_map(|pair| match pair {
        [before, id] if before == id => Some(*id),
        _ => None,
    });
    twice.chain([NOTHING]).collect()
}

/// The value of the component for each entity, its ordinal for those that haven't it; none if no column is of that kind.
fn persist_ids(doc: &WorldDoc<'_>) -> Option<Vec<u128>> {
    let place = doc.columns.binary_search_by(|column| column.schema.name.as_str().cmp(PersistId::COMPONENT));
    let place = place.ok()?;
    let column = doc.columns.get(place)?;
    let mut values = values_of(column)?.into_iter();
    let place = u16::try_from(place).ok()?;
    let mut ids = Vec::new();
    for table in &doc.tables {
        let has = table.components.contains(&place);
        for _ in 0..table.rows {
            let ordinal = u32::try_from(ids.len()).ok()?;
            let value = if has { values.next().map(u128::from) } else { None };
            ids.push(value.unwrap_or(of_ordinal(ordinal)));
        }
    }
    Some(ids)
}

fn values_of(column: &Column<'_>) -> Option<Vec<u64>> {
    let (Encoding::Plain(layout), ColumnData::Plain(pieces)) = (&column.schema.encoding, &column.data) else {
        return None;
    };
    if *layout != <u64 as Plain>::LAYOUT || column.schema.resource {
        return None;
    }
    let mut values = Vec::new();
    plain::append_le_bytes(&pieces.concat(), &mut values).ok()?;
    Some(values)
}
