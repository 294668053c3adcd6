//! Adds a format to those that a program saves and loads: worlds as MessagePack.
//!
//! A format sees documents, never an ECS: what it has to keep are tables, columns and what the columns mean.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    borrow::Cow,
    fmt,
    io::{Read, Write},
};

use bevy_ecs::prelude::*;
use keepstone::{
    LoadOptions, PersistenceManager, SaveOptions, WorldFormat,
    ecs::{Column, ColumnData, Error, Lengths, ReadOptions, Schema, Table, WorldDoc, WriteOptions},
    prelude::*,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

/// A world as this format keeps it. The metadata is left out to keep the example short.
#[derive(Serialize, Deserialize)]
struct File {
    magic: String,
    version: u32,
    name: String,
    tables: Vec<(u32, Vec<u16>)>,
    /// What the columns mean, as keepstone encodes it.
    schema: Bytes,
    columns: Vec<Rows>,
    foreign_ids: Option<Vec<u128>>,
}

#[derive(Serialize, Deserialize)]
enum Rows {
    Plain(Bytes),
    Values { data: Bytes, lengths: Vec<u32>, targets: Vec<u32> },
    Opaque { data: Bytes, lengths: Vec<u32> },
    References { targets: Vec<u32>, ranks: Option<Vec<u32>> },
}

/// Bytes as MessagePack has them; a `Vec<u8>` would be a list of numbers to serde.
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Owned;
        impl Visitor<'_> for Owned {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Owned)
    }
}

const MAGIC: &str = "example.world";

struct MessagePack;

/// An array of seven, then the magic as a string of 13 bytes, then the version.
const START: &[u8] = b"\x97\xadexample.world";

fn failed(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Custom { format: "msgpack".to_owned(), kind: keepstone::Kind::Damaged, source: Box::new(source) }
}

fn refused(why: &str) -> Error {
    failed(std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned()))
}

impl WorldFormat for MessagePack {
    fn name(&self) -> &'static str {
        "msgpack"
    }

    fn version(&self) -> u32 {
        1
    }

    fn detect(&self, first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(START)
    }

    fn version_of(&self, first_bytes: &[u8]) -> Option<u32> {
        // Small numbers are one byte.
        first_bytes.get(START.len()).map(|&version| version.into())
    }

    fn save(&self, worlds: &[&WorldDoc<'_>], out: &mut dyn Write, _: &WriteOptions) -> Result<(), Error> {
        let [doc] = worlds else { return Err(refused("this format holds one world")) };
        doc.check()?;
        let file = File {
            magic: MAGIC.to_owned(),
            version: self.version(),
            name: doc.name.clone(),
            tables: doc.tables.iter().map(|table| (table.rows, table.components.clone())).collect(),
            schema: Bytes(doc.schema().encode()?),
            columns: doc.columns.iter().map(rows).collect::<Result<_, _>>()?,
            foreign_ids: doc.foreign_ids.as_ref().map(|ids| ids.to_vec()),
        };
        let bytes = rmp_serde::to_vec(&file).map_err(failed)?;
        out.write_all(&bytes).map_err(|source| Error::Write { source })
    }

    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>, Error> {
        let bytes = options.read_to_end(input)?;
        let file: File = rmp_serde::from_slice(&bytes).map_err(failed)?;
        let schema = Schema::decode(&file.schema.0)?;
        let columns = schema.components().iter().cloned().zip(file.columns);
        let doc = WorldDoc {
            name: file.name,
            tables: file.tables.into_iter().map(|(rows, components)| Table { rows, components }).collect(),
            columns: columns.map(|(schema, rows)| Column { schema, data: rows.into() }).collect(),
            foreign_ids: file.foreign_ids.map(Cow::Owned),
            ..WorldDoc::default()
        };
        // Nothing that comes from a file is believed: this holds what spawning relies on.
        doc.check()?;
        Ok(doc)
    }
}

fn rows(column: &Column<'_>) -> Result<Rows, Error> {
    Ok(match &column.data {
        ColumnData::Plain(pieces) => Rows::Plain(Bytes(pieces.concat())),
        ColumnData::Rows { data, lengths, targets } => Rows::Values {
            data: Bytes(data.to_vec()),
            lengths: lengths.iter().collect(),
            targets: targets.to_vec(),
        },
        ColumnData::Opaque { data, lengths } => {
            Rows::Opaque { data: Bytes(data.to_vec()), lengths: lengths.iter().collect() }
        }
        ColumnData::References { targets, ranks } => {
            Rows::References { targets: targets.to_vec(), ranks: ranks.as_ref().map(|ranks| ranks.to_vec()) }
        }
        _ => return Err(refused("a kind of column that this format doesn't know")),
    })
}

impl From<Rows> for ColumnData<'static> {
    fn from(rows: Rows) -> Self {
        match rows {
            Rows::Plain(Bytes(data)) if data.is_empty() => Self::Plain(Vec::new()),
            Rows::Plain(Bytes(data)) => Self::Plain(vec![data.into()]),
            Rows::Values { data, lengths, targets } => {
                Self::Rows { data: data.0.into(), lengths: Lengths::each(lengths), targets: targets.into() }
            }
            Rows::Opaque { data, lengths } => {
                Self::Opaque { data: data.0.into(), lengths: Lengths::each(lengths) }
            }
            Rows::References { targets, ranks } => {
                Self::References { targets: targets.into(), ranks: ranks.map(Cow::Owned) }
            }
        }
    }
}

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "island.height", pod)]
#[repr(C)]
struct Height(f32);

#[derive(Component, Persist, Serialize, Deserialize, PartialEq, Debug)]
#[persist(name = "island.path")]
struct Path {
    name: String,
    ends: Vec<Entity>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut world = World::new();
    let ends = vec![world.spawn(Height(3.5)).id(), world.spawn(Height(7.0)).id()];
    world.spawn(Path { name: "to the light".to_owned(), ends });

    let dir = tempfile::tempdir()?;
    let path = dir.path().join("island.msgpack");
    let saved = world.save_with(&path, &SaveOptions::default().format(MessagePack))?;
    println!("{} entities in {} bytes", saved.encoded.entities, saved.encoded.bytes_total);

    // Which format a file has, its first bytes say; a program that loads it has to know the format.
    let mut formats = PersistenceManager::with_default_formats();
    formats.register(MessagePack)?;
    println!("formats: {:?}", formats.names().collect::<Vec<_>>());
    let options = LoadOptions::default().formats(formats);
    let (mut loaded, _) = World::load_with(&path, &options)?;
    let path_of = loaded.query::<&Path>().single(&loaded)?;
    let heights: Vec<_> = path_of.ends.iter().map(|&end| loaded.get::<Height>(end)).collect();
    assert_eq!(heights, [Some(&Height(3.5)), Some(&Height(7.0))]);
    println!("{:?} goes between {heights:?}", path_of.name);

    if let Err(error) = World::load(&path) {
        println!("a program without the format: {error}");
    }
    Ok(())
}

#[test]
fn a_world_goes_through_a_format_of_the_program() {
    main().unwrap();
}
