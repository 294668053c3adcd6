use std::{
    fmt,
    io::{self, Read as _},
};

use keepstone::checkpoint::{Bytes, CheckpointStore, Error as StoreError, Session};
use serde::Serialize;

use super::{
    entry::{Entry, Heads},
    store,
};
use crate::args::CreateArgs;
use crate::error::Error;
use crate::output::{Exit, Report, acknowledge};

/// The branch that a session has from the beginning.
const MAIN: &str = "main";

/// What `checkpoint create` made; people have seen the id by then.
#[derive(Debug, Serialize)]
pub(super) struct Created {
    id: String,
    checkpoint: Entry,
}

/// Makes a checkpoint of standard input.
pub(super) fn run(args: &CreateArgs, json: bool) -> Result<Created, Error> {
    // Before anything is read: whoever may not write, or asks for a branch that isn't there, is told so at once.
    let store = store::open(&args.store)?;
    refuse_missing(&store, &args.session, args.branch.as_deref())?;
    let mut state = Vec::new();
    let allowed = store.options().state_bytes_max;
    // What is longer than a state may be need not be read to its end.
    let mut input = io::stdin().lock().take(allowed.saturating_add(1));
    input.read_to_end(&mut state).map_err(|source| Error::Stdin { source })?;
    let session = on(store.session(&args.session)?, args.branch.as_deref())?;
    let payload = Bytes::from(state);
    let mut draft = session.checkpoint(&payload);
    if let Some(message) = &args.message {
        draft = draft.message(message.as_str());
    }
    draft = args.tag.iter().fold(draft, |draft, tag| draft.tag(tag.as_str()));
    draft = args.annotate.iter().fold(draft, |draft, (key, value)| draft.annotate(key, value));
    let committed = draft.commit()?;
    if !json {
        acknowledge(&committed.id())?;
    }
    let heads = Heads::of(&store.sessions()?);
    Ok(Created { id: committed.id().to_string(), checkpoint: Entry::new(&committed.checkpoint, &heads) })
}

/// Refuses a branch that isn't there, so that no session begins for it.
fn refuse_missing(store: &CheckpointStore, name: &str, branch: Option<&str>) -> Result<(), Error> {
    match (store.find_session(name)?, branch) {
        (Some(session), branch) => on(session, branch).map(drop),
        (None, None | Some(MAIN)) => Ok(()),
        (None, Some(branch)) => {
            Err(StoreError::NoBranch { session: name.to_owned(), name: branch.to_owned() }.into())
        }
    }
}

/// The session on a branch, or where it is.
pub(super) fn on(session: Session, branch: Option<&str>) -> Result<Session, Error> {
    match branch {
        Some(branch) => Ok(session.on(branch)?),
        None => Ok(session),
    }
}

impl Report for Created {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Created {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
