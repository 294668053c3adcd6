use std::{fmt, path::Path};

use keepstone::storage::Error;
use serde::Serialize;

use crate::text::Shown;

/// A place where a log is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Damage {
    /// What is wrong there.
    what: &'static str,
    /// The file.
    segment: String,
    section: Option<&'static str>,
    component: Option<&'static str>,
    /// Where in the file; none if there is no file.
    offset: Option<u64>,
    /// Where the next good frame starts, or the content ends.
    resumed: Option<u64>,
    /// The first record that is lost, and the last; none if none is.
    first_lsn: Option<u64>,
    last_lsn: Option<u64>,
    expected: Option<&'static str>,
    found: Option<&'static str>,
    /// What is wrong, in words.
    message: String,
}

impl Damage {
    /// The place that an error names; none if it is about something else.
    pub(super) fn of(error: &Error, shown: impl Fn(&Path) -> String) -> Option<Self> {
        let damage = match error {
            Error::Damaged { path, offset, resumed, first_lsn, next_lsn } => {
                let mut damage = Self::new("frames", shown(path), Some(*offset));
                damage.resumed = Some(*resumed);
                damage.lose(*first_lsn, *next_lsn);
                damage.message = format!("good again at byte {resumed}{}", damage.records());
                damage
            }
            Error::Missing { path, first_lsn, next_lsn } => {
                let mut damage = Self::new("missing segment", shown(path), None);
                damage.lose(*first_lsn, *next_lsn);
                damage.message = format!("it is not there{}", damage.records());
                damage
            }
            Error::HeaderDamaged { path } => {
                let mut damage = Self::new("segment header", shown(path), Some(0));
                "both copies are damaged; its records are read all the same".clone_into(&mut damage.message);
                damage
            }
            _ => return None,
        };
        Some(damage)
    }

    /// One of two copies that is not as it was; no record is lost with it.
    pub(crate) fn header_copy(segment: String, offset: u64) -> Self {
        let mut damage = Self::new("segment header", segment, Some(offset));
        "this copy is damaged; the other one is good".clone_into(&mut damage.message);
        damage
    }

    fn new(what: &'static str, segment: String, offset: Option<u64>) -> Self {
        Self {
            what,
            segment,
            section: None,
            component: None,
            offset,
            resumed: None,
            first_lsn: None,
            last_lsn: None,
            expected: None,
            found: None,
            message: String::new(),
        }
    }

    fn lose(&mut self, first_lsn: u64, next_lsn: u64) {
        if next_lsn > first_lsn {
            (self.first_lsn, self.last_lsn) = (Some(first_lsn), Some(next_lsn - 1));
        }
    }

    /// The records that are lost: the first and the one behind the last.
    pub(crate) fn lost(&self) -> Option<(u64, u64)> {
        Some((self.first_lsn?, self.last_lsn? + 1))
    }

    /// Whether it is about the header of a segment.
    pub(crate) fn is_header_of(&self, segment: &str) -> bool {
        self.what == "segment header" && self.segment == segment
    }

    fn records(&self) -> String {
        match (self.first_lsn, self.last_lsn) {
            (Some(first), Some(last)) if first == last => format!(", record {first} is lost"),
            (Some(first), Some(last)) => format!(", the records {first} to {last} are lost"),
            _ => ", no record is lost".to_owned(),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Shown(&self.segment))?;
        if let Some(offset) = self.offset {
            write!(f, "at byte {offset}: ")?;
        }
        write!(f, "{}: {}", self.what, self.message)
    }
}

/// How many records all these places cost.
pub(crate) fn lost_count(damage: &[Damage]) -> u64 {
    // Two places may cost the same records: a missing segment and what its neighbours say.
    let mut lost: Vec<(u64, u64)> = damage.iter().filter_map(Damage::lost).collect();
    lost.sort_unstable();
    let mut behind = 0;
    lost.iter().fold(0, |sum, &(first, next)| {
        let from = first.max(behind);
        behind = behind.max(next);
        sum + next.saturating_sub(from)
    })
}
