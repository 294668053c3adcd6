//! A small world with every encoding, and ways to take its file apart.

use std::borrow::Cow;

use keepstone_derive::Persist;
use keepstone_ecs_persist::{
    AsPlain, AsSerde, Codec as _, Column, ColumnData, ComponentSchema, EncodeOptions, Encoding, Error, Runs,
    Table, WorldDoc,
};
use keepstone_format::{
    Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions, plain::Plain,
};
use keepstone_value::{Entities, EntityType};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub(crate) struct Name(pub(crate) String);

/// The entity type of a made-up ECS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Id(pub(crate) u64);

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

/// Ids are ordinals here.
pub(crate) struct SameIds;

impl Entities for SameIds {
    fn entity(&self) -> EntityType {
        EntityType::of::<Id>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        u32::try_from(bits).unwrap()
    }
}

pub(crate) fn rows<T: Serialize + for<'de> Deserialize<'de> + 'static>(
    values: &[T],
) -> (Encoding, ColumnData<'_>) {
    let mut runs = Runs::default();
    runs.push_slice(values);
    <AsSerde as keepstone_ecs_persist::Codec<T>>::capture(runs, &mut SameIds).unwrap()
}

pub(crate) fn plain<T: Plain>(values: &[T]) -> (Encoding, ColumnData<'_>) {
    let mut runs = Runs::default();
    runs.push_slice(values);
    AsPlain::capture(runs, &mut SameIds).unwrap()
}

pub(crate) fn column<'a>(
    name: &str,
    resource: bool,
    (encoding, data): (Encoding, ColumnData<'a>),
) -> Column<'a> {
    Column { schema: ComponentSchema::new(name, 1, resource, encoding), data }
}

pub(crate) fn links<'a>(targets: &[u32], ranks: Option<&[u32]>) -> (Encoding, ColumnData<'a>) {
    let data = ColumnData::References {
        targets: Cow::Owned(targets.to_vec()),
        ranks: ranks.map(|ranks| Cow::Owned(ranks.to_vec())),
    };
    (Encoding::Reference { linked: true }, data)
}

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone_ecs_persist", name = "a.pos", pod)]
#[repr(C)]
pub(crate) struct Pos {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

pub(crate) fn small_world() -> WorldDoc<'static> {
    let names = [Name("ann".into()), Name("bo".into())];
    let mut doc = WorldDoc::default();
    doc.tables = vec![
        Table { rows: 2, components: vec![0, 1] },
        Table { rows: 1, components: vec![0, 2] },
        Table { rows: 3, components: vec![] },
    ];
    doc.columns = vec![
        column(
            "a.pos",
            false,
            plain(&[Pos { x: 1.0, y: 2.0 }, Pos { x: 3.0, y: 4.0 }, Pos { x: 5.5, y: -6.25 }]),
        ),
        column("b.name", false, rows(&names)),
        column("c.parent", false, links(&[0], None)),
        column("z.clock", true, plain(&[99_u64])),
    ];
    doc.into_owned()
}

pub(crate) fn encode(doc: &WorldDoc<'_>) -> Vec<u8> {
    doc.encode(Vec::new(), &EncodeOptions::default().codec(Codec::None)).unwrap().0
}

pub(crate) fn decode(bytes: &[u8]) -> Result<WorldDoc<'static>, Error> {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64))?;
    Ok(WorldDoc::decode(&reader, 0)?.into_owned())
}

/// One section: id, instance and payload.
pub(crate) type Section = (SectionId, u32, Vec<u8>);

pub(crate) fn take_apart(bytes: &[u8]) -> Vec<Section> {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).unwrap();
    let read = |section| reader.read(section).unwrap().into_owned();
    reader.sections().iter().map(|section| (section.id(), section.instance(), read(section))).collect()
}

/// Writes sections into a container that is whole: what is wrong with it is wrong in a world.
pub(crate) fn put_together(sections: &[Section]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::WORLD).codec(Codec::None)).unwrap();
    for (id, instance, payload) in sections {
        writer.coded_from(*id, *instance, &[payload]).unwrap();
    }
    writer.finish(Metadata::new()).unwrap().0
}
