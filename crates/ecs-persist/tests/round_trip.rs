use keepstone_ecs_persist::{AsPlain, AsSerde, Codec, EncodeOptions, Schema, WorldDoc, WorldMeta};
use keepstone_format::{Limits, Reader, SectionId};
use keepstone_value::{EntityType, Resolve};

use crate::support::{Id, Name, Pos, column, decode, encode, links, plain, rows, small_world};

struct SameOrdinals;

impl Resolve for SameOrdinals {
    fn entity(&self) -> EntityType {
        EntityType::of::<Id>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        ordinal.into()
    }
}

#[test]
fn every_encoding_comes_back_as_it_was() {
    let doc = small_world();
    assert_eq!(decode(&encode(&doc)).unwrap(), doc);
}

#[test]
fn values_of_every_encoding_come_back() {
    let doc = decode(&encode(&small_world())).unwrap();
    let names: Vec<Name> = AsSerde::decode(doc.column("b.name").unwrap(), 2, &mut SameOrdinals).unwrap();
    assert_eq!(names, [Name("ann".into()), Name("bo".into())]);
    let positions: Vec<Pos> = AsPlain::decode(doc.column("a.pos").unwrap(), 3, &mut SameOrdinals).unwrap();
    assert_eq!(positions.iter().map(|at| at.y).collect::<Vec<_>>(), [2.0, 4.0, -6.25]);
}

#[test]
fn what_the_application_says_comes_back() {
    let mut doc = small_world();
    let mut meta = WorldMeta::default();
    meta.name = Some("before the bridge".into());
    meta.created_at_ns = Some(-1);
    meta.application = Some("game".into());
    meta.application_version = Some("1.2".into());
    meta.world_version = Some(7);
    meta.tick = Some(u64::MAX);
    meta.custom.insert("mods".into(), vec![0, 1, 2]);
    doc.meta = meta;
    assert_eq!(decode(&encode(&doc)).unwrap().meta, doc.meta);
}

#[test]
fn shuffled_columns_come_back_and_say_that_they_are() {
    let codecs = [keepstone_format::Codec::None, keepstone_format::Codec::Lz4, keepstone_format::Codec::Zstd];
    let mut doc = WorldDoc::default();
    let near: Vec<Pos> = (0..30_000_u16).map(|i| Pos { x: f32::from(i).sqrt(), y: f32::from(i) }).collect();
    let wide: Vec<[u32; 64]> = (0..300).map(|i| [i; 64]).collect();
    let flags: Vec<u8> = (0..30_000_u32).map(|i| u8::from(i % 3 == 0)).collect();
    doc.tables = vec![
        keepstone_ecs_persist::Table { rows: 30_000, components: vec![0, 1] },
        keepstone_ecs_persist::Table { rows: 300, components: vec![2] },
    ];
    doc.columns = vec![
        column("a.near", false, plain(&near)),
        column("b.flag", false, plain(&flags)),
        column("c.wide", false, plain(&wide)),
    ];
    for codec in codecs.into_iter().filter(|codec| codec.is_built()) {
        let options = EncodeOptions::default().codec(codec);
        let (straight, _) = doc.encode(Vec::new(), &options).unwrap();
        let (shuffled, _) = doc.encode(Vec::new(), &options.shuffle(true)).unwrap();
        assert_eq!(decode(&shuffled).unwrap().into_owned(), decode(&straight).unwrap(), "{codec:?}");
        let reader = Reader::open(shuffled.as_slice(), Limits::default()).unwrap();
        let parameters: Vec<Vec<u16>> = (0..3)
            .map(|component| {
                let section = reader.find(SectionId::VALUES, component).unwrap();
                reader.chunk_entries(section).iter().map(|entry| entry.filter_parameter).collect()
            })
            .collect();
        if codec == keepstone_format::Codec::None {
            assert!(shuffled == straight, "without a codec nothing is shuffled");
        } else {
            // Rows of 8 bytes; rows of 1 byte and of 256 stay as they are.
            assert_eq!(parameters, [[8], [0], [0]], "{codec:?}");
            let saved = straight.len() - shuffled.len();
            assert!(saved * 5 > straight.len(), "{codec:?}: {} of {}", saved, straight.len());
        }
    }
}

#[test]
fn rows_that_straddle_chunks_are_put_together() {
    // 12 bytes don't divide a chunk of a MiB.
    let values: Vec<[u32; 3]> = (0..200_000).map(|i| [i, 1, i % 7]).collect();
    let mut doc = WorldDoc::default();
    doc.tables = vec![keepstone_ecs_persist::Table { rows: 200_000, components: vec![0] }];
    doc.columns = vec![column("values", false, plain(&values))];
    let bytes = encode(&doc);
    let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64)).unwrap();
    let loaded = WorldDoc::decode(&reader, 0).unwrap();
    let back: Vec<[u32; 3]> = AsPlain::decode(&loaded.columns[0], 200_000, &mut SameOrdinals).unwrap();
    assert!(back == values);
}

#[test]
fn a_schema_is_read_without_columns_and_its_hash_is_in_the_footer() {
    let doc = small_world();
    let bytes = encode(&doc);
    let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64)).unwrap();
    let schema = Schema::read(&reader, 0).unwrap();
    assert_eq!(schema, doc.schema());
    assert_eq!(reader.tail().schema_hash(), Some(schema.hash().unwrap()));
    let shown: Vec<String> =
        schema.components().iter().map(|component| component.encoding.to_string()).collect();
    assert_eq!(shown[0], "plain { x: f32, y: f32 }");
    assert_eq!(shown[2], "relationship");
    assert!(shown[1].contains("Name"), "{}", shown[1]);
}

#[test]
fn references_inside_rows_are_a_column_of_their_own() {
    let mut doc = small_world();
    doc.columns[1] = column("b.name", false, references()).into_owned();
    let bytes = encode(&doc);
    let back = decode(&bytes).unwrap();
    let keepstone_ecs_persist::ColumnData::Rows { targets, .. } = &back.columns[1].data else {
        panic!("serde values are rows");
    };
    assert_eq!(targets.as_ref(), [5, 3]);
}

fn references() -> (keepstone_ecs_persist::Encoding, keepstone_ecs_persist::ColumnData<'static>) {
    let mut runs = keepstone_ecs_persist::Runs::default();
    let values = [Some(Id(5)), Some(Id(3))];
    runs.push_slice(&values);
    let (encoding, data) =
        <AsOptions as Codec<Option<Id>>>::capture(runs, &mut crate::support::SameIds).unwrap();
    (
        encoding,
        column("x", false, (keepstone_ecs_persist::Encoding::Reference { linked: false }, data))
            .into_owned()
            .data,
    )
}

/// Only writes: reading is the matter of an adapter, which knows entities.
struct AsOptions;

impl Codec<Option<Id>> for AsOptions {
    fn capture<'w>(
        values: keepstone_ecs_persist::Runs<'w, Option<Id>>,
        entities: &mut dyn keepstone_value::Entities,
    ) -> Result<
        (keepstone_ecs_persist::Encoding, keepstone_ecs_persist::ColumnData<'w>),
        keepstone_value::Error,
    > {
        let rows =
            keepstone_value::encode(values.iter(), Some(entities), &keepstone_value::Options::default())?;
        let data = keepstone_ecs_persist::ColumnData::Rows {
            data: rows.data.into(),
            lengths: keepstone_ecs_persist::Lengths::each(rows.lens),
            targets: rows.targets.into(),
        };
        Ok((keepstone_ecs_persist::Encoding::Rows { shape: rows.shape, human_readable: false }, data))
    }

    fn decode(
        column: &keepstone_ecs_persist::Column<'_>,
        _: usize,
        _: &mut dyn Resolve,
    ) -> Result<Vec<Option<Id>>, keepstone_ecs_persist::Error> {
        Err(keepstone_ecs_persist::Error::UnknownComponent { name: column.schema.name.clone() })
    }
}

#[test]
fn ranks_come_back() {
    let mut doc = small_world();
    doc.tables[1].rows = 3;
    doc.columns[0] = column("a.pos", false, plain(&[[0.0_f32; 2]; 5])).into_owned();
    doc.columns[2] = column("c.parent", false, links(&[0, 0, u32::MAX], Some(&[1, 0, 0])));
    assert_eq!(decode(&encode(&doc)).unwrap(), doc);
}

#[test]
fn equal_documents_give_equal_bytes() {
    assert_eq!(encode(&small_world()), encode(&small_world()));
}

#[cfg(feature = "lz4")]
#[test]
fn compressed_worlds_come_back() {
    let mut doc = small_world();
    doc.columns[3] = column("z.clock", true, rows(&["tick ".repeat(1000)])).into_owned();
    let (bytes, report) = doc.encode(Vec::new(), &EncodeOptions::default()).unwrap();
    assert!(report.bytes_stored < report.bytes_decoded, "{report:?}");
    assert_eq!(decode(&bytes).unwrap(), doc);
}

#[test]
fn several_threads_write_the_same_bytes_and_read_the_same_world() {
    let rows_count = 400_000_u32;
    let near: Vec<Pos> = (0..rows_count)
        .map(|i| Pos {
            x: f32::from(u16::try_from(i / 7).unwrap()),
            y: f32::from(u16::try_from(i % 100).unwrap()),
        })
        .collect();
    let names: Vec<Name> = (0..rows_count).map(|i| Name(format!("name {}", i % 999))).collect();
    let mut doc = WorldDoc::default();
    doc.tables = vec![keepstone_ecs_persist::Table { rows: rows_count, components: vec![0, 1] }];
    doc.columns = vec![column("a.pos", false, plain(&near)), column("b.name", false, rows(&names))];
    let options = EncodeOptions::default();
    let (one, _) = doc.encode(Vec::new(), &options).unwrap();
    for threads in [2, 5] {
        let threads = std::num::NonZeroUsize::new(threads).unwrap();
        let (several, _) = doc.encode(Vec::new(), &options.clone().threads(threads)).unwrap();
        assert!(several == one, "{threads} threads write other bytes");
        let reader = Reader::open(one.as_slice(), Limits::for_file_len(one.len() as u64)).unwrap();
        let alone = WorldDoc::decode(&reader, 0).unwrap();
        assert!(WorldDoc::decode_with(&reader, 0, threads).unwrap() == alone);
        let mut damaged = one.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        let reader = Reader::open(damaged.as_slice(), Limits::for_file_len(one.len() as u64)).unwrap();
        let (alone, together) = (WorldDoc::decode(&reader, 0), WorldDoc::decode_with(&reader, 0, threads));
        assert_eq!(together.unwrap_err().to_string(), alone.unwrap_err().to_string());
    }
}
