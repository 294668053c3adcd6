use std::io::{self, Write};

use keepstone_format::plain::{OwnedLayout, Primitive};
use keepstone_format::{
    ArrayHead, Codec, FileKind, Filter, Limits, Metadata, SectionId, SectionOptions, Writer, WriterOptions,
};

use super::{Snapshot, section};
use crate::error::Error;

/// Ids that are made at a time.
const IDS_MAX: u32 = 4096;

impl Snapshot<'_> {
    /// The names of the arrays that a snapshot becomes, in their order.
    pub const ARRAYS: [&'static str; 4] = ["vectors", "ids", "deleted", "graph"];

    /// Writes the snapshot as a keepstone container of kind snapshot: its arrays, then its metadata. Returns how many sections
    /// there are. The same snapshot and codec give the same bytes.
    ///
    /// With [`Codec::None`] the arrays are raw, so that they can be used in place. What was lost ([`Snapshot::salvage`]) has a
    /// head and no values.
    ///
    /// ```
    /// use keepstone_compat::edgevec::Snapshot;
    /// use keepstone_format::{Codec, FileKind, Limits, Reader};
    ///
    /// # let bytes = include_bytes!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"),
    /// #     "/tests/fixtures/edgevec/snap_100x8_deleted_meta.evec",
    /// # ));
    /// // `bytes` is the content of an .evec file.
    /// let snapshot = Snapshot::read(bytes, &Limits::for_file_len(bytes.len() as u64))?;
    /// let (keep, sections) = snapshot.write_keep(Vec::new(), Codec::None)?;
    /// assert_eq!(sections, 9);
    ///
    /// let reader = Reader::open(keep, Limits::default())?;
    /// assert_eq!(reader.header().kind, FileKind::SNAPSHOT);
    /// # Ok::<(), keepstone_compat::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Container`] if `out` fails, the codec is not built in, or a vector has more than 2^24 bytes;
    /// [`Error::MetadataRow`] if the metadata are beyond what a row can hold. Something may have been written then.
    pub fn write_keep<W: Write>(&self, out: W, codec: Codec) -> Result<(W, u32), Error> {
        let options = WriterOptions::new(FileKind::SNAPSHOT).codec(codec).head(self.head());
        let mut arrays = Arrays { writer: Writer::new(out, options)?, codec, instance: 0 };
        let [vectors, ids, deleted, graph] = Self::ARRAYS;
        if self.header.dimensions > 0 {
            arrays.put(vectors, Primitive::F32, self.header.dimensions, Some(self.vectors))?;
        }
        arrays.put_ids(ids, self.rows)?;
        arrays.put(deleted, Primitive::U8, 1, self.deleted())?;
        arrays.put(graph, Primitive::U8, 1, self.graph.map(|graph| graph.bytes()))?;
        let mut writer = arrays.writer;
        if let Some(entries) = &self.metadata {
            writer.coded_from(SectionId::EVEC_METADATA, 0, &[&section::encode(entries)?])?;
        }
        let (out, written) = writer.finish(Metadata::new())?;
        Ok((out, written.sections))
    }

    /// Checks that the decoded bytes of a section [`SectionId::EVEC_METADATA`] are metadata.
    ///
    /// # Errors
    ///
    /// As [`read_metadata`](super::read_metadata).
    pub fn check_metadata(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
        section::check(bytes, limits)
    }

    fn head(&self) -> Metadata {
        let header = &self.header;
        let mut head = Metadata::new();
        head.set_custom("origin", b"evec");
        head.set_custom("evec.version", format!("{}.{}", header.major, header.minor).as_bytes());
        head.set_custom("evec.m", header.hnsw_m.to_string().as_bytes());
        head.set_custom("evec.m0", header.hnsw_m0.to_string().as_bytes());
        head.set_custom("evec.seed", header.rng_seed.to_string().as_bytes());
        head
    }
}

/// Writes one array behind the other.
struct Arrays<W> {
    writer: Writer<W>,
    codec: Codec,
    instance: u32,
}

impl<W: Write> Arrays<W> {
    /// Writes an array; without its bytes only that there was one.
    fn put(
        &mut self,
        name: &str,
        primitive: Primitive,
        width: u32,
        bytes: Option<&[u8]>,
    ) -> Result<(), Error> {
        let instance = self.put_head(name, primitive, width)?;
        let Some(bytes) = bytes else { return Ok(()) };
        if self.codec == Codec::None {
            self.writer.raw_from(SectionId::ARRAY, instance, &[bytes])?;
        } else {
            let options = self.options(primitive);
            self.writer.coded_from_with(SectionId::ARRAY, instance, &[bytes], options)?;
        }
        Ok(())
    }

    fn put_ids(&mut self, name: &str, rows: u32) -> Result<(), Error> {
        let instance = self.put_head(name, Primitive::U64, 1)?;
        if self.codec == Codec::None {
            let mut section = self.writer.raw(SectionId::ARRAY, instance, u64::from(rows) * 8)?;
            write_ids(&mut section, rows)?;
            section.finish()?;
        } else {
            let options = self.options(Primitive::U64);
            let mut section = self.writer.coded_with(SectionId::ARRAY, instance, options)?;
            write_ids(&mut section, rows)?;
            section.finish()?;
        }
        Ok(())
    }

    fn put_head(&mut self, name: &str, primitive: Primitive, width: u32) -> Result<u32, Error> {
        let instance = self.instance;
        self.instance += 1;
        let head = ArrayHead { name: name.to_owned(), layout: OwnedLayout::Primitive(primitive), width };
        self.writer.coded_from(SectionId::ARRAY_HEAD, instance, &[&head.encode()?])?;
        Ok(instance)
    }

    /// Bytes of one place of the numbers compress better together.
    fn options(&self, primitive: Primitive) -> SectionOptions {
        let options = SectionOptions::new(self.codec);
        match u8::try_from(primitive.size()) {
            Ok(width @ 2..) => options.filter(Filter::Shuffle { width }),
            _ => options,
        }
    }
}

/// Writes 1 to `rows`.
fn write_ids(out: &mut dyn Write, rows: u32) -> Result<(), Error> {
    let mut bytes = Vec::new();
    let mut first = 0;
    while first < rows {
        let end = rows.min(first.saturating_add(IDS_MAX));
        bytes.clear();
        bytes.extend((first..end).flat_map(|row| (u64::from(row) + 1).to_le_bytes()));
        out.write_all(&bytes).map_err(write_failed)?;
        first = end;
    }
    Ok(())
}

fn write_failed(source: io::Error) -> Error {
    keepstone_format::Error::Io { op: "writing the container", source }.into()
}
