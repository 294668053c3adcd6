//! What holds for any bytes that are read as a world in parts.

use std::{borrow::Cow, collections::BTreeSet};

use keepstone_ecs_persist::{
    ColumnData, EncodeOptions, Error, PartReader, PartSource, PartWriter, WorldDoc, WorldPart, for_each_part,
};
use keepstone_format::{Codec, FileKind, Kind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};

use super::columns::Section;

/// Worlds that a fuzzer can read many of in a second.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    limits.rows_max = 1 << 16;
    limits
}

/// Reads the world whole, part by part, and as a stream: all refuse it, or all give the same. What is accepted can be written in
/// parts of another size, and reads as it was.
pub(crate) fn check(bytes: &[u8]) {
    let streamed = streamed(bytes);
    let Ok(reader) = Reader::open(bytes, limits()) else { return };
    let whole = WorldDoc::decode(&reader, 0).map(in_one_piece);
    let parts = by_parts(&reader);
    if let Ok(doc) = &whole {
        again(doc);
    }
    agree("whole and part by part", &whole, &parts);
    let mut damages = 0;
    let verified = reader.verify(&mut |_| damages += 1);
    let in_parts = reader.header().is_in_parts();
    let is_one = in_parts || reader.sections().iter().all(|section| section.instance() >> 16 == 0);
    // A reader looks at what it needs, a stream at every byte. A stream has one world.
    if verified.is_ok() && damages == 0 && is_one {
        agree("whole and streamed", &whole, &streamed);
    }
}

/// Both are the same world, or both are refused. Limits are those of a part here and of the whole world there.
fn agree(what: &str, a: &Result<WorldDoc<'static>, Error>, b: &Result<WorldDoc<'static>, Error>) {
    let is_limit = |result: &Result<WorldDoc<'static>, Error>| {
        result.as_ref().is_err_and(|error| error.kind() == Kind::Limit)
    };
    match (a, b) {
        (Ok(a), Ok(b)) => assert!(a == b, "{what}: the worlds differ"),
        (Err(_), Err(_)) => {}
        _ if is_limit(a) || is_limit(b) => {}
        (a, b) => panic!("{what}: {:?} and {:?}", a.as_ref().map(drop), b.as_ref().map(drop)),
    }
}

fn streamed(bytes: &[u8]) -> Result<WorldDoc<'static>, Error> {
    let mut reader = PartReader::new(bytes, limits())?;
    let doc = WorldDoc::from_parts(&mut reader).map(in_one_piece);
    // Asked again, a reader that was at its end is still there.
    assert!(doc.is_err() || reader.next_part().is_ok_and(|part| part.is_none()));
    doc
}

fn by_parts(reader: &Reader<&[u8]>) -> Result<WorldDoc<'static>, Error> {
    struct Parts(std::vec::IntoIter<WorldPart<'static>>);
    impl PartSource for Parts {
        fn next_part(&mut self) -> Result<Option<WorldPart<'static>>, Error> {
            Ok(self.0.next())
        }
    }
    let mut parts = Vec::new();
    for_each_part(reader, &mut |part| {
        part.check().unwrap();
        let (first, total) = (part.first, part.total);
        parts.push(WorldPart::new(part.doc.into_owned(), first, total));
        Ok(())
    })?;
    WorldDoc::from_parts(&mut Parts(parts.into_iter())).map(in_one_piece)
}

fn again(doc: &WorldDoc<'_>) {
    doc.check().unwrap();
    let options = EncodeOptions::default().codec(Codec::None);
    let mut writer = PartWriter::new(Vec::new(), &doc.name, &doc.meta, &options).unwrap();
    match doc.split(doc.entity_count() / 3 + 1, &mut writer) {
        // Rows that hold references are read to find those of a part, and may be no values.
        Err(Error::Value { .. }) => return,
        split => split.unwrap(),
    }
    let (bytes, _) = writer.finish().unwrap();
    let expected = cut(doc, doc.entity_count() / 3 + 1);
    let found = streamed(&bytes).unwrap();
    assert!(found == expected, "the world reads differently once written in parts");
}

/// The same world, with its tables cut where parts end.
fn cut(doc: &WorldDoc<'_>, rows_max: u32) -> WorldDoc<'static> {
    let mut doc = doc.clone().into_owned();
    let mut left = rows_max;
    let mut tables = Vec::new();
    for table in std::mem::take(&mut doc.tables) {
        let mut rows = table.rows;
        while rows > 0 {
            let mut piece = table.clone();
            piece.rows = rows.min(left);
            (rows, left) = (rows - piece.rows, left - piece.rows);
            tables.push(piece);
            if left == 0 {
                left = rows_max;
            }
        }
    }
    doc.tables = tables;
    doc
}

/// Where the pieces of a plain column end is not part of what it says.
fn in_one_piece(doc: WorldDoc<'_>) -> WorldDoc<'static> {
    let mut doc = doc.into_owned();
    for column in &mut doc.columns {
        if let ColumnData::Plain(pieces) = &mut column.data {
            *pieces = vec![Cow::Owned(pieces.concat())];
        }
    }
    doc
}

/// Puts sections into a container in parts with right checksums. Of two sections with one name the first counts.
pub(crate) fn sealed(sections: &[Section]) -> Vec<u8> {
    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None).in_parts();
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    let mut seen = BTreeSet::new();
    for Section { id, instance, payload } in sections {
        if seen.insert((id, instance)) {
            writer.coded_from(SectionId(*id), *instance, &[payload]).unwrap();
        }
    }
    writer.finish(Metadata::new()).unwrap().0
}
