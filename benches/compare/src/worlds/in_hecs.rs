//! The serialization that hecs itself has, by row and by column, as its documentation shows it.

use std::{any::TypeId, path::Path};

use anyhow::{Result, ensure};
use hecs::{
    Archetype, ColumnBatchBuilder, ColumnBatchType, EntityBuilder, EntityRef, World,
    serialize::{column, row},
};
use keepstone::{Codec, SaveOptions, prelude::*};
use keepstone_benches::{
    Case, Plan, in_hecs,
    mixed::{self, Row},
};
use serde::{
    Deserialize, Serialize,
    de::{MapAccess, SeqAccess},
    ser::{SerializeMap, SerializeTuple},
};

use super::contents::Content;

#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
struct Position {
    x: f32,
    y: f32,
    z: f32,
}

#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
struct Velocity {
    x: f32,
    y: f32,
    z: f32,
}

#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
struct Health {
    current: i32,
    max: i32,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Name(String);

#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
struct Parent(hecs::Entity);

#[derive(Serialize, Deserialize, Clone, Copy)]
enum Id {
    Position,
    Velocity,
    Health,
    Name,
    Parent,
}

/// The components of what is read: of an archetype.
#[derive(Default)]
struct Context {
    ids: Vec<Id>,
}

impl row::SerializeContext for Context {
    fn serialize_entity<S: SerializeMap>(
        &mut self,
        entity: EntityRef<'_>,
        mut map: S,
    ) -> Result<S::Ok, S::Error> {
        row::try_serialize::<Position, _, _>(&entity, &Id::Position, &mut map)?;
        row::try_serialize::<Velocity, _, _>(&entity, &Id::Velocity, &mut map)?;
        row::try_serialize::<Health, _, _>(&entity, &Id::Health, &mut map)?;
        row::try_serialize::<Name, _, _>(&entity, &Id::Name, &mut map)?;
        row::try_serialize::<Parent, _, _>(&entity, &Id::Parent, &mut map)?;
        map.end()
    }

    // postcard and bincode want it in advance.
    fn component_count(&self, entity: EntityRef<'_>) -> Option<usize> {
        Some(entity.len())
    }
}

impl row::DeserializeContext for Context {
    fn deserialize_entity<'de, M: MapAccess<'de>>(
        &mut self,
        mut map: M,
        entity: &mut EntityBuilder,
    ) -> Result<(), M::Error> {
        while let Some(id) = map.next_key()? {
            match id {
                Id::Position => entity.add::<Position>(map.next_value()?),
                Id::Velocity => entity.add::<Velocity>(map.next_value()?),
                Id::Health => entity.add::<Health>(map.next_value()?),
                Id::Name => entity.add::<Name>(map.next_value()?),
                Id::Parent => entity.add::<Parent>(map.next_value()?),
            };
        }
        Ok(())
    }
}

impl column::SerializeContext for Context {
    fn component_count(&self, archetype: &Archetype) -> usize {
        let known = [
            TypeId::of::<Position>(),
            TypeId::of::<Velocity>(),
            TypeId::of::<Health>(),
            TypeId::of::<Name>(),
            TypeId::of::<Parent>(),
        ];
        archetype.component_types().filter(|id| known.contains(id)).count()
    }

    fn serialize_component_ids<S: SerializeTuple>(
        &mut self,
        archetype: &Archetype,
        mut out: S,
    ) -> Result<S::Ok, S::Error> {
        column::try_serialize_id::<Position, _, _>(archetype, &Id::Position, &mut out)?;
        column::try_serialize_id::<Velocity, _, _>(archetype, &Id::Velocity, &mut out)?;
        column::try_serialize_id::<Health, _, _>(archetype, &Id::Health, &mut out)?;
        column::try_serialize_id::<Name, _, _>(archetype, &Id::Name, &mut out)?;
        column::try_serialize_id::<Parent, _, _>(archetype, &Id::Parent, &mut out)?;
        out.end()
    }

    fn serialize_components<S: SerializeTuple>(
        &mut self,
        archetype: &Archetype,
        mut out: S,
    ) -> Result<S::Ok, S::Error> {
        column::try_serialize::<Position, _>(archetype, &mut out)?;
        column::try_serialize::<Velocity, _>(archetype, &mut out)?;
        column::try_serialize::<Health, _>(archetype, &mut out)?;
        column::try_serialize::<Name, _>(archetype, &mut out)?;
        column::try_serialize::<Parent, _>(archetype, &mut out)?;
        out.end()
    }
}

impl column::DeserializeContext for Context {
    fn deserialize_component_ids<'de, A: SeqAccess<'de>>(
        &mut self,
        mut seq: A,
    ) -> Result<ColumnBatchType, A::Error> {
        self.ids.clear();
        let mut batch = ColumnBatchType::new();
        while let Some(id) = seq.next_element()? {
            match id {
                Id::Position => batch.add::<Position>(),
                Id::Velocity => batch.add::<Velocity>(),
                Id::Health => batch.add::<Health>(),
                Id::Name => batch.add::<Name>(),
                Id::Parent => batch.add::<Parent>(),
            };
            self.ids.push(id);
        }
        Ok(batch)
    }

    fn deserialize_components<'de, A: SeqAccess<'de>>(
        &mut self,
        count: u32,
        mut seq: A,
        batch: &mut ColumnBatchBuilder,
    ) -> Result<(), A::Error> {
        for id in &self.ids {
            match id {
                Id::Position => column::deserialize_column::<Position, _>(count, &mut seq, batch)?,
                Id::Velocity => column::deserialize_column::<Velocity, _>(count, &mut seq, batch)?,
                Id::Health => column::deserialize_column::<Health, _>(count, &mut seq, batch)?,
                Id::Name => column::deserialize_column::<Name, _>(count, &mut seq, batch)?,
                Id::Parent => column::deserialize_column::<Parent, _>(count, &mut seq, batch)?,
            }
        }
        Ok(())
    }
}

/// A way to save a world and to load it.
#[derive(Clone, Copy)]
struct Format {
    name: &'static str,
    save: fn(&World) -> Result<Vec<u8>>,
    load: fn(&[u8]) -> Result<World>,
}

/// Columns through RON are left out: hecs calls them difficult to read, and rows are what people read.
const FORMATS: [Format; 3] = [
    Format {
        name: "hecs rows, postcard",
        save: |world| {
            let mut serializer = postcard::Serializer { output: postcard::ser_flavors::StdVec::new() };
            row::serialize(world, &mut Context::default(), &mut serializer)?;
            Ok(postcard::ser_flavors::Flavor::finalize(serializer.output)?)
        },
        load: |bytes| {
            Ok(row::deserialize(&mut Context::default(), &mut postcard::Deserializer::from_bytes(bytes))?)
        },
    },
    Format {
        name: "hecs rows, RON",
        save: |world| {
            let mut text = String::new();
            let mut serializer = ron::ser::Serializer::new(&mut text, None)?;
            row::serialize(world, &mut Context::default(), &mut serializer)?;
            Ok(text.into_bytes())
        },
        load: |bytes| {
            Ok(row::deserialize(&mut Context::default(), &mut ron::de::Deserializer::from_bytes(bytes)?)?)
        },
    },
    Format {
        name: "hecs columns, postcard",
        save: |world| {
            let mut serializer = postcard::Serializer { output: postcard::ser_flavors::StdVec::new() };
            column::serialize(world, &mut Context::default(), &mut serializer)?;
            Ok(postcard::ser_flavors::Flavor::finalize(serializer.output)?)
        },
        load: |bytes| {
            Ok(column::deserialize(&mut Context::default(), &mut postcard::Deserializer::from_bytes(bytes))?)
        },
    },
];

/// Spawns rows one by one into a world of their own.
fn spawned(rows: Vec<Row>) -> World {
    let mut world = World::new();
    let mut entities: Vec<hecs::Entity> = Vec::with_capacity(rows.len());
    let mut builder = EntityBuilder::new();
    for row in rows {
        let mixed::Position { x, y, z } = row.position;
        builder.add(Position { x, y, z });
        if let Some(mixed::Velocity { x, y, z }) = row.velocity {
            builder.add(Velocity { x, y, z });
        }
        if let Some(mixed::Health { current, max }) = row.health {
            builder.add(Health { current, max });
        }
        if let Some(mixed::Name(name)) = row.name {
            builder.add(Name(name));
        }
        if let Some(&parent) = row.parent.and_then(|parent| entities.get(usize::try_from(parent).ok()?)) {
            builder.add(Parent(parent));
        }
        entities.push(world.spawn(builder.build()));
    }
    world
}

/// An entity and its components.
type Whole = (hecs::Entity, Position, Option<Velocity>, Option<Health>, Option<Name>, Option<Parent>);

/// Every component of every entity, by the entities.
fn contents(world: &World) -> Vec<Whole> {
    let mut query = world.query::<(
        hecs::Entity,
        &Position,
        Option<&Velocity>,
        Option<&Health>,
        Option<&Name>,
        Option<&Parent>,
    )>();
    let mut found: Vec<_> = query
        .iter()
        .map(|(entity, position, velocity, health, name, parent)| {
            (entity, *position, velocity.copied(), health.copied(), name.cloned(), parent.copied())
        })
        .collect();
    found.sort_unstable_by_key(|(entity, ..)| *entity);
    found
}

/// The same of ours, whose entities have other names once they are loaded.
fn our_contents(world: &World) -> Vec<Content> {
    let place = |position: &mixed::Position| [position.x, position.y, position.z].map(f32::to_bits);
    let mut query = world.query::<(
        &mixed::Position,
        Option<&mixed::Velocity>,
        Option<&mixed::Health>,
        Option<&mixed::Name>,
        Option<&in_hecs::Parent>,
    )>();
    let mut found: Vec<Content> = query
        .iter()
        .map(|(position, velocity, health, name, parent)| {
            // A parent without a place is none that was saved.
            let parent = parent.map(|parent| {
                world.get::<&mixed::Position>(parent.0).map_or_else(|_| [0; 3], |position| place(&position))
            });
            (
                place(position),
                velocity.map(|velocity| [velocity.x, velocity.y, velocity.z].map(f32::to_bits)),
                health.map(|health| [health.current, health.max]),
                name.map(|name| name.0.clone()),
                parent,
            )
        })
        .collect();
    found.sort_unstable();
    found
}

/// A world of hecs to bytes in new memory.
pub(crate) fn saved(plan: &Plan, _: &Path) -> Result<Case> {
    let rows = mixed::rows(plan.amount);
    let ours = in_hecs::world(&rows);
    let save = move || -> Result<Vec<u8>> {
        let mut out = Vec::new();
        ours.save_to_with(&mut out, &SaveOptions::default().codec(Codec::None))?;
        Ok(out)
    };
    let len = save()?.len();
    let mut case = plan.case().per("entity", plan.amount).ours(move |watch| {
        watch.note_bytes(len as u64);
        watch.each(&save)
    });
    for format in FORMATS {
        let world = spawned(rows.clone());
        let len = (format.save)(&world)?.len();
        case = case.rival(format.name, move |watch| {
            watch.note_bytes(len as u64);
            watch.each(|| (format.save)(&world))
        });
    }
    Ok(case)
}

/// Such bytes into a fresh world.
pub(crate) fn loaded(plan: &Plan, _: &Path) -> Result<Case> {
    let rows = mixed::rows(plan.amount);
    let (ours, mut bytes) = (in_hecs::world(&rows), Vec::new());
    ours.save_to_with(&mut bytes, &SaveOptions::default().codec(Codec::None))?;
    let found = our_contents(&World::load_from(&mut bytes.as_slice())?);
    ensure!(found == our_contents(&ours), "we load another world than we saved");
    let mut case = plan.case().per("entity", plan.amount).ours(move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.each(|| Ok(World::load_from(&mut bytes.as_slice())?))
    });
    let world = spawned(rows);
    let expected = contents(&world);
    for format in FORMATS {
        let bytes = (format.save)(&world)?;
        ensure!(contents(&(format.load)(&bytes)?) == expected, "{} gives another world", format.name);
        case = case.rival(format.name, move |watch| {
            watch.note_bytes(bytes.len() as u64);
            watch.each(|| (format.load)(&bytes))
        });
    }
    Ok(case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_gives_back_the_whole_world() {
        let world = spawned(mixed::rows(1200));
        let expected = contents(&world);
        assert_eq!(expected.iter().filter(|(.., parent)| parent.is_some()).count(), 120);
        for format in FORMATS {
            let bytes = (format.save)(&world).unwrap();
            assert_eq!(contents(&(format.load)(&bytes).unwrap()), expected, "{}", format.name);
        }
    }
}
