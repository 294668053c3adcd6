use std::{fmt, sync::Arc};

use bevy_ecs::{
    archetype::ArchetypeId,
    change_detection::{MAX_CHANGE_AGE, Tick},
    entity::Entity,
    world::{World, WorldId},
};
use keepstone_ecs_persist::{Encoding, Error, NONE};

/// What this adapter remembers of a moment of a world: the change tick, which entities each table had, and their row numbers. No values.
///
/// What does not change from one moment to the next is shared by both. A moment can be told from the present for as long as bevy tells
/// changes apart, that is [`MAX_CHANGE_AGE`] ticks; a mark that is kept for 2^32 ticks looks young again.
#[derive(Clone)]
pub struct Moment(pub(super) Arc<Inner>);

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moment").field("tick", &self.0.tick).finish_non_exhaustive()
    }
}

pub(super) struct Inner {
    pub(super) world: WorldId,
    pub(super) tick: Tick,
    /// Ascending by name.
    pub(super) components: Vec<Known>,
    pub(super) tables: Vec<KnownTable>,
    /// The rows of entities that are saved bare, because something refers to them.
    pub(super) bare: Vec<u32>,
    pub(super) rows: Arc<RowTable>,
}

/// A component that the save of a moment has, or may have.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) name: Arc<str>,
    pub(super) version: u32,
    /// Where it is known without values.
    pub(super) encoding: Option<Encoding>,
    /// Whether it is a resource that is there.
    pub(super) resource: bool,
    /// Whether a value of it may refer to an entity.
    pub(super) refers: bool,
}

/// A table of the save of a moment.
pub(super) struct KnownTable {
    pub(super) archetype: ArchetypeId,
    /// Places in [`Inner::components`], ascending.
    pub(super) set: Vec<u16>,
    pub(super) entities: Arc<[Entity]>,
    pub(super) rows: RowNumbers,
}

/// The row number of each entity of a table.
#[derive(Clone)]
pub(super) enum RowNumbers {
    /// They follow that of the first.
    From(u32),
    /// Each has its own.
    Each(Arc<[u32]>),
}

impl RowNumbers {
    pub(super) fn get(&self, position: u32) -> u32 {
        match self {
            Self::From(first) => first.saturating_add(position),
            Self::Each(rows) => rows.get(position as usize).copied().unwrap_or(NONE),
        }
    }
}

/// Which entity each row number is, and the other way round.
#[derive(Clone, Default)]
pub(super) struct RowTable {
    entities: Vec<Option<Entity>>,
    /// By index of the entity. What it leads to has to be the same entity.
    of_index: Vec<u32>,
}

impl RowTable {
    pub(super) fn of(entities: Vec<Entity>) -> Self {
        let mut table = Self { entities: Vec::with_capacity(entities.len()), of_index: Vec::new() };
        if let Some(last) = entities.iter().map(|entity| entity.index_u32()).max() {
            table.of_index = vec![NONE; last as usize + 1];
        }
        for entity in entities {
            table.push(entity);
        }
        table
    }

    /// Gives the next row to an entity, and returns it.
    pub(super) fn push(&mut self, entity: Entity) -> u32 {
        let row = u32::try_from(self.entities.len()).unwrap_or(NONE);
        self.entities.push(Some(entity));
        let at = entity.index_u32() as usize;
        if at >= self.of_index.len() {
            self.of_index.resize(at + 1, NONE);
        }
        if let Some(slot) = self.of_index.get_mut(at) {
            *slot = row;
        }
        row
    }

    pub(super) fn remove(&mut self, row: u32) {
        if let Some(slot) = self.entities.get_mut(row as usize) {
            *slot = None;
        }
    }

    pub(super) fn row_of(&self, entity: Entity) -> Option<u32> {
        let row = self.of_index.get(entity.index_u32() as usize).copied()?;
        (self.entity_of(row) == Some(entity)).then_some(row)
    }

    pub(super) fn entity_of(&self, row: u32) -> Option<Entity> {
        self.entities.get(row as usize).copied().flatten()
    }

    pub(super) fn len(&self) -> u64 {
        self.entities.len() as u64
    }
}

/// The time from a moment to the present, in change ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    now: u32,
    age: u32,
}

impl Window {
    pub(super) fn since(world: &World, moment: &Inner) -> Result<Self, Error> {
        if world.id() != moment.world {
            return Err(Error::MarkTooOld { why: "it is of another world" });
        }
        Self::between(moment.tick, world.read_change_tick())
    }

    fn between(tick: Tick, now: Tick) -> Result<Self, Error> {
        let age = now.get().wrapping_sub(tick.get());
        if age > MAX_CHANGE_AGE {
            return Err(Error::MarkTooOld { why: "bevy does not tell changes apart that are so old" });
        }
        Ok(Self { now: now.get(), age })
    }

    /// Whether something that was changed at this tick was changed since.
    #[inline]
    pub(crate) fn has(self, changed: Tick) -> bool {
        self.now.wrapping_sub(changed.get()) < self.age
    }

    /// Puts the positions of ticks that lie in it behind those that are in `found`.
    pub(crate) fn scan(self, ticks: &[Tick], found: &mut Vec<u32>) {
        /// So many are looked at together, for which the processor has one instruction or a few.
        const TOGETHER: usize = 32;
        for (first, chunk) in (0_u32..).step_by(TOGETHER).zip(ticks.chunks(TOGETHER)) {
            if chunk.iter().fold(false, |any, &tick| any | self.has(tick)) {
                found.extend((first..).zip(chunk).filter(|(_, tick)| self.has(**tick)).map(|(at, _)| at));
            }
        }
    }
}

/// Whether these are the same entities. Several are compared before the answer is asked for, so that they are at once.
pub(super) fn same_entities(a: &[Entity], b: &[Entity]) -> bool {
    const TOGETHER: usize = 64;
    let differing = |a: &[Entity], b: &[Entity]| {
        a.iter().zip(b).fold(0, |bits, (a, b)| bits | (a.to_bits() ^ b.to_bits()))
    };
    a.len() == b.len() && a.chunks(TOGETHER).zip(b.chunks(TOGETHER)).all(|(a, b)| differing(a, b) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(tick: u32, now: u32) -> Result<Window, Error> {
        Window::between(Tick::new(tick), Tick::new(now))
    }

    #[test]
    fn changes_are_told_as_bevy_tells_them() {
        let edges =
            [0, 1, 2, 9, MAX_CHANGE_AGE - 1, MAX_CHANGE_AGE, MAX_CHANGE_AGE + 1, u32::MAX - 1, u32::MAX];
        for tick in edges {
            for now in edges {
                let Ok(window) = window(tick, now) else { continue };
                for changed in edges {
                    let theirs = Tick::new(changed).is_newer_than(Tick::new(tick), Tick::new(now));
                    assert_eq!(window.has(Tick::new(changed)), theirs, "{changed} in {tick}..{now}");
                }
            }
        }
    }

    #[test]
    fn a_moment_that_bevy_has_forgotten_is_too_old() {
        assert!(window(0, MAX_CHANGE_AGE).is_ok());
        assert!(matches!(window(0, MAX_CHANGE_AGE + 1), Err(Error::MarkTooOld { .. })));
        assert!(window(u32::MAX, 5).is_ok());
    }
}
