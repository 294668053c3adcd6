//! A report in a browser: skipped where there is none.

use std::fs;

use keepstone_benches::{
    Budget, Case,
    document::{Document, Row},
    html,
    machine::Machine,
    run,
};
use keepstone_testkit::browser::Browser;
use serde_json::json;

/// Two cases of three sizes, one of which holds somebody up and has a rival with a name that would be a tag.
fn document(dir: &std::path::Path) -> Document {
    let works = |times: u64, bytes: u64| {
        move |watch: &mut keepstone_benches::Watch| {
            watch.note_bytes(bytes);
            watch.note_syncs(1);
            watch.each(|| Ok((0..times).fold(0_u64, |sum, one| sum.rotate_left(5) ^ one)))
        }
    };
    let mut rows = Vec::new();
    for (size, count) in [("mixed 1k", 1000), ("mixed 10k", 10_000)] {
        let case =
            Case::new("encode", size).ours(works(count, count)).floor(1.0, "by hand", works(count, count));
        rows.push(run(&mut case.limit(1000.0), Budget::rounds(7)).unwrap());
    }
    for (size, len) in [("1 KB", 1024), ("10 KB", 10_240)] {
        let case = Case::new("slot save", size).ours(works(len, len)).floor(1.0, "by hand", works(len, len));
        let case = case.rival("<img src=x onerror=alert(1)>", works(4 * len, len)).limit(0.000_001);
        rows.push(run(&mut case.stalls(), Budget::rounds(7)).unwrap());
    }
    Document::new(&Machine::look(dir).unwrap(), rows.iter().map(Row::of).collect())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a page that a browser opens, and nobody keeps")]
fn a_report_is_drawn_sorted_and_filtered() {
    let Some(browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let document = document(dir.path());
    let path = dir.path().join("report.html");
    fs::write(&path, html::render(&document, Some(&document))).unwrap();
    browser.open(path.to_str().unwrap(), "");
    assert_eq!(browser.count("figure"), 6);
    let drawn = "return Array.from(document.querySelectorAll('.plot svg')).every((plot) => plot.getBBox().width > 500 && plot.getBBox().height > 50)";
    assert_eq!(browser.run(drawn), true);
    assert_eq!(browser.count("#ratio rect"), 4);
    assert_eq!(browser.count("#entities polyline"), 2, "ours and its floor");
    let inside = "return Array.from(document.querySelectorAll('.plot svg')).every((plot) => { \
        const room = plot.viewBox.baseVal, box = plot.getBBox(); \
        return box.x >= 0 && box.y >= 0 && box.x + box.width <= room.width + 1 && box.y + box.height <= room.height + 1; })";
    assert_eq!(browser.run(inside), true, "nothing sticks out of a plot");

    let times = "return Array.from(document.querySelectorAll('#table tbody tr'), (row) => Number(row.cells[2].dataset.v))";
    let ours = |browser: &Browser| -> Vec<f64> { serde_json::from_value(browser.run(times)).unwrap() };
    browser.click("#table thead th:nth-child(3) button");
    let sorted = ours(&browser);
    assert!(sorted.len() == 4 && sorted[0] < sorted[3], "four rows that differ: {sorted:?}");
    assert!(sorted.is_sorted(), "the fastest comes first: {sorted:?}");
    browser.click("#table thead th:nth-child(3) button");
    assert!(ours(&browser).iter().rev().is_sorted(), "then the slowest");

    assert_eq!(browser.text("#shown"), "4 of 4 rows");
    browser.press("#query", "encode 10k");
    assert_eq!(browser.text("#shown"), "1 of 4 rows");
    assert_eq!(browser.count("#table tbody tr:not([hidden])"), 1);
    browser.run(
        "const box = document.getElementById('query'); box.value = ''; box.dispatchEvent(new Event('input'))",
    );
    browser.click("#missed");
    assert_eq!(browser.text("#shown"), "2 of 4 rows");

    assert_eq!(browser.count("img, main script, [onerror]"), 0);
    browser.resize(400, 800);
    let overhang = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.run(overhang), json!(0), "nothing sticks out of the page");
    browser.is_quiet();
}
