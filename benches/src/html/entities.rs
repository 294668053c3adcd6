//! What an entity costs, by how many there are.

use super::{
    figure::Figure,
    lines::{self, Axis, LINES_MAX, Line},
};
use crate::{
    document::{Document, Row},
    table::time,
};

pub(super) fn figure(document: &Document) -> String {
    let mut lines: Vec<Line> = Vec::new();
    for row in &document.rows {
        let Some(count) = entities(&row.size) else { continue };
        let point = (count, row.ours_nanos / count);
        if let Some(line) = lines.iter_mut().find(|line| line.name == row.case) {
            line.points.push(point);
        } else {
            lines.push(Line { name: row.case.clone(), points: vec![point], color: 0, is_floor: false });
        }
    }
    lines.retain(|line| line.points.len() > 1);
    lines.truncate(LINES_MAX);
    for (color, line) in lines.iter_mut().enumerate() {
        line.color = color;
    }
    let floors: Vec<Line> = lines.iter().filter_map(|line| floor(document, line)).collect();
    lines.extend(floors);
    for line in &mut lines {
        line.points.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    let x = Axis { title: "entities in the world", label: amount };
    let y = Axis { title: "time per entity", label: time };
    let Some((drawing, width, height)) = lines::draw(&lines, &x, &y) else { return String::new() };
    let rows = lines.iter().flat_map(|line| {
        line.points
            .iter()
            .map(|(count, nanos)| vec![line.name.clone(), amount(*count), time(*nanos), time(count * nanos)])
    });
    Figure {
        id: "entities",
        title: "Time per entity, by the number of entities",
        about: "What one entity costs in worlds of different sizes, of which each has positions, velocities, healths, names and parents. A flat line: twice \
                the entities take twice the time. It rises where a world no longer fits into the caches of the processor, and falls where what a \
                file costs by itself is shared by more entities. Lines with gaps are the floors.",
        width,
        height,
        drawing,
        legend: lines.iter().map(|line| (line.class(), line.name.clone())).collect(),
        headings: vec!["case", "entities", "per entity", "in all"],
        rows: rows.collect(),
    }
    .render()
}

/// What a line is compared with.
fn floor(document: &Document, ours: &Line) -> Option<Line> {
    let point = |row: &Row| {
        let count = entities(&row.size)?;
        Some((count, row.floor_nanos? / count))
    };
    let points: Vec<_> = document.rows.iter().filter(|row| row.case == ours.name).filter_map(point).collect();
    let name = format!("floor of {}", ours.name);
    (!points.is_empty()).then_some(Line { name, points, is_floor: true, color: ours.color })
}

/// How many entities a world of a size has: `mixed 10k` has ten thousand.
fn entities(size: &str) -> Option<f64> {
    let count = size.strip_prefix("mixed ")?;
    let (digits, times) = match (count.strip_suffix('k'), count.strip_suffix('M')) {
        (Some(digits), _) => (digits, 1e3),
        (_, Some(digits)) => (digits, 1e6),
        _ => (count, 1.0),
    };
    digits.parse::<u32>().ok().map(|digits| f64::from(digits) * times)
}

fn amount(count: f64) -> String {
    match count {
        count if count >= 1e6 => format!("{}M", count / 1e6),
        count if count >= 1e3 => format!("{}k", count / 1e3),
        _ => format!("{count}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_of_worlds_are_numbers() {
        let check = |size: &str, expected: Option<f64>| assert_eq!(super::entities(size), expected, "{size}");
        check("mixed 1k", Some(1000.0));
        check("mixed 2M", Some(2_000_000.0));
        check("mixed 100k, ids", None);
        check("100k", None);
    }
}
