//! Adds a format to those that a program reads and writes: worlds as MessagePack.
//!
//! A format sees documents, never an ECS: what it has to keep are tables, columns and what the columns mean.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    borrow::Cow,
    io::{Read, Write},
};

use keepstone_ecs_persist::{
    Column, ColumnData, Error, Lengths, PersistenceManager, ReadOptions, Schema, Table, WorldDoc,
    WorldFormat, WriteOptions,
};
use serde::{Deserialize, Serialize};

/// A world as this format keeps it. The metadata is left out to keep the example short.
#[derive(Serialize, Deserialize)]
struct World {
    magic: String,
    version: u32,
    name: String,
    tables: Vec<(u32, Vec<u16>)>,
    /// What the columns mean, as keepstone encodes it.
    schema: Vec<u8>,
    columns: Vec<Rows>,
    foreign_ids: Option<Vec<u128>>,
}

#[derive(Serialize, Deserialize)]
enum Rows {
    Plain(Vec<u8>),
    Values { data: Vec<u8>, lengths: Vec<u32>, targets: Vec<u32> },
    Opaque { data: Vec<u8>, lengths: Vec<u32> },
    References { targets: Vec<u32>, ranks: Option<Vec<u32>> },
}

const MAGIC: &str = "example.world";

struct MessagePack;

/// An array of seven, then the magic as a string of 13 bytes, then the version.
const START: &[u8] = b"\x97\xadexample.world";

fn failed(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Custom { format: "msgpack".to_owned(), source: Box::new(source) }
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
        let world = World {
            magic: MAGIC.to_owned(),
            version: self.version(),
            name: doc.name.clone(),
            tables: doc.tables.iter().map(|table| (table.rows, table.components.clone())).collect(),
            schema: doc.schema().encode()?,
            columns: doc.columns.iter().map(rows).collect::<Result<_, _>>()?,
            foreign_ids: doc.foreign_ids.as_ref().map(|ids| ids.to_vec()),
        };
        let bytes = rmp_serde::to_vec(&world).map_err(failed)?;
        out.write_all(&bytes).map_err(|source| Error::Write { source })
    }

    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>, Error> {
        let bytes = options.read_to_end(input)?;
        let world: World = rmp_serde::from_slice(&bytes).map_err(failed)?;
        let schema = Schema::decode(&world.schema)?;
        let columns = schema.components().iter().cloned().zip(world.columns);
        let doc = WorldDoc {
            name: world.name,
            tables: world.tables.into_iter().map(|(rows, components)| Table { rows, components }).collect(),
            columns: columns.map(|(schema, rows)| Column { schema, data: rows.into() }).collect(),
            foreign_ids: world.foreign_ids.map(Cow::Owned),
            ..WorldDoc::default()
        };
        // Nothing that comes from a file is believed: this holds what spawning relies on.
        doc.check()?;
        Ok(doc)
    }
}

fn rows(column: &Column<'_>) -> Result<Rows, Error> {
    Ok(match &column.data {
        ColumnData::Plain(pieces) => Rows::Plain(pieces.concat()),
        ColumnData::Rows { data, lengths, targets } => {
            Rows::Values { data: data.to_vec(), lengths: lengths.iter().collect(), targets: targets.to_vec() }
        }
        ColumnData::Opaque { data, lengths } => {
            Rows::Opaque { data: data.to_vec(), lengths: lengths.iter().collect() }
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
            Rows::Plain(data) if data.is_empty() => Self::Plain(Vec::new()),
            Rows::Plain(data) => Self::Plain(vec![data.into()]),
            Rows::Values { data, lengths, targets } => {
                Self::Rows { data: data.into(), lengths: Lengths::each(lengths), targets: targets.into() }
            }
            Rows::Opaque { data, lengths } => {
                Self::Opaque { data: data.into(), lengths: Lengths::each(lengths) }
            }
            Rows::References { targets, ranks } => {
                Self::References { targets: targets.into(), ranks: ranks.map(Cow::Owned) }
            }
        }
    }
}

fn main() -> Result<(), Error> {
    let mut formats = PersistenceManager::with_default_formats();
    formats.register(MessagePack)?;
    println!("formats: {:?}", formats.names().collect::<Vec<_>>());

    let mut doc = WorldDoc { name: "island".to_owned(), ..WorldDoc::default() };
    doc.tables = vec![Table { rows: 3, components: vec![] }];
    let mut bytes = Vec::new();
    formats.save("msgpack", &doc, &mut bytes, &WriteOptions::default())?;

    // Which format it is, the first bytes say.
    let loaded = formats.load(&mut bytes.as_slice(), &ReadOptions::default())?;
    println!(
        "{} bytes of msgpack hold {:?} with {} entities",
        bytes.len(),
        loaded.name,
        loaded.entity_count()
    );

    if let Some(version) = bytes.get_mut(START.len()) {
        *version = 9;
    }
    if let Err(error) = formats.load(&mut bytes.as_slice(), &ReadOptions::default()) {
        println!("and of a later version: {error}");
    }
    Ok(())
}
