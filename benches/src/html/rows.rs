//! All rows as a table that can be sorted and filtered.

use std::fmt::Write as _;

use super::{FRAME_NANOS, escape::text, throughput::float};
use crate::{
    compared::Change,
    document::{Document, Row},
    table::{bytes, factor, time},
};

const HEADINGS: [(&str, &str); 17] = [
    ("case", "what is measured"),
    ("size", "on how much, and on what data"),
    ("ours", "median time of one call"),
    ("floor", "median time of the floor"),
    ("ratio", "ours divided by the floor of the same round, the median"),
    ("95 %", "bounds of that median"),
    ("limit", "what the lower bound may not exceed"),
    ("verdict", "whether it does"),
    ("spread", "how far the middle half of the rounds is apart; above 10 % the row is noisy"),
    ("frame", "share of 16.67 ms, a frame at 60 a second"),
    ("rival", "the fastest other program"),
    ("factor", "how many times as long it takes"),
    ("bytes", "written or read by one call; exact"),
    ("calls", "to the file system by one call, syncs among them; exact"),
    ("syncs", "of files and directories by one call; exact"),
    ("allocs", "allocations of memory by one call; exact"),
    ("peak", "the most memory that one call took at once"),
];
const COMPARED: [(&str, &str); 2] =
    [("was", "the ratio of the earlier run"), ("change", "whether the bounds of the two are apart")];

/// A cell: what is shown, what it is sorted by, and its class.
struct Cell(String, Option<f64>, &'static str);

pub(super) fn render(document: &Document, before: Option<&Document>) -> String {
    let mut out = String::from(
        "<section id=\"rows\"><h2>All figures</h2><form class=\"controls\"><label>Filter \
         <input id=\"query\" type=\"search\" placeholder=\"slot save\" autocomplete=\"off\"></label>\
         <label><input type=\"checkbox\" id=\"missed\"> missed</label>\
         <label><input type=\"checkbox\" id=\"noisy\"> noisy</label>\
         <label><input type=\"checkbox\" id=\"limited\"> with a limit</label>\
         <output id=\"shown\"></output></form>\
         <p class=\"hint\">A click on a heading sorts by it; a second one turns the order round.</p>\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"All figures\"><table id=\"table\"><thead><tr>",
    );
    let compared = if before.is_some() { &COMPARED[..] } else { &[] };
    for (name, about) in HEADINGS.iter().chain(compared) {
        let _ = write!(
            out,
            "<th scope=\"col\" title=\"{}\"><button type=\"button\">{}</button></th>",
            text(about),
            text(name)
        );
    }
    out.push_str("</tr></thead><tbody>");
    for row in &document.rows {
        one(&mut out, row, before);
    }
    out.push_str("</tbody></table></div></section>");
    out
}

fn one(out: &mut String, row: &Row, before: Option<&Document>) {
    let flag = |is_set: bool, name: &'static str| if is_set { name } else { "" };
    let _ = write!(
        out,
        "<tr data-flags=\"{} {} {}\"><th scope=\"row\">{}</th><td class=\"text\">{}</td>",
        flag(row.met == Some(false), "missed"),
        flag(row.noisy, "noisy"),
        flag(row.limit.is_some(), "limited"),
        text(&row.case),
        text(&row.size)
    );
    let mut cells = cells(row);
    if let Some(before) = before {
        let old = before.row(&row.id());
        let was = old.and_then(|old| old.ratio).map(|ratio| ratio.median);
        cells.push(number(was, |ratio| format!("{ratio:.2}")));
        let change = old.map_or("new", |old| Change::between(old, row).name());
        let class = match change {
            "BETTER" => "good",
            "WORSE" => "bad",
            _ => "",
        };
        cells.push(Cell(change.to_lowercase(), None, class));
    }
    for Cell(told, value, class) in cells {
        let value = value.map(|value| format!(" data-v=\"{value}\"")).unwrap_or_default();
        let _ = write!(out, "<td{value} class=\"{class}\">{}</td>", text(&told));
    }
    out.push_str("</tr>");
}

fn cells(row: &Row) -> Vec<Cell> {
    let rival = row.rivals.first();
    let counters = &row.counters;
    let verdict = match row.met {
        Some(true) => Cell("met".to_owned(), Some(0.0), "good"),
        Some(false) => Cell("missed".to_owned(), Some(1.0), "bad"),
        None => Cell("-".to_owned(), None, ""),
    };
    let spread = if row.ratio.is_none() {
        Cell("-".to_owned(), None, "")
    } else {
        let word = if row.noisy { "noisy " } else { "" };
        Cell(
            format!("{word}{:.0} %", row.spread * 100.0),
            Some(row.spread),
            if row.noisy { "noisy" } else { "" },
        )
    };
    let count = |count: Option<u64>| number(count.map(float), |value| format!("{value}"));
    vec![
        number(Some(row.ours_nanos), time),
        number(row.floor_nanos, time),
        number(row.ratio.map(|ratio| ratio.median), |ratio| format!("{ratio:.2}")),
        Cell(
            row.ratio
                .map_or_else(|| "-".to_owned(), |ratio| format!("{:.2} to {:.2}", ratio.lower, ratio.upper)),
            row.ratio.map(|ratio| ratio.lower),
            "",
        ),
        number(row.limit, |limit| format!("{limit:.2}")),
        verdict,
        spread,
        number(row.is_awaited().then_some(row.ours_nanos / FRAME_NANOS), |share| {
            format!("{:.1} %", share * 100.0)
        }),
        Cell(rival.map_or_else(|| "-".to_owned(), |rival| rival.name.clone()), None, "text"),
        number(rival.map(|rival| rival.factor.median), factor),
        count(counters.bytes),
        count(counters.calls),
        count(Some(counters.syncs)),
        count(Some(counters.allocations)),
        number(Some(float(counters.peak)), |_| bytes(counters.peak)),
    ]
}

fn number(value: Option<f64>, told: impl Fn(f64) -> String) -> Cell {
    Cell(value.map_or_else(|| "-".to_owned(), told), value, "")
}
