#[cfg(target_os = "linux")]
mod stamp;

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

#[cfg(target_os = "linux")]
use crate::Stamp;
use crate::{Error, File, Files, Metadata, Op};

/// The operating system's files.
///
/// On Unix a sync of a file is `fdatasync` or `fsync` (`F_FULLFSYNC` on macOS) and a sync of a
/// directory is `fsync`. Windows has no sync of a directory: there it does nothing, and names are as
/// durable as the file system's journal makes them.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFiles;

impl Files for OsFiles {
    #[expect(clippy::disallowed_methods, reason = "this is Files")]
    fn open(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let file = fs::File::open(path).map_err(|e| Error::io(Op::Open, path, e))?;
        Ok(OsFile::boxed(file, path))
    }

    #[cfg(target_os = "linux")]
    #[expect(clippy::disallowed_methods, reason = "this is Files")]
    fn open_at_once(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        use std::os::unix::fs::OpenOptionsExt;

        // Reads of files don't heed the flag.
        let at_once = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = fs::OpenOptions::new().read(true).custom_flags(at_once).open(path);
        let file = file.map_err(|e| Error::io(Op::Open, path, e))?;
        Ok(OsFile::boxed(file, path))
    }

    #[expect(clippy::disallowed_methods, reason = "this is Files")]
    fn open_rw(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let file = fs::OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|e| Error::io(Op::Open, path, e))?;
        Ok(OsFile::boxed(file, path))
    }

    #[expect(clippy::disallowed_methods, reason = "this is Files")]
    fn create_new(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let file = fs::File::create_new(path).map_err(|e| Error::io(Op::CreateNew, path, e))?;
        Ok(OsFile::boxed(file, path))
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, Error> {
        let found = fs::metadata(path).map_err(|e| Error::io(Op::Metadata, path, e))?;
        Ok(describe(&found))
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, Error> {
        names_in(dir).map_err(|e| Error::io(Op::List, dir, e))
    }

    #[cfg(target_os = "linux")]
    fn stamp(&self, dir: &Path) -> Option<Stamp> {
        stamp::of(dir)
    }

    #[cfg(target_os = "linux")]
    fn has_stamp(&self, dir: &Path, known: Stamp) -> bool {
        stamp::is(dir, known)
    }

    #[expect(clippy::disallowed_methods, reason = "this is Files")]
    fn create_dir(&self, dir: &Path) -> Result<(), Error> {
        fs::create_dir(dir).map_err(|e| Error::io(Op::CreateDir, dir, e))
    }

    #[expect(clippy::disallowed_methods, reason = "this is Files")]
    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        patiently(|| fs::rename(from, to)).map_err(|e| Error::io(Op::Rename, to, e))
    }

    #[expect(clippy::disallowed_methods, reason = "this is Files")]
    fn remove(&self, path: &Path) -> Result<(), Error> {
        patiently(|| fs::remove_file(path)).map_err(|e| Error::io(Op::Remove, path, e))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), Error> {
        sync_directory(dir).map_err(|e| Error::io(Op::SyncDir, dir, e))
    }
}

#[derive(Debug)]
struct OsFile {
    file: fs::File,
    path: PathBuf,
}

impl OsFile {
    fn boxed(file: fs::File, path: &Path) -> Box<dyn File> {
        let path = path.to_owned();
        Box::new(Self { file, path })
    }

    fn named<T>(&self, op: Op, answer: io::Result<T>) -> Result<T, Error> {
        answer.map_err(|e| Error::io(op, &self.path, e))
    }

    fn locked(&self, answer: Result<(), fs::TryLockError>) -> Result<bool, Error> {
        match answer {
            Ok(()) => Ok(true),
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(e)) => self.named(Op::Lock, Err(e)),
        }
    }
}

impl File for OsFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn metadata(&self) -> Result<Metadata, Error> {
        let found = self.named(Op::Metadata, self.file.metadata())?;
        Ok(describe(&found))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        self.named(Op::Read, read_at(&self.file, buf, offset))
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Error> {
        self.named(Op::Write, write_at(&self.file, data, offset))
    }

    fn set_mode(&self, mode: u32) -> Result<(), Error> {
        self.named(Op::SetMode, set_mode(&self.file, mode))
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.named(Op::SyncData, self.file.sync_data())
    }

    fn sync_all(&self) -> Result<(), Error> {
        self.named(Op::SyncAll, self.file.sync_all())
    }

    fn try_lock(&self) -> Result<bool, Error> {
        self.locked(self.file.try_lock())
    }

    fn try_lock_shared(&self) -> Result<bool, Error> {
        self.locked(self.file.try_lock_shared())
    }

    fn unlock(&self) {
        // It ends with the file, if not now.
        drop(self.file.unlock());
    }

    fn write_back(&self, offset: u64, len: u64) {
        begin_write_back(&self.file, offset, len);
    }

    fn as_os_file(&self) -> Option<&fs::File> {
        Some(&self.file)
    }
}

/// The names in a directory. The standard library makes each of them twice, and a stream around them: with a hundred names that is a sixth of the time.
#[cfg(target_os = "linux")]
fn names_in(dir: &Path) -> io::Result<Vec<OsString>> {
    use std::{ffi::OsStr, mem::MaybeUninit, os::unix::ffi::OsStrExt};

    use rustix::fs::{Mode, OFlags, RawDir, open};

    let opened = open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); NAMES_LEN];
    let mut entries = RawDir::new(opened, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

/// Bytes of names that the kernel is asked for at once: those of some two hundred saves, and no more than a stack has to spare.
#[cfg(target_os = "linux")]
const NAMES_LEN: usize = 16 << 10;

#[cfg(not(target_os = "linux"))]
fn names_in(dir: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
}

#[cfg(target_os = "linux")]
fn begin_write_back(file: &fs::File, offset: u64, len: u64) {
    use std::num::NonZeroU64;

    // The kernel starts writing the dirty pages of the range, and drops those that are clean. A hint that
    // is not taken costs nothing.
    let _ = rustix::fs::fadvise(file, offset, NonZeroU64::new(len), rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn begin_write_back(_file: &fs::File, _offset: u64, _len: u64) {}

#[cfg(unix)]
fn describe(found: &fs::Metadata) -> Metadata {
    use std::os::unix::fs::MetadataExt;

    use crate::FileId;

    // Set-id and sticky bits are not carried over to new content, as the kernel drops them on a write.
    Metadata {
        len: found.len(),
        is_file: found.is_file(),
        mode: Some(found.mode() & 0o777),
        id: Some(FileId { device: found.dev(), inode: found.ino() }),
        links: Some(found.nlink()),
    }
}

#[cfg(unix)]
fn read_at(file: &fs::File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

#[cfg(unix)]
fn write_at(file: &fs::File, data: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, data, offset)
}

#[cfg(unix)]
fn set_mode(file: &fs::File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "this is Files")]
fn sync_directory(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// Renames or removes: on Unix once.
#[cfg(not(windows))]
fn patiently(call: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    call()
}

/// Renames or removes, again for as long as another program has the file open without sharing it.
///
/// Virus scanners and indexers look at new files for a few milliseconds. The kernel answers
/// `ERROR_ACCESS_DENIED` (5) or `ERROR_SHARING_VIOLATION` (32) meanwhile, and nothing tells when it is over.
/// Waits grow to 64 ms, 127 ms in all; what is refused for longer is refused.
#[cfg(windows)]
#[expect(clippy::disallowed_methods, reason = "there is nothing to wait for but time")]
fn patiently(call: impl Fn() -> io::Result<()>) -> io::Result<()> {
    for doubled in 0..7 {
        match call() {
            Err(err) if matches!(err.raw_os_error(), Some(5 | 32)) => {
                std::thread::sleep(std::time::Duration::from_millis(1 << doubled));
            }
            answer => return answer,
        }
    }
    call()
}

#[cfg(windows)]
fn describe(found: &fs::Metadata) -> Metadata {
    Metadata { len: found.len(), is_file: found.is_file(), mode: None, id: None, links: None }
}

#[cfg(windows)]
fn read_at(file: &fs::File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buf, offset)
}

#[cfg(windows)]
fn write_at(file: &fs::File, data: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, data, offset)
}

#[cfg(windows)]
fn set_mode(_file: &fs::File, _mode: u32) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(windows)]
fn sync_directory(_dir: &Path) -> io::Result<()> {
    Ok(())
}
