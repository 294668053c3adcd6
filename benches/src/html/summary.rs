use std::fmt::Write as _;

use super::escape::text;
use crate::{
    compared::Change,
    document::{Document, Row},
    table::time,
};

/// What was found, in short, and where.
pub(super) fn render(document: &Document, before: Option<&Document>) -> String {
    let mut out = String::from("<section id=\"summary\"><h2>In short</h2><ul class=\"tiles\">");
    let rows = &document.rows;
    let count = |wanted: fn(&Row) -> bool| rows.iter().filter(|row| wanted(row)).count();
    let limited = count(|row| row.limit.is_some());
    let missed = count(|row| row.met == Some(false));
    let noisy = count(|row| row.noisy);
    let beaten = rows.iter().filter_map(|row| row.rivals.first());
    let (ahead, rivals) =
        beaten.fold((0, 0), |(ahead, all), rival| (ahead + usize::from(rival.factor.lower > 1.0), all + 1));
    tile(&mut out, "plain", &rows.len().to_string(), "cases measured");
    tile(&mut out, "good", &format!("{} of {limited}", limited - missed), "limits met");
    tile(&mut out, if missed > 0 { "bad" } else { "good" }, &missed.to_string(), "limits missed");
    tile(&mut out, if noisy > 0 { "noisy" } else { "good" }, &noisy.to_string(), "rows were noisy");
    if rivals > 0 {
        tile(&mut out, "plain", &format!("{ahead} of {rivals}"), "cases faster than every other program");
    }
    out.push_str("</ul>");
    if document.machine.profile != "release" {
        let _ = write!(out, "<p class=\"warning\">Profile: {}.</p>", text(&document.machine.profile));
    }
    list(&mut out, "Limits that were missed", rows.iter().filter(|row| row.met == Some(false)));
    if let Some(before) = before {
        changes(&mut out, document, before);
    }
    out.push_str("</section>");
    out.push_str(&machine(document));
    out
}

fn tile(out: &mut String, class: &str, figure: &str, name: &str) {
    let _ = write!(out, "<li class=\"{class}\"><strong>{}</strong> {}</li>", text(figure), text(name));
}

fn list<'a>(out: &mut String, title: &str, rows: impl Iterator<Item = &'a Row>) {
    let items: Vec<String> = rows
        .filter_map(|row| {
            let (ratio, limit) = (row.ratio?, row.limit?);
            let noisy = if row.noisy { ", noisy: measure it again" } else { "" };
            Some(format!(
                "<li><b>{}</b> {:.2} ({:.2} to {:.2}), limit {limit:.2}{noisy}</li>",
                text(&row.id()),
                ratio.median,
                ratio.lower,
                ratio.upper
            ))
        })
        .collect();
    if !items.is_empty() {
        let _ = write!(out, "<h3>{}</h3><ul>{}</ul>", text(title), items.concat());
    }
}

/// What is better and what is worse than before.
fn changes(out: &mut String, document: &Document, before: &Document) {
    let _ = write!(out, "<h3>Compared with the run of {}</h3>", text(&before.machine.commit));
    if before.machine.cpu != document.machine.cpu
        || before.machine.file_system != document.machine.file_system
    {
        let _ = write!(
            out,
            "<p class=\"warning\">That was another machine: {}, {}. Only what is counted can be compared.</p>",
            text(&before.machine.cpu),
            text(&before.machine.file_system)
        );
    }
    let mut items = String::new();
    let (mut same, mut fresh) = (0_usize, 0_usize);
    for row in &document.rows {
        let Some(old) = before.row(&row.id()) else {
            fresh += 1;
            continue;
        };
        let (change, counts) = (Change::between(old, row), counted(old, row));
        let is_told = matches!(change, Change::Better | Change::Worse);
        if !is_told && counts.is_empty() {
            same += 1;
            continue;
        }
        let _ = write!(items, "<li><b>{}</b>", text(&row.id()));
        if let (true, Some(ratio), Some(was)) = (is_told, row.ratio, old.ratio) {
            let word = if change == Change::Better { "better" } else { "worse" };
            let _ = write!(items, " {word}: ratio {:.2}, was {:.2};", ratio.median, was.median);
        }
        let _ = write!(items, " {}</li>", text(&counts));
    }
    if !items.is_empty() {
        let _ = write!(out, "<ul>{items}</ul>");
    }
    let gone = before.rows.iter().filter(|row| document.row(&row.id()).is_none()).count();
    let _ = write!(
        out,
        "<p>{same} rows are as they were or too noisy to tell, {fresh} are new, {gone} were not measured this time.</p>"
    );
}

/// What is counted and has changed.
fn counted(old: &Row, new: &Row) -> String {
    let (was, is) = (&old.counters, &new.counters);
    let pairs = [
        ("bytes", was.bytes, is.bytes),
        ("calls", was.calls, is.calls),
        ("syncs", Some(was.syncs), Some(is.syncs)),
        ("allocations", Some(was.allocations), Some(is.allocations)),
    ];
    let changed = pairs.into_iter().filter_map(|(name, was, is)| match (was, is) {
        (Some(was), Some(is)) if was != is => Some(format!("{name} {is}, were {was}")),
        _ => None,
    });
    changed.collect::<Vec<_>>().join("; ")
}

fn machine(document: &Document) -> String {
    let machine = &document.machine;
    let mut out = String::from("<section id=\"machine\"><h2>Where it was measured</h2><dl>");
    let facts = [
        ("processor", format!("{}, {} cores", machine.cpu, machine.cores)),
        ("system", machine.os.clone()),
        ("files", format!("{} ({})", machine.dir, machine.file_system)),
        ("commit", machine.commit.clone()),
        ("profile", machine.profile.clone()),
        ("fdatasync of 4 KiB", time(machine.sync_nanos)),
        ("rename", time(machine.rename_nanos)),
        ("sync of a directory", time(machine.dir_sync_nanos)),
    ];
    for (name, value) in facts {
        let _ = write!(out, "<div><dt>{}</dt><dd>{}</dd></div>", text(name), text(&value));
    }
    out.push_str(
        "</dl><p>Where a case has syncs, it is <i>durable</i>: it returns when the data would survive a loss of power, by \
         fdatasync of the file and, where a file was created or renamed, a sync of its directory. The last three say what each of these \
         costs here, and no durable case can take less. Where a case has no syncs, nothing waited for the disk.</p></section>",
    );
    out
}
