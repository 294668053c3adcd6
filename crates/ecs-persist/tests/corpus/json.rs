//! What holds for any bytes that are read as a world in JSON.

use std::borrow::Cow;

use keepstone_ecs_persist::{ColumnData, Json, ReadOptions, Schema, WorldDoc, WorldFormat, WriteOptions};
use keepstone_format::Limits;

/// A world whose schema is given to those that have none.
const GOLDEN: &[u8] = include_bytes!("../golden/world-v1-full.json");

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    limits.rows_max = 1 << 16;
    limits
}

/// Reads the text by itself, with a schema, and with guesses beside one. What is accepted and can be written reads as it was.
pub(crate) fn check(bytes: &[u8]) {
    let schema = load(GOLDEN, &ReadOptions::default()).map(|doc| doc.schema()).unwrap_or_default();
    for options in asked(&schema) {
        let Some(doc) = load(bytes, &options.limits(limits())) else { continue };
        doc.check().unwrap();
        for pretty in [true, false] {
            let mut text = Vec::new();
            if Json.save(&[&doc], &mut text, &WriteOptions::default().pretty(pretty)).is_err() {
                continue;
            }
            let again = load(&text, &ReadOptions::default());
            assert!(
                again.as_ref() == Some(&doc),
                "the world reads differently once written:\n{again:?}\n{doc:?}"
            );
        }
    }
}

fn asked(schema: &Schema) -> [ReadOptions<'_>; 3] {
    let given = || ReadOptions::default().schema(schema);
    [ReadOptions::default(), given(), given().guess(true)]
}

fn load(mut text: &[u8], options: &ReadOptions<'_>) -> Option<WorldDoc<'static>> {
    let doc = Json.load(&mut text, options);
    if let Err(error) = &doc {
        assert!(!error.to_string().is_empty());
    }
    doc.ok().map(in_one_piece)
}

/// Where the pieces of a plain column end is not part of what it says.
fn in_one_piece(mut doc: WorldDoc<'static>) -> WorldDoc<'static> {
    for column in &mut doc.columns {
        if let ColumnData::Plain(pieces) = &mut column.data {
            *pieces = vec![Cow::Owned(pieces.concat())];
        }
    }
    doc
}
