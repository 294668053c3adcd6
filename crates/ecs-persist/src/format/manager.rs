mod changes;

use std::{
    fmt,
    io::{Cursor, Read, Write},
    sync::Arc,
};

use self::changes::Chain;
use crate::{
    doc::WorldDoc,
    error::Error,
    format::{
        Columnar, ColumnarDelta, DeltaFormat, FIRST_BYTES_MAX, ReadOptions, WorldFormat, WriteOptions,
        named::{Name, Named},
    },
    store::EntityStore,
};

/// What a program saves with, by name: the formats of its worlds, which are also known by the first bytes of a file, of its deltas, chains of migrations,
/// and the stores of its entities.
///
/// Of each kind the one registered first is the default.
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
    formats: Named<dyn WorldFormat>,
    deltas: Named<dyn DeltaFormat>,
    migrations: Named<Chain>,
    stores: Named<dyn EntityStore>,
}

impl Name for dyn WorldFormat {
    fn name(&self) -> &str {
        WorldFormat::name(self)
    }
}

impl Name for dyn EntityStore {
    fn name(&self) -> &str {
        EntityStore::name(self)
    }
}

impl fmt::Debug for PersistenceManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PersistenceManager");
        shown.field("formats", &self.formats).field("deltas", &self.deltas);
        shown.field("migrations", &self.migrations).field("stores", &self.stores).finish()
    }
}

impl PersistenceManager {
    /// Knows no format.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows the built-in formats: [`Columnar`], which is the default, `Json` with the feature `json`, and [`ColumnarDelta`] for deltas.
    pub fn with_default_formats() -> Self {
        Self {
            formats: Named::of(vec![
                Arc::new(Columnar),
                #[cfg(feature = "json")]
                Arc::new(crate::json::Json),
            ]),
            deltas: Named::of(vec![Arc::new(ColumnarDelta)]),
            ..Self::default()
        }
    }

    /// Adds a format. The first one is the default.
    ///
    /// # Errors
    /// [`Error::DuplicateFormat`] when another has its name.
    #[doc(alias = "register_plugin")]
    pub fn register(&mut self, format: impl WorldFormat + 'static) -> Result<(), Error> {
        let add = self.formats.add(Arc::new(format));
        add.map_err(|format| Error::DuplicateFormat { name: WorldFormat::name(&*format).to_owned() })
    }

    /// Puts a format in the place of the one with its name and returns that; where there is none, adds it.
    pub fn replace(&mut self, format: impl WorldFormat + 'static) -> Option<Arc<dyn WorldFormat>> {
        self.formats.replace(Arc::new(format))
    }

    /// Takes a format out. If it was the default, the one registered next is.
    pub fn remove(&mut self, name: &str) -> Option<Arc<dyn WorldFormat>> {
        self.formats.remove(name)
    }

    /// The format with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn WorldFormat>> {
        self.formats.get(name)
    }

    /// The names in the order of registration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.formats.names()
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

    /// Adds a store of entities. The first one is the default.
    ///
    /// # Errors
    /// [`Error::DuplicatePlugin`] when another has its name, [`Error::BadPluginName`] when that doesn't have 1 to 128 bytes.
    #[doc(alias = "register_entity_store")]
    #[doc(alias = "KeyValueEntityPlugin")]
    pub fn register_store(&mut self, store: Arc<dyn EntityStore>) -> Result<(), Error> {
        check_name(STORE, store.name())?;
        let add = self.stores.add(store);
        add.map_err(|store| Error::DuplicatePlugin { what: STORE, name: store.name().to_owned() })
    }

    /// Puts a store in the place of the one with its name and returns that; where there is none, adds it.
    ///
    /// # Errors
    /// [`Error::BadPluginName`].
    pub fn replace_store(
        &mut self,
        store: Arc<dyn EntityStore>,
    ) -> Result<Option<Arc<dyn EntityStore>>, Error> {
        check_name(STORE, store.name())?;
        Ok(self.stores.replace(store))
    }

    /// Takes a store out. If it was the default, the one registered next is.
    pub fn remove_store(&mut self, name: &str) -> Option<Arc<dyn EntityStore>> {
        self.stores.remove(name)
    }

    /// The store with this name.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`] when there is none.
    pub fn store(&self, name: &str) -> Result<&Arc<dyn EntityStore>, Error> {
        self.stores.get(name).ok_or_else(|| self.unknown_store(name))
    }

    /// The store that was registered first.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`] when there is none.
    pub fn default_store(&self) -> Result<&Arc<dyn EntityStore>, Error> {
        self.stores.first().ok_or_else(|| self.unknown_store("the default"))
    }

    /// The stores in the order of registration.
    pub fn stores(&self) -> impl Iterator<Item = &Arc<dyn EntityStore>> {
        self.stores.iter()
    }

    fn unknown_store(&self, asked: &str) -> Error {
        Error::UnknownPlugin { what: STORE, asked: asked.to_owned(), known: self.stores.list() }
    }

    fn named(&self, name: &str) -> Result<&Arc<dyn WorldFormat>, Error> {
        self.get(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, asked: &str) -> Error {
        Error::UnknownFormat { asked: asked.to_owned(), known: self.formats.list() }
    }
}

const STORE: &str = "an entity store";
const NAME_LEN_MAX: usize = 128;

fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    if (1..=NAME_LEN_MAX).contains(&name.len()) {
        return Ok(());
    }
    let start: String = name.chars().take(NAME_LEN_MAX).collect();
    Err(Error::BadPluginName { what, name: start, len: name.len() })
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
