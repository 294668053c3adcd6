use std::{collections::HashMap, fmt};

use super::side::Side;
use crate::{doc::NONE, identity::PersistId};

/// By what the entities of two worlds are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MatchedBy {
    /// By [`PersistId`], which both worlds have.
    PersistIds,
    /// By the ids of another system, which both worlds have.
    ForeignIds,
    /// By their place.
    Ordinals,
}

impl fmt::Display for MatchedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PersistIds => "PersistId",
            Self::ForeignIds => "foreign id",
            Self::Ordinals => "ordinal",
        })
    }
}

/// What an entity is called in both worlds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Persist(u64),
    Foreign(u128),
    Ordinal(u32),
    /// It has no id: those without one are matched in their order.
    Without,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Persist(id) => PersistId(*id).fmt(f),
            Self::Foreign(id) => write!(f, "{id:032x}"),
            Self::Ordinal(ordinal) => ordinal.fmt(f),
            Self::Without => f.write_str("without id"),
        }
    }
}

/// Which entity of one world is which of the other.
pub(super) struct Matching {
    pub(super) by: MatchedBy,
    a: Vec<Key>,
    b: Vec<Key>,
    /// For each entity of the second world its number in both: the ordinal in the first, or one behind all of those.
    numbers: Vec<u32>,
    /// For each entity of the first world its ordinal in the second, or [`NONE`].
    in_b: Vec<u32>,
}

impl Matching {
    pub(super) fn new(a: &Side<'_>, b: &Side<'_>) -> Self {
        let by = match (a.persist_ids(), b.persist_ids()) {
            (Some(_), Some(_)) => MatchedBy::PersistIds,
            _ if a.doc.foreign_ids.is_some() && b.doc.foreign_ids.is_some() => MatchedBy::ForeignIds,
            _ => MatchedBy::Ordinals,
        };
        let (a, b) = (keys(a, by), keys(b, by));
        // Entities with one key are matched in their order.
        let mut places: HashMap<(Key, u32), u32> = HashMap::with_capacity(a.len());
        let mut seen = HashMap::new();
        for (ordinal, key) in (0..).zip(&a) {
            places.insert((*key, next(&mut seen, *key)), ordinal);
        }
        seen.clear();
        let mut in_b = vec![NONE; a.len()];
        let count = u32::try_from(a.len()).unwrap_or(NONE);
        let mut numbers = Vec::with_capacity(b.len());
        for (ordinal, key) in (0..).zip(&b) {
            let found = places.get(&(*key, next(&mut seen, *key)));
            if let Some(place) = found.and_then(|found| in_b.get_mut(usize::try_from(*found).ok()?)) {
                *place = ordinal;
            }
            numbers.push(found.copied().unwrap_or(count.saturating_add(ordinal).min(NONE - 1)));
        }
        Self { by, a, b, numbers, in_b }
    }

    /// The ordinal in the second world of an entity of the first.
    pub(super) fn in_b(&self, a: u32) -> Option<u32> {
        usize::try_from(a).ok().and_then(|a| self.in_b.get(a)).copied().filter(|b| *b != NONE)
    }

    /// The entities of the second world that the first hasn't.
    pub(super) fn only_in_b(&self) -> impl Iterator<Item = u32> {
        let count = self.a.len();
        let is_new = move |number: &u32| usize::try_from(*number).is_ok_and(|number| number >= count);
        (0..).zip(&self.numbers).filter(move |(_, number)| is_new(number)).map(|(ordinal, _)| ordinal)
    }

    /// The number of an entity of the second world among those of both.
    pub(super) fn number_of_b(&self, ordinal: u32) -> u32 {
        if ordinal == NONE {
            return NONE;
        }
        usize::try_from(ordinal).ok().and_then(|ordinal| self.numbers.get(ordinal)).copied().unwrap_or(NONE)
    }

    /// What the entity with this number is called.
    pub(super) fn label(&self, number: u32) -> String {
        if number == NONE {
            return "none".to_owned();
        }
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        let (key, ordinal) = if let Some(key) = self.a.get(place) {
            (Some(key), number)
        } else {
            let place = place - self.a.len();
            (self.b.get(place), u32::try_from(place).unwrap_or(NONE))
        };
        match key {
            Some(Key::Without) => format!("without id ({ordinal})"),
            Some(key) => key.to_string(),
            None => ordinal.to_string(),
        }
    }

    /// The number of an entity that the second world has alone.
    pub(super) fn label_of_b(&self, ordinal: u32) -> String {
        self.label(self.number_of_b(ordinal))
    }
}

fn next(seen: &mut HashMap<Key, u32>, key: Key) -> u32 {
    let count = seen.entry(key).or_insert(0);
    *count += 1;
    *count - 1
}

fn keys(side: &Side<'_>, by: MatchedBy) -> Vec<Key> {
    let count = side.doc.entity_count();
    match by {
        MatchedBy::PersistIds => {
            let key = |id: Option<u64>| id.map_or(Key::Without, Key::Persist);
            side.persist_ids().unwrap_or_default().into_iter().map(key).collect()
        }
        MatchedBy::ForeignIds => {
            side.doc.foreign_ids.iter().flat_map(|ids| ids.iter().copied().map(Key::Foreign)).collect()
        }
        MatchedBy::Ordinals => (0..count).map(Key::Ordinal).collect(),
    }
}
