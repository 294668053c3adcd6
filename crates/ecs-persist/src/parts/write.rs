use std::{fmt, io::Write};

use keepstone_format::{FileKind, Metadata, Writer, WriterOptions};

use crate::{
    check::invalid,
    doc::{Column, ColumnData},
    encode::{EncodeOptions, encode_tables, write_world},
    error::Error,
    meta::WorldMeta,
    parts::{PartSink, WorldPart},
    report::EncodeReport,
    schema::{Encoding, Schema, hash_encoded},
};

/// Writes one world part by part, as FORMAT.md section 3.5 has it, holding no more than the part at hand.
///
/// Nothing is flushed or synced before [`PartWriter::finish`], and nothing synced there: what survives is up to `out`.
///
/// ```
/// use keepstone_ecs_persist::{EncodeOptions, PartReader, PartSink, PartSource, PartWriter, Schema, WorldMeta, WorldPart, WorldDoc};
/// use keepstone_format::Limits;
///
/// let mut writer = PartWriter::new(Vec::new(), "", &WorldMeta::default(), &EncodeOptions::default())?;
/// writer.begin(Schema::default(), 0)?;
/// writer.part(&WorldPart::new(WorldDoc::default(), 0, 0))?;
/// let (bytes, report) = writer.finish()?;
/// assert_eq!(report.bytes_total, bytes.len() as u64);
///
/// let mut reader = PartReader::new(bytes.as_slice(), Limits::default())?;
/// assert!(reader.next_part()?.is_some());
/// assert!(reader.next_part()?.is_none());
/// # Ok::<(), keepstone_ecs_persist::Error>(())
/// ```
pub struct PartWriter<W> {
    writer: Writer<W>,
    options: EncodeOptions,
    name: String,
    begun: Option<Begun>,
    report: EncodeReport,
}

/// What is known of the whole world.
struct Begun {
    schema: Schema,
    encoded: Vec<u8>,
    total: u32,
    next: u32,
    parts: u16,
    foreign_ids: bool,
    ranked: Vec<Option<bool>>,
}

impl<W> fmt::Debug for PartWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartWriter").field("report", &self.report).finish_non_exhaustive()
    }
}

impl<W: Write> PartWriter<W> {
    /// Starts a container for one world of this name.
    ///
    /// # Errors
    /// [`Error::Format`] when `out` fails or the metadata is too long.
    pub fn new(out: W, name: &str, meta: &WorldMeta, options: &EncodeOptions) -> Result<Self, Error> {
        let head = WriterOptions::new(FileKind::WORLD)
            .codec(options.codec)
            .head(meta.to_metadata())
            .store(options.store_id, 0)
            .threads(options.threads)
            .in_parts();
        let writer = Writer::new(out, head)?;
        let (name, options, report) = (name.to_owned(), options.clone(), EncodeReport::default());
        Ok(Self { writer, options, name, begun: None, report })
    }

    /// Writes what stands behind all parts, flushes, and returns `out` and what was written.
    ///
    /// # Errors
    /// [`Error::Invalid`] when parts are missing, [`Error::Format`] when `out` fails.
    pub fn finish(self) -> Result<(W, EncodeReport), Error> {
        let Some(begun) = self.begun.filter(|begun| begun.parts > 0) else {
            return Err(invalid("parts of the world", 0, "at least 1"));
        };
        if begun.next != begun.total {
            return Err(invalid("entities of all parts", begun.next, begun.total));
        }
        let mut report = self.report;
        let mut tail = Metadata::new();
        tail.set_schema_hash(hash_encoded(&begun.encoded));
        tail.set_entity_count(report.entities).set_value_count(report.values);
        let (out, written) = self.writer.finish(tail)?;
        report.components = begun.schema.components().len() as u64;
        report.bytes_decoded = written.raw_bytes;
        report.bytes_stored = written.stored_bytes;
        report.bytes_total = written.bytes;
        Ok((out, report))
    }
}

impl<W: Write> PartSink for PartWriter<W> {
    fn begin(&mut self, schema: Schema, total: u32) -> Result<(), Error> {
        let encoded = schema.encode()?;
        let ranked = vec![None; schema.components().len()];
        let (next, parts, foreign_ids) = (0, 0, false);
        self.begun = Some(Begun { schema, encoded, total, next, parts, foreign_ids, ranked });
        Ok(())
    }

    fn part(&mut self, part: &WorldPart<'_>) -> Result<(), Error> {
        let Some(begun) = &mut self.begun else {
            return Err(invalid("part of the world", "before the schema", "behind it"));
        };
        let places = begun.check(part)?;
        let tables = encode_tables(&self.name, &part.doc, &places, Some((part.first, part.total)))?;
        let columns = places.iter().copied().zip(&part.doc.columns);
        let ids = part.doc.foreign_ids.as_deref();
        write_world(&mut self.writer, begun.parts, &begun.encoded, &tables, ids, columns, &self.options)?;
        begun.parts =
            begun.parts.checked_add(1).ok_or_else(|| invalid("parts of the world", "more", 65_535))?;
        begun.next = part.first.saturating_add(part.doc.entity_count());
        self.report.entities += u64::from(part.doc.entity_count());
        self.report.values += part.doc.value_count();
        Ok(())
    }
}

impl Begun {
    /// Checks that a part is the next one, and says where its columns are in the schema.
    fn check(&mut self, part: &WorldPart<'_>) -> Result<Vec<u16>, Error> {
        part.check()?;
        if part.first != self.next || part.total != self.total {
            return Err(invalid("first ordinal of a part", part.first, self.next));
        }
        if self.parts > 0 && part.doc.tables.is_empty() {
            return Err(invalid("entities of a part", 0, "at least 1"));
        }
        if self.parts == 0 {
            self.foreign_ids = part.doc.foreign_ids.is_some();
        } else if part.doc.foreign_ids.is_some() != self.foreign_ids {
            return Err(invalid("foreign ids of a part", part.doc.foreign_ids.is_some(), self.foreign_ids));
        }
        let mut places = Vec::with_capacity(part.doc.columns.len());
        for (column, rows) in part.doc.columns.iter().zip(part.doc.rows_per_column()) {
            let components = self.schema.components();
            let found = components.binary_search_by(|known| known.name.cmp(&column.schema.name)).ok();
            let Some(at) = found.filter(|&at| components.get(at) == Some(&column.schema)) else {
                return Err(invalid("component of a part", &column.schema.name, "one of the schema"));
            };
            if rows == 0 || (column.schema.resource && self.parts > 0) {
                return Err(invalid("rows of a column of a part", rows, "some, and resources in the first"));
            }
            self.check_ranked(at, column)?;
            places.push(u16::try_from(at).unwrap_or(u16::MAX));
        }
        let resources = self.schema.components().iter().filter(|known| known.resource).count();
        let found = part.doc.columns.iter().filter(|column| column.schema.resource).count();
        if self.parts == 0 && found != resources {
            return Err(invalid("resources of the first part", found, resources));
        }
        Ok(places)
    }

    fn check_ranked(&mut self, at: usize, column: &Column<'_>) -> Result<(), Error> {
        let ColumnData::References { ranks, .. } = &column.data else { return Ok(()) };
        let Encoding::Reference { linked: true } = column.schema.encoding else { return Ok(()) };
        let Some(known) = self.ranked.get_mut(at) else { return Ok(()) };
        match known.replace(ranks.is_some()) {
            Some(before) if before != ranks.is_some() => {
                Err(invalid("ranks of a part", ranks.is_some(), before))
            }
            _ => Ok(()),
        }
    }
}
