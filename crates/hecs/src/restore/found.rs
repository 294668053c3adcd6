use std::{cell::OnceCell, collections::HashMap, ops::Range};

use hecs::{Archetype, Entity, World};
use keepstone_ecs_persist::{Error, Match, WorldDoc};

use crate::{decode::Decoding, identity};

/// Which entity of the world each ordinal of a document is.
pub(crate) struct Found<'m> {
    /// The entity of each ordinal.
    pub(crate) entities: Vec<Entity>,
    /// The ordinals that are spawned, ascending.
    missing: Vec<u32>,
    /// Where they are stored, if they are whole archetypes in their order: the first ordinal of each, and its place among those that
    /// are not empty.
    whole: Vec<(u32, usize)>,
    /// The raw ids of the entities, once they are asked for.
    known: OnceCell<Marks>,
    /// What the ordinals were, if that is known.
    before: Option<&'m [Entity]>,
}

impl<'m> Found<'m> {
    pub(crate) fn new(
        world: &World,
        decoding: &Decoding<'_, '_>,
        found: Match<'m, Entity>,
    ) -> Result<Self, Error> {
        match found {
            Match::Entities(entities) => Self::by_place(world, decoding.doc, entities),
            Match::PersistIds => Self::by_id(world, decoding),
            _ => Err(Error::NotSupported { what: "this way to find entities" }),
        }
    }

    fn by_place(world: &World, doc: &WorldDoc<'_>, before: &'m [Entity]) -> Result<Self, Error> {
        let (found, expected) = (before.len() as u64, u64::from(doc.entity_count()));
        if found != expected {
            return Err(Error::BadSelection { what: "entities to restore", found, expected });
        }
        if let Some(whole) = whole(world, before) {
            let (entities, missing, known) = (before.to_vec(), Vec::new(), OnceCell::new());
            return Ok(Self { entities, missing, whole, known, before: None });
        }
        let (mut missing, mut known, mut twice) = (Vec::new(), Marks::default(), 0);
        for (ordinal, &entity) in (0..).zip(before) {
            if !world.contains(entity) {
                missing.push(ordinal);
            } else if !known.mark(entity.id()) {
                twice += 1;
            }
        }
        if twice > 0 {
            let found = found - twice;
            return Err(Error::BadSelection { what: "different entities to restore", found, expected });
        }
        let (entities, whole, known) = (before.to_vec(), Vec::new(), OnceCell::new());
        Ok(Self { entities, missing, whole, known, before: Some(before) })
    }

    fn by_id(world: &World, decoding: &Decoding<'_, '_>) -> Result<Self, Error> {
        let mut entities = vec![None; decoding.doc.entity_count() as usize];
        if let Some((column, ids)) = decoding.ids()? {
            let holders = identity::unique(world)?;
            let mut ids = ids.iter();
            let mut first = 0;
            for table in &decoding.doc.tables {
                let rows = first..first + table.rows as usize;
                first = rows.end;
                if u16::try_from(column).is_ok_and(|column| table.components.binary_search(&column).is_ok()) {
                    for (slot, id) in entities.get_mut(rows).unwrap_or_default().iter_mut().zip(ids.by_ref())
                    {
                        *slot = holders.get(&id.0).copied();
                    }
                }
            }
        }
        let missing = (0..).zip(&entities).filter(|(_, entity)| entity.is_none());
        let missing = missing.map(|(ordinal, _)| ordinal).collect();
        let entities = entities.into_iter().map(|entity| entity.unwrap_or(Entity::DANGLING)).collect();
        Ok(Self { entities, missing, whole: Vec::new(), known: OnceCell::new(), before: None })
    }

    /// How many entities will be spawned.
    pub(crate) fn missing(&self) -> u32 {
        u32::try_from(self.missing.len()).unwrap_or(u32::MAX)
    }

    /// Says what is spawned for those that were not found.
    pub(crate) fn fill(&mut self, spawned: &[Entity]) {
        for (&ordinal, &entity) in self.missing.iter().zip(spawned) {
            if let Some(slot) = self.entities.get_mut(ordinal as usize) {
                *slot = entity;
            }
        }
    }

    /// The raw ids of all entities, when those that are spawned are filled in.
    pub(crate) fn known(&self) -> &Marks {
        self.known.get_or_init(|| {
            let mut known = Marks::default();
            for entity in &self.entities {
                known.mark(entity.id());
            }
            known
        })
    }

    /// Those that had been despawned: what they were, and what they are.
    pub(crate) fn respawned(&self) -> Vec<(Entity, Entity)> {
        let Some(before) = self.before else { return Vec::new() };
        let pair = |&at: &u32| Some((*before.get(at as usize)?, *self.entities.get(at as usize)?));
        self.missing.iter().filter_map(pair).collect()
    }

    /// The ordinals from `first` on and below `end` that are spawned.
    fn missing_in(&self, first: u32, end: u32) -> &[u32] {
        let at = |ordinal| self.missing.partition_point(|&missing| missing < ordinal);
        self.missing.get(at(first)..at(end)).unwrap_or_default()
    }
}

/// Where these entities are, if they are whole archetypes in their order, maybe with those of others between: the usual case, and told
/// at once.
fn whole(world: &World, entities: &[Entity]) -> Option<Vec<(u32, usize)>> {
    let mut query = world.query::<Entity>();
    let mut stored = query.iter();
    let (mut rest, mut ordinal) = (entities, 0_u32);
    let mut whole = Vec::new();
    for (at, archetype) in world.archetypes().filter(|archetype| !archetype.is_empty()).enumerate() {
        let len = archetype.len() as usize;
        let first = stored.next()?;
        let mut others = stored.by_ref().take(len - 1);
        if rest.first() != Some(&first) {
            others.for_each(drop);
            continue;
        }
        let (own, after) = rest.split_at(rest.len().min(len));
        if own.len() < len || !own.iter().skip(1).all(|entity| others.next() == Some(*entity)) {
            return None;
        }
        whole.push((ordinal, at));
        ordinal = ordinal.saturating_add(archetype.len());
        rest = after;
    }
    rest.is_empty().then_some(whole)
}

/// A set of raw ids.
#[derive(Default)]
pub(crate) struct Marks(Vec<u64>);

impl Marks {
    /// Adds an id, and says whether it is new.
    pub(crate) fn mark(&mut self, id: u32) -> bool {
        let (at, bit) = (id as usize / 64, 1_u64 << (id % 64));
        if at >= self.0.len() {
            self.0.resize((at + 1).next_power_of_two(), 0);
        }
        self.0.get_mut(at).is_some_and(|word| {
            let is_new = *word & bit == 0;
            *word |= bit;
            is_new
        })
    }

    pub(crate) fn has(&self, id: u32) -> bool {
        self.0.get(id as usize / 64).is_some_and(|word| word & (1 << (id % 64)) != 0)
    }
}

/// An archetype, and a row of it.
type Place = Option<(usize, usize)>;

/// Entities of a table that stand in an archetype in the same order, or that are spawned.
pub(crate) struct Segment {
    /// The first ordinal.
    pub(crate) first: u32,
    pub(crate) len: u32,
    /// The archetype and the row of the first entity; none where they are spawned.
    pub(crate) at: Place,
}

/// Finds out where entities are stored, which hecs doesn't tell.
pub(crate) struct Places<'w> {
    pub(crate) archetypes: Vec<&'w Archetype>,
    /// The archetype that starts with this raw id.
    starts: HashMap<u32, usize>,
    /// By raw id: archetype and row. Only made when entities are not in the order in which they were saved.
    all: OnceCell<Vec<(u32, u32)>>,
}

impl<'w> Places<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let archetypes: Vec<&Archetype> =
            world.archetypes().filter(|archetype| !archetype.is_empty()).collect();
        let starts =
            (0..).zip(&archetypes).filter_map(|(at, archetype)| Some((*archetype.ids().first()?, at)));
        Self { starts: starts.collect(), all: OnceCell::new(), archetypes }
    }

    /// Where the entities of a table are, of which the first is `first`.
    pub(crate) fn segments(&self, found: &Found<'_>, first: u32, rows: u32) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        let (mut ordinal, end) = (first, first.saturating_add(rows));
        for &missing in found.missing_in(first, end) {
            self.add_found(found, ordinal..missing, &mut segments);
            match segments.last_mut() {
                Some(last) if last.at.is_none() && last.first + last.len == missing => last.len += 1,
                _ => segments.push(Segment { first: missing, len: 1, at: None }),
            }
            ordinal = missing + 1;
        }
        self.add_found(found, ordinal..end, &mut segments);
        segments
    }

    fn add_found(&self, found: &Found<'_>, ordinals: Range<u32>, segments: &mut Vec<Segment>) {
        let mut first = ordinals.start;
        let mut rest = found.entities.get(first as usize..ordinals.end as usize).unwrap_or_default();
        while let Some(entity) = rest.first() {
            let (at, len) = self.place_whole(found, first, rest.len()).unwrap_or_else(|| {
                let at = self.place(entity.id(), segments.last());
                let ids = at.and_then(|(archetype, row)| self.archetypes.get(archetype)?.ids().get(row..));
                (at, same(ids.unwrap_or_default(), rest).max(1))
            });
            let rows = u32::try_from(len).unwrap_or(u32::MAX);
            segments.push(Segment { first, len: rows, at });
            first = first.saturating_add(rows);
            rest = rest.get(len..).unwrap_or_default();
        }
    }

    /// The place of an ordinal where entities are whole archetypes, and how many of the `rows` from it on are there.
    fn place_whole(&self, found: &Found<'_>, ordinal: u32, rows: usize) -> Option<(Place, usize)> {
        let behind = found.whole.partition_point(|&(first, _)| first <= ordinal);
        let &(first, at) = found.whole.get(behind.checked_sub(1)?)?;
        let row = (ordinal - first) as usize;
        let left = self.archetypes.get(at)?.ids().len().checked_sub(row)?;
        Some((Some((at, row)), rows.min(left))).filter(|_| left > 0)
    }

    fn place(&self, id: u32, before: Option<&Segment>) -> Option<(usize, usize)> {
        let is_here = |(archetype, row): &(usize, usize)| {
            self.archetypes.get(*archetype).and_then(|archetype| archetype.ids().get(*row)) == Some(&id)
        };
        let next = before.and_then(|before| {
            let (archetype, row) = before.at?;
            Some((archetype, row + before.len as usize))
        });
        next.filter(is_here).or_else(|| self.starts.get(&id).map(|&archetype| (archetype, 0))).or_else(|| {
            let all = self.all.get_or_init(|| all_places(&self.archetypes));
            let &(archetype, row) = all.get(id as usize)?;
            Some((archetype as usize, row as usize)).filter(is_here)
        })
    }
}

/// How many of these entities have these raw ids, from the first on.
fn same(ids: &[u32], entities: &[Entity]) -> usize {
    let pairs = ids.chunks(64).zip(entities.chunks(64));
    // Without a way out inside, the comparison of a chunk takes few instructions.
    let differs = |(ids, entities): &(&[u32], &[Entity])| {
        ids.len() != entities.len()
            || ids.iter().zip(*entities).fold(0, |sum, (id, entity)| sum | (id ^ entity.id())) != 0
    };
    let equal = pairs.take_while(|pair| !differs(pair)).count() * 64;
    let equal = equal.min(ids.len()).min(entities.len());
    let rest = ids.iter().zip(entities).skip(equal);
    equal + rest.take_while(|(id, entity)| **id == entity.id()).count()
}

fn all_places(archetypes: &[&Archetype]) -> Vec<(u32, u32)> {
    let last = archetypes.iter().flat_map(|archetype| archetype.ids()).max();
    let mut places = vec![(u32::MAX, 0); last.map_or(0, |&last| last as usize + 1)];
    for (at, archetype) in (0..).zip(archetypes) {
        for (row, &id) in (0..).zip(archetype.ids()) {
            if let Some(slot) = places.get_mut(id as usize) {
                *slot = (at, row);
            }
        }
    }
    places
}
