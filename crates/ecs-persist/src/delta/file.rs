//! Deltas as containers.

use std::io::{Read, Write};

use keepstone_format::{FileKind, Metadata, ReadAt, Reader, SectionId, Writer, WriterOptions};

use crate::{
    check::invalid,
    decode::decode_changes,
    delta::{
        WorldDelta,
        lists::{decode_delta, decode_rows, encode_delta, encode_rows},
    },
    encode::{EncodeOptions, encode_tables, write_world},
    error::Error,
    format::ReadOptions,
    report::EncodeReport,
    schema::hash_encoded,
};

impl<'a> WorldDelta<'a> {
    /// Writes this delta as a container and returns `out` and what was written. The report counts the entities and values of the delta.
    ///
    /// Nothing is flushed or synced: what survives is up to `out`. Equal deltas give equal bytes.
    ///
    /// # Errors
    /// [`Error::Format`] when `out` fails or a limit of the container is exceeded; as [`WorldDelta::check`].
    pub fn encode<W: Write>(&self, out: W, options: &EncodeOptions) -> Result<(W, EncodeReport), Error> {
        self.check()?;
        let head = WriterOptions::new(FileKind::DELTA)
            .codec(options.codec)
            .head(self.doc.meta.to_metadata())
            .store(options.store_id, 0)
            .threads(options.threads);
        let mut writer = Writer::new(out, head)?;
        writer.coded_from(SectionId::DELTA, 0, &[&encode_delta(self)?])?;
        writer.coded_from(SectionId::ROWS, 0, &[&encode_rows(self)])?;
        let schema = self.doc.schema().encode()?;
        let tables = encode_tables(&self.doc.name, &self.doc, &[], None)?;
        let columns = (0_u16..).zip(&self.doc.columns);
        write_world(&mut writer, 0, &schema, &tables, None, columns, options)?;
        let mut report = EncodeReport {
            entities: self.doc.entity_count().into(),
            components: self.doc.columns.len() as u64,
            values: self.doc.value_count(),
            ..EncodeReport::default()
        };
        let mut tail = Metadata::new();
        tail.set_schema_hash(hash_encoded(&schema));
        tail.set_entity_count(report.entities).set_value_count(report.values);
        let (out, written) = writer.finish(tail)?;
        report.bytes_decoded = written.raw_bytes;
        report.bytes_stored = written.stored_bytes;
        report.bytes_total = written.bytes;
        Ok((out, report))
    }

    /// Reads a delta. What lies uncompressed in memory is borrowed.
    ///
    /// # Errors
    /// [`Error::NoWorld`] when the container is of another kind, [`Error::Invalid`] or [`Error::Format`] when the file breaks a rule, is
    /// newer than this build or exceeds the reader's limits.
    pub fn decode<R: ReadAt>(reader: &'a Reader<R>) -> Result<Self, Error> {
        let header = reader.header();
        if header.kind != FileKind::DELTA {
            return Err(Error::NoWorld { world: "as a delta".to_owned(), found: header.kind.to_string() });
        }
        if header.is_in_parts() {
            return Err(invalid("delta", "in parts", "in one piece"));
        }
        let changes = decode_changes(reader)?;
        let mut delta = decode_delta(&changes.delta, changes.doc)?;
        delta.rows = decode_rows(&changes.rows, &delta.doc)?;
        delta.check()?;
        Ok(delta)
    }
}

impl WorldDelta<'static> {
    /// Reads a delta from a stream, to its end.
    ///
    /// # Errors
    /// [`Error::Read`] when the stream fails, [`Error::Limit`] when it is longer than the options allow; as [`WorldDelta::decode`].
    pub fn read(input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<Self, Error> {
        let bytes = options.read_to_end(input)?;
        let reader = Reader::open(bytes.as_slice(), options.limits_for(bytes.len()))?;
        Ok(WorldDelta::decode(&reader)?.into_owned())
    }
}
