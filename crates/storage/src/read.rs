use std::{io, path::Path};

use crate::{Error, File, Files, Op};

/// Reads a whole file into `buf`, which keeps its memory between calls, if it has at most `len_max` bytes.
///
/// The length is checked before memory is taken. After an error the content of `buf` is undefined
/// but harmless. Nothing is written or synced: what a killed writer left is handed out although a
/// power cut may still take it back.
///
/// # Errors
/// [`Error::NotAFile`] for a directory, a device or a pipe, [`Error::Limit`] if the file is longer, [`Error::Io`] if it is missing or can't be read.
pub fn read(files: &dyn Files, path: &Path, len_max: u64, buf: &mut Vec<u8>) -> Result<(), Error> {
    // Asked before opening, which waits where a pipe has no writer.
    if !files.metadata(path)?.is_file {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    let file = files.open(path)?;
    let needs = file.metadata()?.len;
    if needs > len_max {
        let path = path.to_owned();
        return Err(Error::Limit { path, needs, allowed: len_max });
    }
    let len = reserve(&*file, needs, buf)?;
    // Bytes of an earlier use are not cleared: memory is only filled where the buffer grows.
    buf.resize(len, 0);
    let count = file.read_full_at(buf, 0)?;
    buf.truncate(count);
    Ok(())
}

fn reserve(file: &dyn File, needs: u64, buf: &mut Vec<u8>) -> Result<usize, Error> {
    let no_memory = || {
        let source = io::Error::from(io::ErrorKind::OutOfMemory);
        Error::io(Op::Read, file.path(), source)
    };
    let len = usize::try_from(needs).map_err(|_| no_memory())?;
    buf.try_reserve_exact(len.saturating_sub(buf.len())).map_err(|_| no_memory())?;
    Ok(len)
}
