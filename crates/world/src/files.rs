use std::{
    io::{BufWriter, Read, Write},
    path::Path,
    time::Instant,
};

use keepstone_ecs_persist::{
    Capture, EcsWorld, EncodeOptions, SpawnOptions, Unknown, WorldDoc, encode_worlds, list_worlds,
};
use keepstone_format::{Header, Limits, Reader};
use keepstone_storage::atomic;

use crate::{
    error::Error,
    options::{LoadMode, LoadOptions, SaveOptions},
    report::{LoadReport, SaveReport},
};

/// Saving and loading for every world that an adapter knows.
///
/// `M` is the adapter's marker; calls infer it.
pub trait WorldFiles<M>: EcsWorld<M> {
    /// Saves this world to a file, replacing it in one step; durable when it returns.
    ///
    /// A crash at any moment leaves the previous file or the new one. Components that are not registered are left out
    /// and stand in the report.
    ///
    /// # Errors
    /// When the world can't be encoded or the file can't be written; the previous file is then as it was. When only the
    /// directory could not be synced, the new file is in place and may be lost to a power cut.
    #[doc(alias = "save_binary")]
    fn save(&self, path: impl AsRef<Path>) -> Result<SaveReport, Error> {
        self.save_with(path, &SaveOptions::default())
    }

    /// Saves this world as these options say.
    ///
    /// # Errors
    /// As [`WorldFiles::save`]; further what the options demand: a limit, strictness, reading back.
    fn save_with(
        &self,
        path: impl AsRef<Path>,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<SaveReport, Error> {
        write_file(path.as_ref(), options, |out| encode(&[("", self)], out, options))
    }

    /// Loads a file into a world of its own, strictly: a component that isn't registered is an error.
    ///
    /// A reference whose target was gone when the world was saved is not; [`WorldFiles::load_with`] counts such references in its report.
    ///
    /// # Errors
    /// When the file is missing, damaged, newer than this program, over a limit, or has a component that isn't registered.
    #[doc(alias = "load_binary")]
    fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::load_with(path, &LoadOptions::default())?.0)
    }

    /// Loads a file into a world of its own as these options say, and reports.
    ///
    /// # Errors
    /// As [`WorldFiles::load`], apart from what the options allow.
    fn load_with(
        path: impl AsRef<Path>,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<(Self, LoadReport<Self::Entity>), Error> {
        let mut world = Self::empty();
        let report = load_file(&mut world, path.as_ref(), options)?;
        Ok((world, report))
    }

    /// Loads a file into this world. The report says which entity each of the file's became.
    ///
    /// # Errors
    /// As [`WorldFiles::load`]; this world is then as it was.
    fn load_into(
        &mut self,
        path: impl AsRef<Path>,
        mode: LoadMode,
    ) -> Result<LoadReport<Self::Entity>, Error> {
        self.load_into_with(path, mode, &LoadOptions::default())
    }

    /// Loads a file into this world as these options say.
    ///
    /// # Errors
    /// As [`WorldFiles::load_with`]; this world is then as it was.
    fn load_into_with(
        &mut self,
        path: impl AsRef<Path>,
        mode: LoadMode,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<LoadReport<Self::Entity>, Error> {
        match mode {
            LoadMode::Merge => load_file(self, path.as_ref(), options),
        }
    }

    /// Writes this world to a stream. Nothing is flushed or synced: what survives is the stream's matter.
    ///
    /// # Errors
    /// When the world can't be encoded or the stream fails.
    #[doc(alias = "save_binary_stream")]
    fn save_to(&self, out: &mut impl Write) -> Result<SaveReport, Error> {
        self.save_to_with(out, &SaveOptions::default())
    }

    /// Writes this world to a stream as these options say; durability, reading back and files don't apply.
    ///
    /// # Errors
    /// As [`WorldFiles::save_to`].
    fn save_to_with(
        &self,
        out: &mut impl Write,
        options: &SaveOptions<'_, Self::Registry>,
    ) -> Result<SaveReport, Error> {
        encode(&[("", self)], out, options)
    }

    /// Reads a world from a stream, to its end, strictly.
    ///
    /// # Errors
    /// As [`WorldFiles::load`].
    fn load_from(from: &mut impl Read) -> Result<Self, Error> {
        Ok(Self::load_from_with(from, &LoadOptions::default())?.0)
    }

    /// Reads a world from a stream, to its end, as these options say, and reports.
    ///
    /// # Errors
    /// As [`WorldFiles::load_with`].
    fn load_from_with(
        from: &mut impl Read,
        options: &LoadOptions<'_, Self::Registry>,
    ) -> Result<(Self, LoadReport<Self::Entity>), Error> {
        let start = Instant::now();
        let mut bytes = Vec::new();
        let limit = options.bytes_max.saturating_add(1);
        from.take(limit).read_to_end(&mut bytes).map_err(|source| Error::Read { source })?;
        if bytes.len() as u64 > options.bytes_max {
            return Err(Error::TooLong { allowed: options.bytes_max });
        }
        let mut world = Self::empty();
        let mut report = spawn(&mut world, &bytes, options)?;
        report.read_time = start.elapsed().saturating_sub(report.decode_time + report.spawn_time);
        Ok((world, report))
    }
}

/// Headers and small columns go to the file together; a larger payload passes by without a copy.
const BUFFER_LEN: usize = 64 << 10;

impl<M, W: EcsWorld<M>> WorldFiles<M> for W {}

fn write_file<R>(
    path: &Path,
    options: &SaveOptions<'_, R>,
    encode: impl FnOnce(&mut BufWriter<atomic::Writer<'_>>) -> Result<SaveReport, Error>,
) -> Result<SaveReport, Error> {
    // Capture and encoding fail before anything is written for most reasons; for the others the temporary is dropped.
    let file = atomic::Writer::create(&*options.files, path, options.durability)?;
    let mut out = BufWriter::with_capacity(BUFFER_LEN, file);
    let mut report = encode(&mut out)?;
    let start = Instant::now();
    let file = out.into_inner().map_err(|error| Error::Write { source: error.into_error() })?;
    if report.encoded.bytes_total > options.bytes_max {
        let (needs, allowed) = (report.encoded.bytes_total, options.bytes_max);
        return Err(keepstone_ecs_persist::Error::Limit { what: "bytes of the file", needs, allowed }.into());
    }
    file.commit()?;
    report.durability = Some(options.durability);
    if options.read_back {
        let bytes = read(path, &*options.files, u64::MAX)?;
        check(&bytes).map_err(|source| Error::File { path: path.to_owned(), source })?;
    }
    report.commit_time = start.elapsed();
    Ok(report)
}

/// Saves several worlds, such as the levels of a game, under their names into one file, from which each can be loaded alone with
/// [`LoadOptions::world`]. Otherwise as [`WorldFiles::save_with`]; the report is about all of them.
///
/// # Errors
/// As [`WorldFiles::save_with`]; when two worlds have one name.
pub fn save_worlds<M, W: EcsWorld<M>>(
    worlds: &[(&str, &W)],
    path: impl AsRef<Path>,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<SaveReport, Error> {
    write_file(path.as_ref(), options, |out| encode(worlds, out, options))
}

fn check(bytes: &[u8]) -> Result<(), keepstone_ecs_persist::Error> {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64))?;
    let mut first = None;
    reader.verify(&mut |damage| {
        first.get_or_insert(damage);
    })?;
    match first {
        Some(damage) => Err(damage.into()),
        None => Ok(()),
    }
}

fn encode<M, W: EcsWorld<M>>(
    worlds: &[(&str, &W)],
    out: &mut impl Write,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<SaveReport, Error> {
    let start = Instant::now();
    let registry = match options.registry {
        Some(registry) => registry,
        None => W::derived_registry()?,
    };
    let mut captures = Vec::with_capacity(worlds.len());
    for (name, world) in worlds {
        let mut capture = world.capture(registry)?;
        (*name).clone_into(&mut capture.doc.name);
        capture.doc.meta = options.meta.clone();
        if options.strict {
            refuse_left_out(&capture)?;
        }
        captures.push(capture);
    }
    let encoding = Instant::now();
    let docs: Vec<&WorldDoc<'_>> = captures.iter().map(|capture| &capture.doc).collect();
    let encode_options =
        EncodeOptions::default().codec(options.codec).shuffle(options.shuffle).store_id(options.store_id);
    let (_, mut encoded) = encode_worlds(&docs, out, &encode_options)?;
    for capture in captures {
        encoded.left_out.extend(capture.left_out);
        encoded.entities_left_out += capture.entities_left_out;
        encoded.dangling += capture.dangling;
    }
    Ok(SaveReport {
        encoded,
        durability: None,
        capture_time: encoding - start,
        encode_time: encoding.elapsed(),
        commit_time: std::time::Duration::ZERO,
    })
}

fn refuse_left_out<E: Copy>(capture: &Capture<'_, E>) -> Result<(), keepstone_ecs_persist::Error> {
    let lost = capture.left_out.iter().find(|left| left.reason.is_loss());
    if let Some(left) = lost {
        return Err(keepstone_ecs_persist::Error::WouldLeaveOut {
            name: left.component.clone(),
            count: left.count,
            reason: left.reason.to_string(),
        });
    }
    if capture.dangling > 0 {
        return Err(keepstone_ecs_persist::Error::WouldLeaveOut {
            name: "references".to_owned(),
            count: capture.dangling,
            reason: "their targets no longer exist".to_owned(),
        });
    }
    Ok(())
}

fn only_world<'r>(reader: &'r Reader<&[u8]>) -> Result<WorldDoc<'r>, Error> {
    let worlds = list_worlds(reader)?;
    match worlds.as_slice() {
        [] | [_] => Ok(WorldDoc::decode(reader, 0)?),
        several => {
            Err(Error::SeveralWorlds { names: several.iter().map(|world| world.name.clone()).collect() })
        }
    }
}

fn load_file<M, W: EcsWorld<M>>(
    world: &mut W,
    path: &Path,
    options: &LoadOptions<'_, W::Registry>,
) -> Result<LoadReport<W::Entity>, Error> {
    let start = Instant::now();
    let bytes = read(path, &*options.files, options.bytes_max)?;
    let read_time = start.elapsed();
    let mut report = spawn(world, &bytes, options).map_err(|error| match error {
        Error::World(source) => Error::File { path: path.to_owned(), source },
        other => other,
    })?;
    report.read_time = read_time;
    Ok(report)
}

fn read(path: &Path, files: &dyn keepstone_storage::Files, bytes_max: u64) -> Result<Vec<u8>, Error> {
    check_start(path, files)?;
    let mut bytes = Vec::new();
    keepstone_storage::read(files, path, bytes_max, &mut bytes)?;
    Ok(bytes)
}

/// Looks at the first bytes, so that a large file that isn't ours is not read.
fn check_start(path: &Path, files: &dyn keepstone_storage::Files) -> Result<(), Error> {
    if !files.metadata(path)?.is_file {
        return Err(keepstone_storage::Error::NotAFile { path: path.to_owned() }.into());
    }
    let mut start = [0; Header::LEN];
    let len = files.open(path)?.read_full_at(&mut start, 0)?;
    let checked = Header::read(start.get(..len).unwrap_or_default());
    checked.map(drop).map_err(|source| Error::File { path: path.to_owned(), source: source.into() })
}

fn spawn<M, W: EcsWorld<M>>(
    world: &mut W,
    bytes: &[u8],
    options: &LoadOptions<'_, W::Registry>,
) -> Result<LoadReport<W::Entity>, Error> {
    let start = Instant::now();
    let registry = match options.registry {
        Some(registry) => registry,
        None => W::derived_registry()?,
    };
    let limits = options.limits.unwrap_or_else(|| Limits::for_file_len(bytes.len() as u64));
    let decoded_max = limits.decoded_max;
    let reader = Reader::open(bytes, limits).map_err(keepstone_ecs_persist::Error::from)?;
    let doc = match &options.world {
        Some(name) => WorldDoc::decode_named(&reader, name)?,
        None if options.strict => only_world(&reader)?,
        None => WorldDoc::decode(&reader, 0)?,
    };
    let decoded = Instant::now();
    let mut spawn_options = SpawnOptions::default();
    spawn_options.refuse_dangling = options.refuse_dangling;
    let unasked = if options.strict { Unknown::Refuse } else { Unknown::Keep };
    spawn_options.unknown = options.unknown.unwrap_or(unasked);
    spawn_options.entities_max = options.entities_max;
    spawn_options.bytes_max = decoded_max;
    let spawned = world.spawn_doc(&doc, registry, &spawn_options)?;
    Ok(LoadReport {
        spawned,
        meta: doc.meta,
        bytes: bytes.len() as u64,
        read_time: std::time::Duration::ZERO,
        decode_time: decoded - start,
        spawn_time: decoded.elapsed(),
    })
}
