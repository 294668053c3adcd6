use std::collections::HashMap;

use hecs::{Entity, World};
use keepstone_ecs_persist::{Error, Table};

use crate::{
    decode::Decoding,
    handles::{Told, are_kept, entity},
    spawn::next_life,
};

/// Handles that entities get because a document says so.
pub(crate) struct Exact {
    /// The entity of each ordinal.
    pub(crate) entities: Vec<Entity>,
    /// The free list from which hecs gives them these handles, each table spawned as one batch, in their order. What is left of it then is
    /// what is free.
    pub(crate) free: Vec<Entity>,
}

/// What is known of an index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Nobody has spoken of it.
    Unused,
    /// An entity of the world has it.
    Alive,
    /// It is free in the world.
    Free,
    /// An entity of the document gets it.
    Placed,
    /// The document says that it is free.
    Told,
}

/// So many more indices than the file and the world speak of are made room for: what was chosen from a world of millions still
/// loads, and a few bytes don't take more than 64 MiB.
const SPARE_SLOTS: u64 = 1 << 22;

impl Exact {
    /// Decides which handles the entities of a document get in a world from which `victims` will be despawned; none if it doesn't
    /// say or nobody asks.
    pub(crate) fn of(
        world: &World,
        decoding: &Decoding<'_, '_>,
        victims: &[Entity],
    ) -> Result<Option<Self>, Error> {
        if !are_kept(decoding.registry) {
            return Ok(None);
        }
        let tables = &decoding.doc.tables;
        let Some(told) = Told::of(decoding.doc)? else { return Ok(None) };
        let free = told.free.iter().map(|&bits| entity(bits)).collect::<Result<Vec<Entity>, Error>>()?;
        let mut entities = Vec::with_capacity(tables.iter().map(|table| table.rows as usize).sum());
        let mut bad = None;
        entities.extend(told.handles().map(|bits| {
            Entity::from_bits(bits).unwrap_or_else(|| {
                bad.get_or_insert(bits);
                Entity::DANGLING
            })
        }));
        if let Some(bits) = bad {
            entity(bits)?;
        }
        let mut slots = Slots::of(world, victims);
        let highest = entities.iter().chain(&free).map(|entity| entity.id()).max();
        let next = slots.all.len().max(highest.map_or(0, |highest| highest as usize + 1)) as u64;
        let rows: u64 = tables.iter().map(|table| u64::from(table.rows)).sum();
        let spoken_of = (slots.all.len() + free.len()) as u64 + rows;
        let needs = next + rows.saturating_sub(told.rows as u64);
        slots.reserve(needs, spoken_of, decoding.options.entities_max)?;
        if rows != told.rows as u64 {
            entities = with_new(&entities, &told, tables, next);
        }
        for &entity in &entities {
            slots.place(entity)?;
        }
        let free = slots.free_list(world, victims, free, &entities, tables);
        Ok(Some(Self { entities, free }))
    }
}

/// The entities of all ordinals: those without a handle get indices from `next` on.
fn with_new(handles: &[Entity], told: &Told<'_>, tables: &[Table], mut next: u64) -> Vec<Entity> {
    let mut entities = Vec::new();
    let mut rest = handles;
    let column = told.column.and_then(|column| u16::try_from(column).ok());
    for table in tables {
        if column.is_some_and(|column| table.components.binary_search(&column).is_ok()) {
            let (own, behind) = rest.split_at(rest.len().min(table.rows as usize));
            entities.extend_from_slice(own);
            rest = behind;
        } else {
            let new = next..next + u64::from(table.rows);
            next = new.end;
            // There is room for all of them.
            entities.extend(new.filter_map(|id| Entity::from_bits(FIRST_GENERATION | id)));
        }
    }
    entities
}

/// The upper half of the bits of a handle whose index is new.
const FIRST_GENERATION: u64 = 1 << 32;

/// All indices of a world and of a document.
struct Slots {
    all: Vec<Slot>,
    /// How many of them are the world's.
    own: usize,
}

impl Slots {
    /// Those of a world from which `victims` will be despawned.
    fn of(world: &World, victims: &[Entity]) -> Self {
        let mut slots =
            Self { all: vec![Slot::Unused; world.len() as usize + world.freelist().len()], own: 0 };
        for archetype in world.archetypes() {
            archetype.ids().iter().for_each(|&id| slots.set(id, Slot::Alive));
        }
        for entity in world.freelist().chain(victims.iter().copied()) {
            slots.set(entity.id(), Slot::Free);
        }
        slots.own = slots.all.len();
        slots
    }

    fn set(&mut self, id: u32, slot: Slot) {
        let at = id as usize;
        if at >= self.all.len() {
            self.all.resize(at + 1, Slot::Unused);
        }
        if let Some(place) = self.all.get_mut(at) {
            *place = slot;
        }
    }

    /// Makes room for so many.
    fn reserve(&mut self, needs: u64, spoken_of: u64, entities_max: u32) -> Result<(), Error> {
        let own = self.own as u64;
        let (what, allowed) = ("indices of entities, up to the highest", u64::from(entities_max).max(own));
        if needs > allowed {
            return Err(Error::Limit { what, needs, allowed });
        }
        let allowed = spoken_of.saturating_add(SPARE_SLOTS);
        if needs > allowed {
            let expected =
                format!("less than {allowed}, as the file and the world speak of {spoken_of} entities");
            let found = needs.saturating_sub(1).to_string();
            return Err(Error::Invalid { what: "highest index of an entity", found, expected });
        }
        self.all.resize(usize::try_from(needs).unwrap_or(usize::MAX).max(self.own), Slot::Unused);
        Ok(())
    }

    /// Gives an index to an entity of the document.
    fn place(&mut self, entity: Entity) -> Result<(), Error> {
        match self.all.get_mut(entity.id() as usize) {
            Some(slot @ (Slot::Unused | Slot::Free)) => {
                *slot = Slot::Placed;
                Ok(())
            }
            Some(Slot::Alive) => Err(Error::NotSupported {
                what: "loading an entity under a handle whose index an entity of the world has; load into an empty world",
            }),
            _ => Err(Error::Invalid {
                what: "handle in hecs.Entity",
                found: format!("{:#x}, of which another has the index", entity.to_bits()),
                expected: "an index of its own for each entity".to_owned(),
            }),
        }
    }

    /// What hecs's free list is to be: see [`Exact::free`].
    fn free_list(
        mut self,
        world: &World,
        victims: &[Entity],
        mut told: Vec<Entity>,
        entities: &[Entity],
        tables: &[Table],
    ) -> Vec<Entity> {
        let own = || world.freelist().chain(victims.iter().copied().map(next_life));
        let by_id: HashMap<u32, Entity> =
            if told.is_empty() { HashMap::new() } else { own().map(|own| (own.id(), own)).collect() };
        told.retain_mut(|entity| {
            let Some(slot @ (Slot::Unused | Slot::Free)) = self.all.get_mut(entity.id() as usize) else {
                return false;
            };
            *slot = Slot::Told;
            // Both worlds have given what is below.
            *entity = by_id.get(&entity.id()).copied().map_or(*entity, |own| own.max(*entity));
            true
        });
        let mut free = Vec::with_capacity(self.all.len());
        // Lower ones are given first, as hecs does.
        let new = (self.own..self.all.len()).rev().zip(self.all.iter().rev());
        let unused = new.filter(|(_, slot)| **slot == Slot::Unused);
        free.extend(unused.filter_map(|(at, _)| Entity::from_bits(FIRST_GENERATION | at as u64)));
        free.extend(own().filter(|own| self.all.get(own.id() as usize) == Some(&Slot::Free)));
        free.extend(told);
        let mut rest = entities;
        for table in tables.iter().rev() {
            let (before, own) = rest.split_at(rest.len().saturating_sub(table.rows as usize));
            free.extend_from_slice(own);
            rest = before;
        }
        free
    }
}
