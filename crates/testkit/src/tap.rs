//! Behaviour around other files: a [`Tap`] sees each call before and after it and may stop it.

use std::{ffi::OsString, fmt::Debug, io, path::Path, sync::Arc};

use keepstone_storage::{Error, File, FileId, Files, Metadata, Op};

/// What a wrapper does around each call.
pub trait Tap: Debug + Send + Sync {
    /// Decides on a call before it is made.
    fn before(&self, call: &Call<'_>) -> Verdict {
        let _ = call;
        Verdict::Run
    }

    /// Sees a call that has succeeded. `inner` are the files beneath.
    ///
    /// # Errors
    /// What the call is to fail with after all.
    fn after(&self, call: &Call<'_>, inner: &dyn Files) -> Result<(), Error> {
        let _ = (call, inner);
        Ok(())
    }
}

/// One call to [`Files`] or [`File`].
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Which.
    pub op: Op,
    /// The path it names, or under which the file was opened.
    pub path: &'a Path,
    /// The file it is made on, and after a creation the new one.
    pub file: Option<FileId>,
    /// What it carries.
    pub with: With<'a>,
}

/// The arguments of a [`Call`] beside its path.
#[derive(Debug, Clone, Copy)]
pub enum With<'a> {
    /// None that matter here.
    Nothing,
    /// The new name of a rename.
    Target(&'a Path),
    /// The bytes of a write.
    Bytes {
        /// What is written.
        data: &'a [u8],
        /// Where in the file.
        offset: u64,
    },
    /// The mode to set.
    Mode(u32),
}

/// What becomes of a call.
#[derive(Debug)]
pub enum Verdict {
    /// It is made.
    Run,
    /// A sync is not made and answers success; other calls are made.
    Skip,
    /// A read or write handles only half its bytes, at least one; other calls are made.
    Short,
    /// A read answers with one bit turned over: this one of those read, counted round; other calls are made.
    FlipBit(u64),
    /// It is not made and fails.
    Fail(io::Error),
    /// A write is not made and answers success; other calls are made.
    Swallow,
}

/// Files with a [`Tap`] around them.
#[derive(Debug)]
pub struct Tapped<T> {
    inner: Arc<dyn Files>,
    tap: Arc<T>,
}

impl<T: Tap + 'static> Tapped<T> {
    /// Puts `tap` around `inner`.
    pub fn new(inner: Arc<dyn Files>, tap: T) -> Self {
        let tap = Arc::new(tap);
        Self { inner, tap }
    }

    /// The tap, for its counters.
    pub fn tap(&self) -> &T {
        &self.tap
    }

    fn call<R>(&self, call: Call<'_>, make: impl FnOnce(&dyn Files) -> Result<R, Error>) -> Result<R, Error> {
        admit(&*self.tap, &call)?;
        let answer = make(&*self.inner)?;
        self.tap.after(&call, &*self.inner)?;
        Ok(answer)
    }

    fn handle(&self, file: Box<dyn File>) -> Result<Box<dyn File>, Error> {
        Ok(Box::new(TappedFile { id: file.metadata()?.id, file, files: self.clone() }))
    }
}

/// Clones share tap and files.
impl<T> Clone for Tapped<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), tap: Arc::clone(&self.tap) }
    }
}

impl<T: Tap + 'static> Files for Tapped<T> {
    fn open(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let file = self.call(on(Op::Open, path), |inner| inner.open(path))?;
        self.handle(file)
    }

    fn open_rw(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let file = self.call(on(Op::Open, path), |inner| inner.open_rw(path))?;
        self.handle(file)
    }

    fn create_new(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let mut call = on(Op::CreateNew, path);
        admit(&*self.tap, &call)?;
        let file = self.inner.create_new(path)?;
        call.file = file.metadata()?.id;
        self.tap.after(&call, &*self.inner)?;
        self.handle(file)
    }

    fn metadata(&self, path: &Path) -> Result<Metadata, Error> {
        self.call(on(Op::Metadata, path), |inner| inner.metadata(path))
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>, Error> {
        self.call(on(Op::List, dir), |inner| inner.list(dir))
    }

    fn create_dir(&self, dir: &Path) -> Result<(), Error> {
        self.call(on(Op::CreateDir, dir), |inner| inner.create_dir(dir))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        let call = Call { with: With::Target(to), ..on(Op::Rename, from) };
        self.call(call, |inner| inner.rename(from, to))
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        self.call(on(Op::Remove, path), |inner| inner.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), Error> {
        let call = on(Op::SyncDir, dir);
        if let Admitted::Skip = admit(&*self.tap, &call)? {
            return Ok(());
        }
        self.inner.sync_dir(dir)?;
        self.tap.after(&call, &*self.inner)
    }
}

#[derive(Debug)]
struct TappedFile<T> {
    file: Box<dyn File>,
    id: Option<FileId>,
    files: Tapped<T>,
}

impl<T: Tap + 'static> TappedFile<T> {
    fn call_of<'a>(&'a self, op: Op, with: With<'a>) -> Call<'a> {
        Call { op, path: self.file.path(), file: self.id, with }
    }

    fn call<R>(&self, call: Call<'_>, make: impl FnOnce(&dyn File) -> Result<R, Error>) -> Result<R, Error> {
        self.files.call(call, |_| make(&*self.file))
    }

    fn sync(&self, op: Op, make: impl FnOnce(&dyn File) -> Result<(), Error>) -> Result<(), Error> {
        let call = self.call_of(op, With::Nothing);
        if let Admitted::Skip = admit(&*self.files.tap, &call)? {
            return Ok(());
        }
        make(&*self.file)?;
        self.files.tap.after(&call, &*self.files.inner)
    }
}

impl<T: Tap + 'static> File for TappedFile<T> {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn metadata(&self) -> Result<Metadata, Error> {
        let call = self.call_of(Op::Metadata, With::Nothing);
        self.call(call, |file| file.metadata())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let call = self.call_of(Op::Read, With::Nothing);
        let admitted = admit(&*self.files.tap, &call)?;
        let len = admitted.of(buf.len());
        let part = buf.get_mut(..len).unwrap_or_default();
        let count = self.file.read_at(part, offset)?;
        if let Admitted::FlipBit(index) = admitted {
            flip(part.get_mut(..count).unwrap_or_default(), index);
        }
        self.files.tap.after(&call, &*self.files.inner)?;
        Ok(count)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Error> {
        let call = self.call_of(Op::Write, With::Bytes { data, offset });
        let admitted = admit(&*self.files.tap, &call)?;
        if let Admitted::Swallow = admitted {
            return Ok(data.len());
        }
        let part = data.get(..admitted.of(data.len())).unwrap_or_default();
        let count = self.file.write_at(part, offset)?;
        let data = part.get(..count).unwrap_or_default();
        let made = self.call_of(Op::Write, With::Bytes { data, offset });
        self.files.tap.after(&made, &*self.files.inner)?;
        Ok(count)
    }

    fn set_mode(&self, mode: u32) -> Result<(), Error> {
        let call = self.call_of(Op::SetMode, With::Mode(mode));
        self.call(call, |file| file.set_mode(mode))
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.sync(Op::SyncData, |file| file.sync_data())
    }

    fn sync_all(&self) -> Result<(), Error> {
        self.sync(Op::SyncAll, |file| file.sync_all())
    }

    fn try_lock(&self) -> Result<bool, Error> {
        let call = self.call_of(Op::Lock, With::Nothing);
        self.call(call, |file| file.try_lock())
    }

    fn try_lock_shared(&self) -> Result<bool, Error> {
        let call = self.call_of(Op::Lock, With::Nothing);
        self.call(call, |file| file.try_lock_shared())
    }

    fn unlock(&self) {
        self.file.unlock();
    }

    fn write_back(&self, offset: u64, len: u64) {
        self.file.write_back(offset, len);
    }
}

enum Admitted {
    Run,
    Skip,
    Short,
    FlipBit(u64),
    Swallow,
}

impl Admitted {
    /// How many of `len` bytes a transfer handles.
    fn of(&self, len: usize) -> usize {
        match self {
            Self::Short => len.div_ceil(2),
            Self::Run | Self::Skip | Self::FlipBit(_) | Self::Swallow => len,
        }
    }
}

fn admit(tap: &dyn Tap, call: &Call<'_>) -> Result<Admitted, Error> {
    match tap.before(call) {
        Verdict::Run => Ok(Admitted::Run),
        Verdict::Skip => Ok(Admitted::Skip),
        Verdict::Short => Ok(Admitted::Short),
        Verdict::FlipBit(index) => Ok(Admitted::FlipBit(index)),
        Verdict::Swallow => Ok(Admitted::Swallow),
        Verdict::Fail(source) => Err(Error::io(call.op, call.path, source)),
    }
}

fn on(op: Op, path: &Path) -> Call<'_> {
    Call { op, path, file: None, with: With::Nothing }
}

fn flip(bytes: &mut [u8], index: u64) {
    let bits = bytes.len() as u64 * 8;
    let bit = index.checked_rem(bits).unwrap_or(0);
    let at = usize::try_from(bit / 8).unwrap_or(0);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (bit % 8);
    }
}
