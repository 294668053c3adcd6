use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use keepstone_format::{Error as FormatError, Writer, WriterOptions, Written};

use super::{
    name::path_of,
    shared::{Fate, Target, full, room_for},
};
use crate::{
    Durability, Error, File, Files, Op,
    atomic::{found, move_unsynced},
    committed::{Body, CONTAINER_AT, Commit, PAGE_LEN, into_io},
    planted::{self, Plant},
};

/// A save that is being written; nobody finds it before it is [sealed](Self::seal).
///
/// It takes one container, whose epoch is [`generation`](Self::generation): written here through
/// [`container`](Self::container), or elsewhere and handed over as bytes. Small writes are gathered, large
/// ones passed on. Dropped before it is sealed, its file is removed, or ready again if nothing had been written to it.
#[derive(Debug)]
pub struct Draft {
    // Closed, and with it unlocked, before the target is dropped.
    body: Body,
    target: Target,
    generation: u64,
    len_hint: u64,
}

impl Draft {
    pub(super) fn new(
        (file, target): (Box<dyn File>, Target),
        buffer: Vec<u8>,
        generation: u64,
        len_hint: u64,
    ) -> Self {
        Self { body: Body::new(file, buffer), target, generation, len_hint }
    }

    /// The number of this save: the epoch of its container.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Bytes of the container so far.
    pub fn bytes_written(&self) -> u64 {
        self.body.len()
    }

    /// Whether the file was ready, so that one sync of data is enough; else it is new.
    pub fn is_recycled(&self) -> bool {
        self.target.ready
    }

    /// Begins the container in this draft, with the generation as its epoch.
    ///
    /// # Errors
    /// [`Misuse`](FormatError::Misuse) if something has been written already, else those of [`Writer::new`].
    pub fn container(&mut self, options: WriterOptions) -> Result<Writer<&mut Self>, FormatError> {
        let (len, generation) = (self.body.len(), self.generation);
        Body::container(self, len, generation, options)
    }

    /// Writes what is left of the container, and the commit page. Nothing is synced.
    ///
    /// # Errors
    /// [`Misuse`](FormatError::Misuse) in [`Error::Container`] if what was written is not the one container that
    /// `written` tells of; [`Error::Poisoned`] after a failed write; [`Error::Full`]; [`Error::Io`]. The file is removed then, unless nothing was written to it.
    pub fn seal(self, written: Written) -> Result<Sealed, Error> {
        let Self { mut target, mut body, generation, .. } = self;
        body.check(generation, &written)?;
        target.fate = Fate::Remove;
        let end = CONTAINER_AT + written.bytes;
        let file_len = if end > target.len {
            room_for(written.bytes)
        } else {
            // A last page that is whole needs not be read first.
            end.next_multiple_of(PAGE_LEN as u64).min(target.len)
        };
        let (container_len, container_crc) = (written.bytes, written.container_crc);
        let commit = Commit { generation, container_len, container_crc };
        let done = body.write_rest_and_page(file_len, &commit.encode());
        done.map_err(|err| full(err, &target.path(), file_len))?;
        target.len = target.len.max(file_len);
        let (file, buffer) = body.into_parts();
        target.shared.give_buffer(buffer);
        Ok(Sealed { file, target, commit })
    }
}

/// Takes all bytes of each write, or fails for good. The error inside the [`io::Error`] is [`Error`].
impl io::Write for Draft {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let done = self.body.write(data);
        if self.body.touched() || done.is_err() {
            self.target.fate = Fate::Remove;
        }
        let needs = CONTAINER_AT + self.len_hint.max(self.body.len().saturating_add(data.len() as u64));
        done.map_err(|err| into_io(full(err, self.body.file().path(), needs)))?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A save that is written whole and may be lost in a power cut. Dropped, its file is removed.
#[derive(Debug)]
pub struct Sealed {
    file: Box<dyn File>,
    target: Target,
    commit: Commit,
}

impl Sealed {
    /// Makes the save durable: one sync of data if the file was ready; of a new file all, and the directory.
    ///
    /// When it returns `Ok` the save is found after any crash, also before it has its name.
    ///
    /// # Errors
    /// [`Error::Full`] or [`Error::Io`]: the file is removed and never written to again. A power cut may bring
    /// it back, whole, for as long as the directory is not synced.
    pub fn sync(self) -> Result<Synced, Error> {
        let Self { mut target, file, commit } = self;
        let synced = if target.ready { file.sync_data() } else { sync_new(&*file, &target) };
        synced.map_err(|err| full(err, &target.path(), target.len))?;
        target.fate = Fate::Keep;
        Ok(Synced { file, target, commit, durability: Durability::Durable })
    }

    /// Leaves it to the operating system when the save gets to the disk: it survives this process, not a power cut.
    pub fn leave(self) -> Synced {
        let Self { mut target, file, commit } = self;
        target.fate = Fate::Keep;
        Synced { file, target, commit, durability: Durability::Buffered }
    }
}

fn sync_new(file: &dyn File, target: &Target) -> Result<(), Error> {
    file.sync_all()?;
    if planted::is(Plant::UnsyncedNewSpare) {
        return Ok(());
    }
    target.shared.files.sync_dir(&target.shared.dir)
}

/// A save that counts, in a spare. Dropped, it stays there, and the next opening finds it.
#[derive(Debug)]
pub struct Synced {
    file: Box<dyn File>,
    target: Target,
    commit: Commit,
    durability: Durability,
}

impl Synced {
    /// Gives the file its name, which must be free, and lets readers have it.
    ///
    /// The name is not synced: after a power cut the save has it, or is still in the spare. If the file can't be renamed the save
    /// is as good as before, and [`Committed::unnamed`] says why.
    ///
    /// # Errors
    /// [`Error::NoFileName`] or [`Error::Options`] for what can't be the name of a save in this directory. The save is in the spare all the same.
    pub fn publish(self, name: &OsStr) -> Result<Committed, Error> {
        let Self { target, file, commit, durability } = self;
        let to = path_of(&target.shared.dir, name)?;
        let from = target.path();
        let unnamed = move_free(&*target.shared.files, &from, &to).err();
        let path = if unnamed.is_none() { to } else { from };
        // Unlocked once it has its name.
        drop(file);
        let Commit { generation, container_len, .. } = commit;
        let (file_len, recycled) = (target.len, target.ready);
        Ok(Committed { path, generation, bytes: container_len, file_len, recycled, durability, unnamed })
    }
}

/// Gives a file a name that nothing has. There is one writer, so that nothing gets it between the look and the rename.
pub(super) fn move_free(files: &dyn Files, from: &Path, to: &Path) -> Result<(), Error> {
    if found(files.metadata(to))?.is_some() {
        return Err(Error::io(Op::Rename, to, io::ErrorKind::AlreadyExists.into()));
    }
    move_unsynced(files, from, to)
}

/// Receipt of a save.
#[non_exhaustive]
#[derive(Debug)]
pub struct Committed {
    /// Where it is: under its name, or in the spare if it did not get it.
    pub path: PathBuf,
    /// Its number.
    pub generation: u64,
    /// Length of its container.
    pub bytes: u64,
    /// Length of the file.
    pub file_len: u64,
    /// Whether the file was ready; else it is new.
    pub recycled: bool,
    /// What has been waited for.
    pub durability: Durability,
    /// Why the file did not get its name. Readers find the save in the spare, and the next opening hands it out to be given a name.
    pub unnamed: Option<Error>,
}

impl Committed {
    /// Whether the file got its name.
    pub fn is_named(&self) -> bool {
        self.unnamed.is_none()
    }
}
