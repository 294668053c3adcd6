//! Recycled generations: FORMAT.md, section 5.

use std::path::{Path, PathBuf};

use keepstone::{
    format::{Format, Limits, Reader, detect},
    storage::{
        self, Files, OsFiles,
        generation::{self, Content},
    },
};

use crate::error::Error;

/// The generations of a directory, or the one in a file of it.
#[derive(Debug)]
pub(crate) struct Found {
    dir: PathBuf,
    /// Newest first.
    pub(crate) generations: Vec<generation::Found>,
    /// Why other files are passed by.
    pub(crate) refused: Vec<storage::Error>,
    /// Whether one file is looked at.
    pub(crate) alone: bool,
}

/// Finds generations at a path: a directory that has some, or a file of one.
pub(crate) fn find(path: &Path) -> Result<Option<Found>, Error> {
    let is_dir = path.is_dir();
    if is_dir && !OsFiles.list(path)?.iter().any(|name| is_name(name.as_ref())) {
        return Ok(None);
    }
    let is_one = !is_dir && path.is_file() && is_file(path)?;
    if !is_dir && !is_one {
        return Ok(None);
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let dir = if is_dir { path } else { parent.unwrap_or(Path::new(".")) };
    let generation::Listed { mut generations, mut refused, .. } = generation::list(&OsFiles, dir)?;
    if !is_dir {
        let name = path.file_name();
        generations.retain(|found| found.path.file_name() == name);
        let place = format!("{}:", dir.join(name.unwrap_or_default()).display());
        refused.retain(|error| error.to_string().starts_with(&place));
        if generations.is_empty() && refused.is_empty() {
            return Err(Error::NoGeneration { path: path.to_owned() });
        }
    }
    Ok(Some(Found { dir: dir.to_owned(), generations, refused, alone: !is_dir }))
}

impl Found {
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the container of a generation, which is held back from being written over as long as it is read.
    pub(crate) fn open(&self, found: &generation::Found) -> Result<Reader<Content>, storage::Error> {
        let limits = Limits::for_file_len(found.bytes);
        generation::open(&OsFiles, &self.dir, found.generation)?.reader(limits)
    }
}

/// Whether files of generations are called so.
fn is_name(name: &Path) -> bool {
    let is_number = |stem: &str| stem.parse::<u32>().is_ok_and(|number| number.to_string() == stem);
    name.extension().is_some_and(|extension| extension == "gen")
        && name.file_stem().and_then(|stem| stem.to_str()).is_some_and(is_number)
}

fn is_file(path: &Path) -> Result<bool, Error> {
    let mut first = [0; 8];
    let count = OsFiles.open(path)?.read_full_at(&mut first, 0)?;
    let format = first.get(..count).and_then(detect);
    let name = path.file_name().map(Path::new);
    Ok(format == Some(Format::Generation) || format.is_none() && name.is_some_and(is_name))
}
