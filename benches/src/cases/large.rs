use std::{borrow::Cow, io, num::NonZeroUsize, path::Path};

use anyhow::{Context, Result, ensure};
use keepstone::{
    Codec, Durability,
    ecs::{
        Column, ColumnData, ComponentSchema, EncodeOptions, Encoding, Schema, Table, WorldDoc, list_worlds,
    },
    format::{
        Limits, ReadAt, Reader,
        plain::{OwnedLayout, Plain},
    },
    storage::{self, File, Files, OsFiles},
};

use crate::{
    case::{Case, Plan},
    mixed::Position,
};

/// What a world in a file is, told without reading its columns, beside reading as many bytes from the same places.
pub(super) fn inspect(plan: &Plan, dir: &Path) -> Result<Case> {
    let path = dir.join("inspect.keep");
    let len = write(plan, &path)?;
    let same = path.clone();
    let case = plan.case().ours(move |watch| {
        watch.together(|| {
            let reader = Reader::open(Opened::new(&path)?, Limits::for_file_len(len))?;
            let (schema, worlds) = (Schema::read(&reader, 0)?, list_worlds(&reader)?);
            ensure!(schema.components().len() == 1 && worlds.len() == 1, "another world");
            Ok(reader.bytes())
        })
    });
    // Header with head metadata, trailer, footer: what opening reads at least.
    let footer_len = 16 * 1024;
    Ok(case.limit(2.0).floor(1.0, "open, header, trailer, footer", move |watch| {
        let mut footer = vec![0; footer_len];
        watch.together(|| {
            let file = Opened::new(&same)?;
            let mut start = [0; 72];
            file.read_exact_at(0, &mut start)?;
            let mut end = [0; 64];
            file.read_exact_at(len - 64, &mut end)?;
            let at = u64::from_le_bytes(*end.first_chunk().context("a trailer has 64 bytes")?);
            let room = footer.get_mut(..usize::try_from(len - 64 - at)?).context("a longer footer")?;
            file.read_exact_at(at, room)?;
            Ok(at)
        })
    }))
}

/// A file read and checked by one thread, beside a CRC-32 of what was read.
pub(super) fn verify_alone(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(verified(plan, dir, NonZeroUsize::MIN)?.limit(1.2))
}

/// The same by two threads.
pub(super) fn verify_in_two(plan: &Plan, dir: &Path) -> Result<Case> {
    let two = NonZeroUsize::new(2).context("two is not zero")?;
    Ok(verified(plan, dir, two)?.limit(0.7))
}

fn verified(plan: &Plan, dir: &Path, threads: NonZeroUsize) -> Result<Case> {
    let path = dir.join("verify.keep");
    let len = write(plan, &path)?;
    let same = path.clone();
    let mut floor = Vec::new();
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(len);
        watch.together(|| {
            let reader = Reader::open(Opened::new(&path)?, Limits::for_file_len(len))?;
            let report = reader.verify_with(threads, &mut |_| {})?;
            ensure!(report.damaged == 0, "the file is damaged");
            Ok(report.bytes)
        })
    });
    Ok(case.floor(1.0, "read + CRC-32 of the file", move |watch| {
        watch.together(|| {
            storage::read(&OsFiles, &same, len, &mut floor)?;
            Ok(crc32fast::hash(&floor))
        })
    }))
}

/// Writes a world of `plan.amount` positions, and returns the length of its file.
fn write(plan: &Plan, path: &Path) -> Result<u64> {
    let positions = vec![0x5a; usize::try_from(plan.amount)? * size_of::<Position>()];
    let encoding = Encoding::Plain(OwnedLayout::from(&Position::LAYOUT));
    let doc = WorldDoc {
        tables: vec![Table { rows: plan.amount, components: vec![0] }],
        columns: vec![Column {
            schema: ComponentSchema::new("bench.position", 1, false, encoding),
            data: ColumnData::Plain(vec![Cow::Owned(positions)]),
        }],
        ..WorldDoc::default()
    };
    let (bytes, _) = doc.encode(Vec::new(), &EncodeOptions::default().codec(Codec::None))?;
    storage::atomic::replace(&OsFiles, path, Durability::Buffered, &bytes)?;
    Ok(bytes.len() as u64)
}

struct Opened {
    file: Box<dyn File>,
    len: u64,
}

impl Opened {
    fn new(path: &Path) -> Result<Self> {
        let file = OsFiles.open(path)?;
        let len = file.metadata()?.len;
        Ok(Self { file, len })
    }
}

impl ReadAt for Opened {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        match self.file.read_full_at(buf, offset) {
            Ok(count) if count == buf.len() => Ok(()),
            Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}
