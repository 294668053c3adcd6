use keepstone::{
    compat::awsv::Part,
    format::{Codec, ReadAt, Reader, Section, SectionId, SectionLayout},
};
use serde::Serialize;

use crate::text::size;

/// What stands in one section of a container.
#[derive(Debug, Serialize)]
pub(super) struct SectionSummary {
    id: String,
    id_number: u32,
    instance: u32,
    layout: &'static str,
    offset: u64,
    span: u64,
    pub(super) bytes_decoded: u64,
    pub(super) bytes_stored: u64,
    chunks: u32,
    codecs: Vec<String>,
}

impl SectionSummary {
    /// Whether it is one of those that make up a world.
    pub(super) fn is_of_world(&self) -> bool {
        is_of_world(SectionId(self.id_number))
    }

    pub(super) fn cells(&self) -> [String; 7] {
        [
            self.id.clone(),
            self.instance.to_string(),
            self.layout.to_owned(),
            self.offset.to_string(),
            size(self.bytes_decoded),
            size(self.bytes_stored),
            self.codecs.join("+"),
        ]
    }
}

/// Lists the sections in file order.
pub(super) fn summarize<R: ReadAt>(reader: &Reader<R>) -> Vec<SectionSummary> {
    let summary = |section: &Section| SectionSummary {
        id: Part::of(section.id()).map_or_else(|| section.id().to_string(), |part| part.name().to_owned()),
        id_number: section.id().0,
        instance: section.instance(),
        layout: match section.layout() {
            SectionLayout::Coded => "coded",
            SectionLayout::Raw => "raw",
        },
        offset: section.offset(),
        span: section.span(),
        bytes_decoded: section.decoded_len(),
        bytes_stored: stored_len(reader, section),
        chunks: section.chunk_count(),
        codecs: codecs(reader, &[section]),
    };
    reader.sections().iter().map(summary).collect()
}

/// Bytes of payload in the file.
pub(super) fn stored_len<R: ReadAt>(reader: &Reader<R>, section: &Section) -> u64 {
    reader.chunk_entries(section).iter().map(|chunk| u64::from(chunk.stored_len)).sum()
}

/// The codecs that the chunks of these sections use, each once.
pub(super) fn codecs<R: ReadAt>(reader: &Reader<R>, sections: &[&Section]) -> Vec<String> {
    let mut ids: Vec<u8> =
        sections.iter().flat_map(|section| reader.chunk_entries(section)).map(|chunk| chunk.codec).collect();
    ids.sort_unstable();
    ids.dedup();
    let name =
        |id| Codec::from_id(id).map_or_else(|| format!("codec {id:#04x}"), |codec| codec.name().to_owned());
    ids.into_iter().map(name).collect()
}

/// Whether sections with this id are parts of a world, whose number is in the upper half of the instance.
pub(crate) fn is_of_world(id: SectionId) -> bool {
    [
        SectionId::SCHEMA,
        SectionId::TABLES,
        SectionId::FOREIGN_IDS,
        SectionId::VALUES,
        SectionId::LENGTHS,
        SectionId::TARGETS,
        SectionId::RANKS,
    ]
    .contains(&id)
}
