//! Worlds made by hand.

use std::borrow::Cow;

use keepstone_compat::{Error, pecs::PecsRows};
use keepstone_ecs_persist::{
    Column, ColumnData, ComponentSchema, EncodeOptions, Encoding, Lengths, Schema, Table, WorldDoc,
};
use keepstone_format::{
    Codec, Limits,
    plain::{Layout, OwnedLayout, Plain},
};
use keepstone_value::{Entities, EntityType, NONE, Options};
use serde::{Serialize, Serializer};

/// The entity type of a made-up ECS, whose ids are ordinals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whom(pub(super) u64);

impl Serialize for Whom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

pub(super) const NOBODY: Whom = Whom(NONE as u64);

pub(super) struct Same;

impl Entities for Same {
    fn entity(&self) -> EntityType {
        EntityType::of::<Whom>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        u32::try_from(bits).unwrap()
    }
}

#[derive(Serialize)]
pub(super) struct Name(pub(super) String);

#[derive(Serialize)]
pub(super) struct Holds {
    pub(super) item: Whom,
    pub(super) count: u32,
}

pub(super) type Data = (Encoding, ColumnData<'static>);

pub(super) fn rows<T: Serialize>(values: &[T]) -> Data {
    let rows = keepstone_value::encode(values.iter(), Some(&mut Same), &Options::default()).unwrap();
    let lengths = Lengths::each(rows.lens);
    let data = ColumnData::Rows { data: rows.data.into(), lengths, targets: rows.targets.into() };
    (Encoding::Rows { shape: rows.shape, human_readable: false }, data)
}

pub(super) fn plain(layout: &Layout, bytes: &[u8]) -> Data {
    let pieces = if bytes.is_empty() { Vec::new() } else { vec![Cow::Owned(bytes.to_vec())] };
    (Encoding::Plain(OwnedLayout::from(layout)), ColumnData::Plain(pieces))
}

pub(super) fn numbers(values: &[u64]) -> Data {
    plain(&u64::LAYOUT, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

pub(super) fn links(targets: &[u32], ranks: Option<&[u32]>, linked: bool) -> Data {
    let ranks = ranks.map(|ranks| Cow::Owned(ranks.to_vec()));
    (Encoding::Reference { linked }, ColumnData::References { targets: Cow::Owned(targets.to_vec()), ranks })
}

pub(super) fn opaque(values: &[&[u8]]) -> Data {
    let lengths = Lengths::each(values.iter().map(|value| u32::try_from(value.len()).unwrap()).collect());
    (
        Encoding::Opaque { origin: "other".into() },
        ColumnData::Opaque { data: values.concat().into(), lengths },
    )
}

pub(super) fn column(name: &str, version: u32, resource: bool, (encoding, data): Data) -> Column<'static> {
    Column { schema: ComponentSchema::new(name, version, resource, encoding), data }
}

pub(super) const POS: Layout = Layout::Struct(&[("x", f32::LAYOUT), ("y", f32::LAYOUT)]);

/// What version 1 has a place for, in every encoding.
pub(super) fn small() -> WorldDoc<'static> {
    let pos: Vec<u8> = [1.0_f32, 2.0, -0.0, 1e30].iter().flat_map(|value| value.to_le_bytes()).collect();
    WorldDoc {
        tables: vec![
            Table { rows: 2, components: vec![1, 3] },
            Table { rows: 2, components: vec![0, 2, 4] },
            Table { rows: 1, components: vec![] },
        ],
        columns: vec![
            column(
                "game.holds",
                1,
                false,
                rows(&[Holds { item: Whom(4), count: 300 }, Holds { item: NOBODY, count: 1 }]),
            ),
            column("game.name", 3, false, rows(&[Name("ann".into()), Name(String::new())])),
            column("game.parent", 1, false, links(&[0, 0], Some(&[1, 0]), true)),
            column("game.pos", 2, false, plain(&POS, &pos)),
            column("z.foreign", 1, false, opaque(&[&[1, 2], &[]])),
        ],
        ..WorldDoc::default()
    }
}

/// The same with what it hasn't.
pub(super) fn full() -> WorldDoc<'static> {
    let mut doc = small();
    doc.name = "level 1".into();
    doc.meta.name = Some("before the bridge".into());
    doc.meta.created_at_ns = Some(1_770_956_760_000_000_001);
    doc.meta.tick = Some(u64::MAX);
    doc.meta.custom.insert("mods".into(), vec![0xFF, 0]);
    doc.columns.insert(4, column("game.tick", 1, true, numbers(&[99])));
    doc.tables[1].components = vec![0, 2, 5];
    doc
}

pub(super) fn write(format: PecsRows, doc: &WorldDoc<'_>) -> Vec<u8> {
    format.encode(doc).unwrap()
}

pub(super) fn load(bytes: &[u8], schema: Option<&Schema>) -> Result<WorldDoc<'static>, Error> {
    let limits = Limits::for_file_len(bytes.len() as u64);
    PecsRows::decode(bytes, &limits, schema).map(|loaded| loaded.doc)
}

/// A world as the bytes of a container, which don't depend on how its columns are cut.
pub(super) fn bytes(doc: &WorldDoc<'_>) -> Vec<u8> {
    doc.encode(Vec::new(), &EncodeOptions::default().codec(Codec::None)).unwrap().0
}

#[track_caller]
pub(super) fn assert_same(found: &WorldDoc<'_>, expected: &WorldDoc<'_>) {
    assert!(bytes(found) == bytes(expected), "{found:#?}\nis not\n{expected:#?}");
}
