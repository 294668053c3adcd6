//! How many bytes go through in a second, by how many there are.

use super::{
    figure::Figure,
    lines::{self, Axis, LINES_MAX, Line},
};
use crate::{
    document::{Document, Row},
    table::time,
};

/// Which cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Those that end with data on the disk.
    Synced,
    /// Those that read, or write without a sync.
    Other,
}

pub(super) fn figure(document: &Document, way: Way) -> String {
    let mut lines: Vec<Line> = Vec::new();
    let wanted = |row: &&Row| {
        (row.counters.syncs > 0) == (way == Way::Synced)
            && !row.size.contains("mixed")
            && !row.case.starts_with("checkpoint bytes")
    };
    for row in document.rows.iter().filter(wanted) {
        let Some(len) = row.counters.bytes.filter(|len| *len > 0).map(float) else { continue };
        let point = (len, len / row.ours_nanos * 1e9);
        let Some(line) = lines.iter_mut().find(|line| line.name == row.case) else {
            lines.push(Line { name: row.case.clone(), points: vec![point], color: 0, is_floor: false });
            continue;
        };
        // Other data of a length that is there already don't count.
        if line.points.iter().all(|(there, _)| (there / len - 1.0).abs() >= 0.02) {
            line.points.push(point);
        }
    }
    lines.retain(|line| line.points.len() > 1);
    lines.truncate(LINES_MAX);
    for (color, line) in lines.iter_mut().enumerate() {
        line.color = color;
        line.points.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    let x = Axis { title: "bytes written or read by one call", label: size };
    let y = Axis { title: "bytes a second", label: rate };
    let Some((drawing, width, height)) = lines::draw(&lines, &x, &y) else { return String::new() };
    let rows = lines.iter().flat_map(|line| {
        line.points
            .iter()
            .map(|(len, rate)| vec![line.name.clone(), size(*len), self::rate(*rate), time(len / rate * 1e9)])
    });
    let (id, title, about) = match way {
        Way::Synced => (
            "throughput-durable",
            "Bytes a second, of writes that are on the disk when they return",
            "How fast data of a length become durable. Short ones take as long as the sync of the disk does, so the line rises until the disk can take no \
             more at once.",
        ),
        Way::Other => (
            "throughput",
            "Bytes a second, of reads, and of writes without a sync",
            "How fast data of a length are read, checked and decoded, or encoded. What is read is in memory already, as it is for a file that was \
             just written.",
        ),
    };
    Figure {
        id,
        title,
        about,
        width,
        height,
        drawing,
        legend: lines.iter().map(|line| (line.class(), line.name.clone())).collect(),
        headings: vec!["case", "bytes", "bytes a second", "time"],
        rows: rows.collect(),
    }
    .render()
}

/// A length on an axis: there it goes by thousands, not by how exact it is.
pub(super) fn size(len: f64) -> String {
    let (value, unit) = match len {
        len if len < 1e3 => (len, "B"),
        len if len < 1e6 => (len / 1e3, "KB"),
        len if len < 1e9 => (len / 1e6, "MB"),
        len => (len / 1e9, "GB"),
    };
    let digits = usize::from(value < 9.95 && value.fract() > 0.04);
    format!("{value:.digits$} {unit}")
}

fn rate(per_second: f64) -> String {
    format!("{}/s", size(per_second))
}

/// Lengths of files are far below where floats leave numbers out.
#[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
pub(super) fn float(len: u64) -> f64 {
    len as f64
}

#[cfg(test)]
mod tests {
    #[test]
    fn lengths_go_by_thousands() {
        let told = [100.0, 1000.0, 1500.0, 20_000.0, 1e6, 2e9].map(super::size);
        assert_eq!(told, ["100 B", "1 KB", "1.5 KB", "20 KB", "1 MB", "2 GB"]);
    }
}
