use std::path::Path;

use anyhow::{Context, Result, ensure};
use keepstone::{
    Codec,
    format::{FileKind, Filter, Limits, Metadata, Reader, SectionId, Writer, WriterOptions},
};

use crate::{
    case::{Case, Plan},
    columns::Columns,
    mixed,
};

/// Bytes that one chunk of a container decodes to.
const CHUNK_LEN: usize = 1 << 20;
/// The level that zstd takes unless told otherwise.
const ZSTD_LEVEL: i32 = 3;

/// Plain columns, which hardly compress, into a container, beside LZ4 alone on the same chunks.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn write_lz4(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(written_lz4(plan, data(plan)))
}

/// The other columns of the mixed world, names and parents, which compress to about two thirds.
pub(super) fn write_lz4_rows(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(written_lz4(plan, Columns::new(mixed::rows(plan.amount)).other_bytes()?))
}

/// Plain columns again, beside all that a container of them takes: LZ4, a CRC-32 of what is shorter, a copy of it.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn write_lz4_summed(plan: &Plan, _: &Path) -> Result<Case> {
    let data = data(plan);
    let same = data.clone();
    let mut room = vec![0; lz4_flex::block::get_maximum_output_size(CHUNK_LEN)];
    let mut out = Vec::new();
    let case = written(plan, Codec::Lz4, data);
    Ok(case.floor(1.0, "LZ4 + CRC-32 + copy of the same chunks", move |watch| {
        watch.together(|| {
            out.clear();
            let mut sum = 0;
            for chunk in same.chunks(CHUNK_LEN) {
                let len = lz4_flex::block::compress_into(chunk, &mut room)?;
                let payload = room.get(..len).filter(|_| len < chunk.len()).unwrap_or(chunk);
                sum ^= crc32fast::hash(payload);
                out.extend_from_slice(payload);
            }
            Ok(sum)
        })
    }))
}

/// Plain columns with their bytes shuffled and LZ4, beside the same without the shuffle.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn write_lz4_shuffled(plan: &Plan, _: &Path) -> Result<Case> {
    let columns = Columns::new(mixed::rows(plan.amount));
    let same = columns.clone();
    let (mut out, mut floor) = (Vec::new(), Vec::new());
    let case = plan.case().ours(move |watch| {
        watch.together(|| {
            out = column_by_column(std::mem::take(&mut out), &columns, |width| Filter::Shuffle { width })?;
            Ok(out.len())
        })?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    });
    Ok(case.floor(1.0, "the same columns with LZ4, not shuffled", move |watch| {
        watch.together(|| {
            floor = column_by_column(std::mem::take(&mut floor), &same, |_| Filter::None)?;
            Ok(floor.len())
        })
    }))
}

/// Each plain column as a section of its own.
fn column_by_column(mut out: Vec<u8>, columns: &Columns, filter: impl Fn(u8) -> Filter) -> Result<Vec<u8>> {
    out.clear();
    let mut writer = Writer::new(out, WriterOptions::new(FileKind::SAVE).codec(Codec::Lz4))?;
    for (instance, (width, column)) in (0..).zip(columns.plain_columns()) {
        let options = writer.section_options().filter(filter(width));
        writer.coded_from_with(SectionId::VALUES, instance, &[column], options)?;
    }
    Ok(writer.finish(Metadata::new())?.0)
}

fn written_lz4(plan: &Plan, data: Vec<u8>) -> Case {
    let floor = data.clone();
    let mut room = vec![0; lz4_flex::block::get_maximum_output_size(CHUNK_LEN)];
    let case = written(plan, Codec::Lz4, data);
    case.floor(1.0, "LZ4 alone on the same chunks", move |watch| {
        watch.together(|| {
            let mut len = 0;
            for chunk in floor.chunks(CHUNK_LEN) {
                len += lz4_flex::block::compress_into(chunk, &mut room)?;
            }
            Ok(len)
        })
    })
}

/// The same with zstd.
pub(super) fn write_zstd(plan: &Plan, _: &Path) -> Result<Case> {
    let data = data(plan);
    let floor = data.clone();
    let mut room = vec![0; zstd::zstd_safe::compress_bound(CHUNK_LEN)];
    let mut codec = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
    let case = written(plan, Codec::Zstd, data);
    Ok(case.floor(1.0, "zstd alone on the same chunks", move |watch| {
        watch.together(|| {
            let mut len = 0;
            for chunk in floor.chunks(CHUNK_LEN) {
                len += codec.compress_to_buffer(chunk, &mut room)?;
            }
            Ok(len)
        })
    }))
}

/// Columns out of a container, beside LZ4 alone and a copy.
pub(super) fn read_lz4(plan: &Plan, _: &Path) -> Result<Case> {
    let data = data(plan);
    let chunks: Vec<Vec<u8>> = data.chunks(CHUNK_LEN).map(lz4_flex::block::compress).collect();
    let mut room = vec![0; CHUNK_LEN];
    let mut out = Vec::new();
    let case = read(plan, Codec::Lz4, &data)?;
    Ok(case.floor(1.0, "LZ4 alone + copy", move |watch| {
        watch.together(|| {
            out.clear();
            for chunk in &chunks {
                let len = lz4_flex::block::decompress_into(chunk, &mut room)?;
                out.extend_from_slice(room.get(..len).context("more than a chunk")?);
            }
            Ok(out.len())
        })
    }))
}

/// The same with zstd.
pub(super) fn read_zstd(plan: &Plan, _: &Path) -> Result<Case> {
    let data = data(plan);
    let chunks = data.chunks(CHUNK_LEN).map(|chunk| zstd::bulk::compress(chunk, ZSTD_LEVEL));
    let chunks = chunks.collect::<Result<Vec<_>, _>>()?;
    let mut room = vec![0; CHUNK_LEN];
    let mut out = Vec::new();
    let mut codec = zstd::bulk::Decompressor::new()?;
    let case = read(plan, Codec::Zstd, &data)?;
    Ok(case.floor(1.0, "zstd alone + copy", move |watch| {
        watch.together(|| {
            out.clear();
            for chunk in &chunks {
                let len = codec.decompress_to_buffer(chunk, &mut room)?;
                out.extend_from_slice(room.get(..len).context("more than a chunk")?);
            }
            Ok(out.len())
        })
    }))
}

/// A column of references into a container, beside its copy.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn references(plan: &Plan, _: &Path) -> Result<Case> {
    let data: Vec<u8> = (0..plan.amount).flat_map(|row| (row / 3).to_le_bytes()).collect();
    let same = data.clone();
    let mut floor = Vec::new();
    let case = written(plan, Codec::None, data).limit(2.0);
    Ok(case.floor(1.0, "memcpy of the column", move |watch| {
        watch.together(|| {
            floor.clear();
            floor.extend_from_slice(&same);
            Ok(floor.len())
        })
    }))
}

fn data(plan: &Plan) -> Vec<u8> {
    Columns::new(mixed::rows(plan.amount)).plain_bytes()
}

fn container(out: Vec<u8>, codec: Codec, data: &[u8]) -> Result<Vec<u8>> {
    let mut writer = Writer::new(out, WriterOptions::new(FileKind::SAVE).codec(codec))?;
    writer.coded_from(SectionId::BYTES, 0, &[data])?;
    Ok(writer.finish(Metadata::new())?.0)
}

fn written(plan: &Plan, codec: Codec, data: Vec<u8>) -> Case {
    let mut out = Vec::new();
    let case = plan.case().ours(move |watch| {
        watch.together(|| {
            out.clear();
            out = container(std::mem::take(&mut out), codec, &data)?;
            Ok(out.len())
        })?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    });
    case.limit(1.1)
}

fn read(plan: &Plan, codec: Codec, data: &[u8]) -> Result<Case> {
    let file = container(Vec::new(), codec, data)?;
    let len = data.len();
    let mut out = Vec::new();
    let case = plan.case().ours(move |watch| {
        let reader = Reader::open(file.as_slice(), Limits::for_file_len(file.len() as u64))?;
        watch.together(|| {
            out.clear();
            reader.read_into(reader.find(SectionId::BYTES, 0)?, &mut out)?;
            ensure!(out.len() == len, "the section has another length");
            Ok(len)
        })
    });
    Ok(case.limit(1.1))
}
