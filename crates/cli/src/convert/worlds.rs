//! The worlds of a file, whatever its format.

use std::path::Path;

use keepstone::{
    compat::pecs::PecsRows,
    ecs::{self, Json, ReadOptions, WorldDoc, WorldFormat as _, list_worlds},
    format::{Format, Limits, ReadAt, Reader, SectionId, detect, tag},
};

use crate::error::Error;
use crate::inspect::{SAVE_TAGS, holds_worlds};
use crate::progress::Progress;
use crate::saves;
use crate::source::{self, Source};
use crate::text::plural;

/// The sections that a document is made of.
const OF_WORLDS: [SectionId; 7] = [
    SectionId::SCHEMA,
    SectionId::TABLES,
    SectionId::FOREIGN_IDS,
    SectionId::VALUES,
    SectionId::LENGTHS,
    SectionId::TARGETS,
    SectionId::RANKS,
];

/// What a file holds.
pub(crate) struct Worlds {
    /// The format that was read, as `--to` names it.
    pub(crate) format: &'static str,
    pub(crate) bytes: u64,
    pub(crate) docs: Vec<WorldDoc<'static>>,
    /// What is odd about the file.
    pub(crate) warnings: Vec<String>,
    /// What of the file is in none of the documents.
    pub(crate) not_in_docs: Vec<String>,
}

impl Worlds {
    /// Reads all worlds of a file. A file of another kind is an error.
    pub(crate) fn read(path: &Path, progress: &Progress) -> Result<Self, Error> {
        if saves::find_file(path)?.is_some() {
            return of_container(path, "save", &saves::open(path)?);
        }
        let (source, first) = Source::open_any(path, progress)?;
        match detect(&first) {
            Some(Format::Keep) => {
                let limits = Limits::for_file_len(source.len());
                let keep = |source| Error::Keep { path: path.to_owned(), source };
                of_container(path, "keep", &Reader::open(source, limits).map_err(keep)?)
            }
            Some(Format::Pecs) => of_pecs(path),
            None if Json.detect(&first) => of_json(path),
            None => Err(Error::unknown(path, &first)),
            Some(format) => Err(Error::NoWorlds { path: path.to_owned(), found: format.name().to_owned() }),
        }
    }
}

/// Whether a file that no format of files knows looks like a world as JSON.
pub(super) fn is_json(first: &[u8]) -> bool {
    detect(first).is_none() && Json.detect(first)
}

fn of_container<R: ReadAt>(path: &Path, format: &'static str, reader: &Reader<R>) -> Result<Worlds, Error> {
    let world = |source| Error::World { path: path.to_owned(), source };
    if !holds_worlds(reader) {
        let found = format!("a container of kind {}", reader.header().kind);
        return Err(Error::NoWorlds { path: path.to_owned(), found });
    }
    let mut docs = Vec::new();
    for entry in list_worlds(reader).map_err(world)? {
        docs.push(WorldDoc::decode(reader, entry.world).map_err(world)?.into_owned());
    }
    let (bytes, not_in_docs) = (reader.bytes(), beside_worlds(reader));
    Ok(Worlds { format, bytes, docs, warnings: Vec::new(), not_in_docs })
}

/// What a container of worlds has beside them.
fn beside_worlds<R: ReadAt>(reader: &Reader<R>) -> Vec<String> {
    let mut found = Vec::new();
    if reader.header().store_id != [0; 16] {
        found.push("the id of the store that the file belongs to".to_owned());
    }
    if reader.head().log_position().is_some() {
        found.push("the position in a log".to_owned());
    }
    let known = [
        tag::NAME,
        tag::CREATED_AT,
        tag::APPLICATION,
        tag::APPLICATION_VERSION,
        tag::WORLD_VERSION,
        tag::TICK,
        tag::LOG_POSITION,
    ];
    let is_of_save = |tag: u16| SAVE_TAGS.contains(&tag);
    if reader.head().tags().any(|(tag, _)| is_of_save(tag)) {
        found.push("what the save says of itself: its id, player, slot and the like".to_owned());
    }
    for (tag, _) in reader.head().tags().filter(|(tag, _)| !known.contains(tag) && !is_of_save(*tag)) {
        found.push(format!("head metadata {tag:#06x}, which this build doesn't know"));
    }
    let customs = reader.tail().customs().count() as u64;
    if customs > 0 {
        found.push(format!("{} of the tail metadata", plural(customs, "entry")));
    }
    let others = reader.sections().iter().filter(|section| !OF_WORLDS.contains(&section.id()));
    found.extend(others.map(|section| format!("section {}, instance {}", section.id(), section.instance())));
    found
}

fn of_json(path: &Path) -> Result<Worlds, Error> {
    let text = source::read(path, u64::MAX)?;
    let load = |options: &ReadOptions<'_>| Json.load(&mut text.as_slice(), options);
    let world = |source| Error::World { path: path.to_owned(), source };
    let docs = match load(&ReadOptions::default()) {
        Ok(doc) => vec![doc],
        Err(ecs::Error::SeveralWorlds { names }) => {
            let named = |name: &String| load(&ReadOptions::default().world(name));
            names.iter().map(named).collect::<Result<_, _>>().map_err(world)?
        }
        Err(source) => return Err(world(source)),
    };
    let (bytes, warnings, not_in_docs) = (text.len() as u64, Vec::new(), Vec::new());
    Ok(Worlds { format: "json", bytes, docs, warnings, not_in_docs })
}

fn of_pecs(path: &Path) -> Result<Worlds, Error> {
    let bytes = source::read(path, u64::MAX)?;
    let limits = Limits::for_file_len(bytes.len() as u64);
    let loaded = PecsRows::decode(&bytes, &limits, None)
        .map_err(|source| Error::Foreign { path: path.to_owned(), source })?;
    let mut doc = loaded.doc;
    // Extended files have the metadata of their world.
    if !loaded.is_extended {
        let flags = format!("{:08x}", loaded.header.flags).into_bytes();
        doc.meta.custom.insert("origin".to_owned(), b"pecs".to_vec());
        doc.meta.custom.insert("pecs.flags".to_owned(), flags);
    }
    let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
    let bytes = bytes.len() as u64;
    Ok(Worlds { format: "pecs", bytes, docs: vec![doc], warnings, not_in_docs: Vec::new() })
}
