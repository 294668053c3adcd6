//! A world of three parts with every encoding, and what stands in it, entity by entity.

use std::{borrow::Cow, collections::BTreeMap};

use keepstone::{
    ecs::{
        Column, ColumnData, ComponentSchema, EncodeOptions, Encoding, Lengths, NONE, PartReader, PartWriter,
        Table, WorldDoc, WorldMeta, targets_by_row,
    },
    format::{
        Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions,
        plain::{Layout, Plain, to_le_bytes_cow},
    },
    value::{Entities, EntityType, Options, encode},
};
use serde::Serialize;

/// Entities of each part but the last, which has one less.
pub(super) const PART: u32 = 5;
/// Entities of the world.
pub(super) const TOTAL: u32 = 14;

/// The entity type of a made-up ECS: its bits are the ordinal.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Id(u64);

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

struct Same;

impl Entities for Same {
    fn entity(&self) -> EntityType {
        EntityType::of::<Id>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        u32::try_from(bits).unwrap()
    }
}

fn column(name: &str, resource: bool, encoding: Encoding, data: ColumnData<'_>) -> Column<'static> {
    Column { schema: ComponentSchema::new(name, 1, resource, encoding), data }.into_owned()
}

fn plain<T: Plain>(name: &str, resource: bool, values: &[T]) -> Column<'static> {
    let data = ColumnData::Plain(vec![to_le_bytes_cow(values)]);
    column(name, resource, Encoding::Plain((&T::LAYOUT).into()), data)
}

fn rows<T: Serialize>(name: &str, resource: bool, values: &[T]) -> Column<'static> {
    let rows = encode(values.iter(), Some(&mut Same), &Options::default()).unwrap();
    let data = ColumnData::Rows {
        data: rows.data.into(),
        lengths: Lengths::each(rows.lens),
        targets: rows.targets.into(),
    };
    column(name, resource, Encoding::Rows { shape: rows.shape, human_readable: false }, data)
}

fn links(name: &str, targets: &[u32], ranks: &[u32]) -> Column<'static> {
    let data = ColumnData::References { targets: Cow::Borrowed(targets), ranks: Some(Cow::Borrowed(ranks)) };
    column(name, false, Encoding::Reference { linked: true }, data)
}

/// The world; in parts of five entities its columns and most references lead from part to part.
pub(super) fn world() -> WorldDoc<'static> {
    let names: Vec<String> = (0..14).map(|i| "n".repeat(i % 5 + 1)).collect();
    let friends: Vec<Vec<Id>> =
        (0..14_u64).map(|i| (0..i % 4).map(|nth| Id((i * 5 + nth * 3) % 14)).collect()).collect();
    let places: Vec<u64> = (0..14).map(|i| 1000 + i).collect();
    let marker = ColumnData::Plain(Vec::new());
    let opaque =
        ColumnData::Opaque { data: Cow::Borrowed(b"abcdefgh"), lengths: Lengths::each(vec![3, 0, 5]) };
    let looks = ColumnData::References { targets: Cow::Borrowed(&[13, 0, 6]), ranks: None };
    let mut doc = WorldDoc { name: "level".to_owned(), ..WorldDoc::default() };
    doc.meta.name = Some("before the bridge".to_owned());
    doc.meta.tick = Some(7);
    doc.tables = vec![
        Table { rows: 3, components: vec![0, 1, 2, 3, 4] },
        Table { rows: 5, components: vec![0, 1, 2, 4, 5] },
        Table { rows: 3, components: vec![0, 1, 2, 4, 6] },
        Table { rows: 3, components: vec![0, 1, 2, 4, 7] },
    ];
    doc.columns = vec![
        plain("a.place", false, &places),
        rows("b.name", false, &names),
        rows("c.friends", false, &friends),
        column("d.marker", false, Encoding::Plain((&Layout::Struct(&[])).into()), marker),
        // The rows of entity 12 come before it and behind it, in an order of their own.
        links(
            "e.parent",
            &[12, 12, 0, 12, 0, 12, 6, 6, 12, 0, 6, 12, 0, 12],
            &[6, 2, 3, 0, 0, 4, 1, 0, 1, 2, 2, 5, 1, 3],
        ),
        rows("f.note", false, &["one", "two", "three", "four", "five"].map(str::to_owned)),
        column("g.looks", false, Encoding::Reference { linked: false }, looks),
        column("h.opaque", false, Encoding::Opaque { origin: "pecs".to_owned() }, opaque),
        plain("x.clock", true, &[99_u64]),
        rows("y.chosen", true, &[vec![Id(2), Id(9)]]),
    ];
    doc.foreign_ids = Some((0..14).map(|i| 7000 + i).collect::<Vec<u128>>().into());
    doc
}

/// A world as a file in parts of at most so many entities.
pub(super) fn in_parts(doc: &WorldDoc<'_>, rows_max: u32, codec: Codec) -> Vec<u8> {
    let options = EncodeOptions::default().codec(codec).store_id([3; 16]);
    let mut writer = PartWriter::new(Vec::new(), &doc.name, &doc.meta, &options).unwrap();
    doc.split(rows_max, &mut writer).unwrap();
    writer.finish().unwrap().0
}

/// The world as a file of three parts, without a codec.
pub(super) fn file() -> Vec<u8> {
    in_parts(&world(), PART, Codec::None)
}

pub(super) fn open(bytes: &[u8]) -> Reader<&[u8]> {
    Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).unwrap()
}

/// Loads a file by its tables and as a stream, which has to be the same.
pub(super) fn load(bytes: &[u8]) -> WorldDoc<'static> {
    let whole = WorldDoc::decode(&open(bytes), 0).unwrap().into_owned();
    let mut parts = PartReader::new(bytes, Limits::for_file_len(bytes.len() as u64)).unwrap();
    let streamed = WorldDoc::from_parts(&mut parts).unwrap();
    assert_eq!(Flat::of(&streamed), Flat::of(&whole));
    assert_eq!(streamed.meta, whole.meta);
    whole
}

/// One section: id, instance and payload.
pub(super) type Piece = (SectionId, u32, Vec<u8>);

/// The sections of a file.
pub(super) fn take_apart(bytes: &[u8]) -> Vec<Piece> {
    let reader = open(bytes);
    let read = |section| reader.read(section).unwrap().into_owned();
    reader.sections().iter().map(|section| (section.id(), section.instance(), read(section))).collect()
}

/// A file in parts of these sections, whose checksums hold.
pub(super) fn put_together(pieces: &[Piece], tail: Metadata) -> Vec<u8> {
    let head = WorldMeta::default().to_metadata();
    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None).head(head).in_parts();
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for (id, instance, bytes) in pieces {
        writer.coded_from(*id, *instance, &[bytes]).unwrap();
    }
    writer.finish(tail).unwrap().0
}

/// A value: its bytes, and the entities that it refers to.
pub(super) type Value = (Vec<u8>, Vec<u32>);

/// A world value by value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flat {
    pub(super) entities: Vec<BTreeMap<String, Value>>,
    pub(super) resources: BTreeMap<String, Value>,
    /// By linked column and target, the entities that refer to it, in their order.
    pub(super) linked: BTreeMap<(String, u32), Vec<u32>>,
    pub(super) foreign_ids: Option<Vec<u128>>,
}

impl Flat {
    pub(super) fn of(doc: &WorldDoc<'_>) -> Self {
        doc.check().unwrap();
        let mut flat = Self::default();
        let mut values: Vec<std::vec::IntoIter<Value>> =
            doc.columns.iter().map(|column| values(column, doc).into_iter()).collect();
        for table in &doc.tables {
            for _ in 0..table.rows {
                let own = table.components.iter().map(|&place| {
                    let place = usize::from(place);
                    (doc.columns[place].schema.name.clone(), values[place].next().unwrap())
                });
                flat.entities.push(own.collect());
            }
        }
        for (column, mut values) in doc.columns.iter().zip(values) {
            if column.schema.resource {
                flat.resources.insert(column.schema.name.clone(), values.next().unwrap());
            }
            if let (ColumnData::References { ranks, .. }, Encoding::Reference { linked: true }) =
                (&column.data, &column.schema.encoding)
            {
                flat.link(&column.schema.name, ranks.as_deref());
            }
        }
        flat.foreign_ids = doc.foreign_ids.as_ref().map(|ids| ids.to_vec());
        flat
    }

    fn link(&mut self, name: &str, ranks: Option<&[u32]>) {
        let mut linked: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        let rows =
            (0_u32..).zip(&self.entities).filter_map(|(entity, values)| Some((entity, values.get(name)?)));
        for (row, (entity, (_, targets))) in rows.enumerate() {
            if targets[0] != NONE {
                linked
                    .entry(targets[0])
                    .or_default()
                    .push((ranks.map_or(entity, |ranks| ranks[row]), entity));
            }
        }
        for (target, mut rows) in linked {
            rows.sort_unstable();
            self.linked.insert((name.to_owned(), target), rows.into_iter().map(|(_, row)| row).collect());
        }
    }
}

fn values(column: &Column<'_>, doc: &WorldDoc<'_>) -> Vec<Value> {
    let place = doc.columns.iter().position(|known| known.schema.name == column.schema.name).unwrap();
    let rows = doc.rows_per_column()[place] as usize;
    let cut = |data: &[u8], lengths: &Lengths| {
        let mut rest = data;
        let take = |len| {
            let (row, after) = rest.split_at(usize::try_from(len).unwrap());
            rest = after;
            row.to_vec()
        };
        lengths.iter().map(take).collect::<Vec<_>>()
    };
    match &column.data {
        ColumnData::Plain(pieces) => {
            let size = u32::try_from(column.row_size().unwrap()).unwrap();
            let lengths = Lengths::same(size, u32::try_from(rows).unwrap());
            cut(&pieces.concat(), &lengths).into_iter().map(|row| (row, Vec::new())).collect()
        }
        ColumnData::Rows { data, lengths, .. } => {
            let targets = targets_by_row(column).unwrap();
            cut(data, lengths)
                .into_iter()
                .zip(targets)
                .map(|(row, targets)| (row, targets.to_vec()))
                .collect()
        }
        ColumnData::Opaque { data, lengths } => {
            cut(data, lengths).into_iter().map(|row| (row, Vec::new())).collect()
        }
        ColumnData::References { targets, .. } => {
            targets.iter().map(|&target| (Vec::new(), vec![target])).collect()
        }
        other => panic!("{other:?}"),
    }
}
