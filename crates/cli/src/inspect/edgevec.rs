use std::{collections::BTreeMap, fmt, path::Path};

use keepstone::compat::edgevec::Vector;
use serde::Serialize;

use crate::edgevec::{read, resumed};
use crate::error::{Error, with_causes};
use crate::text::{Grid, Shown, count, size};

/// Places of damage that are listed for people; JSON lists more.
const SHOWN_MAX: usize = 50;

/// What a log of EdgeVec holds.
#[derive(Debug, Serialize)]
pub(super) struct Log {
    bytes: u64,
    kind: &'static str,
    entries: u64,
    /// How many entries there are of each type.
    types: BTreeMap<u8, u64>,
    first_sequence: Option<u64>,
    last_sequence: Option<u64>,
    /// Dimensions of the first vector of f32.
    dimensions: Option<u64>,
    damage_count: u64,
    damage: Vec<Place>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Place {
    offset: u64,
    resumed: u64,
    message: String,
}

/// Reads a whole log.
pub(super) fn inspect(path: &Path, bytes: &[u8]) -> Result<Log, Error> {
    let wal = read(path, bytes)?;
    let mut log = Log {
        bytes: bytes.len() as u64,
        kind: "log",
        entries: wal.entry_count(),
        types: BTreeMap::new(),
        first_sequence: None,
        last_sequence: None,
        dimensions: None,
        damage_count: wal.damage_count,
        damage: Vec::new(),
        warnings: wal.warnings.iter().map(ToString::to_string).collect(),
    };
    for entry in wal.entries() {
        *log.types.entry(entry.entry_type).or_default() += 1;
        log.first_sequence.get_or_insert(entry.sequence);
        log.last_sequence = Some(entry.sequence);
        if let (None, Some(Vector::F32(numbers))) =
            (log.dimensions, entry.insert().map(|insert| insert.vector))
        {
            log.dimensions = Some(numbers.len() as u64);
        }
    }
    let place = |damage: &keepstone::compat::edgevec::Damage| Place {
        offset: damage.offset,
        resumed: damage.resumed,
        message: with_causes(&damage.cause) + &resumed(damage, bytes),
    };
    log.damage = wal.damage.iter().map(place).collect();
    Ok(log)
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        line("kind", "write-ahead log of EdgeVec".to_owned());
        line("size", format!("{} ({} bytes)", size(self.bytes), count(self.bytes)));
        line("entries", count(self.entries));
        for (entry_type, entries) in &self.types {
            let name = match entry_type {
                0 => "inserts of f32".to_owned(),
                1 => "inserts of quantised bytes".to_owned(),
                2 => "inserts of bits".to_owned(),
                other => format!("of unknown type {other}"),
            };
            line("", format!("{} {name}", count(*entries)));
        }
        if let (Some(first), Some(last)) = (self.first_sequence, self.last_sequence) {
            line("sequences", format!("{first} to {last}"));
        }
        if let Some(dimensions) = self.dimensions {
            line("dimensions", count(dimensions));
        }
        write!(f, "{grid}")?;
        for place in self.damage.iter().take(SHOWN_MAX) {
            writeln!(f, "\ndamage: {}", Shown(&place.message))?;
        }
        let more = self.damage_count.saturating_sub(SHOWN_MAX as u64);
        if more > 0 {
            writeln!(f, "  and {} more; --json lists the first 1,024", count(more))?;
        }
        for warning in &self.warnings {
            writeln!(f, "\nwarning: {}", Shown(warning))?;
        }
        Ok(())
    }
}
