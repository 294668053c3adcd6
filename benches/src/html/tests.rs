use super::render;
use crate::{
    document::{Count, Document, MachineFacts, Ratio, RivalRow, Row, Side, VERSION},
    stats::Stalls,
};

/// What would run, or turn its direction, if any of it became a tag.
const HOSTILE: &str = "</script><img src=x onerror=\"alert(1)\"> ' \u{202e}olleh <!--";

fn row(case: &str, size: &str, nanos: f64, ratio: f64) -> Row {
    let bounds = |median: f64| Ratio { median, lower: median * 0.95, upper: median * 1.05 };
    Row {
        case: case.to_owned(),
        size: size.to_owned(),
        ours_nanos: nanos,
        floor_nanos: Some(nanos / ratio),
        ratio: Some(bounds(ratio)),
        limit: Some(1.0),
        met: Some(ratio * 0.95 <= 1.0),
        rounds: 31,
        spread: 0.2,
        noisy: true,
        counters: Count { bytes: Some(4096), syncs: 1, ..Count::default() },
        floors: vec![Side { name: "by hand".to_owned(), weight: 1.0, nanos, counters: Count::default() }],
        rivals: vec![RivalRow {
            name: HOSTILE.to_owned(),
            nanos,
            factor: bounds(2.5),
            spread: 0.05,
            noisy: false,
            counters: Count::default(),
        }],
        rivals_promise_less: false,
        unit: None,
        stalls: Some(Stalls { calls: 9, p50: 1e5, p90: 2e5, p99: 3e6, max: 2e7 }),
    }
}

fn document(ratio: f64) -> Document {
    let [cpu, os, commit, profile, dir, file_system] =
        [HOSTILE, "linux", HOSTILE, "release", "d", "ext4"].map(str::to_owned);
    let (sync_nanos, rename_nanos, dir_sync_nanos) = (1e6, 1e5, 2e5);
    let machine = MachineFacts {
        cpu,
        cores: 2,
        os,
        commit,
        profile,
        dir,
        file_system,
        sync_nanos,
        rename_nanos,
        dir_sync_nanos,
    };
    let mut rows = vec![
        row("encode", "mixed 1k", 2e4, ratio),
        row("encode", "mixed 10k", 3e5, 0.5),
        row("slot save", "10 KB", 1e6, 0.4),
        row(HOSTILE, HOSTILE, 5.0, 1.4),
    ];
    let longer = Count { bytes: Some(1 << 20), syncs: 1, ..Count::default() };
    rows.push(Row { counters: longer, ..row("slot save", "1 MB", 4e6, 0.7) });
    Document { version: VERSION, machine, rows }
}

/// Fails where an end tag isn't that of the last tag that was begun.
fn assert_balanced(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some((_, from)) = rest.split_once('<') {
        let (tag, behind) = from.split_once('>').expect("a tag ends");
        rest = behind;
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
        match name {
            "!DOCTYPE" | "meta" | "input" => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "before {behind:.60}"),
            "style" | "script" => rest = rest.split_once(&format!("</{name}>")).expect("it ends").1,
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn tags_are_balanced_whatever_names_say() {
    assert_balanced(&render(&document(1.2), None));
    assert_balanced(&render(&document(1.2), Some(&document(0.4))));
    let empty = Document { rows: Vec::new(), ..document(1.0) };
    assert_balanced(&render(&empty, None));
}

#[test]
fn no_name_becomes_a_tag() {
    let page = render(&document(1.2), Some(&document(0.4)));
    assert!(!page.contains("<img") && !page.contains('\u{202e}') && !page.contains("<!--"));
    assert!(page.contains("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;"));
}

#[test]
fn nothing_is_fetched() {
    let page = render(&document(1.2), None);
    assert!(page.contains("content=\"default-src 'none'; style-src 'sha256-"));
    for wanted in ["http:", "https:", "href=\"h", "href=\"/", "url(", "@import", "<link", " src=\"", "fetch("]
    {
        assert!(!page.contains(wanted), "{wanted}");
    }
}

#[test]
fn every_plot_is_there_with_its_figures() {
    let page = render(&document(1.2), None);
    for id in ["ratio", "rivals", "entities", "throughput-durable", "bytes", "stalls"] {
        let figure = page.split_once(&format!("<figure id=\"{id}\">")).unwrap_or_else(|| panic!("no {id}")).1;
        let figure = figure.split_once("</figure>").unwrap().0;
        assert!(
            figure.contains("<desc id=") && figure.contains("role=\"img\"") && figure.contains("<tbody><tr>"),
            "{id}"
        );
    }
    assert!(!page.contains("NaN") && !page.contains("\"inf"), "a place is a number");
}

#[test]
fn what_changed_is_told() {
    let (before, after) = (quiet(0.4), quiet(0.9));
    let page = render(&after, Some(&before));
    assert!(page.contains("worse: ratio 0.90, was 0.40;"));
    assert!(page.contains("4 rows are as they were"), "{page}");
    assert!(!render(&after, None).contains("Compared with"));
}

fn quiet(ratio: f64) -> Document {
    let mut document = document(ratio);
    document.rows.iter_mut().for_each(|row| row.noisy = false);
    document
}
