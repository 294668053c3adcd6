use std::{borrow::Cow, collections::HashSet};

use hecs::{Entity, World};
use keepstone_ecs_persist::{Column, ColumnData, NONE, WorldDoc};
use keepstone_value::{EntityType, Resolve};

/// Which entity of a world each row number is.
pub(super) struct Names<'n> {
    pub(super) world: &'n World,
    /// Of the rows before the delta.
    pub(super) known: &'n [Option<Entity>],
    /// Of those that it spawns.
    pub(super) spawned: &'n [Entity],
    /// Entities that go before the delta comes.
    pub(super) victims: &'n HashSet<Entity>,
}

impl Names<'_> {
    /// The entity of a row, if it is there.
    pub(super) fn get(&self, row: u32) -> Option<Entity> {
        match (row as usize).checked_sub(self.known.len()) {
            Some(spawned) => self.spawned.get(spawned).copied(),
            None => self.known.get(row as usize).copied().flatten().filter(|&entity| self.stays(entity)),
        }
    }

    fn stays(&self, entity: Entity) -> bool {
        self.world.contains(entity) && !self.victims.contains(&entity)
    }

    /// How many references of a document lead to nothing.
    pub(super) fn dangling(&self, doc: &WorldDoc<'_>) -> u64 {
        let leads = |row: &&u32| self.get(**row).is_none();
        let count = |column: &Column<'_>| targets(&column.data).iter().filter(leads).count() as u64;
        doc.columns.iter().map(count).sum()
    }

    /// The column with its references numbered one after the other, and the entity of each: for what takes ordinals.
    pub(super) fn numbered<'c>(&self, column: &'c Column<'_>) -> (Column<'c>, Vec<Entity>) {
        let entity = |&row: &u32| self.get(row).unwrap_or(Entity::DANGLING);
        let entities: Vec<Entity> = targets(&column.data).iter().map(entity).collect();
        let numbers = || (0..NONE).take(entities.len()).collect();
        let data = match &column.data {
            ColumnData::Plain(pieces) => {
                ColumnData::Plain(pieces.iter().map(|piece| Cow::Borrowed(&**piece)).collect())
            }
            ColumnData::Rows { data, lengths, .. } => {
                ColumnData::Rows { data: Cow::Borrowed(data), lengths: lengths.clone(), targets: numbers() }
            }
            ColumnData::References { ranks, .. } => {
                let ranks = ranks.as_ref().map(|ranks| Cow::Borrowed(&**ranks));
                ColumnData::References { targets: numbers(), ranks }
            }
            other => other.clone(),
        };
        (Column { schema: column.schema.clone(), data }, entities)
    }
}

impl Resolve for Names<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn bits(&mut self, row: u32) -> u64 {
        self.get(row).unwrap_or(Entity::DANGLING).to_bits().get()
    }
}

/// The rows that a column refers to.
pub(super) fn targets<'c>(data: &'c ColumnData<'_>) -> &'c [u32] {
    match data {
        ColumnData::Rows { targets, .. } | ColumnData::References { targets, .. } => targets,
        _ => &[],
    }
}
