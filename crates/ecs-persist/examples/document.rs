//! Builds a world without any ECS, writes it as a container, and reads it back with its schema.
//!
//! An adapter does the same from the storage of its ECS.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::borrow::Cow;

use keepstone_ecs_persist::{
    Column, ColumnData, ComponentSchema, EncodeOptions, Encoding, Error, Table, WorldDoc,
};
use keepstone_format::{
    Codec, Limits, Reader,
    plain::{OwnedLayout, Plain, to_le_bytes_cow},
};

fn main() -> Result<(), Error> {
    let heights = [1.5_f32, 2.5, 3.5];
    // Entities are numbers of rows: the third one is a child of the first.
    let parents = [0_u32];

    let mut doc = WorldDoc::default();
    doc.meta.name = Some("Three trees".to_owned());
    doc.tables = vec![Table { rows: 2, components: vec![0] }, Table { rows: 1, components: vec![0, 1] }];
    doc.columns = vec![
        Column {
            schema: ComponentSchema::new(
                "tree.height",
                1,
                false,
                Encoding::Plain(OwnedLayout::from(&f32::LAYOUT)),
            ),
            data: ColumnData::Plain(vec![to_le_bytes_cow(&heights)]),
        },
        Column {
            schema: ComponentSchema::new("tree.parent", 1, false, Encoding::Reference { linked: true }),
            data: ColumnData::References { targets: Cow::Borrowed(&parents), ranks: None },
        },
    ];

    let (bytes, report) = doc.encode(Vec::new(), &EncodeOptions::default().codec(Codec::None))?;
    println!("{} entities, {} values, {} bytes", report.entities, report.values, report.bytes_total);

    let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64))?;
    let read = WorldDoc::decode(&reader, 0)?;
    println!("{:?}", read.meta.name);
    for (column, rows) in read.columns.iter().zip(read.rows_per_column()) {
        println!("  {} x {}: {}", rows, column.schema.name, column.schema.encoding);
    }
    println!("equal: {}", read == doc);
    Ok(())
}
