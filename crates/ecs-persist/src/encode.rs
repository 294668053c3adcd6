use std::{borrow::Cow, io::Write};

use keepstone_format::{Codec, FileKind, Metadata, SectionId, Writer, WriterOptions, plain, wire};

use crate::{
    doc::{Column, ColumnData, WorldDoc},
    error::Error,
    lengths::Lengths,
    report::EncodeReport,
    schema::hash_encoded,
};

/// How a world becomes a container.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// The codec of all sections; LZ4 unless chosen, whatever features are built.
    pub codec: Codec,
    /// The store that the file belongs to; all zero for none.
    pub store_id: [u8; 16],
}

impl EncodeOptions {
    /// Chooses the codec.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Names the store that the file belongs to.
    pub fn store_id(mut self, store_id: [u8; 16]) -> Self {
        self.store_id = store_id;
        self
    }
}

impl WorldDoc<'_> {
    /// Writes this world as a container of its own and returns `out` and what was written.
    ///
    /// Nothing is flushed or synced: what survives is up to `out`. Equal documents give equal bytes.
    ///
    /// # Errors
    /// [`Error::Format`] when `out` fails or a limit of the container is exceeded, [`Error::Invalid`] when columns and tables
    /// disagree.
    pub fn encode<W: Write>(&self, out: W, options: &EncodeOptions) -> Result<(W, EncodeReport), Error> {
        self.check()?;
        let writer_options = WriterOptions::new(FileKind::WORLD)
            .codec(options.codec)
            .head(self.meta.to_metadata())
            .store(options.store_id, 0);
        let mut writer = Writer::new(out, writer_options)?;
        let schema = self.schema().encode()?;
        writer.coded_from(SectionId::SCHEMA, 0, &[&schema])?;
        writer.coded_from(SectionId::TABLES, 0, &[&self.encode_tables()?])?;
        for (instance, column) in (0_u32..).zip(&self.columns) {
            write_column(&mut writer, instance, column)?;
        }

        let mut tail = Metadata::new();
        tail.set_entity_count(u64::from(self.entity_count()))
            .set_value_count(self.value_count())
            .set_schema_hash(hash_encoded(&schema));
        let (out, written) = writer.finish(tail)?;
        let report = EncodeReport {
            entities: self.entity_count(),
            components: u32::try_from(self.columns.len()).expect("the schema has at most 16,383 components"),
            values: self.value_count(),
            bytes_decoded: written.raw_bytes,
            bytes_stored: written.stored_bytes,
            bytes_total: written.bytes,
            ..EncodeReport::default()
        };
        Ok((out, report))
    }

    fn encode_tables(&self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        wire::put_name(&mut out, &self.name)?;
        wire::put_varint(&mut out, u64::from(self.entity_count()));
        wire::put_varint(&mut out, self.tables.len() as u64);
        for table in &self.tables {
            wire::put_varint(&mut out, u64::from(table.rows));
            wire::put_varint(&mut out, table.components.len() as u64);
            for &component in &table.components {
                wire::put_varint(&mut out, u64::from(component));
            }
        }
        Ok(out)
    }
}

fn write_column<W: Write>(writer: &mut Writer<W>, instance: u32, column: &Column<'_>) -> Result<(), Error> {
    match &column.data {
        ColumnData::Plain(pieces) => {
            if column.row_size() != Some(0) {
                let pieces: Vec<&[u8]> = pieces.iter().map(AsRef::as_ref).collect();
                writer.coded_from(SectionId::VALUES, instance, &pieces)?;
            }
        }
        ColumnData::Rows { data, lengths, targets } => {
            writer.coded_from(SectionId::VALUES, instance, &[data])?;
            writer.coded_from(SectionId::LENGTHS, instance, &[&encode_lengths(lengths)])?;
            if !targets.is_empty() {
                writer.coded_from(SectionId::TARGETS, instance, &[&le_bytes(targets)])?;
            }
        }
        ColumnData::References { targets, ranks } => {
            writer.coded_from(SectionId::TARGETS, instance, &[&le_bytes(targets)])?;
            if let Some(ranks) = ranks {
                writer.coded_from(SectionId::RANKS, instance, &[&le_bytes(ranks)])?;
            }
        }
    }
    Ok(())
}

fn le_bytes(ordinals: &[u32]) -> Cow<'_, [u8]> {
    plain::to_le_bytes_cow(ordinals)
}

fn encode_lengths(lengths: &Lengths) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(len) = lengths.common() {
        out.push(0);
        wire::put_varint(&mut out, u64::from(len));
        return out;
    }
    out.push(1);
    for len in lengths.iter() {
        wire::put_varint(&mut out, u64::from(len));
    }
    out
}
