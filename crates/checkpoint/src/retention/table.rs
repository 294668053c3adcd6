//! A plan as text.

use std::{fmt, sync::Arc};

use super::{Plan, calendar::Time, plan::Kept};
use crate::checkpoint::Checkpoint;

/// A line of the table.
struct Row {
    sequences: String,
    time: String,
    session: String,
    branch: String,
    bytes: String,
    what: String,
}

/// Checkpoints of one branch, one after the other, that go.
struct Run<'p> {
    first: &'p Checkpoint,
    last: &'p Checkpoint,
    bytes: u64,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (gone, kept) = (self.gone().len(), self.kept().len());
        writeln!(f, "{gone} of {} checkpoints go, {kept} stay", gone + kept)?;
        let (before, after) = (self.bytes_before(), self.bytes_after());
        writeln!(
            f,
            "{before} bytes of states become about {after}, {} are written anew",
            self.rebased().count()
        )?;
        let ended = self.ended_undo();
        for steps in
            ended.chunk_by(|left, right| left.session == right.session && left.branch == right.branch)
        {
            let (Some(first), Some(last)) = (steps.first(), steps.last()) else { continue };
            let (session, branch) = (&first.session, &first.branch);
            let (first, last) = (first.taken_back.number, last.taken_back.number);
            let moves =
                if first == last { format!("move {first}") } else { format!("moves {last} to {first}") };
            writeln!(f, "undo on {session}/{branch} no longer takes back {moves}, {} steps", steps.len())?;
        }
        write_rows(&self.rows(), f)
    }
}

impl Plan {
    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![Row {
            sequences: "number".to_owned(),
            time: "time".to_owned(),
            session: "session".to_owned(),
            branch: "branch".to_owned(),
            bytes: "bytes".to_owned(),
            what: "what".to_owned(),
        }];
        let mut kept = self.kept().iter().peekable();
        let mut run: Option<Run<'_>> = None;
        for gone in self.gone() {
            while let Some(stays) = kept.next_if(|kept| kept.checkpoint.sequence < gone.sequence) {
                rows.extend(run.take().map(Run::row));
                rows.push(stays.row());
            }
            let same = run.take_if(|run| run.is_followed_by(gone));
            rows.extend(run.take().map(Run::row));
            let bytes = same.as_ref().map_or(0, |run| run.bytes).saturating_add(gone.stored_bytes());
            run = Some(Run { first: same.map_or(gone, |run| run.first), last: gone, bytes });
        }
        rows.extend(run.map(Run::row));
        rows.extend(kept.map(Kept::row));
        rows
    }
}

impl Run<'_> {
    fn is_followed_by(&self, next: &Arc<Checkpoint>) -> bool {
        self.last.session_number == next.session_number && self.last.branch_number == next.branch_number
    }

    fn row(self) -> Row {
        let (first, last) = (self.first.sequence, self.last.sequence);
        let sequences = if first == last { first.to_string() } else { format!("{first} to {last}") };
        row(self.last, sequences, self.bytes, if first == last { "goes" } else { "go" }.to_owned())
    }
}

impl Kept {
    fn row(&self) -> Row {
        let mut what = "stays: ".to_owned();
        for (place, reason) in self.reasons.iter().enumerate() {
            what += if place == 0 { "" } else { ", " };
            what += &shown(&reason.to_string());
        }
        if self.rebased {
            what += "; written anew";
        }
        row(&self.checkpoint, self.checkpoint.sequence.to_string(), self.checkpoint.stored_bytes(), what)
    }
}

fn row(checkpoint: &Checkpoint, sequences: String, bytes: u64, what: String) -> Row {
    Row {
        sequences,
        time: checkpoint.time.map_or_else(String::new, |time| Time(time).to_string()),
        session: shown(&checkpoint.session),
        branch: shown(&checkpoint.branch),
        bytes: bytes.to_string(),
        what,
    }
}

/// A name in one line.
fn shown(name: &str) -> String {
    name.escape_debug().to_string()
}

fn write_rows(rows: &[Row], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let width =
        |text: fn(&Row) -> &String| rows.iter().map(|row| text(row).chars().count()).max().unwrap_or(0);
    let (sequences, time) = (width(|row| &row.sequences), width(|row| &row.time));
    let (session, branch) = (width(|row| &row.session), width(|row| &row.branch));
    let bytes = width(|row| &row.bytes);
    for row in rows {
        let Row { sequences: numbers, time: when, session: of, branch: on, bytes: size, what } = row;
        let begin = format_args!("{numbers:>sequences$}  {when:<time$}  {of:<session$}  {on:<branch$}");
        writeln!(f, "{begin}  {size:>bytes$}  {what}")?;
    }
    Ok(())
}
