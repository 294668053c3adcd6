use std::{io, path::Path};

use keepstone::{
    format::{Format, ReadAt, detect, tag},
    slots::directory::Name,
    storage::{self, File, Files, Op, OsFiles, spare},
};

use crate::error::Error;

pub(crate) use keepstone::storage::generation::Content;

/// Where the container of a save begins, behind its commit page.
const CONTAINER_AT: u64 = 4096;
const BLOCK_LEN: usize = 1 << 16;

/// One file of a save.
#[derive(Debug)]
pub(crate) struct Alone {
    /// What its name says, if that is a name of such a file; none: it has lost its name.
    pub(crate) name: Option<Name>,
    /// Whether it can hold no save: nothing is committed in it.
    pub(crate) is_empty: bool,
}

/// Finds a file that begins with a commit page, or is called as those of saves are.
pub(crate) fn find_file(path: &Path) -> Result<Option<Alone>, Error> {
    let found = path.metadata().map_err(|source| storage::Error::io(Op::Metadata, path, source))?;
    if !found.is_file() {
        return Ok(None);
    }
    let name = path.file_name().map(Name::parse);
    let name = name.filter(|name| may_hold_save(name) || matches!(name, Name::Old(_)));
    let file = OsFiles.open(path)?;
    let mut page = vec![0; 4096];
    let count = file.read_full_at(&mut page, 0)?;
    page.truncate(count);
    let is_ours = match (detect(&page), name) {
        (None | Some(Format::Generation), Some(_)) => true,
        // A generation that has lost its name belongs to nothing; a save says itself what it is.
        (Some(Format::Generation), None) => {
            spare::prefix(&OsFiles, path).is_ok_and(|prefix| prefix.head.metadata.get(tag::SAVE_ID).is_some())
        }
        _ => false,
    };
    if !is_ours {
        return Ok(None);
    }
    Ok(Some(Alone { name, is_empty: page.iter().all(|byte| *byte == 0) }))
}

/// Whether readers look for a save in files of such a name.
pub(crate) fn may_hold_save(name: &Name) -> bool {
    matches!(name, Name::Save(_) | Name::Deleted(_) | Name::Damaged(_) | Name::Spare(_))
}

/// What stands behind a commit page that can't be read: the container, and what was in the file before it.
#[derive(Debug)]
pub(crate) struct Behind {
    file: Box<dyn File>,
    len: u64,
}

impl Behind {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = OsFiles.open(path)?;
        let len = file.metadata()?.len;
        // A container ends with a mark that isn't zero, and the file was zeros before, or what it held then.
        let len = end_of_zeros(&*file, len)?.saturating_sub(CONTAINER_AT);
        Ok(Self { file, len })
    }
}

/// Where the zeros at the end of a file begin.
fn end_of_zeros(file: &dyn File, mut len: u64) -> Result<u64, Error> {
    let mut block = vec![0; BLOCK_LEN];
    while len > 0 {
        let start = (len - 1) / BLOCK_LEN as u64 * BLOCK_LEN as u64;
        let count = file.read_full_at(&mut block, start)?;
        let read = block.get(..count).unwrap_or_default();
        let wanted = usize::try_from(len - start).unwrap_or(usize::MAX).min(count);
        let last = read.get(..wanted).and_then(|read| read.iter().rposition(|byte| *byte != 0));
        if let Some(last) = last {
            return Ok(start + last as u64 + 1);
        }
        len = start;
    }
    Ok(0)
}

impl ReadAt for Behind {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let at = offset.checked_add(CONTAINER_AT).ok_or(io::ErrorKind::UnexpectedEof)?;
        let count = self.file.read_full_at(buf, at).map_err(|error| {
            let kind = error.io_kind().unwrap_or(io::ErrorKind::Other);
            io::Error::new(kind, error)
        })?;
        if count < buf.len() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

/// Opens the container of a save as it is, for salvage.
pub(crate) fn content(path: &Path) -> Result<(u64, Content), Error> {
    let held = spare::open(&OsFiles, path)?;
    Ok((held.generation(), held.into_content()))
}
