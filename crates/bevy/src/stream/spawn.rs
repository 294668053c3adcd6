use std::{any::TypeId, collections::HashMap};

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{Column, Error, PartSource, SpawnOptions, SpawnReport, WorldPart};

use crate::{
    identity::{PersistIds, PersistIndex},
    incoming::{self, Incoming},
    registry::Registry,
    spawn::{self, Later},
};

/// Spawns a world part by part: see [`EcsWorld::spawn_parts`](keepstone_ecs_persist::EcsWorld::spawn_parts).
pub(crate) fn spawn_parts(
    world: &mut World,
    parts: &mut dyn PartSource,
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<SpawnReport<Entity>, Error> {
    let Some(first) = parts.next_part()? else { return Ok(SpawnReport::new(Vec::new())) };
    spawn::check_count(first.total, options)?;
    let ids: Vec<Entity> = world.entity_allocator().alloc_many(first.total).collect();
    let mut spawning = Spawning::new(ids, &first);
    match spawning.spawn_all(world, first, parts, registry, options) {
        Ok(()) => {
            let Spawning { mut report, later, .. } = spawning;
            later.insert(world, &mut report);
            Ok(report)
        }
        Err(error) => {
            take_back(world, &spawning.report.entities);
            spawning.later.take_back(world);
            Err(error)
        }
    }
}

/// Despawns what was spawned, and gives back the ids that were not used.
fn take_back(world: &mut World, entities: &[Entity]) {
    let mut unused = Vec::new();
    for &entity in entities {
        if world.entities().is_index_spawned(entity.index()) {
            // It may have gone with another already, as its child, and something else may have its id.
            let _ = world.try_despawn(entity);
        } else if world.entities().contains(entity) {
            unused.push(entity);
        }
    }
    world.entity_allocator_mut().free_many(&unused);
}

struct Spawning {
    report: SpawnReport<Entity>,
    later: Later,
    total: u32,
    next: u32,
    /// What each registered component is called in the parts.
    seen: HashMap<TypeId, String>,
    /// What entities and values take.
    needs: u64,
    /// By index of an entity, a bit: whether this load allocated it.
    own: Vec<u64>,
}

impl Spawning {
    fn new(ids: Vec<Entity>, first: &WorldPart<'_>) -> Self {
        let mut own = Vec::new();
        for entity in &ids {
            let at = entity.index_u32() as usize;
            if at / 64 >= own.len() {
                own.resize(at / 64 + 1, 0);
            }
            if let Some(bits) = own.get_mut(at / 64) {
                *bits |= 1_u64 << (at % 64);
            }
        }
        Self {
            report: SpawnReport::new(ids),
            later: Later::default(),
            total: first.total,
            next: 0,
            seen: HashMap::new(),
            needs: u64::from(first.total).saturating_mul(spawn::ENTITY_LEN),
            own,
        }
    }

    fn spawn_all(
        &mut self,
        world: &mut World,
        first: WorldPart<'static>,
        parts: &mut dyn PartSource,
        registry: &Registry,
        options: &SpawnOptions,
    ) -> Result<(), Error> {
        let mut part = Some(first);
        while let Some(next) = part {
            self.spawn(world, &next, registry, options)?;
            part = parts.next_part()?;
        }
        if self.next != self.total {
            return Err(invalid("entities of all parts", self.next, self.total));
        }
        Ok(())
    }

    fn spawn(
        &mut self,
        world: &mut World,
        part: &WorldPart<'static>,
        registry: &Registry,
        options: &SpawnOptions,
    ) -> Result<(), Error> {
        if (part.first, part.total) != (self.next, self.total) {
            return Err(invalid("first ordinal of a part", part.first, self.next));
        }
        part.check()?;
        let doc = &part.doc;
        self.next = self.next.saturating_add(doc.entity_count());
        if self.next > self.total {
            return Err(invalid("entities of all parts", self.next, self.total));
        }
        spawn::check_content(doc, registry, options, &mut self.seen, &mut self.needs)?;
        self.refuse_repeated(world, part, registry)?;
        join_source(world, part, registry)?;
        let incoming = Incoming::of(world, doc, registry, options.ids)?;
        let ids = &self.report.entities;
        let decoded = spawn::decode(world, doc, registry, options, ids, (incoming.as_ref(), &self.later))?;
        let found = (&mut self.report, &mut self.later);
        spawn::place(world, (doc, part.first), registry, decoded, incoming, found)
    }

    /// Refuses an id that an entity of an earlier part has.
    fn refuse_repeated(&self, world: &World, part: &WorldPart<'_>, registry: &Registry) -> Result<(), Error> {
        let Some(ids) = Incoming::read(&part.doc, registry)? else { return Ok(()) };
        let is_own = |entity: Entity| {
            let at = entity.index_u32() as usize;
            self.own.get(at / 64).is_some_and(|bits| bits & (1 << (at % 64)) != 0)
        };
        match ids.ids().iter().find(|&&id| world.entity_of(id).is_some_and(is_own)) {
            Some(&id) => Err(Error::DuplicateId { id: id.into(), place: "in the file" }),
            None => Ok(()),
        }
    }
}

/// Lets the world's source of ids go on behind those of all parts, before one is handed out in the place of an id that is taken.
fn join_source(world: &mut World, part: &WorldPart<'_>, registry: &Registry) -> Result<(), Error> {
    let is_source = |column: &&Column<'_>| {
        let entry = registry.get(&column.schema.name);
        entry.is_some_and(|entry| entry.type_id() == TypeId::of::<PersistIndex>())
    };
    if let Some(column) = part.doc.columns.iter().find(is_source) {
        let source = incoming::source(column)?;
        world.get_resource_or_init::<PersistIndex>().join(source);
    }
    Ok(())
}

fn invalid(what: &'static str, found: u32, expected: u32) -> Error {
    Error::Invalid { what, found: found.to_string(), expected: expected.to_string() }
}
