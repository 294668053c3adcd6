//! What a run has found out, as data: what is saved, compared, drawn and held against limits.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    machine::Machine,
    run::{Counters, Measured},
    stats::Stalls,
};

/// The version of [`Document`] that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// Words in the names of cases of saves, loads and what is done for them.
const AWAITED: [&str; 15] = [
    "save",
    "autosave",
    "load",
    "serialize",
    "deserialize",
    "encode",
    "decode",
    "capture",
    "restore",
    "background",
    "handed",
    "create",
    "creation",
    "snapshot",
    "commit",
];

/// A run: where it was, and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// [`VERSION`].
    pub version: u32,
    /// Where it was.
    pub machine: MachineFacts,
    /// What was measured, in the order of the table.
    pub rows: Vec<Row>,
}

/// Where a run was. Times are in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineFacts {
    /// The processor.
    pub cpu: String,
    /// How many threads it runs at once.
    pub cores: usize,
    /// The operating system.
    pub os: String,
    /// The commit, and whether files differ from it.
    pub commit: String,
    /// `release`, or why the times mean nothing.
    pub profile: String,
    /// Where files were.
    pub dir: String,
    /// The file system there.
    pub file_system: String,
    /// An fdatasync after a write of 4 KiB.
    pub sync_nanos: f64,
    /// A rename.
    pub rename_nanos: f64,
    /// A sync of the directory after it.
    pub dir_sync_nanos: f64,
}

/// One case. Times are in nanoseconds, of one call; what a case doesn't have is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The name of the case.
    pub case: String,
    /// The size of its data.
    pub size: String,
    /// Ours, the median.
    pub ours_nanos: f64,
    /// The weighted sum of the floors, the median.
    pub floor_nanos: Option<f64>,
    /// Ours divided by the floor, the median over the rounds.
    pub ratio: Option<Ratio>,
    /// What the lower bound may not exceed.
    pub limit: Option<f64>,
    /// Whether it doesn't.
    pub met: Option<bool>,
    /// Rounds.
    pub rounds: usize,
    /// Interquartile range of the ratio divided by its median.
    pub spread: f64,
    /// Whether that is so large that a ratio near its limit says little.
    pub noisy: bool,
    /// What ours needed beside time.
    pub counters: Count,
    /// The floors by themselves.
    pub floors: Vec<Side>,
    /// Other programs that do the same, the fastest first.
    pub rivals: Vec<RivalRow>,
    /// Whether they do less than ours.
    #[serde(default)]
    pub rivals_promise_less: bool,
    /// What the times are told by, beside the whole, and how many of it there are.
    pub unit: Option<(String, u32)>,
    /// Single calls of ours, where somebody waits for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalls: Option<Stalls>,
}

/// A ratio and the 95 % bounds of its median.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The median.
    pub median: f64,
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
}

/// What a side needed beside time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Bytes written or read.
    pub bytes: Option<u64>,
    /// Calls to the file system, syncs among them.
    pub calls: Option<u64>,
    /// Syncs of files and directories.
    pub syncs: u64,
    /// Allocations and reallocations.
    pub allocations: u64,
    /// The most heap that it had at the same time, in bytes.
    pub peak: u64,
    /// What else was seen.
    pub remarks: Vec<String>,
}

/// A floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// What it does.
    pub name: String,
    /// What its time is multiplied with.
    pub weight: f64,
    /// Its time before that.
    pub nanos: f64,
    /// What it needed beside time.
    pub counters: Count,
}

/// Another program that does the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RivalRow {
    /// What it is called.
    pub name: String,
    /// Its time.
    pub nanos: f64,
    /// How many times as long as ours it takes.
    pub factor: Ratio,
    /// Interquartile range of the factor divided by its median.
    #[serde(default)]
    pub spread: f64,
    /// Whether that is so large that a factor near 1 says little.
    #[serde(default)]
    pub noisy: bool,
    /// What it needed beside time.
    pub counters: Count,
}

impl Document {
    /// Puts a run together.
    pub fn new(machine: &Machine, rows: Vec<Row>) -> Self {
        Self { version: VERSION, machine: machine.facts(), rows }
    }

    /// Reads one.
    ///
    /// # Errors
    /// When the text is none, or of another version.
    pub fn parse(text: &str) -> Result<Self> {
        let document: Self = serde_json::from_str(text).context("this is no document of a run")?;
        ensure!(
            document.version == VERSION,
            "the document has version {}, this program reads {VERSION}: measure again",
            document.version
        );
        Ok(document)
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// When a number is none that JSON has.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The row of a case and size.
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id() == id)
    }
}

impl Row {
    /// The name that filters look into: `encode/mixed 1k`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.case, self.size)
    }

    /// Returns whether a program that draws pictures may wait for it between two of them: a save, a load, or a part of one.
    pub fn is_awaited(&self) -> bool {
        let mut words = self.case.split(|letter: char| !letter.is_alphanumeric());
        words.any(|word| AWAITED.contains(&word))
    }

    /// A result as data.
    pub fn of(result: &Measured) -> Self {
        let has_floor = !result.floors.is_empty();
        let floors = result.floors.iter().map(|floor| Side {
            name: floor.name.to_owned(),
            weight: floor.weight,
            nanos: floor.nanos,
            counters: Count::of(&floor.counters),
        });
        let mut rivals: Vec<RivalRow> = result
            .rivals
            .iter()
            .map(|rival| RivalRow {
                name: rival.name.clone(),
                nanos: rival.nanos,
                factor: Ratio {
                    median: rival.factor,
                    lower: rival.interval.lower,
                    upper: rival.interval.upper,
                },
                spread: if rival.spread.is_finite() { rival.spread } else { 0.0 },
                noisy: rival.is_noisy(),
                counters: Count::of(&rival.counters),
            })
            .collect();
        rivals.sort_by(|one, other| one.factor.median.total_cmp(&other.factor.median));
        Self {
            case: result.name.clone(),
            size: result.size.clone(),
            ours_nanos: result.ours_nanos,
            floor_nanos: has_floor.then_some(result.floor_nanos),
            ratio: has_floor.then_some(Ratio {
                median: result.ratio,
                lower: result.interval.lower,
                upper: result.interval.upper,
            }),
            limit: result.limit,
            met: result.limit.map(|limit| result.interval.lower <= limit),
            rounds: result.rounds,
            spread: if result.spread.is_finite() { result.spread } else { 0.0 },
            noisy: result.is_noisy(),
            counters: Count::of(&result.counters),
            floors: floors.collect(),
            rivals,
            rivals_promise_less: result.rivals_promise_less,
            unit: result.unit.map(|unit| (unit.name.to_owned(), unit.count)),
            stalls: result.stalls,
        }
    }
}

impl Count {
    fn of(counters: &Counters) -> Self {
        let Counters { bytes, calls, syncs, allocations, peak, remarks } = counters.clone();
        Self { bytes, calls, syncs, allocations, peak, remarks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Case, run};

    fn document() -> Document {
        let work = |watch: &mut crate::Watch| {
            watch.note_bytes(9);
            watch.each(|| Ok(Box::new(1_u8)))
        };
        let mut case = Case::new("save", "1 KB").ours(work).floor(2.0, "a box", work).rival("other", work);
        let mut alone = Case::new("save", "alone").ours(work).rival("other", work);
        let results = [&mut case, &mut alone].map(|case| Row::of(&run(case, Budget::rounds(7)).unwrap()));
        let dir = tempfile::tempdir().unwrap();
        Document::new(&Machine::look(dir.path()).unwrap(), results.into())
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let document = document();
        let read = Document::parse(&document.to_json().unwrap()).unwrap();
        assert_eq!(read.rows.len(), 2);
        assert_eq!(
            (&read.machine.cpu, &read.machine.commit),
            (&document.machine.cpu, &document.machine.commit)
        );
        let (one, other) = (read.row("save/1 KB").unwrap(), document.row("save/1 KB").unwrap());
        assert_eq!((one.counters.bytes, one.floors.len(), one.rivals.len()), (Some(9), 1, 1));
        assert_eq!(one.counters, other.counters);
        assert!(read.row("save/2 KB").is_none());
    }

    #[test]
    fn a_case_without_a_floor_has_no_ratio() {
        let document = document();
        let row = document.row("save/alone").unwrap();
        assert_eq!((row.ratio, row.floor_nanos, row.noisy), (None, None, false));
    }

    #[test]
    fn saves_and_loads_are_awaited_and_an_upload_is_not() {
        let mut row = document().rows.swap_remove(0);
        for (case, expected) in [
            ("slot save durable", true),
            ("full_load_cycle/1kb", true),
            ("load world, target", true),
            ("snapshot/save", true),
            ("upload_1mb", false),
            ("codec decode", true),
            ("checkpoint list", false),
        ] {
            row.case = case.to_owned();
            assert_eq!(row.is_awaited(), expected, "{case}");
        }
    }

    #[test]
    fn a_document_of_another_version_is_refused() {
        let text = document().to_json().unwrap().replacen("\"version\": 1", "\"version\": 2", 1);
        let said = Document::parse(&text).unwrap_err().to_string();
        assert!(said.contains("version 2"), "{said}");
    }
}
