//! Segments as files: names, creation, headers.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{
    frame::Seeds,
    header::{FRAMES_AT, Header, PAGE_LEN, Page, SEGMENT_LEN_MAX},
};
use crate::{
    Error, File, Files,
    atomic::{found, is_named},
};

/// How much is written at once when a segment is filled with zeros.
pub(super) const ZEROS_LEN: usize = 1 << 18;

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: Box<dyn File>,
    pub(super) epoch: u64,
    pub(super) seeds: Seeds,
    /// Length of the file.
    pub(super) len: u64,
}

impl Segment {
    pub(super) fn new(file: Box<dyn File>, log_id: &[u8; 16], epoch: u64, len: u64) -> Self {
        Self { file, epoch, seeds: Seeds::of(log_id, epoch), len }
    }

    /// Opens a segment for reading and holds it back from recycling; none if it is not there.
    ///
    /// # Errors
    /// [`Error::Superseded`] if it is being recycled, else [`Error::Io`].
    pub(super) fn open(
        files: &dyn Files,
        dir: &Path,
        log_id: &[u8; 16],
        epoch: u64,
    ) -> Result<Option<Self>, Error> {
        let path = path_of(dir, epoch);
        match found(files.metadata(&path))? {
            None => return Ok(None),
            // Opening a pipe would wait for somebody to write to it.
            Some(named) if !named.is_file => return Err(Error::NotAFile { path }),
            Some(_) => {}
        }
        let Some(file) = found(files.open(&path))? else { return Ok(None) };
        match file.try_lock_shared() {
            Ok(true) => {}
            Ok(false) => return Err(Error::Superseded { path }),
            // Where there are no locks the writer gets none to recycle under, either.
            Err(err) if err.io_kind() == Some(std::io::ErrorKind::Unsupported) => {}
            Err(err) => return Err(err),
        }
        // Between opening and locking it may have got another name and use.
        if !is_named(files, &*file, &path)? {
            return Err(Error::Superseded { path });
        }
        let len = file.metadata()?.len;
        Ok(Some(Self::new(file, log_id, epoch, len)))
    }

    /// Reads the header page; a file too short for one is damaged, unless it is empty.
    pub(super) fn page(&self) -> Result<Page, Error> {
        let mut page = [0; PAGE_LEN];
        let count = self.file.read_full_at(&mut page, 0)?;
        if count < PAGE_LEN && page.iter().any(|&byte| byte != 0) {
            return Ok(Page::Damaged);
        }
        Ok(Header::decode(&page, self.epoch))
    }

    /// Whether nothing was ever written to it.
    pub(super) fn is_zero(&self) -> Result<bool, Error> {
        let mut buffer = vec![0; ZEROS_LEN];
        let mut at = 0;
        loop {
            let count = self.file.read_full_at(&mut buffer, at)?;
            if count == 0 {
                return Ok(true);
            }
            if buffer.iter().take(count).any(|&byte| byte != 0) {
                return Ok(false);
            }
            at += count as u64;
        }
    }

    /// Where frames of a whole segment end: a file that was cut has fewer.
    pub(super) fn frames_end(&self) -> u64 {
        self.len.clamp(FRAMES_AT, SEGMENT_LEN_MAX) / 8 * 8
    }
}

/// Writes zeros over a new file, so that later syncs need not write its length.
pub(super) fn fill(file: &dyn File, from: u64, len: u64) -> Result<(), Error> {
    let zeros = vec![0; ZEROS_LEN];
    let mut at = from;
    while at < len {
        let count = usize::try_from(len - at).unwrap_or(ZEROS_LEN).min(ZEROS_LEN);
        file.write_all_at(zeros.get(..count).unwrap_or_default(), at)?;
        at += count as u64;
    }
    Ok(())
}

/// The name of a segment.
pub(super) fn path_of(dir: &Path, epoch: u64) -> PathBuf {
    dir.join(format!("{epoch:016x}.wal"))
}

/// The epoch that a name stands for, if it is that of a segment.
pub(super) fn epoch_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(".wal")?;
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != 16 || !digits.bytes().all(lower) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok().filter(|&epoch| epoch > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_epochs_and_nothing_else_does() {
        for epoch in [1, 255, u64::MAX] {
            let path = path_of(Path::new("log"), epoch);
            assert_eq!(epoch_of(path.file_name().unwrap()), Some(epoch));
        }
        for name in
            ["0000000000000000.wal", "1.wal", "000000000000000A.wal", "0000000000000001.wal.archived", "LOCK"]
        {
            assert_eq!(epoch_of(OsStr::new(name)), None, "{name}");
        }
    }
}
