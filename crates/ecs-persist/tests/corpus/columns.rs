//! What holds for any bytes that are read as a file of worlds.

use std::{borrow::Cow, collections::BTreeSet};

use keepstone_ecs_persist::{
    Column, ColumnData, EncodeOptions, Encoding, WorldDoc, encode_worlds, list_worlds,
};
use keepstone_format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};

use super::rows;

/// One section of a world.
pub(crate) struct Section {
    pub(crate) id: u32,
    pub(crate) instance: u32,
    pub(crate) payload: Vec<u8>,
}

/// Worlds that a fuzzer can read many of in a second.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    limits.rows_max = 1 << 16;
    limits
}

/// Reads every world of the file. What is accepted can be written, and reads as it was; the same goes for the rows inside.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(reader) = Reader::open(bytes, limits()) else { return };
    let listed = list_worlds(&reader).unwrap_or_default();
    let last = u16::try_from(listed.len()).unwrap_or(u16::MAX);
    let mut accepted = Vec::new();
    for world in 0..=last.min(8) {
        let Ok(doc) = WorldDoc::decode(&reader, world) else { continue };
        doc.check().unwrap();
        if let Some(entry) = listed.get(usize::from(world)) {
            assert_eq!((&entry.name, entry.entities), (&doc.name, doc.entity_count()));
        }
        doc.columns.iter().for_each(check_rows);
        let doc = plain_in_one_piece(doc);
        assert!(again(&[&doc], 0) == doc, "world {world} reads differently once written");
        accepted.push(doc);
    }
    let names: BTreeSet<_> = accepted.iter().map(|doc| &doc.name).collect();
    if names.len() == accepted.len() && accepted.len() > 1 {
        let worlds: Vec<_> = accepted.iter().collect();
        for (world, doc) in (0..).zip(&accepted) {
            assert!(again(&worlds, world) == *doc, "world {world} reads differently among others");
        }
    }
}

fn again(worlds: &[&WorldDoc<'_>], world: u16) -> WorldDoc<'static> {
    let options = EncodeOptions::default().codec(Codec::None);
    let (bytes, report) = encode_worlds(worlds, Vec::new(), &options).unwrap();
    assert_eq!(report.bytes_total, bytes.len() as u64);
    let reader = Reader::open(bytes.as_slice(), limits()).unwrap();
    plain_in_one_piece(WorldDoc::decode(&reader, world).unwrap())
}

/// Where the pieces of a plain column end is not part of what it says.
fn plain_in_one_piece(doc: WorldDoc<'_>) -> WorldDoc<'static> {
    let mut doc = doc.into_owned();
    for column in &mut doc.columns {
        if let ColumnData::Plain(pieces) = &mut column.data {
            *pieces = vec![Cow::Owned(pieces.concat())];
        }
    }
    doc
}

fn check_rows(column: &Column<'_>) {
    if let (Encoding::Rows { shape, human_readable }, ColumnData::Rows { data, lengths, targets }) =
        (&column.schema.encoding, &column.data)
    {
        let lens: Vec<u32> = lengths.iter().collect();
        rows::check_column(shape, data, &lens, targets, *human_readable);
    }
}

/// The sections of a container that is whole, whatever they hold.
pub(crate) fn sections(bytes: &[u8]) -> Option<Vec<Section>> {
    let reader = Reader::open(bytes, limits()).ok()?;
    let read = |section: &keepstone_format::Section| {
        let payload = reader.read(section).ok()?.into_owned();
        Some(Section { id: section.id().0, instance: section.instance(), payload })
    };
    reader.sections().iter().map(read).collect()
}

/// Puts sections into a container with right checksums, so that what is wrong with it is wrong in a world. Of two sections with one
/// name the first counts.
pub(crate) fn sealed(sections: &[Section]) -> Vec<u8> {
    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::None);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    let mut seen = BTreeSet::new();
    for Section { id, instance, payload } in sections {
        if seen.insert((id, instance)) {
            writer.coded_from(SectionId(*id), *instance, &[payload]).unwrap();
        }
    }
    writer.finish(Metadata::new()).unwrap().0
}
