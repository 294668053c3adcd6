use std::{
    io::{BufWriter, Write},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use keepstone_ecs_persist::{
    DeltaFormat, EncodeOptions, EncodeReport, WorldDelta, WorldDoc, WorldFormat, WriteOptions, encode_worlds,
};
use keepstone_format::{CrcWriter, Limits, Reader, crc32};
use keepstone_storage::{Durability, Files, atomic};

use crate::{captured::Left, error::Error, options::SaveOptions, report::SaveReport};

/// Headers and small columns go to the file together; a larger payload passes by without a copy.
const BUFFER_LEN: usize = 64 << 10;

/// How documents become a file: what of [`SaveOptions`] concerns neither the world nor its registry, so that it can go to another thread.
#[derive(Clone)]
pub(crate) struct Target {
    /// None is the container.
    format: Option<Arc<dyn WorldFormat>>,
    /// None is the container.
    delta_format: Option<Arc<dyn DeltaFormat>>,
    write: WriteOptions,
    durability: Durability,
    read_back: bool,
    bytes_max: u64,
    files: Arc<dyn Files>,
}

/// Documents that were written, and how to tell whether a file holds them.
pub(crate) struct Encoded {
    pub(crate) report: EncodeReport,
    pub(crate) time: Duration,
    /// Of all bytes; absent for the container, which has its own checksums.
    pub(crate) crc: Option<u32>,
}

impl Target {
    pub(crate) fn of<R>(options: &SaveOptions<'_, R>) -> Self {
        let container = EncodeOptions::default()
            .codec(options.codec)
            .shuffle(options.shuffle)
            .threads(options.threads)
            .store_id(options.store_id);
        Self {
            format: options.format.clone().filter(|format| !format.is_columnar()),
            delta_format: options.delta_format.clone().filter(|format| !format.is_columnar()),
            write: WriteOptions::default().pretty(options.pretty).schema(options.schema).container(container),
            durability: options.durability,
            read_back: options.read_back,
            bytes_max: options.bytes_max,
            files: Arc::clone(&options.files),
        }
    }

    /// Writes documents to a stream.
    pub(crate) fn to_stream(
        &self,
        docs: &[&WorldDoc<'_>],
        out: &mut dyn Write,
        left: Left,
        capture_time: Duration,
    ) -> Result<SaveReport, Error> {
        let encoded = self.encode(docs, out)?;
        Ok(report(encoded, left, capture_time))
    }

    /// How the container is written.
    pub(crate) fn container(&self) -> &EncodeOptions {
        &self.write.container
    }

    /// Puts documents in the place of a file.
    pub(crate) fn to_file(
        &self,
        docs: &[&WorldDoc<'_>],
        path: &Path,
        left: Left,
        capture_time: Duration,
    ) -> Result<SaveReport, Error> {
        self.replace(path, |out| Ok((self.encode(docs, out)?, left)), capture_time)
    }

    /// Puts what `encode` writes in the place of a file.
    pub(crate) fn replace(
        &self,
        path: &Path,
        encode: impl FnOnce(&mut dyn Write) -> Result<(Encoded, Left), Error>,
        capture_time: Duration,
    ) -> Result<SaveReport, Error> {
        let file = atomic::Writer::create(&*self.files, path, self.durability)?;
        let mut out = BufWriter::with_capacity(BUFFER_LEN, file);
        let (encoded, left) = encode(&mut out)?;
        let start = Instant::now();
        let file = out.into_inner().map_err(|error| Error::Write { source: error.into_error() })?;
        if encoded.report.bytes_total > self.bytes_max {
            let (needs, allowed) = (encoded.report.bytes_total, self.bytes_max);
            let what = "bytes of the file";
            return Err(keepstone_ecs_persist::Error::Limit { what, needs, allowed }.into());
        }
        file.commit()?;
        if self.read_back {
            self.read_back(path, encoded.crc)?;
        }
        let mut report = report(encoded, left, capture_time);
        report.durability = Some(self.durability);
        report.commit_time = start.elapsed();
        Ok(report)
    }

    fn encode(&self, docs: &[&WorldDoc<'_>], out: &mut dyn Write) -> Result<Encoded, Error> {
        let start = Instant::now();
        let Some(format) = &self.format else {
            let (_, report) = encode_worlds(docs, out, &self.write.container)?;
            return Ok(Encoded { report, time: start.elapsed(), crc: None });
        };
        let mut out = CrcWriter::new(out);
        format.save(docs, &mut out, &self.write)?;
        let bytes = out.byte_count();
        let mut report = EncodeReport::default();
        for doc in docs {
            report.entities += u64::from(doc.entity_count());
            report.components += doc.columns.len() as u64;
            report.values += doc.value_count();
        }
        (report.bytes_decoded, report.bytes_stored, report.bytes_total) = (bytes, bytes, bytes);
        Ok(Encoded { report, time: start.elapsed(), crc: Some(out.crc()) })
    }

    /// Writes a delta to a stream.
    pub(crate) fn encode_delta(&self, delta: &WorldDelta<'_>, out: &mut dyn Write) -> Result<Encoded, Error> {
        let start = Instant::now();
        let Some(format) = &self.delta_format else {
            let (_, report) = delta.encode(out, &self.write.container)?;
            return Ok(Encoded { report, time: start.elapsed(), crc: None });
        };
        let mut out = CrcWriter::new(out);
        format.save(delta, &mut out, &self.write)?;
        let bytes = out.byte_count();
        let mut report = EncodeReport::default();
        report.entities = delta.doc.entity_count().into();
        report.components = delta.doc.columns.len() as u64;
        report.values = delta.doc.value_count();
        (report.bytes_decoded, report.bytes_stored, report.bytes_total) = (bytes, bytes, bytes);
        Ok(Encoded { report, time: start.elapsed(), crc: Some(out.crc()) })
    }

    fn read_back(&self, path: &Path, crc: Option<u32>) -> Result<(), Error> {
        let mut bytes = Vec::new();
        keepstone_storage::read(&*self.files, path, u64::MAX, &mut bytes)?;
        let Some(expected) = crc else {
            return check(&bytes).map_err(|source| Error::from(source).in_file(path));
        };
        if crc32(&bytes) == expected { Ok(()) } else { Err(Error::ReadBack { path: path.to_owned() }) }
    }
}

pub(crate) fn report(encoded: Encoded, left: Left, capture_time: Duration) -> SaveReport {
    let Encoded { report: mut encoded, time: encode_time, .. } = encoded;
    encoded.left_out.extend(left.values);
    encoded.entities_left_out += left.entities;
    encoded.dangling += left.dangling;
    SaveReport { encoded, durability: None, capture_time, encode_time, commit_time: Duration::ZERO }
}

fn check(bytes: &[u8]) -> Result<(), keepstone_ecs_persist::Error> {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64))?;
    let mut first = None;
    reader.verify(&mut |damage| {
        first.get_or_insert(damage);
    })?;
    match first {
        Some(damage) => Err(damage.into()),
        None => Ok(()),
    }
}
