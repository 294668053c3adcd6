//! A mixed world: plain columns, serde rows, references, a resource; what changes it; and what it hashes to.

use std::borrow::Cow;

use anyhow::{Context as _, Result};
use keepstone_ecs_persist::{
    AsPlain, AsSerde, Codec as _, Column, ColumnData, ComponentSchema, EncodeOptions, Encoding, Mark, NONE,
    Runs, Table, WorldDelta, WorldDoc,
};
use keepstone_format::{Codec, plain::Plain};
use keepstone_value::{Entities, EntityType};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Named,
    values::{Item, items},
};

/// How many entities: each has an id and a position, the first half items, the last ten parents.
const ENTITIES: u8 = 60;

/// The entity of a made-up ECS: its ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Id(u64);

struct Ordinals;

impl Entities for Ordinals {
    fn entity(&self) -> EntityType {
        EntityType::of::<Id>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        u32::try_from(bits).unwrap_or(NONE)
    }
}

/// Refers to another entity from within a serde value.
#[derive(Serialize, Deserialize, Clone)]
struct Owned {
    item: Item,
    owner: Option<Id>,
}

pub(crate) fn all() -> Result<Vec<Named>> {
    let (old, new) = (world(0)?, world(1)?);
    let rows: Vec<u32> = (0..u32::from(ENTITIES)).collect();
    let mark = Mark::base(old.state_id()?, u32::from(ENTITIES), ());
    let delta = WorldDelta::between(&mark, &old, &rows, &new, &rows)?;
    let options = EncodeOptions::default().codec(Codec::None);
    let hashes = new.component_hashes()?;
    let hashes = hashes.iter().flat_map(|(name, hash)| [name.as_bytes(), &hash.0].concat());
    Ok(vec![
        ("world/container", new.encode(Vec::new(), &options)?.0),
        ("world/schema", new.schema().encode()?),
        ("world/schema-hash", new.schema().hash()?.to_vec()),
        ("world/hash", new.hash()?.0.to_vec()),
        ("world/component-hashes", hashes.collect()),
        ("world/delta", delta.encode(Vec::new(), &options)?.0),
    ])
}

/// A world; another one for another `tick`.
fn world(tick: u8) -> Result<WorldDoc<'static>> {
    let ids: Vec<u64> = (0..ENTITIES).map(|at| u64::from(at) * 0x0100_0000_01b3 + 1).collect();
    let positions: Vec<[f32; 3]> =
        (0..ENTITIES).map(|at| [f32::from(at) / 3.0, f32::from(at % 7 + tick), -f32::from(at)]).collect();
    let owned: Vec<Owned> = items(ENTITIES / 2)
        .into_iter()
        .zip(0..)
        .map(|(item, at)| Owned { item, owner: (at % 3 == u64::from(tick)).then_some(Id(at + 1)) })
        .collect();
    let weather = [[u16::from(tick), 0x0102, 0xfffe]];
    let mut doc = WorldDoc::default();
    doc.meta.name = Some("portable".to_owned());
    doc.meta.tick = Some(u64::from(tick));
    doc.tables = vec![
        Table { rows: 30, components: vec![0, 1, 2] },
        Table { rows: 20, components: vec![0, 2] },
        Table { rows: 10, components: vec![0, 2, 3] },
    ];
    let parents =
        ColumnData::References { targets: Cow::Owned((0..10).map(|at| at / 3).collect()), ranks: None };
    doc.columns = vec![
        column("keepstone.PersistId", false, plain(&ids)?),
        column("portable.owned", false, rows(&owned)?),
        column("portable.position", false, plain(&positions)?),
        column("portable.under", false, (Encoding::Reference { linked: true }, parents)),
        column("portable.weather", true, plain(&weather)?),
    ];
    let doc = doc.into_owned();
    doc.check().context("the world is wrong")?;
    Ok(doc)
}

fn column<'a>(name: &str, is_resource: bool, (encoding, data): (Encoding, ColumnData<'a>)) -> Column<'a> {
    Column { schema: ComponentSchema::new(name, 1, is_resource, encoding), data }
}

fn plain<T: Plain>(values: &[T]) -> Result<(Encoding, ColumnData<'_>)> {
    let mut runs = Runs::default();
    runs.push_slice(values);
    Ok(AsPlain::capture(runs, &mut Ordinals)?)
}

fn rows<T: Serialize + DeserializeOwned + 'static>(values: &[T]) -> Result<(Encoding, ColumnData<'_>)> {
    let mut runs = Runs::default();
    runs.push_slice(values);
    Ok(<AsSerde as keepstone_ecs_persist::Codec<T>>::capture(runs, &mut Ordinals)?)
}
