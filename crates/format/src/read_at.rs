use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// A source of bytes that can be read anywhere.
pub trait ReadAt {
    /// Returns how many bytes there are.
    fn len(&self) -> u64;

    /// Returns whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` with the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] when they end before `buf` is full, and what the source says.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;

    /// Returns `len` bytes from `offset` on without copying, when the source has them in memory.
    fn borrow(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let (_, _) = (offset, len);
        None
    }
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let bytes = self.borrow(offset, buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn borrow(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let offset = usize::try_from(offset).ok()?;
        self.get(offset..offset.checked_add(len)?)
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        ReadAt::len(self.as_slice())
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.as_slice().read_exact_at(offset, buf)
    }

    fn borrow(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.as_slice().borrow(offset, len)
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: ReadAt + ?Sized> ReadAt for $pointer {
            fn len(&self) -> u64 {
                (**self).len()
            }

            fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
                (**self).read_exact_at(offset, buf)
            }

            fn borrow(&self, offset: u64, len: usize) -> Option<&[u8]> {
                (**self).borrow(offset, len)
            }
        }
    )*};
}

forward!(&T, Box<T>, Arc<T>);

/// Reads anywhere in something that seeks, such as a file.
///
/// ```
/// use std::io::Cursor;
/// use keepstone_format::{ReadAt, Seeking};
///
/// let source = Seeking::new(Cursor::new(b"0123456789"))?;
/// let mut buf = [0; 2];
/// source.read_exact_at(4, &mut buf)?;
/// assert_eq!((source.len(), &buf), (10, b"45"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Seeking<R> {
    inner: Mutex<R>,
    len: u64,
}

impl<R: Seek> Seeking<R> {
    /// Wraps `inner` and asks it for its length.
    ///
    /// # Errors
    ///
    /// What `inner` answers to a seek to its end.
    pub fn new(mut inner: R) -> io::Result<Self> {
        let len = inner.seek(SeekFrom::End(0))?;
        Ok(Self { inner: Mutex::new(inner), len })
    }
}

impl<R> Seeking<R> {
    /// Returns what is inside; it stands anywhere.
    pub fn into_inner(self) -> R {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Read + Seek> ReadAt for Seeking<R> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        // Every read seeks first, so a panic of another reader leaves nothing behind that matters.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.seek(SeekFrom::Start(offset))?;
        inner.read_exact(buf)
    }
}
