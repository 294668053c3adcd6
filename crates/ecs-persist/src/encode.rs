use std::{borrow::Cow, collections::HashSet, io::Write, num::NonZeroUsize};

use keepstone_format::{
    Codec, CodedSection, FileKind, Filter, Metadata, SectionId, SectionOptions, Writer, WriterOptions, plain,
    wire,
};

use crate::{
    check::invalid,
    decode::instance,
    doc::{Column, ColumnData, WorldDoc},
    error::Error,
    lengths::Lengths,
    report::EncodeReport,
    schema::{encode_all, hash_encoded},
};

/// How a world becomes a container.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// The codec of all sections; LZ4 unless chosen, whatever features are built.
    pub codec: Codec,
    /// Whether the bytes of plain columns are shuffled before the codec; off unless chosen. See [`EncodeOptions::shuffle`].
    pub shuffle: bool,
    /// The store that the file belongs to; all zero for none.
    pub store_id: [u8; 16],
    /// How many threads encode, at most; one unless chosen.
    pub threads: NonZeroUsize,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { codec: Codec::default(), shuffle: false, store_id: [0; 16], threads: NonZeroUsize::MIN }
    }
}

impl EncodeOptions {
    /// Chooses how many threads encode, at most. The bytes are the same for any number. It pays where a codec has much to do: from
    /// some megabytes on, and more for zstd than for LZ4.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Chooses the codec.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Chooses whether the bytes of plain columns are shuffled before the codec: the first bytes of all rows stand together,
    /// then the second ones, and so on. Numbers that are near each other then compress better, and writing takes longer: of
    /// 12 MB of random positions, velocities and health LZ4 alone saves nothing, and with the shuffle a sixth, in five times
    /// the time (15 ms instead of 3 on one machine).
    ///
    /// Rows of 1 byte or more than 255, and columns that are not plain, stay as they are, and without a codec nothing is
    /// shuffled, as nothing would get smaller. A reader needs no option: each chunk says how it is stored.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// How the values of a plain column with rows of this size are stored.
    fn section(&self, row_size: usize, whole: SectionOptions) -> SectionOptions {
        match u8::try_from(row_size) {
            Ok(width @ 2..) if self.shuffle && whole.codec != Codec::None => {
                whole.filter(Filter::Shuffle { width })
            }
            _ => whole,
        }
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
        encode_worlds(&[self], out, options)
    }

    /// Writes the sections of this world into a container of kind *world* or *save* that has been begun, and returns the tail metadata
    /// that [`Writer::finish`] takes and what was written; the bytes of the report stay zero, as only the writer knows them.
    ///
    /// Codec and store are those of the writer; of the options the threads and the shuffle count. What the application says about the world
    /// is for the head of the container: see [`WorldMeta::to_metadata`](crate::WorldMeta::to_metadata).
    ///
    /// ```
    /// use keepstone_ecs_persist::{EncodeOptions, WorldDoc};
    /// use keepstone_format::{FileKind, Limits, Reader, Writer, WriterOptions};
    ///
    /// # #[cfg(feature = "lz4")] {
    /// let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE))?;
    /// let (tail, _) = WorldDoc::default().write_sections(&mut writer, &EncodeOptions::default())?;
    /// let (bytes, _) = writer.finish(tail)?;
    ///
    /// let reader = Reader::open(bytes.as_slice(), Limits::default())?;
    /// assert_eq!(WorldDoc::decode(&reader, 0)?, WorldDoc::default());
    /// # }
    /// # Ok::<(), keepstone_ecs_persist::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`WorldDoc::encode`]; nothing was written when columns and tables disagree.
    pub fn write_sections<W: Write>(
        &self,
        writer: &mut Writer<W>,
        options: &EncodeOptions,
    ) -> Result<(Metadata, EncodeReport), Error> {
        self.check()?;
        write_worlds(&[self], writer, options)
    }

    /// How many bytes [`WorldDoc::write_sections`] writes before any codec.
    ///
    /// # Errors
    /// As [`WorldDoc::encode`], as far as the document is concerned.
    pub fn sections_len(&self) -> Result<u64, Error> {
        let mut len = 0;
        each_section(self, &mut |_, _, pieces| {
            len += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        })?;
        Ok(len)
    }
}

/// Writes the sections of one world or part; `columns` come with the numbers of their components.
pub(crate) fn write_world<'c, W: Write>(
    writer: &mut Writer<W>,
    world: u16,
    schema: &[u8],
    tables: &[u8],
    foreign_ids: Option<&[u128]>,
    columns: impl Iterator<Item = (u16, &'c Column<'c>)>,
    options: &EncodeOptions,
) -> Result<(), Error> {
    let whole = instance(world, 0);
    writer.coded_from(SectionId::SCHEMA, whole, &[schema])?;
    writer.coded_from(SectionId::TABLES, whole, &[tables])?;
    if let Some(ids) = foreign_ids {
        writer.coded_from(SectionId::FOREIGN_IDS, whole, &[&plain::to_le_bytes_cow(ids)])?;
    }
    if options.threads.get() > 1 {
        return write_together(writer, world, columns, options);
    }
    let whole = writer.section_options();
    for (component, column) in columns {
        let instance = instance(world, component);
        put_column(column, options, whole, &mut |id, bytes, options| {
            let written = match &bytes {
                Bytes::One(bytes) => writer.coded_from_with(id, instance, &[bytes], options),
                Bytes::Pieces([piece]) => writer.coded_from_with(id, instance, &[piece], options),
                Bytes::Pieces(_) => writer.coded_from_with(id, instance, &bytes.pieces(), options),
            };
            Ok(written?)
        })?;
    }
    Ok(())
}

/// Takes a section: its id, its instance, and what it holds in pieces.
pub(crate) type PutSection<'p> = dyn FnMut(SectionId, u32, &[&[u8]]) + 'p;

/// Hands out what the sections of a world in one piece hold, in their order.
pub(crate) fn each_section(doc: &WorldDoc<'_>, put: &mut PutSection<'_>) -> Result<(), Error> {
    put(SectionId::SCHEMA, 0, &[&doc.schema().encode()?]);
    put(SectionId::TABLES, 0, &[&encode_tables(&doc.name, doc, &[], None)?]);
    if let Some(ids) = &doc.foreign_ids {
        put(SectionId::FOREIGN_IDS, 0, &[&plain::to_le_bytes_cow(ids)]);
    }
    let (options, whole) = (EncodeOptions::default(), SectionOptions::new(Codec::None));
    for (component, column) in (0_u16..).zip(&doc.columns) {
        put_column(column, &options, whole, &mut |id, bytes, _| {
            put(id, instance(0, component), &bytes.pieces());
            Ok(())
        })?;
    }
    Ok(())
}

/// Encodes the tables, with these numbers for the components at their places, and what a part says of the whole.
pub(crate) fn encode_tables(
    name: &str,
    doc: &WorldDoc<'_>,
    places: &[u16],
    part: Option<(u32, u32)>,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    wire::put_name(&mut out, name)?;
    wire::put_varint(&mut out, u64::from(doc.entity_count()));
    wire::put_varint(&mut out, doc.tables.len() as u64);
    for table in &doc.tables {
        wire::put_varint(&mut out, u64::from(table.rows));
        wire::put_varint(&mut out, table.components.len() as u64);
        for &component in &table.components {
            let component = places.get(usize::from(component)).copied().unwrap_or(component);
            wire::put_varint(&mut out, u64::from(component));
        }
    }
    if let Some((first, total)) = part {
        wire::put_varint(&mut out, u64::from(first));
        wire::put_varint(&mut out, u64::from(total));
    }
    Ok(out)
}

/// Writes several worlds, such as the levels of a game, into one container, from which each can be loaded alone.
///
/// The head metadata is that of the first. Otherwise as [`WorldDoc::encode`].
///
/// # Errors
/// As [`WorldDoc::encode`]; [`Error::Invalid`] when two worlds have one name, [`Error::Limit`] with more than 65,536.
pub fn encode_worlds<W: Write>(
    worlds: &[&WorldDoc<'_>],
    out: W,
    options: &EncodeOptions,
) -> Result<(W, EncodeReport), Error> {
    let head = worlds.first().map(|world| world.meta.to_metadata()).unwrap_or_default();
    let writer_options =
        WriterOptions::new(FileKind::WORLD).codec(options.codec).head(head).store(options.store_id, 0);
    let writer_options = writer_options.threads(options.threads);
    check_worlds(worlds)?;
    let mut writer = Writer::new(out, writer_options)?;
    let (tail, mut report) = write_worlds(worlds, &mut writer, options)?;
    let (out, written) = writer.finish(tail)?;
    report.bytes_decoded = written.raw_bytes;
    report.bytes_stored = written.stored_bytes;
    report.bytes_total = written.bytes;
    Ok((out, report))
}

/// Writes the sections of worlds, and returns the tail metadata.
fn write_worlds<W: Write>(
    worlds: &[&WorldDoc<'_>],
    writer: &mut Writer<W>,
    options: &EncodeOptions,
) -> Result<(Metadata, EncodeReport), Error> {
    let mut tail = Metadata::new();
    let mut report = EncodeReport::default();
    for (index, world) in (0_u16..=u16::MAX).zip(worlds) {
        let schema = encode_all(world.columns.iter().map(|column| &column.schema))?;
        let tables = encode_tables(&world.name, world, &[], None)?;
        let (ids, columns) = (world.foreign_ids.as_deref(), (0_u16..).zip(&world.columns));
        write_world(writer, index, &schema, &tables, ids, columns, options)?;
        if index == 0 {
            tail.set_schema_hash(hash_encoded(&schema));
        }
        report.entities += u64::from(world.entity_count());
        report.components += world.columns.len() as u64;
        report.values += world.value_count();
    }
    tail.set_entity_count(report.entities).set_value_count(report.values);
    Ok((tail, report))
}

fn check_worlds(worlds: &[&WorldDoc<'_>]) -> Result<(), Error> {
    let (needs, allowed) = (worlds.len() as u64, 1 << 16);
    if needs > allowed {
        return Err(Error::Limit { what: "worlds of a file", needs, allowed });
    }
    worlds.iter().try_for_each(|world| world.check())?;
    if worlds.len() == 1 {
        return Ok(());
    }
    let mut names = HashSet::new();
    for world in worlds {
        if !names.insert(&world.name) {
            return Err(invalid("name of a world", &world.name, "one that no other world of the file has"));
        }
    }
    Ok(())
}

/// What a section of a column holds.
enum Bytes<'c> {
    One(Cow<'c, [u8]>),
    Pieces(&'c [Cow<'c, [u8]>]),
}

impl Bytes<'_> {
    fn pieces(&self) -> Vec<&[u8]> {
        match self {
            Self::One(bytes) => vec![bytes],
            Self::Pieces(pieces) => pieces.iter().map(AsRef::as_ref).collect(),
        }
    }
}

/// Hands the sections of a column to `put`, in their order.
fn put_column<'c>(
    column: &'c Column<'_>,
    options: &EncodeOptions,
    whole: SectionOptions,
    put: &mut dyn FnMut(SectionId, Bytes<'c>, SectionOptions) -> Result<(), Error>,
) -> Result<(), Error> {
    match &column.data {
        ColumnData::Plain(pieces) => {
            let row_size = column.row_size().unwrap_or_default();
            if row_size != 0 {
                put(SectionId::VALUES, Bytes::Pieces(pieces), options.section(row_size, whole))?;
            }
        }
        ColumnData::Rows { data, lengths, targets } => {
            put(SectionId::VALUES, Bytes::One(Cow::Borrowed(data)), whole)?;
            put(SectionId::LENGTHS, Bytes::One(encode_lengths(lengths).into()), whole)?;
            if !targets.is_empty() {
                put(SectionId::TARGETS, Bytes::One(le_bytes(targets)), whole)?;
            }
        }
        ColumnData::Opaque { data, lengths } => {
            put(SectionId::VALUES, Bytes::One(Cow::Borrowed(data)), whole)?;
            put(SectionId::LENGTHS, Bytes::One(encode_lengths(lengths).into()), whole)?;
        }
        ColumnData::References { targets, ranks } => {
            put(SectionId::TARGETS, Bytes::One(le_bytes(targets)), whole)?;
            if let Some(ranks) = ranks {
                put(SectionId::RANKS, Bytes::One(le_bytes(ranks)), whole)?;
            }
        }
    }
    Ok(())
}

/// Writes columns with several threads, across the borders of sections.
fn write_together<'c, W: Write>(
    writer: &mut Writer<W>,
    world: u16,
    columns: impl Iterator<Item = (u16, &'c Column<'c>)>,
    options: &EncodeOptions,
) -> Result<(), Error> {
    let whole = writer.section_options();
    let mut sections: Vec<(SectionId, u32, Bytes<'c>, SectionOptions)> = Vec::new();
    for (component, column) in columns {
        let instance = instance(world, component);
        put_column(column, options, whole, &mut |id, bytes, options| {
            sections.push((id, instance, bytes, options));
            Ok(())
        })?;
    }
    let pieces: Vec<Vec<&[u8]>> = sections.iter().map(|(_, _, bytes, _)| bytes.pieces()).collect();
    let all: Vec<CodedSection<'_>> = sections
        .iter()
        .zip(&pieces)
        .map(|((id, instance, _, options), pieces)| CodedSection::new(*id, *instance, pieces, *options))
        .collect();
    Ok(writer.coded_all(&all)?)
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
