use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_format::wire::Input;
use keepstone_storage::{Durability, Files};

use super::live::Live;
use crate::{
    Error,
    backend::{Backend, DirBackend, MemBackend},
    catalog::{Broken, Catalog},
    journal::{self, Journal, NoJournal, ObjectJournal, WalJournal},
    manifest::{self, Manifest, PackInfo, Retired},
    object::Folder,
    op::{Decoder, Encoder},
    options::StoreOptions,
};

/// How often a store is read anew because its writer has moved its journal meanwhile.
const TRIES_MAX: u32 = 64;

/// What a store stands on.
pub(crate) enum Ground {
    Memory(Arc<MemBackend>),
    Dir { backend: Arc<DirBackend>, files: Arc<dyn Files>, dir: PathBuf },
    Backend(Arc<dyn Backend>),
}

pub(super) fn in_memory() -> (Ground, Live) {
    let catalog = Catalog::default();
    let encoder = Encoder::at(catalog.next_sequence(), None);
    let live = Live::new(catalog, encoder, Arc::new(NoJournal::new(1)), 0, Vec::new(), Vec::new());
    (Ground::Memory(Arc::default()), live)
}

pub(super) fn in_dir(dir: &Path, options: &StoreOptions) -> Result<(Ground, Live), Error> {
    let files = Arc::clone(&options.files);
    let backend = Arc::new(DirBackend::open(Arc::clone(&files), dir)?);
    let ground = Ground::Dir { backend, files, dir: dir.to_owned() };
    let live = ground.load()?;
    Ok((ground, live))
}

pub(super) fn on(backend: Arc<dyn Backend>) -> Result<(Ground, Live), Error> {
    let ground = Ground::Backend(backend);
    let live = ground.load()?;
    Ok((ground, live))
}

impl Ground {
    pub(super) fn backend(&self) -> &dyn Backend {
        match self {
            Self::Memory(backend) => &**backend,
            Self::Dir { backend, .. } => &**backend,
            Self::Backend(backend) => &**backend,
        }
    }

    /// A directory, for reading.
    pub(super) fn to_read(dir: &Path, options: &StoreOptions) -> Self {
        let files = Arc::clone(&options.files);
        let backend = Arc::new(DirBackend::read_only(Arc::clone(&files), dir));
        Self::Dir { backend, files, dir: dir.to_owned() }
    }

    /// Whether anything outlives the process.
    pub(super) fn is_durable(&self) -> bool {
        !matches!(self, Self::Memory(_))
    }

    /// Whether nobody else can write.
    pub(super) fn is_locked(&self) -> bool {
        !matches!(self, Self::Backend(_))
    }

    /// Reads everything again, after a commit has failed.
    pub(super) fn reload(&self, live: &mut Live) -> Result<(), Error> {
        if let Self::Memory(_) = self {
            live.failed = None;
            return Ok(());
        }
        // What is on its way arrives or fails first: it may be acknowledged, and then it has to be found.
        if let Some(last) = live.journal.end().checked_sub(1) {
            drop(live.journal.wait(last, Durability::Durable));
        }
        // Its lock has to be free. Who waits for it still gets an error, and lets go of it.
        live.journal = Arc::new(NoJournal::new(1));
        let what = live.failed.clone().unwrap_or_default();
        let mut read = self.load().map_err(|err| match err.kind() {
            keepstone_format::Kind::Busy => Error::Poisoned { what },
            _ => err,
        })?;
        // Who prunes meanwhile goes on.
        read.condemned = std::mem::take(&mut live.condemned);
        read.feed = Arc::clone(&live.feed);
        *live = read;
        Ok(())
    }

    fn load(&self) -> Result<Live, Error> {
        let mut base = match self.base()? {
            Some(base) => base,
            None => self.begin()?,
        };
        let (id, mut decoder) = (base.store_id, base.decoder());
        let catalog = &mut base.catalog;
        let mut journal_bytes = 0;
        let mut replay = |_: u64, commit: &[u8]| {
            journal_bytes += go_on(catalog, &mut decoder, commit)?;
            Ok(())
        };
        let journal: Arc<dyn Journal> = match self {
            Self::Memory(_) => Arc::new(NoJournal::new(base.from)),
            Self::Dir { files, dir, .. } => {
                Arc::new(WalJournal::open(dir, journal::options(Arc::clone(files)), base.from, &mut replay)?)
            }
            Self::Backend(backend) => {
                Arc::new(ObjectJournal::open(Arc::clone(backend), id, base.from, &mut replay)?)
            }
        };
        let Base { catalog, number, len, packs, retired, .. } = base;
        let mut live = Live::new(catalog, decoder.into_encoder(), journal, number, packs, retired);
        (live.store_id, live.manifest_len, live.journal_bytes) = (id, len, journal_bytes);
        Ok(live)
    }

    /// What is in the store, for reading.
    pub(super) fn read(&self) -> Result<Catalog, Error> {
        let mut tries = 0;
        loop {
            let mut base = self.base()?.ok_or_else(|| self.no_store())?;
            let mut decoder = base.decoder();
            let catalog = &mut base.catalog;
            let mut replay = |_: u64, commit: &[u8]| go_on(catalog, &mut decoder, commit).map(drop);
            let read = match self {
                Self::Memory(_) => Ok(base.from),
                Self::Dir { files, dir, .. } => {
                    journal::read_log(dir, journal::options(Arc::clone(files)), base.from, &mut replay)
                }
                Self::Backend(backend) => {
                    journal::read_objects(&**backend, &base.store_id, base.from, &mut replay)
                }
            };
            tries += 1;
            // A manifest that was written meanwhile may have cut the journal before it was read.
            if tries == TRIES_MAX
                || manifest::numbers(self.backend())?.last().copied().unwrap_or(0) == base.number
            {
                read?;
                return Ok(base.catalog);
            }
        }
    }

    /// Puts the first manifest, which has the number of the store and nothing else.
    fn begin(&self) -> Result<Base, Error> {
        let manifest = Manifest {
            number: 1,
            store_id: keepstone_storage::random_id(),
            journal_from: 1,
            packs: Vec::new(),
            retired: Vec::new(),
            operations: write_operations(&Catalog::default(), None)?,
        };
        // Another writer may have been faster: then the store is its.
        self.backend().put_if_absent(&manifest.name(), &manifest.encode()?)?;
        self.base()?.ok_or_else(|| self.no_store())
    }

    pub(super) fn no_store(&self) -> Error {
        let path = match self {
            Self::Dir { dir, .. } => dir.clone(),
            Self::Memory(_) | Self::Backend(_) => PathBuf::from(Folder::MANIFESTS.prefix),
        };
        Error::NoStore { path }
    }

    fn base(&self) -> Result<Option<Base>, Error> {
        let Some(manifest) = manifest::newest(self.backend())? else { return Ok(None) };
        let (catalog, last_time) = read_operations(&manifest)?;
        let Manifest { number, store_id, journal_from: from, packs, retired, operations } = manifest;
        let len = operations.len() as u64;
        Ok(Some(Base { catalog, last_time, store_id, number, len, from, packs, retired }))
    }
}

/// What the newest manifest says.
struct Base {
    catalog: Catalog,
    /// What the coding of times goes on from.
    last_time: Option<i64>,
    store_id: [u8; 16],
    number: u64,
    /// Bytes of its operations.
    len: u64,
    /// The first commit behind it.
    from: u64,
    packs: Vec<PackInfo>,
    retired: Vec<Retired>,
}

impl Base {
    /// What reads the commits behind it.
    fn decoder(&self) -> Decoder {
        Decoder::at(self.catalog.next_sequence(), self.last_time)
    }
}

/// Lets a commit happen, and answers how many bytes of states are in it.
fn go_on(catalog: &mut Catalog, decoder: &mut Decoder, commit: &[u8]) -> Result<u64, Error> {
    let object = "a commit of the journal";
    let mut state_bytes = 0;
    for op in decoder.ops(commit) {
        let op = op.map_err(|source| Error::format(object, source))?;
        state_bytes += op.state_bytes();
        catalog.apply(op).map_err(|Broken(what)| Error::damaged(object, what))?;
    }
    Ok(state_bytes)
}

/// The catalog in a manifest, and the time that the commits behind it are coded against.
pub(super) fn read_operations(manifest: &Manifest) -> Result<(Catalog, Option<i64>), Error> {
    let object = Folder::MANIFESTS.name(manifest.number);
    let failed = |source| Error::format(&object, source);
    let mut input = Input::new("operations of a manifest", &manifest.operations);
    let last_time = match input.u8().map_err(failed)? {
        0 => None,
        1 => Some(i64::from_le_bytes(input.array().map_err(failed)?)),
        _ => return Err(failed(input.invalid("whether there is a last time is 0 or 1"))),
    };
    let mut catalog = Catalog::default();
    let mut decoder = Decoder::new();
    for (number, op) in (0_u64..).zip(decoder.ops(input.take_rest())) {
        let broken = |Broken(what)| Error::damaged(&object, format!("operation {number}: {what}"));
        catalog.apply(op.map_err(failed)?).map_err(broken)?;
    }
    Ok((catalog, last_time))
}

/// The same, to be put into a manifest.
pub(super) fn write_operations(catalog: &Catalog, last_time: Option<i64>) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    match last_time {
        None => out.push(0),
        Some(time) => {
            out.push(1);
            out.extend_from_slice(&time.to_le_bytes());
        }
    }
    let mut encoder = Encoder::new();
    for op in catalog.ops() {
        encoder.put(&op, &mut out).map_err(|source| Error::format("a manifest", source))?;
    }
    Ok(out)
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(_) => f.write_str("Memory"),
            Self::Dir { dir, .. } => f.debug_tuple("Dir").field(dir).finish(),
            Self::Backend(backend) => f.debug_tuple("Backend").field(backend).finish(),
        }
    }
}
