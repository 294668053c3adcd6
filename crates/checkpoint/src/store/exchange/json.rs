use std::{
    collections::HashMap,
    io::{self, Write},
    sync::Arc,
};

use keepstone_format::{Error as FormatError, ReadAt};
use serde::Serialize;

use super::{
    super::{CheckpointReader, CheckpointStore},
    importer::Importer,
    in_order::{Next, in_order},
    snapshot::Snapshot,
    states::{Kept, States, check},
};
use crate::{
    Error,
    checkpoint::{Checkpoint, Fields},
    exchange::{
        Exported, Imported, ImportedCheckpoint, Selection,
        container::failed,
        json::{Branch, CheckpointOut, Document, Head, Id, Session, each_checkpoint, link},
        select::Selected,
    },
    id::{CheckpointId, Sequence},
    state::State,
};

impl CheckpointStore {
    /// Writes checkpoints as JSON, for people and other programs to read: a line each, with its state. Bytes are JSON if they are compact JSON, a string if they are text, else base64. A serde value is shown without its
    /// types if JSON has a place for all that is in it, else base64. What is read again of it holds wider numbers, and an enum or struct is a string or an object until the type that reads it says what it is.
    ///
    /// # Errors
    /// As [`export`](Self::export).
    pub fn export_json(&self, selection: &Selection, out: impl Write) -> Result<Exported, Error> {
        Snapshot::of(&self.shared, selection)?.export_json(out)
    }

    /// Takes in what [`export_json`](Self::export_json) has written, perhaps changed by hand. What [`import`](Self::import) says holds, but that states are not compared with anything.
    ///
    /// The text is gone through twice, so that nothing of one that is cut off or no JSON is taken in, and members may stand in any order. Memory is taken for what is known of the checkpoints, for the text of one of them, for a few states, and for a commit of
    /// bounded size: `source` may be a file, by [`Seeking`](keepstone_format::Seeking), or bytes.
    ///
    /// # Errors
    /// [`Error::Damaged`] for what is no such JSON, [`Error::Format`] of the kind `Newer` for that of a later version, [`Error::State`] for a state that is no state; else as
    /// [`import_all`](Self::import_all).
    pub fn import_json(&self, source: impl ReadAt) -> Result<Imported, Error> {
        let document = Document::read(&source)?;
        let mut importer = Importer::new(self);
        let mut places = Places {
            links: &document.links,
            sessions: HashMap::new(),
            ended: HashMap::new(),
            heads: HashMap::new(),
        };
        for session in &document.sessions {
            importer.session(&session.name.as_str().into(), session.time, &session.metadata)?;
            let heads =
                session.branches.iter().map(|branch| (branch.name.as_str(), branch.head.map(|head| head.0)));
            places.sessions.insert(session.name.as_str(), heads.collect());
        }
        each_checkpoint(&source, |raw| {
            let id = link(raw)?.id.0;
            if importer.has(id, None)? {
                return Ok(());
            }
            let checkpoint = ImportedCheckpoint::of_json(raw)?;
            let parent = importer.parent(checkpoint.parent)?;
            let session = importer.session(&checkpoint.session, None, &Fields::new())?;
            let (of, branch) = (&checkpoint.session, &checkpoint.branch);
            let branch = places.branch(&mut importer, session, of, branch, checkpoint.parent)?;
            let made = importer.encode(checkpoint, branch, parent)?;
            places.heads.insert(branch, made);
            Ok(())
        })?;
        places.finish(importer, &document.sessions)
    }
}

impl CheckpointReader {
    /// Writes checkpoints as [`CheckpointStore::export_json`] does: those of the store as this reader knows it, as [`CheckpointReader::export`].
    ///
    /// # Errors
    /// As [`CheckpointReader::export`].
    pub fn export_json(&self, selection: &Selection, out: impl Write) -> Result<Exported, Error> {
        Snapshot::of_reader(self, selection)?.export_json(out)
    }
}

impl Snapshot<'_> {
    fn export_json(&self, out: impl Write) -> Result<Exported, Error> {
        let (selected, options) = (&self.selected, self.options);
        let mut exported = self.exported();
        let mut out = Lines { out, bytes: 0, is_first: true };
        out.begin(&sessions_of(selected))?;
        let (mut stored, mut states) = (self.payloads(), States::new(options.cache_bytes_max));
        in_order(
            self.window(),
            || {
                let Some((checkpoint, bytes)) = stored.next()? else { return Ok(None) };
                let base =
                    checkpoint.base().map(|base| base_of(self, checkpoint, base, &mut states)).transpose()?;
                let kept = Kept::made(checkpoint, &bytes, base.as_ref(), options.state_bytes_max)?;
                let state = Arc::clone(&kept.state);
                states.put(checkpoint.id, kept);
                Ok(Some((state.len(), Next::Work((checkpoint, state)))))
            },
            |(checkpoint, state)| {
                check(checkpoint, &state)?;
                let state = State::new(state, checkpoint.layout, checkpoint.facts);
                let parent =
                    checkpoint.parent.and_then(|parent| selected.get(parent)).map(|parent| parent.id);
                let shown = CheckpointOut::new(checkpoint, parent, &state);
                serde_json::to_vec(&shown).map_err(|source| not_written(source.into()))
            },
            |line: Vec<u8>| out.line(&line),
        )?;
        exported.bytes = out.finish()?;
        Ok(exported)
    }
}

/// The state that another one stands on, which may be one that is not selected.
fn base_of(
    snapshot: &Snapshot<'_>,
    of: &Checkpoint,
    base: Sequence,
    states: &mut States,
) -> Result<Kept, Error> {
    let missing = || Error::MissingBase { id: of.id, base };
    let id = snapshot.checkpoint(base).map(|base| base.id).ok_or_else(missing)?;
    if let Some(kept) = states.get(id) {
        return Ok(kept);
    }
    let (state, chain) = snapshot.state(base)?;
    Ok(Kept { state: Arc::new(state), chain })
}

fn sessions_of(selected: &Selected) -> Vec<Session> {
    let sessions = selected.sessions().map(|(session, branches)| {
        let branches = branches.map(|(name, head)| {
            let head = head.and_then(|head| selected.get(head)).map(|head| Id(head.id));
            Branch { name: name.to_string(), head }
        });
        Session {
            name: session.name.to_string(),
            time: session.time,
            metadata: session.metadata.clone(),
            branches: branches.collect(),
        }
    });
    sessions.collect()
}

/// Where checkpoints of a document go.
struct Places<'d> {
    /// Their parents.
    links: &'d HashMap<CheckpointId, Option<CheckpointId>>,
    /// The sessions that the document lists, with their branches and heads.
    sessions: HashMap<&'d str, HashMap<&'d str, Option<CheckpointId>>>,
    ended: HashMap<(u32, Arc<str>), u32>,
    /// The last checkpoint of each branch.
    heads: HashMap<u32, Sequence>,
}

impl Places<'_> {
    /// The branch of a checkpoint that goes on from a parent.
    fn branch(
        &mut self,
        importer: &mut Importer<'_>,
        session: u32,
        session_name: &str,
        name: &Arc<str>,
        parent: Option<CheckpointId>,
    ) -> Result<u32, Error> {
        match self.sessions.get(session_name).map(|branches| branches.get(&**name)) {
            None => importer.branch(session, name, &|importer, head| importer.leads_to(head.id, parent)),
            Some(Some(head)) => self.live(importer, session, name, *head),
            // One that ended is not listed.
            Some(None) => {
                if let Some(found) = self.ended.get(&(session, Arc::clone(name))) {
                    return Ok(*found);
                }
                let found = importer.ended_branch(session, name)?;
                self.ended.insert((session, Arc::clone(name)), found);
                Ok(found)
            }
        }
    }

    /// A branch that the document lists.
    fn live(
        &self,
        importer: &mut Importer<'_>,
        session: u32,
        name: &Arc<str>,
        tip: Option<CheckpointId>,
    ) -> Result<u32, Error> {
        let goes_on = |importer: &Importer<'_>, head: &Checkpoint| {
            tip.is_none_or(|tip| self.leads_to(head.id, tip) || importer.leads_to(tip, Some(head.id)))
        };
        importer.branch(session, name, &goes_on)
    }

    /// Whether a checkpoint is another one, or one of those that it goes back to in the document.
    fn leads_to(&self, before: CheckpointId, from: CheckpointId) -> bool {
        let lineage = std::iter::successors(Some(from), |id| self.links.get(id).copied().flatten());
        // One that goes back to itself would have no end.
        lineage.take(self.links.len() + 1).any(|id| id == before)
    }

    fn finish(mut self, mut importer: Importer<'_>, sessions: &[Session]) -> Result<Imported, Error> {
        for session in sessions {
            let number = importer.session(&session.name.as_str().into(), None, &Fields::new())?;
            for branch in &session.branches {
                let head = branch.head.map(|head| head.0);
                let here = self.live(&mut importer, number, &branch.name.as_str().into(), head)?;
                self.heads.remove(&here);
                if let Some(head) = head {
                    let place = importer.place(head)?;
                    importer.move_head(here, place)?;
                }
            }
        }
        for ended in self.ended.values() {
            self.heads.remove(ended);
        }
        for (branch, head) in self.heads {
            importer.move_head(branch, head)?;
        }
        importer.finish()
    }
}

/// JSON that is written line by line.
struct Lines<W> {
    out: W,
    bytes: u64,
    is_first: bool,
}

impl<W: Write> Lines<W> {
    fn begin(&mut self, sessions: &[Session]) -> Result<(), Error> {
        let head = serde_json::to_string(&Head::new()).map_err(|source| not_written(source.into()))?;
        // The object is not over.
        let head = head.trim_end_matches('}');
        self.text(head)?;
        self.text(",\n\"sessions\":")?;
        self.json(sessions)?;
        self.text(",\n\"checkpoints\":[")
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.text(if self.is_first { "\n" } else { ",\n" })?;
        self.is_first = false;
        self.write_all(line).map_err(not_written)
    }

    fn finish(mut self) -> Result<u64, Error> {
        self.text("\n]}\n")?;
        self.out.flush().map_err(not_written)?;
        Ok(self.bytes)
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        self.write_all(text.as_bytes()).map_err(not_written)
    }

    fn json(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        serde_json::to_writer(self, value).map_err(|source| not_written(source.into()))
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn not_written(source: io::Error) -> Error {
    failed(FormatError::Io { op: "write", source })
}
