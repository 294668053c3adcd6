//! What is in a directory of generations: names and commit pages.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use keepstone_format::{Error as FormatError, Header};

use crate::{
    Error, File, Files,
    atomic::found,
    committed::{CONTAINER_AT, Page, is_unsupported, read_page},
};

/// How often the pages are read again because a writer was faster.
pub(super) const TRIES_MAX: u32 = 64;

/// A file with the name of a generation's.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    /// Length of the file.
    pub(super) len: u64,
    /// None for what is no file but has such a name.
    pub(super) page: Option<Page>,
}

/// The length is left out: it grows while a draft is written.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.number, self.page) == (other.number, other.page)
    }
}

/// What one look at all files of a directory has shown, each at another moment.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) entries: Vec<Entry>,
    /// Whether a name was gone when its file was to be opened.
    vanished: bool,
}

/// Reads the pages of all files in `dir`, in the order of their numbers; one that vanishes meanwhile is left out.
pub(super) fn scan(files: &dyn Files, dir: &Path) -> Result<Scan, Error> {
    let mut numbers: Vec<u32> = files.list(dir)?.iter().filter_map(|name| number_of(name)).collect();
    numbers.sort_unstable();
    let mut scan = Scan { entries: Vec::with_capacity(numbers.len()), vanished: false };
    for number in numbers {
        let path = path_of(dir, number);
        match read_named(files, &path)? {
            Some((len, page)) => scan.entries.push(Entry { number, path, len, page }),
            None => scan.vanished = true,
        }
    }
    Ok(scan)
}

/// Reads the pages as they were at one moment beside a writer.
///
/// What was the newest when the look began is in it, or a later one, unless its file was written over meanwhile. That file is
/// then found to hold nothing, or to be gone, if not a later generation; so after such a look another
/// one follows, until two are the same: between these nothing was committed that neither has seen.
pub(super) fn look(files: &dyn Files, dir: &Path) -> Result<Vec<Entry>, Error> {
    let mut before: Option<Vec<Entry>> = None;
    for _ in 0..TRIES_MAX {
        let Scan { entries, vanished } = scan(files, dir)?;
        let writes = vanished || entries.iter().any(|entry| entry.page == Some(Page::None));
        if !writes || (!vanished && before.is_some_and(|before| before == entries)) {
            return Ok(entries);
        }
        before = Some(entries);
    }
    Err(Error::Superseded { path: dir.to_owned() })
}

/// Length and page of the file of this name; none if there is no such file any more.
fn read_named(files: &dyn Files, path: &Path) -> Result<Option<(u64, Option<Page>)>, Error> {
    // Asked before opening, which waits where a pipe has no writer.
    let Some(named) = found(files.metadata(path))? else { return Ok(None) };
    if !named.is_file {
        return Ok(Some((named.len, None)));
    }
    let Some(file) = found(files.open(path))? else { return Ok(None) };
    Ok(Some((named.len, Some(read_settled(&*file)?))))
}

/// The page; one that looks damaged is read again while nobody writes, since it may have been seen half-written.
fn read_settled(file: &dyn File) -> Result<Page, Error> {
    let page = read_page(file)?;
    if page != Page::Damaged {
        return Ok(page);
    }
    match file.try_lock_shared() {
        // It is being written over, so nothing is committed in it yet.
        Ok(false) => return Ok(Page::None),
        Ok(true) => {}
        Err(err) if is_unsupported(&err) => {}
        Err(err) => return Err(err),
    }
    read_page(file)
}

/// The header of the container behind a page, if there is one that can be read.
pub(super) fn read_header(files: &dyn Files, path: &Path) -> Result<Result<Header, FormatError>, Error> {
    let mut bytes = [0; Header::LEN];
    let count = files.open(path)?.read_full_at(&mut bytes, CONTAINER_AT)?;
    Ok(Header::read(bytes.get(..count).unwrap_or_default()))
}

/// The name of a file.
pub(super) fn path_of(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number}.gen"))
}

/// The number that a name stands for, if it is that of a generation's file.
fn number_of(name: &OsStr) -> Option<u32> {
    let digits = name.to_str()?.strip_suffix(".gen")?;
    let canonical =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if canonical { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_numbers_and_nothing_else_does() {
        for number in [0, 1, 10, u32::MAX] {
            let path = path_of(Path::new("saves"), number);
            assert_eq!(number_of(path.file_name().unwrap()), Some(number));
        }
        for name in
            ["LOCK", ".gen", "01.gen", "00.gen", "4294967296.gen", "+1.gen", "1.gen.tmp", "1.GEN", "a.gen"]
        {
            assert_eq!(number_of(OsStr::new(name)), None, "{name}");
        }
    }
}
