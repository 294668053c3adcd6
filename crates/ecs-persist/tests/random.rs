//! Random worlds with every kind of column, and what they hold, entity by entity, read without the code that is tested.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use keepstone_ecs_persist::{
    AsSerde, Column, ColumnData, ComponentSchema, Encoding, Lengths, NONE, PersistId, Runs, Table, WorldDoc,
};
use keepstone_value::{Entities, EntityType, Resolve};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};

use crate::support::{column, plain};

/// A splitmix generator: the seed is all there is to repeat a failure.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() >> 33).unwrap() % bound.max(1)
    }

    pub(crate) fn chance(&mut self, one_in: u32) -> bool {
        self.below(one_in) == 0
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(u32::try_from(at).unwrap() + 1) as usize);
        }
    }
}

/// The entity type of a made-up ECS; the bits are ordinals when values are written, and tags when they are read.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(transparent)]
pub(crate) struct Id(pub(crate) u64);

const NOBODY: u64 = u64::MAX;

pub(crate) struct Ordinals;

impl Entities for Ordinals {
    fn entity(&self) -> EntityType {
        EntityType::of::<Id>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        if bits == NOBODY { NONE } else { u32::try_from(bits).unwrap() }
    }
}

/// Gives entities the ids that another system has for them.
struct Tags<'d>(&'d [u128]);

impl Resolve for Tags<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Id>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        if ordinal == NONE { NOBODY } else { u64::try_from(self.0[ordinal as usize]).unwrap() }
    }
}

#[derive(Serialize, Deserialize, Debug, Clone)]
pub(crate) struct Squad {
    pub(crate) leader: Option<Id>,
    pub(crate) label: String,
    pub(crate) members: Vec<Id>,
}

/// A map with entities as keys.
#[derive(Debug, Clone)]
pub(crate) struct Bonds(pub(crate) Vec<(Id, u32)>);

impl Serialize for Bonds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(id, bond)| map.serialize_entry(id, bond))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Bonds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Bonds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Bonds, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Bonds(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

pub(crate) fn rows<T: Serialize + for<'de> Deserialize<'de> + 'static>(
    values: &[T],
) -> (Encoding, ColumnData<'static>) {
    let mut runs = Runs::default();
    runs.push_slice(values);
    let (encoding, data) =
        <AsSerde as keepstone_ecs_persist::Codec<T>>::capture(runs, &mut Ordinals).unwrap();
    let schema = ComponentSchema::new("x", 1, false, encoding.clone());
    (encoding, Column { schema, data }.into_owned().data)
}

pub(crate) const NAMES: [&str; 10] = [
    "a.at",
    "b.marker",
    "c.name",
    "d.flag",
    "e.squad",
    "f.bonds",
    "g.child",
    "h.aim",
    "i.blob",
    PersistId::COMPONENT,
];

/// A world of up to `tables` tables. Its foreign ids tell its entities apart, and so do their `PersistId`s.
pub(crate) fn world(random: &mut Random, tables: u32) -> WorldDoc<'static> {
    let mut doc = WorldDoc::default();
    let id = u16::try_from(NAMES.len() - 1).unwrap();
    for _ in 0..random.below(tables + 1) {
        let mut components: Vec<u16> = (0..id).filter(|_| random.chance(2)).collect();
        if random.chance(4) && !doc.tables.is_empty() {
            components.clone_from(&doc.tables[doc.tables.len() - 1].components);
            components.pop();
        }
        components.push(id);
        doc.tables.push(Table { rows: 1 + random.below(9), components });
    }
    let entities = doc.entity_count();
    let counts: Vec<u32> = (0..=id)
        .map(|c| doc.tables.iter().filter(|t| t.components.contains(&c)).map(|t| t.rows).sum())
        .collect();
    let mut ids: Vec<u64> = (0..u64::from(entities)).map(|i| 1000 + i * 7 + ((i % 3) << 44)).collect();
    random.shuffle(&mut ids);
    doc.foreign_ids = Some(Cow::Owned(ids.iter().map(|&id| u128::from(id)).collect()));
    for (name, count) in NAMES.into_iter().zip(counts) {
        let data = if name == PersistId::COMPONENT {
            plain_of(&ids, random)
        } else {
            some(name, count, entities, random)
        };
        doc.columns.push(column(name, false, data).into_owned());
    }
    doc.columns.push(column("y.clock", true, plain(&[random.next()])).into_owned());
    doc.columns.push(column("z.player", true, rows(&[squad(entities, random)])));
    doc.check().unwrap();
    doc
}

/// The first random world in which every component has values, and references in its maps.
pub(crate) fn rich() -> WorldDoc<'static> {
    let named = |column: &Column<'_>| match &column.data {
        ColumnData::Rows { targets, .. } => !targets.is_empty(),
        _ => false,
    };
    let is_rich = |doc: &WorldDoc<'_>| {
        doc.rows_per_column().iter().all(|&rows| rows > 0) && doc.column("f.bonds").is_some_and(named)
    };
    (0..1000).map(|seed| world(&mut Random(seed), 6)).find(is_rich).unwrap()
}

fn some(name: &str, count: u32, entities: u32, random: &mut Random) -> (Encoding, ColumnData<'static>) {
    let each = || 0..count;
    match name {
        "a.at" => plain_of(&each().map(|_| random.next()).collect::<Vec<u64>>(), random),
        "b.marker" => {
            let layout = keepstone_format::plain::Layout::Struct(&[]);
            (Encoding::Plain((&layout).into()), ColumnData::Plain(Vec::new()))
        }
        "c.name" => rows(&each().map(|_| "n".repeat(random.below(5) as usize)).collect::<Vec<_>>()),
        "d.flag" => rows(&each().map(|_| random.chance(2)).collect::<Vec<_>>()),
        "e.squad" => rows(&each().map(|_| squad(entities, random)).collect::<Vec<_>>()),
        "f.bonds" => rows(&each().map(|_| bonds(entities, random)).collect::<Vec<_>>()),
        "g.child" => references(count, entities, true, random),
        "h.aim" => references(count, entities, false, random),
        _ => {
            let lengths: Vec<u32> = each().map(|_| random.below(4)).collect();
            let bytes = (0..lengths.iter().sum()).map(|_| random.next().to_le_bytes()[0]).collect();
            let data = ColumnData::Opaque { data: Cow::Owned(bytes), lengths: Lengths::each(lengths) };
            (Encoding::Opaque { origin: "elsewhere".into() }, data)
        }
    }
}

/// Numbers in pieces that needn't end where a row ends.
fn plain_of(values: &[u64], random: &mut Random) -> (Encoding, ColumnData<'static>) {
    let (encoding, data) = plain(values);
    let ColumnData::Plain(pieces) = data else { panic!("numbers are plain") };
    let mut rest: &[u8] = &pieces.concat();
    let mut cut = Vec::new();
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at((1 + random.below(40) as usize).min(rest.len()));
        cut.push(Cow::Owned(piece.to_vec()));
        rest = tail;
    }
    (encoding, ColumnData::Plain(cut))
}

fn someone(entities: u32, random: &mut Random) -> Id {
    Id(if entities == 0 || random.chance(9) { NOBODY } else { random.below(entities).into() })
}

fn squad(entities: u32, random: &mut Random) -> Squad {
    Squad {
        leader: random.chance(2).then(|| someone(entities, random)),
        label: "s".repeat(random.below(3) as usize),
        members: (0..random.below(4)).map(|_| someone(entities, random)).collect(),
    }
}

fn bonds(entities: u32, random: &mut Random) -> Bonds {
    let mut pairs: Vec<(Id, u32)> =
        (0..random.below(4)).map(|_| (someone(entities, random), random.below(300))).collect();
    pairs.sort_unstable();
    pairs.dedup_by_key(|(id, _)| *id);
    Bonds(pairs)
}

fn references(
    count: u32,
    entities: u32,
    linked: bool,
    random: &mut Random,
) -> (Encoding, ColumnData<'static>) {
    let few = entities.min(1 + random.below(5));
    let targets: Vec<u32> =
        (0..count).map(|_| if random.chance(6) { NONE } else { random.below(few) }).collect();
    let mut ranks = vec![0; targets.len()];
    for target in 0..few {
        let mut rows: Vec<usize> = (0..targets.len()).filter(|&row| targets[row] == target).collect();
        random.shuffle(&mut rows);
        (0..).zip(rows).for_each(|(rank, row)| ranks[row] = rank);
    }
    let ranks = (linked && random.chance(2)).then_some(Cow::Owned(ranks));
    (Encoding::Reference { linked }, ColumnData::References { targets: Cow::Owned(targets), ranks })
}

/// A value: what it is, and which entities it names, by tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) body: String,
    pub(crate) names: Vec<Option<u128>>,
}

/// A world by the tags of its entities.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Model {
    pub(crate) entities: BTreeMap<u128, BTreeMap<String, Value>>,
    pub(crate) resources: BTreeMap<String, Value>,
    /// Who refers to an entity by a relationship, in order.
    pub(crate) lists: BTreeMap<(String, u128), Vec<u128>>,
}

fn tag(id: Id) -> Option<u128> {
    (id.0 != NOBODY).then_some(id.0.into())
}

fn values(column: &Column<'_>, tags: &[u128], count: usize) -> Vec<Value> {
    fn read<T: Serialize + for<'de> Deserialize<'de> + 'static>(
        column: &Column<'_>,
        tags: &[u128],
    ) -> Vec<T> {
        <AsSerde as keepstone_ecs_persist::Codec<T>>::decode(column, 0, &mut Tags(tags)).unwrap()
    }
    let named = |body: String, names: Vec<Id>| Value { body, names: names.into_iter().map(tag).collect() };
    match (column.schema.name.as_str(), &column.data) {
        (_, ColumnData::Plain(pieces)) if column.row_size() == Some(0) => {
            assert!(pieces.is_empty());
            vec![named(String::new(), Vec::new()); count]
        }
        (_, ColumnData::Plain(pieces)) => {
            pieces.concat().chunks(8).map(|row| named(format!("{row:?}"), Vec::new())).collect()
        }
        (_, ColumnData::Opaque { data, lengths }) => {
            let mut rest: &[u8] = data;
            let row = |len: u32| {
                let (row, tail) = rest.split_at(len as usize);
                rest = tail;
                named(format!("{row:?}"), Vec::new())
            };
            lengths.iter().map(row).collect()
        }
        (_, ColumnData::References { targets, .. }) => {
            let name = |&target: &u32| (target != NONE).then(|| tags[target as usize]);
            targets.iter().map(|target| Value { body: String::new(), names: vec![name(target)] }).collect()
        }
        ("c.name", _) => read::<String>(column, tags).into_iter().map(|v| named(v, Vec::new())).collect(),
        ("d.flag", _) => {
            read::<bool>(column, tags).iter().map(|v| named(v.to_string(), Vec::new())).collect()
        }
        ("e.squad" | "z.player", _) => read::<Squad>(column, tags)
            .into_iter()
            .map(|v| {
                let body = format!("{} {}", v.label, v.leader.is_some());
                named(body, v.leader.into_iter().chain(v.members).collect())
            })
            .collect(),
        _ => read::<Bonds>(column, tags)
            .into_iter()
            .map(|v| {
                let bonds: Vec<u32> = v.0.iter().map(|(_, bond)| *bond).collect();
                named(format!("{bonds:?}"), v.0.into_iter().map(|(id, _)| id).collect())
            })
            .collect(),
    }
}

/// What a document holds.
pub(crate) fn model(doc: &WorldDoc<'_>) -> Model {
    doc.check().unwrap();
    let tags = doc.foreign_ids.as_deref().unwrap();
    let mut model = Model::default();
    for &tag in tags {
        assert!(model.entities.insert(tag, BTreeMap::new()).is_none());
    }
    for (at, column) in (0_u16..).zip(&doc.columns) {
        let name = &column.schema.name;
        let mut holders = Vec::new();
        let mut start = 0;
        for table in &doc.tables {
            if table.components.contains(&at) {
                holders.extend_from_slice(&tags[start..start + table.rows as usize]);
            }
            start += table.rows as usize;
        }
        let values = values(column, tags, holders.len());
        if column.schema.resource {
            model.resources.insert(name.clone(), values[0].clone());
            continue;
        }
        assert_eq!(values.len(), holders.len(), "{name}");
        if let (Encoding::Reference { linked: true }, ColumnData::References { ranks, .. }) =
            (&column.schema.encoding, &column.data)
        {
            let mut ranked: Vec<(u128, u32, u128)> = Vec::new();
            for (row, (value, &holder)) in values.iter().zip(&holders).enumerate() {
                let rank = ranks.as_ref().map_or(u32::try_from(row).unwrap(), |ranks| ranks[row]);
                ranked.extend(value.names[0].map(|target| (target, rank, holder)));
            }
            ranked.sort_unstable();
            for (target, _, holder) in ranked {
                model.lists.entry((name.clone(), target)).or_default().push(holder);
            }
        }
        for (value, holder) in values.into_iter().zip(holders) {
            model.entities.get_mut(&holder).unwrap().insert(name.clone(), value);
        }
    }
    model
}
