//! What other systems publish of themselves, row by row, to stand beside ours.
//!
//! Their figures are of other machines (aw-save's of Windows 10, NVMe, and of bytes that are all 0x42), so nothing is held against them:
//! an absolute time says more about a machine than about code.

mod goals;

use std::fmt::Write as _;

use crate::{
    document::Row,
    table::{aligned, time},
};

const US: f64 = 1e3;
const MS: f64 = 1e6;
const S: f64 = 1e9;

/// A row that was published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// The name of its benchmark; for what was only written about, a name in the same manner.
    pub name: &'static str,
    /// The time that was published, in nanoseconds.
    pub nanos: Option<f64>,
    /// What its authors aim at, in nanoseconds.
    pub target_nanos: Option<f64>,
    /// Their program on a machine like that of ours, in nanoseconds; that of aw-save on mixed data.
    pub here_nanos: Option<f64>,
    /// What measures the same of ours.
    pub ours: Ours,
}

/// What measures ours for a row that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ours {
    /// The cases of its name.
    Named,
    /// The case of this name and size.
    Case(&'static str),
}

/// All rows of aw-save. `migration_v1_to_v2` was estimated and `upload_1mb` worked out from 1 Mbps; `queue_send` is a bound; the last two are
/// targets alone.
pub const AW_SAVE: [Published; 40] = [
    row("serialize_small_10kb", 11.1 * US),
    row("serialize_medium_100kb", 104.0 * US),
    row("serialize_large_1mb", 1130.0 * US).target(10.0 * MS),
    row("deserialize_small_10kb", 20.8 * US),
    row("deserialize_large_1mb", 2820.0 * US),
    row("lz4_compress_10kb", 1.88 * US),
    row("lz4_compress_100kb", 8.78 * US),
    row("lz4_compress_1mb", 88.5 * US).target(20.0 * MS),
    row("lz4_decompress_10kb", 6.08 * US),
    row("lz4_decompress_1mb", 937.0 * US),
    row("crc32_10kb", 0.543 * US),
    row("crc32_100kb", 4.09 * US),
    row("crc32_1mb", 46.0 * US).target(5.0 * MS),
    row("full_save_small_10kb", 4.08 * MS).target(100.0 * MS).here(0.41 * MS),
    row("full_save_medium_100kb", 3.60 * MS).target(100.0 * MS).here(0.57 * MS),
    row("full_save_large_1mb", 5.47 * MS).target(100.0 * MS).here(2.3 * MS),
    row("full_load_small_10kb", 0.238 * MS).here(0.016 * MS),
    row("full_load_large_1mb", 3.81 * MS).here(0.79 * MS),
    row("round_trip_100kb", 3.95 * MS),
    row("list_saves_empty", 60.7 * US),
    row("list_saves_10_saves", 112.0 * US).here(8.0 * US),
    row("list_saves_100_saves", 215.0 * US).target(MS).here(51.0 * US),
    row("full_save_cycle/1kb", 4.19 * MS),
    row("full_save_cycle/10kb", 5.39 * MS),
    row("full_save_cycle/100kb", 3.69 * MS),
    row("full_save_cycle/500kb", 3.87 * MS),
    row("full_save_cycle/1000kb", 4.80 * MS),
    row("full_save_cycle/5000kb", 16.1 * MS),
    row("full_load_cycle/1kb", 0.166 * MS),
    row("full_load_cycle/10kb", 0.224 * MS),
    row("full_load_cycle/100kb", 0.433 * MS),
    row("full_load_cycle/500kb", 1.76 * MS),
    row("full_load_cycle/1000kb", 3.80 * MS),
    row("full_load_cycle/5000kb", 18.6 * MS),
    row("migration_v1_to_v2", 10.5 * MS).target(150.0 * MS),
    row("concurrent_10_saves", 15.0 * MS),
    row("queue_send", 10.0 * US),
    row("upload_1mb", 8.0 * S).target(10.0 * S),
    Published { nanos: None, ..row("world_1000_entities", 0.0).target(50.0 * MS) },
    Published { nanos: None, ..row("profile_save", 0.0).target(100.0 * MS) },
];

/// All rows of forge; that lists take less than a microsecond is among its headlines.
pub const FORGE: [Published; 22] = [
    row("checkpoint_creation/single", 44.0 * US).here(35.0 * US),
    unpublished("checkpoint_creation_batch/10"),
    row("checkpoint_creation_batch/100", 4.4 * MS),
    row("checkpoint_creation_batch/1000", 44.0 * MS),
    unpublished("checkpoint_with_tags/with_3_tags").here(52.0 * US),
    row("query_operations/list_all", 500.0).target(US).here(9.0 * US),
    row("query_operations/list_by_session", 400.0).target(US).here(9.0 * US),
    unpublished("restore/single").here(2.5 * US),
    unpublished("compaction/100").here(0.15 * MS),
    unpublished("compaction/500").here(1.7 * MS),
    unpublished("compaction/1000").here(4.4 * MS),
    unpublished("concurrent_creation/2").here(2.2 * MS),
    unpublished("concurrent_creation/4").here(3.0 * MS),
    unpublished("concurrent_creation/8").here(5.0 * MS),
    unpublished("export/10"),
    row("export/100", 2.2 * MS),
    row("export/500", 11.3 * MS),
    row("service_operations/create_session", 130.0),
    row("service_operations/checkpoint", 44.0 * US),
    row("service_operations/metrics", 520.0),
    row("storage_backends/in_memory", 44.0 * US),
    row("storage_backends/file_based", 63.0 * US).here(306.0 * US),
];

/// Rows of EdgeVec, of vectors of 128 `f32`: of two figures the better one. What it has for 10,000 and a million was estimated; the target of the
/// recovery is 500 MB/s. A load is beside ours that opens a snapshot in new memory and checks every byte.
pub const EDGE_VEC: [Published; 7] = [
    row("save 100k vectors", 79.3 * MS).target(500.0 * MS).here(64.7 * MS).by("snapshot/save/100k"),
    row("load 10k vectors", 5.0 * MS).target(500.0 * MS).by("snapshot/open-first/10k"),
    row("load 100k vectors", 46.4 * MS).target(500.0 * MS).here(73.2 * MS).by("snapshot/open-first/100k"),
    row("load 1M vectors", 460.0 * MS).target(500.0 * MS).by("snapshot/open-first/1M"),
    row("crc32_only", 7.7 * MS).here(1.2 * MS).by("crc32_only/50 MB"),
    row("WAL recovery, 10 MB", 1.77 * MS).target(20.0 * MS).here(1.6 * MS).by("wal recovery/10 MB of 540 B"),
    unpublished("WAL recovery, 10 MB, short")
        .target(20.0 * MS)
        .here(9.4 * MS)
        .by("wal recovery/10 MB of 44 B"),
];

/// Rows of PECS, of 1000 entities. Its program here has no component data at all, ours has the mixed world; of what it gives as a range the lower end stands here.
pub const PECS: [Published; 5] = [
    row("binary save", 0.364 * MS).target(MS).here(0.048 * MS).by("encode/mixed 1k"),
    row("binary load", 0.275 * MS).target(MS).here(0.220 * MS).by("load/mixed 1k"),
    row("binary round trip", 0.639 * MS).target(MS).by("round trip/mixed 1k"),
    row("JSON save", 2.0 * MS).target(10.0 * MS).by("encode json/mixed 1k"),
    row("JSON load", 3.0 * MS).target(10.0 * MS).by("load json/mixed 1k"),
];

/// Whose rows they are.
struct Source {
    rows: &'static [Published],
    title: &'static str,
    here: &'static str,
}

const SOURCES: [Source; 4] = [
    Source {
        rows: &AW_SAVE,
        title: "published by aw-save (Windows 10, NVMe, 0x42 repeated), never a limit",
        here: "here, mixed",
    },
    Source {
        rows: &EDGE_VEC,
        title: "published by EdgeVec (vectors of 128 f32), never a limit",
        here: "here",
    },
    Source {
        rows: &PECS,
        title: "published by PECS (1000 entities), never a limit",
        here: "here, without data",
    },
    Source { rows: &FORGE, title: "published by forge, never a limit", here: "here" },
];

const fn unpublished(name: &'static str) -> Published {
    Published { nanos: None, ..row(name, 0.0) }
}

const fn row(name: &'static str, nanos: f64) -> Published {
    Published { name, nanos: Some(nanos), target_nanos: None, here_nanos: None, ours: Ours::Named }
}

impl Published {
    const fn target(self, nanos: f64) -> Self {
        Self { target_nanos: Some(nanos), ..self }
    }

    const fn by(self, id: &'static str) -> Self {
        Self { ours: Ours::Case(id), ..self }
    }

    const fn here(self, nanos: f64) -> Self {
        Self { here_nanos: Some(nanos), ..self }
    }
}

/// Finds the row of a name.
pub fn find(name: &str) -> Option<&'static Published> {
    SOURCES.iter().flat_map(|source| source.rows).find(|row| row.name == name)
}

/// Renders those rows that something was published of, each beside what was; nothing if there are none.
pub fn render(rows: &[Row]) -> String {
    let mut text = String::new();
    for source in &SOURCES {
        let lines = source.lines(rows);
        if !lines.is_empty() {
            let line = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{line}{}", source.title);
            let headings =
                ["case", "data", "ours", "published", "", "target", "", source.here, "to the floor"];
            text.push_str(&aligned(&headings, &lines));
        }
    }
    let goals = goals::render(rows);
    if !goals.is_empty() {
        let line = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{line}{goals}");
    }
    text
}

impl Source {
    fn lines(&self, rows: &[Row]) -> Vec<[String; 9]> {
        let of = |published: &'static Published| {
            rows.iter().filter(|row| published.is_of(row)).map(|row| published.cells(row))
        };
        self.rows.iter().flat_map(of).collect()
    }
}

impl Published {
    /// Whether a row measures the same of ours.
    fn is_of(&self, row: &Row) -> bool {
        match self.ours {
            Ours::Named => row.case == self.name,
            Ours::Case(id) => row.id() == id,
        }
    }

    fn cells(&self, row: &Row) -> [String; 9] {
        let told = |nanos: Option<f64>| nanos.map_or_else(|| "-".to_owned(), time);
        let met = |nanos: Option<f64>| {
            let word = nanos.map(|nanos| if row.ours_nanos <= nanos { "met" } else { "not met" });
            word.unwrap_or_default().to_owned()
        };
        let data = match self.ours {
            Ours::Case(id) => id.to_owned(),
            Ours::Named => row.size.clone(),
        };
        [
            self.name.to_owned(),
            data,
            time(row.ours_nanos),
            told(self.nanos),
            met(self.nanos),
            told(self.target_nanos),
            met(self.target_nanos),
            told(self.here_nanos),
            row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2}", ratio.median)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Case, cases, document::Ratio, run};

    #[test]
    fn each_name_stands_once() {
        let all = || SOURCES.iter().flat_map(|source| source.rows);
        for row in all() {
            assert_eq!(all().filter(|other| other.name == row.name).count(), 1, "{}", row.name);
        }
    }

    #[test]
    fn each_has_a_case() {
        let plans: Vec<_> = cases::all(1).iter().map(|plan| (plan.name(), plan.id())).collect();
        for row in SOURCES.iter().flat_map(|source| source.rows) {
            let is_there = match row.ours {
                Ours::Named => plans.iter().any(|(name, _)| *name == row.name),
                Ours::Case(wanted) => plans.iter().any(|(_, id)| *id == wanted),
            };
            assert!(is_there, "{row:?}");
        }
    }

    fn measured(name: &str, size: &str, nanos: f64) -> Row {
        let mut case = Case::new(name, size).floor(1.0, "nothing", |_| Ok(()));
        let row = Row::of(&run(&mut case, Budget::rounds(1)).unwrap());
        Row { ours_nanos: nanos, ratio: Some(Ratio { median: 1.5, lower: 1.0, upper: 2.0 }), ..row }
    }

    #[test]
    fn what_was_published_stands_beside_ours() {
        let check = |name: &str, size: &str, nanos: f64, expected: &str| {
            let text = render(&[measured("other", "1", 1.0), measured(name, size, nanos)]);
            let line = text.lines().nth(2).unwrap();
            assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), expected);
        };
        let expected = "list_saves_100_saves mixed 300 us 215 us not met 1.00 ms met 51.0 us 1.50";
        check("list_saves_100_saves", "mixed", 300.0 * US, expected);
        check("profile_save", "mixed", 101.0 * MS, "profile_save mixed 101 ms - 100 ms not met - 1.50");
        check("restore/single", "1 KB", 2.0 * US, "restore/single 1 KB 2.00 us - - 2.50 us 1.50");
        let expected = "binary save encode/mixed 1k 100 us 364 us met 1.00 ms met 48.0 us 1.50";
        check("encode", "mixed 1k", 100.0 * US, expected);
        assert_eq!(render(&[measured("encode", "mixed 10k", 1.0)]), "", "another size is another case");
    }
}
