use std::{fmt, path::Path};

use serde::Serialize;

use crate::error::Error;
use crate::log::{Damage, Found, bad_copy, file_len, lost_count};
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::text::{Shown, count, plural};

/// Places that are listed for people; JSON lists all.
const SHOWN_MAX: usize = 50;

/// What `verify` found of a log.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    #[serde(skip)]
    name: String,
    format: &'static str,
    kind: &'static str,
    /// Whether only one segment is looked at.
    alone: bool,
    bytes: u64,
    segments: u64,
    /// Records whose checksums hold, and their bytes.
    records: u64,
    record_bytes: u64,
    start: u64,
    end: u64,
    closed: bool,
    torn: Option<Torn>,
    /// Records that are lost.
    lost: u64,
    /// Always 0: no codec is involved.
    undecoded: u64,
    damage: Vec<Damage>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Torn {
    segment: String,
    offset: u64,
}

/// Checks every checksum of a log.
pub(crate) fn verify(path: &Path, found: &Found, progress: &Progress) -> Result<Verified, Error> {
    let mut damage = found.damage();
    let mut warnings = Vec::new();
    let (mut bytes, mut segments) = (0, 0);
    let newest = found.log.segments().last().map(|segment| segment.epoch);
    for segment in found.log.segments() {
        segments += 1;
        let file = found.file_of(&segment);
        bytes += file_len(file)?;
        let shown = file.display().to_string();
        let Some(offset) = bad_copy(file)?.filter(|_| !names_header(&damage, &shown)) else { continue };
        let copy = Damage::header_copy(shown, offset);
        // The newest one's header may never have been synced: then half of it is what a crash leaves.
        if Some(segment.epoch) == newest && !found.log.closed() {
            warnings.push(copy.to_string());
        } else {
            damage.push(copy);
        }
    }
    let (records, record_bytes) = read(found, &mut damage, progress, bytes)?;
    Ok(Verified {
        name: path.display().to_string(),
        format: "log",
        kind: "log",
        alone: found.is_alone(),
        bytes,
        segments,
        records,
        record_bytes,
        start: found.start(),
        end: found.end(),
        closed: found.log.closed(),
        torn: found.torn().map(|(segment, offset)| Torn { segment, offset }),
        lost: lost_count(&damage),
        undecoded: 0,
        damage,
        warnings,
    })
}

fn names_header(damage: &[Damage], segment: &str) -> bool {
    damage.iter().any(|one| one.is_header_of(segment))
}

/// Reads all records, adds the places that were not known, and counts what is whole.
fn read(
    found: &Found,
    damage: &mut Vec<Damage>,
    progress: &Progress,
    total: u64,
) -> Result<(u64, u64), Error> {
    let (mut records, mut record_bytes, mut begun) = (0, 0, 0);
    let mut reader = found.log.read_from(found.log.start())?;
    loop {
        match reader.next_part() {
            Ok(None) => return Ok((records, record_bytes)),
            Ok(Some(part)) => {
                let len = part.bytes.len() as u64;
                progress.add(len, total);
                begun = if part.first { len } else { begun + len };
                if part.last {
                    records += 1;
                    record_bytes += begun;
                }
            }
            Err(error) => found.note(damage, error)?,
        }
    }
}

impl Verified {
    /// Whether nothing that was durable has changed.
    pub(crate) fn is_good(&self) -> bool {
        self.damage.is_empty()
    }
}

impl Report for Verified {
    fn exit(&self) -> Exit {
        if self.is_good() { Exit::Good } else { Exit::Bad }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Shown(&self.name);
        let alone = if self.alone { "segment of a write-ahead log" } else { "write-ahead log" };
        if self.is_good() {
            writeln!(f, "{name}: good")?;
        } else {
            writeln!(f, "{name}: damaged in {}", plural(self.damage.len() as u64, "place"))?;
            for damage in self.damage.iter().take(SHOWN_MAX) {
                writeln!(f, "  {}", Shown(&damage.to_string()))?;
            }
            let more = self.damage.len().saturating_sub(SHOWN_MAX);
            if more > 0 {
                writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
            }
        }
        write!(
            f,
            "  {alone}, {}, {} of {} bytes",
            plural(self.segments, "segment"),
            plural(self.records, "record"),
            count(self.record_bytes)
        )?;
        match self.lost {
            0 => writeln!(f, ": every checksum holds")?,
            lost => writeln!(f, ": {} lost; repair copies what is left", plural(lost, "record"))?,
        }
        if let Some(torn) = &self.torn {
            let segment = Shown(&torn.segment);
            writeln!(
                f,
                "  torn: what an unfinished write left at byte {} of {segment} will be cut off",
                torn.offset
            )?;
        } else if !self.closed {
            writeln!(f, "  not closed: a writer has it open, or was stopped")?;
        }
        if self.alone {
            writeln!(
                f,
                "  looked at alone: only its log says where it ends; verify the directory to be sure"
            )?;
        }
        for warning in &self.warnings {
            writeln!(f, "  warning: {}", Shown(warning))?;
        }
        Ok(())
    }
}
