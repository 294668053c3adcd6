//! What the author of an ECS writes so that its worlds can be saved: the toy's own world comes first, its adapter after it.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use keepstone_derive::Persist;
use keepstone_ecs_persist::{
    Capture, Codec, Column, ColumnData, ComponentSchema, Difference, EcsWorld, Encoding, Error, NONE,
    Persist, Registry, Runs, SpawnOptions, SpawnReport, Table, Unknown, WorldDoc,
};
use keepstone_value::{Entities, EntityType, Resolve};
use serde::{Deserialize, Serialize};

/// An entity takes 8 bytes and serializes as one u64: this is how rows recognise references.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(transparent)]
struct Id(u64);

/// A map for each type of component.
#[derive(Default)]
struct World {
    alive: BTreeSet<Id>,
    next: u64,
    stores: HashMap<TypeId, Box<dyn Any>>,
}

impl World {
    fn spawn(&mut self) -> Id {
        self.next += 1;
        self.alive.insert(Id(self.next));
        Id(self.next)
    }

    fn insert<T: 'static>(&mut self, id: Id, value: T) {
        let empty = || Box::new(BTreeMap::<Id, T>::new()) as Box<dyn Any>;
        let store = self.stores.entry(TypeId::of::<T>()).or_insert_with(empty);
        if let Some(store) = store.downcast_mut::<BTreeMap<Id, T>>() {
            store.insert(id, value);
        }
    }

    fn get<T: 'static>(&self, id: Id) -> Option<&T> {
        self.stores.get(&TypeId::of::<T>())?.downcast_ref::<BTreeMap<Id, T>>()?.get(&id)
    }
}

/// The marker of this adapter. An adapter for another crate's world needs one; calls infer it.
struct Toy;

type Captured<'w> = Result<(Encoding, ColumnData<'w>), keepstone_value::Error>;
type Insert = Box<dyn FnOnce(&mut World, &[Id])>;

/// What the adapter does with one component: its type is known where it is registered, and nowhere else.
struct Ops {
    has: fn(&World, Id) -> bool,
    capture: for<'w> fn(&'w World, &[Id], &mut dyn Entities) -> Captured<'w>,
    decode: fn(&Column<'_>, usize, &mut dyn Resolve) -> Result<Insert, Error>,
}

fn add<T: Persist>(registry: &mut Registry<Ops>) -> Result<(), Error> {
    registry.insert::<T>(Ops {
        has: |world, id| world.get::<T>(id).is_some(),
        capture: |world, ids, entities| {
            let mut rows = Runs::default();
            rows.push_scattered(ids.iter().filter_map(|&id| world.get(id)).collect());
            T::Codec::capture(rows, entities)
        },
        decode: |column, rows, entities| {
            let values: Vec<T> = T::Codec::decode(column, rows, entities)?;
            Ok(Box::new(move |world, ids| {
                ids.iter().zip(values).for_each(|(&id, value)| world.insert(id, value));
            }))
        },
    })
}

/// The number of each entity in a file, or of its pair in a comparison. A file's numbers are not checked for strangers here: a
/// real adapter saves what is alive and only referred to as an entity without components.
struct Numbers(BTreeMap<Id, u32>);

impl Entities for Numbers {
    fn entity(&self) -> EntityType {
        EntityType::of::<Id>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        self.0.get(&Id(bits)).copied().unwrap_or(NONE)
    }
}

/// The new entity of each number.
struct Spawned<'e>(&'e [Id]);

impl Resolve for Spawned<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Id>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        self.0.get(ordinal as usize).map_or(0, |id| id.0)
    }
}

fn value_error<Ops>(entry: &keepstone_ecs_persist::Entry<Ops>) -> impl Fn(keepstone_value::Error) -> Error {
    |source| Error::Value { component: entry.name().to_owned(), source }
}

impl EcsWorld<Toy> for World {
    type Registry = Registry<Ops>;
    type Entity = Id;

    fn empty() -> Self {
        Self::default()
    }

    fn derived_registry() -> Result<&'static Self::Registry, Error> {
        // Registering by itself takes an `inventory` and the macro `__register!`; here `add` is called.
        static NOTHING: std::sync::OnceLock<Registry<Ops>> = std::sync::OnceLock::new();
        Ok(NOTHING.get_or_init(Registry::default))
    }

    fn capture<'w>(&'w self, registry: &Self::Registry) -> Result<Capture<'w, Id>, Error> {
        let mut entries: Vec<_> = registry.iter().collect();
        entries.sort_by_key(|entry| entry.name());
        entries.retain(|entry| self.alive.iter().any(|&id| (entry.ops().has)(self, id)));
        // Entities with the same components are a table, and have their numbers side by side.
        let mut tables: BTreeMap<Vec<u16>, Vec<Id>> = BTreeMap::new();
        for &id in &self.alive {
            let has = (0..).zip(&entries).filter(|(_, entry)| (entry.ops().has)(self, id));
            tables.entry(has.map(|(place, _)| place).collect()).or_default().push(id);
        }
        let ids: Vec<Id> = tables.values().flatten().copied().collect();
        let mut numbers = Numbers(ids.iter().copied().zip(0..).collect());
        let mut doc = WorldDoc::default();
        for entry in entries {
            let (encoding, data) =
                (entry.ops().capture)(self, &ids, &mut numbers).map_err(value_error(entry))?;
            let schema = ComponentSchema::new(entry.name(), entry.version(), false, encoding);
            doc.columns.push(Column { schema, data });
        }
        let rows = |ids: &Vec<Id>| u32::try_from(ids.len()).unwrap_or(u32::MAX);
        doc.tables =
            tables.into_iter().map(|(components, ids)| Table { rows: rows(&ids), components }).collect();
        // A real adapter puts what is not registered into `left_out`, and counts `dangling`.
        Ok(Capture::new(doc, vec![Cow::Owned(ids)]))
    }

    fn spawn_doc(
        &mut self,
        doc: &WorldDoc<'_>,
        registry: &Self::Registry,
        options: &SpawnOptions,
    ) -> Result<SpawnReport<Id>, Error> {
        doc.check()?;
        let count = u64::from(doc.entity_count());
        if count > u64::from(options.entities_max) {
            return Err(Error::Limit {
                what: "entities",
                needs: count,
                allowed: options.entities_max.into(),
            });
        }
        let ids: Vec<Id> = (1..=count).map(|number| Id(self.next + number)).collect();
        let mut report = SpawnReport::new(ids);
        // All is decoded before the world changes, so an error leaves it as it was.
        let mut inserts = Vec::new();
        for ((place, column), rows) in (0..).zip(&doc.columns).zip(doc.rows_per_column()) {
            let Some(entry) = registry.get(&column.schema.name).filter(|_| !column.schema.resource) else {
                if options.unknown != Unknown::Skip {
                    return Err(Error::UnknownComponent { name: column.schema.name.clone() });
                }
                report.unknown.push((column.schema.name.clone(), rows.into()));
                continue;
            };
            let insert = (entry.ops().decode)(column, rows as usize, &mut Spawned(&report.entities))?;
            inserts.push((rows_of(doc, place, &report.entities), insert));
            report.values += u64::from(rows);
            report.dangling += column.dangling();
        }
        if options.refuse_dangling && report.dangling > 0 {
            return Err(Error::Dangling { count: report.dangling });
        }
        self.alive.extend(&report.entities);
        self.next += count;
        for (ids, insert) in inserts {
            insert(self, &ids);
        }
        Ok(report)
    }

    fn difference(
        &self,
        other: &Self,
        pairs: &[(Id, Id)],
        registry: &Self::Registry,
    ) -> Result<Option<Difference>, Error> {
        let mut left = Numbers(pairs.iter().map(|pair| pair.0).zip(0..).collect());
        let mut right = Numbers(pairs.iter().map(|pair| pair.1).zip(0..).collect());
        for entry in registry.iter() {
            for (pair, (a, b)) in pairs.iter().enumerate() {
                let (has, capture) = (entry.ops().has, entry.ops().capture);
                let one = capture(self, &[*a], &mut left).map_err(value_error(entry))?;
                let two = capture(other, &[*b], &mut right).map_err(value_error(entry))?;
                if has(self, *a) != has(other, *b) || one != two {
                    return Ok(Some(Difference::new(Some(pair), entry.name(), "values differ")));
                }
            }
        }
        Ok(None)
    }
}

/// The entity of each row of the column at this place.
fn rows_of(doc: &WorldDoc<'_>, place: u16, ids: &[Id]) -> Vec<Id> {
    let (mut rows, mut rest) = (Vec::new(), ids);
    for table in &doc.tables {
        let (own, after) = rest.split_at(rest.len().min(table.rows as usize));
        if table.components.contains(&place) {
            rows.extend(own);
        }
        rest = after;
    }
    rows
}

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone_ecs_persist", name = "toy.position", pod)]
#[repr(C)]
struct Position {
    x: f32,
    y: f32,
}

#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_ecs_persist", name = "toy.follows")]
struct Follows(Option<Id>);

fn main() -> Result<(), Error> {
    let mut registry = Registry::default();
    add::<Position>(&mut registry)?;
    add::<Follows>(&mut registry)?;

    let mut world = World::default();
    let leader = world.spawn();
    world.insert(leader, Position { x: 1.0, y: 2.0 });
    for number in [3.0, 4.0] {
        let follower = world.spawn();
        world.insert(follower, Position { x: number, y: number });
        world.insert(follower, Follows(Some(leader)));
    }

    let capture = world.capture(&registry)?;
    println!("{} entities in {} tables", capture.doc.entity_count(), capture.doc.tables.len());
    let mut loaded = World::default();
    loaded.spawn(); // Ids of the loaded entities differ; references follow.
    let report = loaded.spawn_doc(&capture.doc, &registry, &SpawnOptions::default())?;
    let pairs: Vec<_> = capture.entities().zip(report.entities.iter().copied()).collect();
    assert_eq!(world.difference(&loaded, &pairs, &registry)?, None);
    println!("both worlds are equal in {} entities", pairs.len());
    let follows = report.entities.iter().filter_map(|&id| loaded.get::<Follows>(id)?.0);
    println!("followed is {:?}", follows.collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_world_of_the_toy_comes_back() {
    main().unwrap();
}
