//! Exports of forge's checkpoints, taken into a store.
//!
//! ```
//! use keepstone::{checkpoint::{CheckpointStore, Query}, forge};
//!
//! let store = CheckpointStore::in_memory(); // or `open("agent")`
//! # let bytes: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../compat/tests/fixtures/forge/export_all.json"));
//! let imported = forge::import(&store, bytes)?; // `bytes` is either of the files that forge exports
//! assert_eq!((imported.checkpoints.imported, imported.checkpoints.sessions.len()), (60, 3));
//! // The secrets of the process that made them stay where they are.
//! assert_eq!(imported.env_vars_dropped, 360);
//!
//! let milestones = store.list(&Query::new().tag("milestone"))?;
//! assert_eq!(milestones[0].annotations["forge.checksum_fits"], "all but the tags");
//! assert_eq!(forge::import(&store, bytes)?.checkpoints.known, 60); // nothing new
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What becomes of a checkpoint
//!
//! | forge | keepstone |
//! |---|---|
//! | `id` | the id, the same 16 bytes |
//! | `session_id` | a session of that name, on the branch `main` |
//! | `timestamp` | the time |
//! | `message`, `trigger` | the same |
//! | `tags` | the tags. Where they are not each once and in order, or one is empty or longer than 255 bytes or the 65th, the list as it is written is the annotation `forge.tags`, as JSON |
//! | `state` | the state: bytes, its JSON without white space, in the order in which it is written |
//! | `state.env_vars` | left out unless [`Secrets::Keep`] asks for them; how many they were is the annotation `forge.env_vars_dropped` |
//! | `sequence_number` | the annotation `forge.sequence_number`. Those of forge begin anew with each process, so checkpoints get places in the order of the store by their times |
//! | `checksum` | the annotations `forge.checksum` and `forge.checksum_fits`: `all`, `all but the tags` or `nothing` |
//!
//! Exports of forge have no links: a checkpoint goes on from the one before it in its session. What has no place in a store, the time of the export and members that forge writes none of, stands in what [`import`] answers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use keepstone_checkpoint::{CheckpointId, CheckpointStore, ContentId, ImportedCheckpoint, Trigger};
use keepstone_compat::forge::{Checkpoint, Trigger as Written};
pub use keepstone_compat::forge::{Checksum, Export, Secrets, Shape};
use keepstone_format::{Kind, Limits};

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// What the file was exported as.
    pub shape: Shape,
    /// When it was, in nanoseconds UTC since 1970. A store has no place for it.
    pub exported_at: i64,
    /// What is new in the store, and what was there.
    pub checkpoints: keepstone_checkpoint::Imported,
    /// Checkpoints that stand in the file once more.
    pub repeated: u64,
    /// Environment variables in the file that were left out.
    pub env_vars_dropped: u64,
    /// Checkpoints of the file whose checksum fits nothing: something was changed, or forge has written a state in another order than it hashed it in. They are imported.
    pub unfit: Vec<CheckpointId>,
    /// Members that forge writes none of, and how often each is there. They are not imported.
    pub unknown: BTreeMap<String, u64>,
}

/// Why an export of forge was not imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file can't be read.
    #[error(transparent)]
    Read(#[from] keepstone_compat::Error),
    /// The store doesn't take it.
    #[error(transparent)]
    Store(#[from] keepstone_checkpoint::Error),
    /// Two checkpoints have one id.
    #[error(
        "the export of forge has two checkpoints of id {id} which are not the same; take one of them out"
    )]
    Twice {
        /// The id.
        id: CheckpointId,
    },
    /// A checkpoint has another state in the store: one that was imported with its environment variables, say, and is imported without.
    #[error(
        "checkpoint {id} has another state here than in the export of forge; import it as before, or into another store"
    )]
    Other {
        /// The id.
        id: CheckpointId,
    },
}

impl Error {
    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Read(source) => source.kind(),
            Self::Store(source) => source.kind(),
            Self::Twice { .. } => Kind::Damaged,
            Self::Other { .. } => Kind::Misuse,
        }
    }
}

/// Takes in a file of either of the two shapes that forge exports, without the environment variables in its states. Doing it twice changes nothing, and a later export of the same sessions adds what is new.
///
/// The whole file is looked at before the store is touched. It is durable when this returns. If the disk fails half-way some of the checkpoints are there, and heads are where they were; doing it
/// again does the rest.
///
/// Memory is taken for about ten times the file at most.
///
/// # Errors
/// [`Error::Read`] for what is no export of forge, [`Error::Twice`], [`Error::Other`], and [`Error::Store`] of the kind `Limit` for what is longer than a store takes: then nothing is imported. Else [`Error::Store`] as a commit.
pub fn import(store: &CheckpointStore, bytes: &[u8]) -> Result<Imported, Error> {
    import_with(store, bytes, Secrets::Drop)
}

/// The same, and says what becomes of environment variables.
///
/// # Errors
/// As [`import`].
pub fn import_with(store: &CheckpointStore, bytes: &[u8], secrets: Secrets) -> Result<Imported, Error> {
    import_read(store, &Export::read(bytes, &Limits::for_file_len(bytes.len() as u64), secrets)?)
}

/// The same of a file that has been read, with limits of one's own, say.
///
/// # Errors
/// As [`import`], but for [`Error::Read`].
pub fn import_read(store: &CheckpointStore, export: &Export<'_>) -> Result<Imported, Error> {
    let all = checkpoints(export)?;
    let allowed = store.options().state_bytes_max;
    for checkpoint in &all {
        checkpoint.check()?;
        let needs = checkpoint.state.len() as u64;
        if needs > allowed {
            return Err(keepstone_checkpoint::Error::Length { what: "a state", needs, allowed }.into());
        }
        let known = store.checkpoint(checkpoint.id);
        if known.is_ok_and(|known| known.content != ContentId::of(&checkpoint.state)) {
            return Err(Error::Other { id: checkpoint.id });
        }
    }
    let repeated = export.checkpoints.len().saturating_sub(all.len()) as u64;
    let unfit = export.checkpoints.iter().filter(|checkpoint| checkpoint.checksum == Checksum::Unfit);
    Ok(Imported {
        shape: export.shape,
        exported_at: export.exported_at,
        repeated,
        env_vars_dropped: export.checkpoints.iter().map(|checkpoint| checkpoint.env_vars_dropped).sum(),
        unfit: unfit.map(id_of).collect(),
        unknown: export.unknown.clone(),
        checkpoints: store.import_all(all)?,
    })
}

/// The checkpoints of an export as a store takes them, by their times: for [`CheckpointStore::import_all`], once a program has changed what it wants to have otherwise, the names of sessions, say.
///
/// # Errors
/// [`Error::Twice`].
pub fn checkpoints(export: &Export<'_>) -> Result<Vec<ImportedCheckpoint>, Error> {
    let mut in_order: Vec<&Checkpoint<'_>> = export.checkpoints.iter().collect();
    // Those of one time stay in the order of the file.
    in_order.sort_by_key(|checkpoint| checkpoint.time);
    let mut seen: HashMap<CheckpointId, &Checkpoint<'_>> = HashMap::with_capacity(in_order.len());
    let mut last: HashMap<[u8; 16], CheckpointId> = HashMap::new();
    let mut all = Vec::with_capacity(in_order.len());
    for checkpoint in in_order {
        let id = id_of(checkpoint);
        match seen.insert(id, checkpoint) {
            Some(before) if before == checkpoint => continue,
            Some(_) => return Err(Error::Twice { id }),
            None => {}
        }
        let mut made = imported(checkpoint);
        made.parent = last.insert(checkpoint.session.0, id);
        all.push(made);
    }
    Ok(all)
}

fn id_of(checkpoint: &Checkpoint<'_>) -> CheckpointId {
    CheckpointId::from_bytes(checkpoint.id.0)
}

fn imported(checkpoint: &Checkpoint<'_>) -> ImportedCheckpoint {
    let state = checkpoint.compact_state().into_bytes();
    let mut made = ImportedCheckpoint::new(id_of(checkpoint), checkpoint.session.to_string(), state);
    made.time = Some(checkpoint.time);
    made.message = checkpoint.message.as_str().into();
    made.trigger = match &checkpoint.trigger {
        Written::Manual => Trigger::Manual,
        Written::Scheduled => Trigger::Scheduled,
        Written::Automatic(cause) => Trigger::Automatic(cause.as_str().into()),
    };
    made.tags = tags(&checkpoint.tags);
    let mut said = |key: &str, value: String| drop(made.annotations.insert(format!("forge.{key}"), value));
    if !made.tags.iter().map(AsRef::as_ref).eq(checkpoint.tags.iter().map(String::as_str)) {
        said("tags", serde_json::Value::from(checkpoint.tags.clone()).to_string());
    }
    said("sequence_number", checkpoint.sequence.to_string());
    said("checksum", checkpoint.digest.clone());
    let fits = match checkpoint.checksum {
        Checksum::Whole => "all",
        Checksum::WithoutTags => "all but the tags",
        Checksum::Unfit => "nothing",
    };
    said("checksum_fits", fits.to_owned());
    if checkpoint.env_vars_dropped > 0 {
        said("env_vars_dropped", checkpoint.env_vars_dropped.to_string());
    }
    made
}

/// Bytes of a tag, and tags of a checkpoint.
const TAG_LEN_MAX: usize = 255;
const TAGS_MAX: usize = 64;

/// Those that a store takes, each once and in order.
fn tags(written: &[String]) -> Vec<Arc<str>> {
    let fit = written.iter().filter(|tag| (1..=TAG_LEN_MAX).contains(&tag.len()));
    let mut tags: Vec<Arc<str>> = fit.map(|tag| tag.as_str().into()).collect();
    tags.sort_unstable();
    tags.dedup();
    tags.truncate(TAGS_MAX);
    tags
}
