use std::fmt;

use serde::Serialize;

use crate::error::Error;
use crate::log::{Damage, Found};
use crate::text::{Grid, Hex, Shown, count, plural, size};

/// Segments and places of damage that are listed for people; JSON lists all.
const SHOWN_MAX: usize = 50;

/// What a write-ahead log holds.
#[derive(Debug, Serialize)]
pub(super) struct Log {
    /// Of all segments together.
    bytes: u64,
    kind: &'static str,
    #[serde(rename = "log_id")]
    id: Option<String>,
    /// Whether only one segment is looked at.
    alone: bool,
    /// The first record that has not been given up.
    start: u64,
    /// The number that the next record would get.
    end: u64,
    records: u64,
    closed: bool,
    torn: Option<Torn>,
    segments: Vec<Segment>,
    damage: Vec<Damage>,
}

/// Where an unfinished write will be cut off.
#[derive(Debug, Serialize)]
struct Torn {
    segment: String,
    offset: u64,
}

#[derive(Debug, Serialize)]
struct Segment {
    path: String,
    epoch: u64,
    first_lsn: u64,
    /// The record behind its last one.
    next_lsn: u64,
    content_end: u64,
    bytes: u64,
}

/// Says what a log is; of its records only those of the newest segment are read.
pub(super) fn inspect(found: &Found) -> Result<Log, Error> {
    let mut segments = Vec::new();
    for segment in found.log.segments() {
        let path = found.file_of(&segment);
        segments.push(Segment {
            path: path.display().to_string(),
            epoch: segment.epoch,
            first_lsn: segment.first.0,
            next_lsn: segment.behind.0,
            content_end: segment.content_end,
            bytes: crate::log::file_len(path)?,
        });
    }
    Ok(Log {
        bytes: segments.iter().map(|segment| segment.bytes).sum(),
        kind: "log",
        id: found.log.id().map(|id| Hex(&id).to_string()),
        alone: found.is_alone(),
        start: found.start(),
        end: found.end(),
        records: found.end() - found.start(),
        closed: found.log.closed(),
        torn: found.torn().map(|(segment, offset)| Torn { segment, offset }),
        segments,
        damage: found.damage(),
    })
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        let kind =
            if self.alone { "segment of a write-ahead log, looked at alone" } else { "write-ahead log" };
        line("kind", kind.to_owned());
        line("size", format!("{} ({} bytes)", size(self.bytes), count(self.bytes)));
        if let Some(id) = &self.id {
            line("log id", id.clone());
        }
        let last = self.end.saturating_sub(1);
        line(
            "records",
            match self.records {
                0 => format!("none, the next is {}", self.end),
                records => format!("{}: {} to {last}", count(records), self.start),
            },
        );
        let end = match &self.torn {
            _ if self.closed => "closed in order".to_owned(),
            Some(torn) => {
                format!("torn: what an unfinished write left at byte {} will be cut off", torn.offset)
            }
            None => "not closed: a writer has it open, or was stopped".to_owned(),
        };
        line("end", end);
        write!(f, "{grid}\n{}\n", plural(self.segments.len() as u64, "segment"))?;
        let mut grid = Grid::new(">>>>>");
        grid.line(["epoch", "first record", "behind it", "content end", "bytes"].map(str::to_owned));
        for one in self.segments.iter().take(SHOWN_MAX) {
            let numbers = [one.epoch, one.first_lsn, one.next_lsn, one.content_end, one.bytes];
            grid.line(numbers.map(count));
        }
        write!(f, "{grid}")?;
        for damage in self.damage.iter().take(SHOWN_MAX) {
            writeln!(f, "\ndamage: {}", Shown(&damage.to_string()))?;
        }
        let more =
            self.segments.len().saturating_sub(SHOWN_MAX) + self.damage.len().saturating_sub(SHOWN_MAX);
        if more > 0 {
            writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
        }
        Ok(())
    }
}
