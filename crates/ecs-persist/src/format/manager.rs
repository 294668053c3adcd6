use std::{
    fmt,
    io::{Cursor, Read, Write},
    sync::Arc,
};

use crate::{
    doc::WorldDoc,
    error::Error,
    format::{Columnar, FIRST_BYTES_MAX, ReadOptions, WorldFormat, WriteOptions},
};

/// The formats that a program reads and writes, by name and by the first bytes of a file.
///
/// ```
/// use keepstone_ecs_persist::{PersistenceManager, ReadOptions, WorldDoc, WriteOptions};
///
/// let formats = PersistenceManager::with_default_formats();
/// let mut bytes = Vec::new();
/// formats.save("columnar", &WorldDoc::default(), &mut bytes, &WriteOptions::default())?;
/// assert_eq!(formats.load(&mut bytes.as_slice(), &ReadOptions::default())?, WorldDoc::default());
/// # Ok::<(), keepstone_ecs_persist::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct PersistenceManager {
    formats: Vec<Arc<dyn WorldFormat>>,
}

impl fmt::Debug for PersistenceManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl PersistenceManager {
    /// Knows no format.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows the built-in formats: [`Columnar`], which is the default, and `Json` with the feature `json`.
    pub fn with_default_formats() -> Self {
        Self {
            formats: vec![
                Arc::new(Columnar),
                #[cfg(feature = "json")]
                Arc::new(crate::json::Json),
            ],
        }
    }

    /// Adds a format. The first one is the default.
    ///
    /// # Errors
    /// [`Error::DuplicateFormat`] when another has its name.
    #[doc(alias = "register_plugin")]
    pub fn register(&mut self, format: impl WorldFormat + 'static) -> Result<(), Error> {
        if self.get(format.name()).is_some() {
            return Err(Error::DuplicateFormat { name: format.name().to_owned() });
        }
        self.formats.push(Arc::new(format));
        Ok(())
    }

    /// Puts a format in the place of the one with its name and returns that; where there is none, adds it.
    pub fn replace(&mut self, format: impl WorldFormat + 'static) -> Option<Arc<dyn WorldFormat>> {
        if let Some(known) = self.formats.iter_mut().find(|known| known.name() == format.name()) {
            return Some(std::mem::replace(known, Arc::new(format)));
        }
        self.formats.push(Arc::new(format));
        None
    }

    /// Takes a format out. If it was the default, the one registered next is.
    pub fn remove(&mut self, name: &str) -> Option<Arc<dyn WorldFormat>> {
        let at = self.formats.iter().position(|known| known.name() == name)?;
        Some(self.formats.remove(at))
    }

    /// The format with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn WorldFormat>> {
        self.formats.iter().find(|known| known.name() == name)
    }

    /// The names in the order of registration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.formats.iter().map(|known| known.name())
    }

    /// The format that was registered first.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] when there is none.
    pub fn default_format(&self) -> Result<&Arc<dyn WorldFormat>, Error> {
        self.formats.first().ok_or_else(|| self.unknown("the default"))
    }

    /// The first registered format that says a file with this start is its own.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] when none does.
    pub fn detect(&self, first_bytes: &[u8]) -> Result<&Arc<dyn WorldFormat>, Error> {
        let found = self.formats.iter().find(|known| known.detect(first_bytes));
        found.ok_or_else(|| self.unknown(&starting(first_bytes)))
    }

    /// Writes one world in the format with this name.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`], or as [`WorldFormat::save`].
    pub fn save(
        &self,
        name: &str,
        doc: &WorldDoc<'_>,
        out: &mut dyn Write,
        options: &WriteOptions,
    ) -> Result<(), Error> {
        self.named(name)?.save(&[doc], out, options)
    }

    /// Writes one world in the default format.
    ///
    /// # Errors
    /// As [`PersistenceManager::save`].
    pub fn save_default(
        &self,
        doc: &WorldDoc<'_>,
        out: &mut dyn Write,
        options: &WriteOptions,
    ) -> Result<(), Error> {
        self.default_format()?.save(&[doc], out, options)
    }

    /// Reads a world in whatever format its first bytes are of.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] when no format knows them, [`Error::NewerFormat`] when the format doesn't read that version,
    /// [`Error::Read`] when the stream fails; else as [`WorldFormat::load`].
    pub fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>, Error> {
        let start = read_start(input)?;
        let format = self.detect(&start)?;
        load(&**format, start, input, options)
    }

    /// Reads a world in the format with this name, whatever its first bytes look like.
    ///
    /// # Errors
    /// As [`PersistenceManager::load`].
    pub fn load_as(
        &self,
        name: &str,
        input: &mut dyn Read,
        options: &ReadOptions<'_>,
    ) -> Result<WorldDoc<'static>, Error> {
        let format = self.named(name)?;
        load(&**format, read_start(input)?, input, options)
    }

    fn named(&self, name: &str) -> Result<&Arc<dyn WorldFormat>, Error> {
        self.get(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, asked: &str) -> Error {
        Error::UnknownFormat {
            asked: asked.to_owned(),
            known: self.names().map(str::to_owned).collect::<Vec<_>>().join(", "),
        }
    }
}

fn starting(first_bytes: &[u8]) -> String {
    let shown: Vec<String> = first_bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("a file that starts with [{}]", shown.join(" "))
}

fn read_start(input: &mut dyn Read) -> Result<Vec<u8>, Error> {
    let mut start = Vec::new();
    input.take(FIRST_BYTES_MAX as u64).read_to_end(&mut start).map_err(|source| Error::Read { source })?;
    Ok(start)
}

/// Asks for the version before anything is read.
fn load(
    format: &dyn WorldFormat,
    start: Vec<u8>,
    rest: &mut dyn Read,
    options: &ReadOptions<'_>,
) -> Result<WorldDoc<'static>, Error> {
    if let Some(found) = format.version_of(&start)
        && !format.can_load_version(found)
    {
        let (format, newest) = (format.name().to_owned(), format.version());
        return Err(Error::NewerFormat { format, found, newest });
    }
    format.load(&mut Cursor::new(start).chain(rest), options)
}
