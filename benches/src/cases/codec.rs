use std::{num::NonZeroUsize, path::Path};

use anyhow::{Context, Result, ensure};
use keepstone::{
    Codec, SaveOptions,
    format::{
        CodedSection, FileKind, Filter, Limits, Metadata, Reader, Section, SectionId, Writer, WriterOptions,
    },
    prelude::*,
};

use crate::{
    case::{Case, Plan},
    columns::Columns,
    mixed,
};

/// Bytes that one chunk of a container decodes to.
const CHUNK_LEN: usize = 1 << 20;
const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
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

/// The same columns with two threads, beside LZ4 alone with one.
pub(super) fn write_lz4_rows_in_two(plan: &Plan, _: &Path) -> Result<Case> {
    let data = Columns::new(mixed::rows(plan.amount)).other_bytes()?;
    let floor = data.clone();
    let mut out = Vec::new();
    let case = plan.case().ours(move |watch| {
        watch.together(|| {
            out = container(std::mem::take(&mut out), Codec::Lz4, TWO, &data)?;
            Ok(out.len())
        })?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    });
    Ok(against_lz4(case.limit(0.65), floor))
}

/// The same columns out of a container with two threads, beside the same with one.
pub(super) fn read_lz4_rows_in_two(plan: &Plan, _: &Path) -> Result<Case> {
    let data = Columns::new(mixed::rows(plan.amount)).other_bytes()?;
    let file = container(Vec::new(), Codec::Lz4, NonZeroUsize::MIN, &data)?;
    let same = file.clone();
    let case = plan.case().ours(move |watch| watch.together(|| read_all(&file, TWO)));
    Ok(case.floor(1.0, "the same with one thread", move |watch| {
        watch.together(|| read_all(&same, NonZeroUsize::MIN))
    }))
}

fn read_all(file: &[u8], threads: NonZeroUsize) -> Result<usize> {
    let reader = Reader::open(file, Limits::for_file_len(file.len() as u64))?;
    let sections: Vec<&Section> = reader.sections().iter().collect();
    Ok(reader.read_many(&sections, threads)?.iter().flatten().map(|chunk| chunk.len()).sum())
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
    against_lz4(written(plan, Codec::Lz4, data), floor)
}

fn against_lz4(case: Case, floor: Vec<u8>) -> Case {
    let mut room = vec![0; lz4_flex::block::get_maximum_output_size(CHUNK_LEN)];
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

/// The sections of the mixed world into a container, beside LZ4 alone on the same chunks.
pub(super) fn write_world(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(world_written(plan, NonZeroUsize::MIN)?.limit(1.1))
}

/// The same with two threads.
pub(super) fn write_world_in_two(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(world_written(plan, TWO)?.limit(0.65))
}

/// The same sections beside all that a container of them takes.
pub(super) fn write_world_summed(plan: &Plan, _: &Path) -> Result<Case> {
    let sections = world_sections(plan)?;
    let mut room = vec![0; lz4_flex::block::get_maximum_output_size(CHUNK_LEN)];
    let mut out = Vec::new();
    let case = world_case(plan, NonZeroUsize::MIN)?.limit(1.1);
    Ok(case.floor(1.0, "LZ4 + CRC-32 + copy of the same chunks", move |watch| {
        watch.together(|| {
            out.clear();
            let mut sum = 0;
            for chunk in chunks(&sections) {
                let len = lz4_flex::block::compress_into(chunk, &mut room)?;
                let payload = room.get(..len).filter(|_| len < chunk.len()).unwrap_or(chunk);
                sum ^= crc32fast::hash(payload);
                out.extend_from_slice(payload);
            }
            Ok(sum)
        })
    }))
}

/// What a save without a codec has in its sections.
fn world_sections(plan: &Plan) -> Result<Vec<(SectionId, u32, Vec<u8>)>> {
    let mut bytes = Vec::new();
    mixed::world(plan.amount).save_to_with(&mut bytes, &SaveOptions::default().codec(Codec::None))?;
    let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64))?;
    let sections = reader.sections().iter();
    sections
        .map(|section| Ok((section.id(), section.instance(), reader.read(section)?.into_owned())))
        .collect()
}

fn chunks(sections: &[(SectionId, u32, Vec<u8>)]) -> impl Iterator<Item = &[u8]> {
    sections.iter().flat_map(|(_, _, bytes)| bytes.chunks(CHUNK_LEN))
}

fn world_container(
    mut out: Vec<u8>,
    sections: &[(SectionId, u32, Vec<u8>)],
    threads: NonZeroUsize,
) -> Result<Vec<u8>> {
    out.clear();
    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::Lz4).threads(threads);
    let mut writer = Writer::new(out, options)?;
    let pieces: Vec<[&[u8]; 1]> = sections.iter().map(|(_, _, bytes)| [bytes.as_slice()]).collect();
    let options = writer.section_options();
    let sections = sections.iter().zip(&pieces);
    let sections: Vec<CodedSection<'_>> = sections
        .map(|((id, instance, _), pieces)| CodedSection::new(*id, *instance, pieces, options))
        .collect();
    writer.coded_all(&sections)?;
    Ok(writer.finish(Metadata::new())?.0)
}

fn world_case(plan: &Plan, threads: NonZeroUsize) -> Result<Case> {
    let sections = world_sections(plan)?;
    let mut out = Vec::new();
    Ok(plan.case().ours(move |watch| {
        watch.together(|| {
            out = world_container(std::mem::take(&mut out), &sections, threads)?;
            Ok(out.len())
        })?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    }))
}

fn world_written(plan: &Plan, threads: NonZeroUsize) -> Result<Case> {
    let sections = world_sections(plan)?;
    let mut room = vec![0; lz4_flex::block::get_maximum_output_size(CHUNK_LEN)];
    let case = world_case(plan, threads)?;
    Ok(case.floor(1.0, "LZ4 alone on the same chunks", move |watch| {
        watch.together(|| {
            let mut len = 0;
            for chunk in chunks(&sections) {
                len += lz4_flex::block::compress_into(chunk, &mut room)?;
            }
            Ok(len)
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

fn container(mut out: Vec<u8>, codec: Codec, threads: NonZeroUsize, data: &[u8]) -> Result<Vec<u8>> {
    out.clear();
    let mut writer = Writer::new(out, WriterOptions::new(FileKind::SAVE).codec(codec).threads(threads))?;
    writer.coded_from(SectionId::BYTES, 0, &[data])?;
    Ok(writer.finish(Metadata::new())?.0)
}

fn written(plan: &Plan, codec: Codec, data: Vec<u8>) -> Case {
    let mut out = Vec::new();
    let case = plan.case().ours(move |watch| {
        watch.together(|| {
            out = container(std::mem::take(&mut out), codec, NonZeroUsize::MIN, &data)?;
            Ok(out.len())
        })?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    });
    case.limit(1.1)
}

fn read(plan: &Plan, codec: Codec, data: &[u8]) -> Result<Case> {
    let file = container(Vec::new(), codec, NonZeroUsize::MIN, data)?;
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
