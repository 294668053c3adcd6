//! Small containers with one section `INDEX`: the list of heads, and what is in common.

use keepstone_format::{
    Error as FormatError, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions,
};

use crate::options::Compression;

/// Bytes that the section may decode to: some ten thousand heads.
pub(super) const BODY_LEN_MAX: u64 = 16 << 20;

/// Puts a body in a container.
pub(super) fn encode(
    head: Metadata,
    id: [u8; 16],
    body: &[u8],
    compression: Compression,
) -> Result<Vec<u8>, FormatError> {
    let options = WriterOptions::new(FileKind::INDEX)
        .store(id, 0)
        .head(head)
        .codec(compression.codec)
        .zstd_level(compression.level);
    let mut writer = Writer::new(Vec::with_capacity(body.len() + (1 << 10)), options)?;
    writer.coded_from(SectionId::INDEX, 0, &[body])?;
    Ok(writer.finish(Metadata::new())?.0)
}

/// What is in a container.
pub(super) struct Decoded {
    pub(super) head: Metadata,
    pub(super) id: [u8; 16],
    pub(super) body: Vec<u8>,
}

/// Takes a body out of a container; none if that breaks any rule.
pub(super) fn decode(container: &[u8]) -> Option<Decoded> {
    let reader = Reader::open(container, Limits::for_file_len(container.len() as u64)).ok()?;
    let [section] = reader.sections() else { return None };
    let is_index = reader.header().kind == FileKind::INDEX
        && section.id() == SectionId::INDEX
        && section.instance() == 0;
    if !is_index || reader.header().epoch != 0 || section.decoded_len() > BODY_LEN_MAX {
        return None;
    }
    let mut body = Vec::new();
    reader.read_into(section, &mut body).ok()?;
    Some(Decoded { head: reader.head().clone(), id: reader.header().store_id, body })
}
