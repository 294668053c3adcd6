use std::{
    io::{BufWriter, Write as _},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use keepstone_format::{
    ArrayHead, Codec, CodedWriter, FileKind, Metadata, RawWriter, SectionId, SectionOptions,
    Writer as Container, WriterOptions,
    plain::{OwnedLayout, Plain, to_le_bytes_cow},
};

use super::stored::array_heads_len;
use crate::{
    Durability, Error, Files, Op,
    atomic::{self, Committed},
};

/// A new snapshot, not visible before [`commit`](Writer::commit).
///
/// Arrays go to the disk as they are written, so that a snapshot may be larger than memory. Dropping it
/// without a commit leaves the previous snapshot as it was; so does an error.
#[derive(Debug)]
pub struct Writer<'f> {
    path: PathBuf,
    container: Container<BufWriter<atomic::Writer<'f>>>,
    names: std::collections::BTreeSet<String>,
    /// The instance of the next array.
    next: u32,
    /// Bytes of all array heads.
    heads_len: u64,
    /// Whether an array is missing: refused, or its head written without it.
    is_cut: bool,
}

impl<'f> Writer<'f> {
    /// Begins a snapshot that is to stand at `path`, in a temporary beside it.
    ///
    /// # Errors
    /// Those of [`atomic::Writer::create`], and [`Error::Container`] for a head that breaks a rule.
    pub fn create(files: &'f dyn Files, path: impl AsRef<Path>, head: Metadata) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let file = atomic::Writer::create(files, &path, Durability::Durable)?;
        let options = WriterOptions::new(FileKind::SNAPSHOT).codec(Codec::None).head(head);
        let container = Container::new(BufWriter::new(file), options)
            .map_err(|source| named(Op::Write, &path, source))?;
        Ok(Self {
            path,
            container,
            names: std::collections::BTreeSet::new(),
            next: 0,
            heads_len: 0,
            is_cut: false,
        })
    }

    /// Writes an array of single values.
    ///
    /// # Errors
    /// Those of [`stream`](Self::stream).
    pub fn array<T: Plain>(&mut self, name: &str, values: &[T]) -> Result<(), Error> {
        self.rows(name, 1, values)
    }

    /// Writes an array of rows with `width` values each, row after row.
    ///
    /// # Errors
    /// Those of [`stream`](Self::stream); [`Error::Container`] if the last row is not whole.
    pub fn rows<T: Plain>(&mut self, name: &str, width: u32, values: &[T]) -> Result<(), Error> {
        let width_len = usize::try_from(width).unwrap_or(usize::MAX);
        if !values.len().is_multiple_of(width_len) {
            return Err(
                self.misuse("the last row is not whole; give as many values as rows of this width have")
            );
        }
        let rows = values.len() as u64 / u64::from(width.max(1));
        let mut array = self.stream(name, width, rows)?;
        array.append(values)?;
        array.finish()
    }

    /// Begins an array of which `rows` rows will come in parts.
    ///
    /// # Errors
    /// [`Error::Container`] for a name that is empty, longer than 255 bytes or taken, a row without bytes or longer
    /// than 16 MiB, or more arrays than a container holds; [`Error::Io`].
    pub fn stream<T: Plain>(
        &mut self,
        name: &str,
        width: u32,
        rows: u64,
    ) -> Result<ArrayWriter<'_, 'f, T>, Error> {
        if rows.checked_mul(size_of::<T>() as u64).and_then(|len| len.checked_mul(width.into())).is_none() {
            return Err(self.misuse("an array has more than 2^64 bytes"));
        }
        let (instance, row_len) = self.begin::<T>(name, width)?;
        let raw = self.container.raw(SectionId::ARRAY, instance, rows.saturating_mul(row_len));
        let raw = raw.map_err(|source| named(Op::Write, &self.path, source))?;
        self.is_cut = false;
        Ok(ArrayWriter { path: &self.path, out: Out::Raw(raw), row_len, bytes: 0, values: PhantomData })
    }

    /// Begins a compressed array, whose rows will come in parts. How many is not asked for.
    ///
    /// It is smaller and takes longer: it is decoded as a whole when it is first looked at. Numbers compress better with
    /// [`SectionOptions::filter`], a byte shuffle as wide as a value.
    ///
    /// # Errors
    /// Those of [`stream`](Self::stream).
    pub fn stream_compressed<T: Plain>(
        &mut self,
        name: &str,
        width: u32,
        options: SectionOptions,
    ) -> Result<ArrayWriter<'_, 'f, T>, Error> {
        let (instance, row_len) = self.begin::<T>(name, width)?;
        let coded = self.container.coded_with(SectionId::ARRAY, instance, options);
        let coded = coded.map_err(|source| named(Op::Write, &self.path, source))?;
        self.is_cut = false;
        Ok(ArrayWriter { path: &self.path, out: Out::Coded(coded), row_len, bytes: 0, values: PhantomData })
    }

    /// Puts the snapshot in the place of the one before.
    ///
    /// When it returns the snapshot is on the disk. A crash half-way leaves the old one or the new.
    ///
    /// # Errors
    /// [`Error::Container`] if an array was not finished, or was refused once its head was written; else those of
    /// [`atomic::Writer::commit`].
    pub fn commit(self) -> Result<Committed, Error> {
        let Self { path, container, is_cut, .. } = self;
        if is_cut {
            // A head alone would be an array that a repair has lost.
            return Err(Error::Poisoned { path });
        }
        let (file, _) =
            container.finish(Metadata::new()).map_err(|source| named(Op::Write, &path, source))?;
        // Nothing is left in the buffer: finishing has flushed it.
        let file = file.into_inner().map_err(|error| unwrapped(Op::Write, &path, error.into_error()))?;
        file.commit()
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.container.bytes()
    }

    /// Writes the head of an array and returns its instance and the bytes of a row.
    fn begin<T: Plain>(&mut self, name: &str, width: u32) -> Result<(u32, u64), Error> {
        if self.is_cut {
            return Err(Error::Poisoned { path: self.path.clone() });
        }
        if self.names.contains(name) {
            return Err(self.misuse("two arrays share a name; give each its own"));
        }
        let head = ArrayHead { name: name.to_owned(), layout: OwnedLayout::from(&T::LAYOUT), width };
        let written = head.row_len().and_then(|row_len| {
            let bytes = head.encode()?;
            self.heads_len = array_heads_len(self.heads_len, bytes.len() as u64)?;
            self.container.coded_from(SectionId::ARRAY_HEAD, self.next, &[&bytes])?;
            Ok(row_len)
        });
        let row_len = written.map_err(|source| named(Op::Write, &self.path, source))?;
        self.is_cut = true;
        let instance = self.next;
        self.next += 1;
        self.names.insert(head.name);
        Ok((instance, row_len.into()))
    }

    fn misuse(&self, what: &'static str) -> Error {
        named(Op::Write, &self.path, keepstone_format::Error::Misuse { what })
    }
}

/// Takes the values of one array. Without [`finish`](Self::finish) the snapshot can't be committed.
#[derive(Debug)]
pub struct ArrayWriter<'w, 'f, T> {
    path: &'w Path,
    out: Out<'w, 'f>,
    row_len: u64,
    /// Bytes that have come.
    bytes: u64,
    values: PhantomData<fn(T)>,
}

#[derive(Debug)]
enum Out<'w, 'f> {
    Raw(RawWriter<'w, BufWriter<atomic::Writer<'f>>>),
    Coded(CodedWriter<'w, BufWriter<atomic::Writer<'f>>>),
}

impl<T: Plain> ArrayWriter<'_, '_, T> {
    /// Adds values, which need not end with a row.
    ///
    /// # Errors
    /// [`Error::Container`] when more come than were announced, [`Error::Io`]. Then the snapshot can't be committed.
    pub fn append(&mut self, values: &[T]) -> Result<(), Error> {
        let bytes = to_le_bytes_cow(values);
        let written = match &mut self.out {
            Out::Raw(out) => out.write_all(&bytes),
            Out::Coded(out) => out.write_all(&bytes),
        };
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        written.map_err(|source| unwrapped(Op::Write, self.path, source))
    }

    /// Ends the array.
    ///
    /// # Errors
    /// [`Error::Container`] when fewer values came than were announced or the last row is not whole,
    /// [`Error::Io`]. Then the snapshot can't be committed.
    pub fn finish(self) -> Result<(), Error> {
        if !self.bytes.is_multiple_of(self.row_len) {
            let what = "the last row of an array is not whole; append all values of each row";
            return Err(named(Op::Write, self.path, keepstone_format::Error::Misuse { what }));
        }
        let finished = match self.out {
            Out::Raw(out) => out.finish(),
            Out::Coded(out) => out.finish(),
        };
        finished.map_err(|source| named(Op::Write, self.path, source))
    }
}

/// Takes the error of the file out of the error of the container around it.
pub(super) fn named(op: Op, path: &Path, source: keepstone_format::Error) -> Error {
    match source {
        keepstone_format::Error::Io { source, .. } => unwrapped(op, path, source),
        source => Error::Container { path: path.to_owned(), source },
    }
}

fn unwrapped(op: Op, path: &Path, source: std::io::Error) -> Error {
    let source = match source.downcast::<Error>() {
        Ok(error) => return error,
        Err(source) => source,
    };
    match source.downcast::<keepstone_format::Error>() {
        Ok(source) => Error::Container { path: path.to_owned(), source },
        Err(source) => Error::io(op, path, source),
    }
}
