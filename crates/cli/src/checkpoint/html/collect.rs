use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use keepstone::checkpoint::{
    Checkpoint, CheckpointReader, Error as StoreError, Query, Sequence, SessionInfo, State,
};

use super::{
    data::{Data, DiffNote, FORMAT, Line, moves},
    diff::Diff,
    escape::script_json,
};
use crate::args::DiffsArg;
use crate::checkpoint::{
    entry::{Entry, Heads},
    list::Session,
    store,
};
use crate::error::Error;
use crate::slot::now;
use crate::text::date;

/// Bytes that sessions and checkpoints take at most in a page: a browser reads so many at once without a pause that is felt much.
const LIST_BYTES_MAX: usize = 32 << 20;
/// Bytes that what checkpoints changed takes at most.
const DIFFS_BYTES_MAX: usize = 16 << 20;
/// Bytes of states that are read at most, so that a page of a large store is a matter of seconds.
const READ_BYTES_MAX: u64 = 4 << 30;
/// The longest state that is compared.
const STATE_BYTES_MAX: u64 = 64 << 20;
/// Moves of heads that are shown of a session: the newest.
const MOVES_MAX: usize = 10_000;
/// States that are kept in memory, since the next checkpoints may go on from them too.
const STATES_KEPT: usize = 4;

/// What the checkpoints of a page changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// By the number of the checkpoint.
    pub(super) diffs: BTreeMap<u64, Diff>,
    /// States that could not be read.
    pub(super) warnings: Vec<String>,
}

/// Reads what a page shows.
pub(super) fn collect(
    reader: &CheckpointReader,
    name: String,
    session: Option<&str>,
    diffs: DiffsArg,
) -> Result<(Data, Changes), Error> {
    let infos = reader.sessions();
    let all = reader.list(&Query::new().newest_first())?;
    let asked = |name: &str| session.is_none_or(|session| session == name);
    if let Some(name) = session.filter(|_| !infos.iter().any(|info| asked(&info.name))) {
        return Err(StoreError::NoSession { name: name.to_owned() }.into());
    }
    let checkpoints: Vec<&Arc<Checkpoint>> = all.iter().filter(|found| asked(&found.session)).collect();
    let heads = Heads::of(&infos);
    let asked_infos = infos.iter().filter(|info| asked(&info.name)).collect();
    let mut room = LIST_BYTES_MAX;
    let (mut sessions, sessions_left_out) = lines(reader, asked_infos, &checkpoints, &mut room)?;
    let shown = entries(&mut sessions, &checkpoints, &heads, room)?;

    let (changes, note) = match diffs {
        DiffsArg::None => {
            (Changes::default(), DiffNote { bytes_max: None, included: 0, left_out: shown.len() })
        }
        DiffsArg::Bytes(bytes_max) => Comparer::new(reader, &all, bytes_max).run(&shown)?,
    };
    let data = Data {
        format: FORMAT,
        store: name,
        made_at: date(now()),
        up_to: all.first().map(|newest| newest.sequence.0),
        only: session.map(str::to_owned),
        checkpoints: checkpoints.len(),
        left_out: checkpoints.len() - shown.len(),
        sessions_left_out,
        state_bytes: checkpoints.iter().map(|checkpoint| checkpoint.len).sum(),
        stored_bytes: checkpoints.iter().map(|checkpoint| checkpoint.stored_bytes()).sum(),
        diffs: note,
        sessions,
    };
    Ok((data, changes))
}

/// The sessions that there is room for, those first that were gone on with last, without their checkpoints.
fn lines(
    reader: &CheckpointReader,
    mut infos: Vec<&SessionInfo>,
    checkpoints: &[&Arc<Checkpoint>],
    room: &mut usize,
) -> Result<(Vec<Line>, usize), Error> {
    let mut newest: HashMap<&str, Sequence> = HashMap::new();
    for checkpoint in checkpoints {
        newest.entry(&checkpoint.session).or_insert(checkpoint.sequence);
    }
    infos.sort_by_key(|info| Reverse(newest.get(&*info.name)));
    let mut lines = Vec::new();
    for info in &infos {
        let mut moves = moves(&reader.moves(&info.name)?);
        moves.drain(..moves.len().saturating_sub(MOVES_MAX));
        let line = Line { session: Session::new(info), log: Vec::new(), moves };
        let Some(left) = room.checked_sub(json_len(&line)?) else { break };
        *room = left;
        lines.push(line);
    }
    let left_out = infos.len() - lines.len();
    Ok((lines, left_out))
}

/// Gives the sessions the checkpoints that there is room for, and returns these, the newest first.
fn entries<'c>(
    sessions: &mut [Line],
    checkpoints: &[&'c Arc<Checkpoint>],
    heads: &Heads,
    mut room: usize,
) -> Result<Vec<&'c Arc<Checkpoint>>, Error> {
    let places: HashMap<String, usize> =
        sessions.iter().enumerate().map(|(place, line)| (line.session.name.clone(), place)).collect();
    let mut shown = Vec::new();
    for checkpoint in checkpoints {
        let place = places.get(&*checkpoint.session);
        let Some(line) = place.and_then(|place| sessions.get_mut(*place)) else { continue };
        let entry = Entry::new(checkpoint, heads);
        let Some(left) = room.checked_sub(json_len(&entry)? + 1) else { break };
        room = left;
        line.log.push(entry);
        shown.push(*checkpoint);
    }
    Ok(shown)
}

fn json_len(value: &impl serde::Serialize) -> Result<usize, Error> {
    script_json(value).map(|json| json.len()).map_err(|error| Error::Stdout { source: error.into() })
}

/// Compares checkpoints with those that they go on from, while there is room.
struct Comparer<'r> {
    reader: &'r CheckpointReader,
    known: HashMap<Sequence, &'r Arc<Checkpoint>>,
    bytes_max: usize,
    /// The states that were read last.
    states: VecDeque<(Sequence, State)>,
    read_left: u64,
}

impl<'r> Comparer<'r> {
    fn new(reader: &'r CheckpointReader, all: &'r [Arc<Checkpoint>], bytes_max: usize) -> Self {
        let known = all.iter().map(|checkpoint| (checkpoint.sequence, checkpoint)).collect();
        Self { reader, known, bytes_max, states: VecDeque::new(), read_left: READ_BYTES_MAX }
    }

    /// Takes checkpoints, the newest first.
    fn run(mut self, shown: &[&Arc<Checkpoint>]) -> Result<(Changes, DiffNote), Error> {
        let mut changes = Changes::default();
        let mut room = DIFFS_BYTES_MAX;
        for checkpoint in shown {
            let needs = checkpoint.len.min(STATE_BYTES_MAX);
            let Some(read_left) = self.read_left.checked_sub(needs) else { break };
            self.read_left = read_left;
            let diff = self.diff(checkpoint).unwrap_or_else(|error| {
                let why = error.message();
                changes.warnings.push(why.clone());
                Diff::None { why }
            });
            let Some(left) = room.checked_sub(json_len(&diff)? + 24) else { break };
            room = left;
            changes.diffs.insert(checkpoint.sequence.0, diff);
        }
        let included = changes.diffs.len();
        let note = DiffNote { bytes_max: Some(self.bytes_max), included, left_out: shown.len() - included };
        Ok((changes, note))
    }

    fn diff(&mut self, checkpoint: &Arc<Checkpoint>) -> Result<Diff, Error> {
        let parent = match checkpoint.parent {
            None => None,
            Some(parent) => match self.known.get(&parent) {
                Some(parent) => Some(Arc::clone(parent)),
                None => return Ok(none(format!("#{parent}, which it goes on from, is gone."))),
            },
        };
        let longest = parent.as_ref().map_or(0, |parent| parent.len).max(checkpoint.len);
        if longest > STATE_BYTES_MAX {
            let most = STATE_BYTES_MAX >> 20;
            return Ok(none(format!("States above {most} MiB are not compared here.")));
        }
        let is_same = |parent: &Arc<Checkpoint>| {
            parent.content == checkpoint.content
                && parent.len == checkpoint.len
                && parent.layout == checkpoint.layout
        };
        if parent.as_ref().is_some_and(is_same) {
            return Ok(Diff::Same);
        }
        let after = self.state(checkpoint)?;
        let before = parent.map(|parent| self.state(&parent)).transpose()?;
        Ok(Diff::between(before.as_ref(), &after, self.bytes_max))
    }

    fn state(&mut self, checkpoint: &Checkpoint) -> Result<State, Error> {
        if let Some((_, state)) = self.states.iter().find(|(sequence, _)| *sequence == checkpoint.sequence) {
            return Ok(state.clone());
        }
        let state = self.reader.state(checkpoint.id)?;
        store::check(checkpoint, &state)?;
        self.states.push_front((checkpoint.sequence, state.clone()));
        self.states.truncate(STATES_KEPT);
        Ok(state)
    }
}

fn none(why: String) -> Diff {
    Diff::None { why }
}
