use std::{borrow::Cow, fmt, io::Write as _, path::Path};

use keepstone::{
    checkpoint::{
        Checkpoint, CheckpointReader, CheckpointStore, Error as StoreError, PayloadError, Session, State,
        StateLayout,
    },
    format,
};
use serde::Serialize;

use super::{
    entry::{Entry, Heads},
    store,
};
use crate::args::{GetArgs, RestoreArgs};
use crate::convert;
use crate::error::Error;
use crate::output::{Exit, Report, put_bytes};
use crate::payload::Payload;
use crate::text::{Shown, count};

/// What `checkpoint restore` and `checkpoint get` answer; people have the state by then.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    checkpoint: Entry,
    /// The head that has moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<Head>,
    out: Option<String>,
    /// Bytes of the file.
    bytes_out: Option<u64>,
    /// What the state is, unless it is in a file.
    #[serde(flatten)]
    payload: Option<Payload>,
}

/// The head of a branch that was moved to a checkpoint.
#[derive(Debug, Serialize)]
struct Head {
    branch: String,
    /// The number of the checkpoint that it was before.
    before: Option<u64>,
}

/// Where a state went.
struct Written {
    out: Option<String>,
    bytes_out: Option<u64>,
    payload: Option<Payload>,
}

/// Hands a state out, and moves nothing.
pub(super) fn get(args: &GetArgs, json: bool) -> Result<Answer, Error> {
    let reader = CheckpointReader::open(&args.at.store)?;
    let checkpoint = store::find(&reader, args.at.id)?;
    refuse_other(&checkpoint, args.session.as_deref())?;
    let state = reader.state(checkpoint.id)?;
    let written = write(&checkpoint, &state, args.out.as_deref(), json)?;
    let heads = Heads::of(&reader.sessions());
    Ok(Answer::new(Entry::new(&checkpoint, &heads), None, written))
}

/// Hands a state out, and moves the head of a branch to it.
pub(super) fn restore(args: &RestoreArgs, json: bool) -> Result<Answer, Error> {
    let GetArgs { at, session, out } = &args.get;
    let store = store::open_existing(&at.store)?;
    let checkpoint = store::find_in(&store, at.id)?;
    refuse_other(&checkpoint, session.as_deref())?;
    let session = session_of(&store, &checkpoint, args.branch.as_deref())?;
    let before = session.head()?.map(|head| head.sequence.0);
    let state = store.state(checkpoint.id)?;
    let written = write(&checkpoint, &state, out.as_deref(), json)?;
    // Last: whoever didn't get the state has not gone back to it.
    session.reset(checkpoint.id)?;
    let head = Head { branch: session.branch_name().to_owned(), before };
    let heads = Heads::of(&store.sessions()?);
    Ok(Answer::new(Entry::new(&checkpoint, &heads), Some(head), written))
}

/// The session of a checkpoint, on the branch whose head is to move.
fn session_of(
    store: &CheckpointStore,
    checkpoint: &Checkpoint,
    branch: Option<&str>,
) -> Result<Session, Error> {
    let name = &*checkpoint.session;
    let session = store.find_session(name)?.ok_or_else(|| StoreError::NoSession { name: name.to_owned() })?;
    if let Some(branch) = branch {
        return Ok(session.on(branch)?);
    }
    match session.on(&checkpoint.branch) {
        // It has ended, and the session goes on without it.
        Err(StoreError::NoBranch { .. }) => Ok(session),
        on => Ok(on?),
    }
}

fn refuse_other(checkpoint: &Checkpoint, session: Option<&str>) -> Result<(), Error> {
    if session.is_none_or(|session| session == &*checkpoint.session) {
        return Ok(());
    }
    Err(Error::ElsewhereMade { id: checkpoint.id, session: checkpoint.session.to_string() })
}

/// Writes a state to a file or standard output, or takes it apart for JSON.
fn write(checkpoint: &Checkpoint, state: &State, out: Option<&Path>, json: bool) -> Result<Written, Error> {
    store::check(checkpoint, state)?;
    let failed = |source: PayloadError| StoreError::Payload {
        what: format!("checkpoint {}", checkpoint.id),
        source: Box::new(source),
    };
    if out.is_none() && json {
        let payload = state.decode::<Payload>().map_err(failed)?;
        return Ok(Written { out: None, bytes_out: None, payload: Some(payload) });
    }
    let bytes = match state.layout() {
        StateLayout::Bytes => Cow::Borrowed(state.bytes()),
        // What a program makes of these bytes takes more than them: a container has it.
        _ => Cow::Owned(state.container().map_err(|source| failed(source.into()))?),
    };
    let Some(path) = out else {
        put_bytes(&bytes)?;
        return Ok(Written { out: None, bytes_out: None, payload: None });
    };
    convert::refuse_special(path)?;
    let ((), bytes_out) = convert::replace(path, |mut file| {
        file.write_all(&bytes).map_err(|source| Error::Keep {
            path: path.to_owned(),
            source: format::Error::Io { op: "writing the state", source },
        })?;
        Ok((file, ()))
    })?;
    Ok(Written { out: Some(path.display().to_string()), bytes_out: Some(bytes_out), payload: None })
}

impl Answer {
    fn new(checkpoint: Entry, head: Option<Head>, written: Written) -> Self {
        let Written { out, bytes_out, payload } = written;
        Self { checkpoint, head, out, bytes_out, payload }
    }
}

impl Report for Answer {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Standard output has the state then, and nothing else.
        let (Some(out), Some(bytes)) = (&self.out, self.bytes_out) else { return Ok(()) };
        let number = self.checkpoint.number;
        writeln!(f, "#{number} -> {}, {} bytes", Shown(out), count(bytes))?;
        let Some(head) = &self.head else { return Ok(()) };
        let (branch, session) = (Shown(&head.branch), Shown(&self.checkpoint.session));
        write!(f, "branch {branch} of session {session} goes on from #{number} now")?;
        match head.before {
            Some(before) if before != number => writeln!(f, "; it stood at #{before}"),
            _ => writeln!(f),
        }
    }
}
