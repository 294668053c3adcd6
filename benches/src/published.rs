//! What other systems publish of themselves, row by row, to stand beside ours.
//!
//! Their figures are of other machines (aw-save's of Windows 10, NVMe, and of bytes that are all 0x42), so nothing is held against them:
//! an absolute time says more about a machine than about code.

use std::fmt::Write as _;

use crate::{
    run::Measured,
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

/// All rows of forge. Ours has no service.
pub const FORGE: [Published; 22] = [
    row("checkpoint_creation/single", 44.0 * US).here(35.0 * US),
    unpublished("checkpoint_creation_batch/10"),
    row("checkpoint_creation_batch/100", 4.4 * MS),
    row("checkpoint_creation_batch/1000", 44.0 * MS),
    unpublished("checkpoint_with_tags/with_3_tags").here(52.0 * US),
    row("query_operations/list_all", 500.0).here(9.0 * US),
    row("query_operations/list_by_session", 400.0).here(9.0 * US),
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

/// Whose rows they are.
struct Source {
    rows: &'static [Published],
    title: &'static str,
    here: &'static str,
}

const SOURCES: [Source; 2] = [
    Source {
        rows: &AW_SAVE,
        title: "published by aw-save (Windows 10, NVMe, 0x42 repeated), never a limit",
        here: "here, mixed",
    },
    Source { rows: &FORGE, title: "published by forge, never a limit", here: "here" },
];

const fn unpublished(name: &'static str) -> Published {
    Published { nanos: None, ..row(name, 0.0) }
}

const fn row(name: &'static str, nanos: f64) -> Published {
    Published { name, nanos: Some(nanos), target_nanos: None, here_nanos: None }
}

impl Published {
    const fn target(self, nanos: f64) -> Self {
        Self { target_nanos: Some(nanos), ..self }
    }

    const fn here(self, nanos: f64) -> Self {
        Self { here_nanos: Some(nanos), ..self }
    }
}

/// Finds the row of a name.
pub fn find(name: &str) -> Option<&'static Published> {
    SOURCES.iter().find_map(|source| source.find(name))
}

/// Renders those results of whose name something was published, each beside what was; nothing if there are none.
pub fn render(results: &[Measured]) -> String {
    let mut text = String::new();
    for source in &SOURCES {
        let rows: Vec<_> =
            results.iter().filter_map(|result| Some(cells(result, source.find(&result.name)?))).collect();
        if !rows.is_empty() {
            let line = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{line}{}", source.title);
            let headings = ["case", "data", "ours", "published", "", "target", "", source.here];
            text.push_str(&aligned(&headings, &rows));
        }
    }
    text
}

impl Source {
    fn find(&self, name: &str) -> Option<&'static Published> {
        self.rows.iter().find(|row| row.name == name)
    }
}

fn cells(result: &Measured, row: &Published) -> [String; 8] {
    let told = |nanos: Option<f64>| nanos.map_or_else(|| "-".to_owned(), time);
    let met = |nanos: Option<f64>| {
        let word = nanos.map(|nanos| if result.ours_nanos <= nanos { "met" } else { "not met" });
        word.unwrap_or_default().to_owned()
    };
    [
        result.name.clone(),
        result.size.clone(),
        time(result.ours_nanos),
        told(row.nanos),
        met(row.nanos),
        told(row.target_nanos),
        met(row.target_nanos),
        told(row.here_nanos),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Case, run};

    #[test]
    fn each_name_stands_once() {
        let all = || SOURCES.iter().flat_map(|source| source.rows);
        for row in all() {
            assert_eq!(all().filter(|other| other.name == row.name).count(), 1, "{}", row.name);
        }
    }

    #[test]
    fn what_was_published_stands_beside_ours() {
        let measured = |name: &str, nanos: f64| {
            let mut case = Case::new(name, "mixed").floor(1.0, "nothing", |_| Ok(()));
            Measured { ours_nanos: nanos, ..run(&mut case, Budget::rounds(1)).unwrap() }
        };
        let told = |name: &str, nanos: f64| {
            render(&[measured("encode", 1.0), measured(name, nanos)]).lines().nth(2).map(str::to_owned)
        };
        let check = |name: &str, nanos: f64, expected: &str| {
            let told = told(name, nanos).unwrap();
            assert_eq!(told.split_whitespace().collect::<Vec<_>>().join(" "), expected);
        };
        let expected = "list_saves_100_saves mixed 300 us 215 us not met 1.00 ms met 51.0 us";
        check("list_saves_100_saves", 300.0 * US, expected);
        check("profile_save", 101.0 * MS, "profile_save mixed 101 ms - 100 ms not met -");
        check("restore/single", 2.0 * US, "restore/single mixed 2.00 us - - 2.50 us");
        assert_eq!(render(&[measured("encode", 1.0)]), "");
    }
}
