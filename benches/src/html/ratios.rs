//! How ours stands to the floors, and to other programs.

use super::{
    bars::{self, Bar},
    figure::Figure,
};
use crate::{
    document::{Document, Ratio, Row},
    table::{factor, time},
};

pub(super) fn limited(document: &Document, before: Option<&Document>) -> String {
    let rows = document.rows.iter().filter(|row| row.limit.is_some());
    let about = "How many times as long ours takes as the floor, the least that anybody would have to do for the same result. \
                 The bar begins at 1, where both take as long: to the left ours takes less, to the right more. The thin line has the bounds \
                 of the median (95 %), the upright mark is the limit that this project holds itself to. Red has missed it, grey was noisy.";
    ratios("ratio", "Ours against the floor, where there is a limit", about, rows, before)
}

pub(super) fn others(document: &Document, before: Option<&Document>) -> String {
    let rows = document.rows.iter().filter(|row| row.limit.is_none());
    let about = "The same for cases that no limit is held against: the floor does less than ours, or something else, and the ratio says what the \
                 difference costs.";
    ratios("ratio-others", "Ours against the floor, without a limit", about, rows, before)
}

fn ratios<'a>(
    id: &str,
    title: &str,
    about: &str,
    rows: impl Iterator<Item = &'a Row>,
    before: Option<&Document>,
) -> String {
    let (mut bars, mut cells, mut has_before) = (Vec::new(), Vec::new(), false);
    for row in rows {
        let Some(ratio) = row.ratio else { continue };
        let was = before.and_then(|before| before.row(&row.id())?.ratio);
        has_before |= was.is_some();
        bars.push(Bar {
            name: row.id(),
            span: Some((1.0, ratio.median)),
            whisker: Some((ratio.lower, ratio.upper)),
            limit: row.limit,
            rings: was.iter().map(|was| was.median).collect(),
            class: class(row),
            told: told(ratio, row.limit),
            ..Bar::default()
        });
        let told = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
        cells.push(vec![
            row.id(),
            told(Some(ratio.median)),
            told(Some(ratio.lower)),
            told(Some(ratio.upper)),
            told(row.limit),
            told(was.map(|was| was.median)),
        ]);
    }
    let about = if has_before {
        format!("{about} A ring is where the earlier run had it.")
    } else {
        about.to_owned()
    };
    let Some((drawing, width, height)) = bars::draw(&bars, Some(1.0), short) else { return String::new() };
    let headings = vec!["case", "ratio", "lower bound", "upper bound", "limit", "was"];
    Figure { id, title, about: &about, width, height, drawing, legend: Vec::new(), headings, rows: cells }
        .render()
}

pub(super) fn rivals(document: &Document) -> String {
    let (mut bars, mut cells) = (Vec::new(), Vec::new());
    for row in &document.rows {
        for rival in &row.rivals {
            let Ratio { median, lower, upper } = rival.factor;
            bars.push(Bar {
                name: format!("{}: {}", row.id(), rival.name),
                span: Some((1.0, median)),
                whisker: Some((lower, upper)),
                class: match () {
                    () if rival.noisy => "noisy",
                    () if upper < 1.0 => "bad",
                    () => "good",
                },
                told: format!("{} ({}, ours {})", factor(median), time(rival.nanos), time(row.ours_nanos)),
                ..Bar::default()
            });
            cells.push(vec![
                row.id(),
                rival.name.clone(),
                factor(median),
                factor(lower),
                factor(upper),
                time(rival.nanos),
                time(row.ours_nanos),
            ]);
        }
    }
    let Some((drawing, width, height)) = bars::draw(&bars, Some(1.0), short) else { return String::new() };
    let headings = vec!["case", "program", "factor", "lower bound", "upper bound", "its time", "ours"];
    let title = "Other programs against ours";
    let about = "How many times as long another program takes for the same, each set up as its own documentation does. Bars to the right of 1: \
                 it takes longer than ours. Red: ours takes longer; grey was noisy. The thin line has the bounds of the median (95 %).";
    Figure { id: "rivals", title, about, width, height, drawing, legend: Vec::new(), headings, rows: cells }
        .render()
}

fn class(row: &Row) -> &'static str {
    match row.met {
        Some(false) => "bad",
        _ if row.noisy => "noisy",
        Some(true) => "good",
        None => "plain",
    }
}

fn told(ratio: Ratio, limit: Option<f64>) -> String {
    let limit = limit.map(|limit| format!(", limit {limit:.2}")).unwrap_or_default();
    format!("{:.2} ({:.2} to {:.2}){limit}", ratio.median, ratio.lower, ratio.upper)
}

/// A factor on an axis.
fn short(value: f64) -> String {
    if value >= 1.0 {
        format!("{value:.1}").trim_end_matches(".0").to_owned()
    } else {
        format!("{value:.3}").trim_end_matches('0').to_owned()
    }
}
