//! What is on the disk, ours beside the floor.

use super::{
    bars::{self, Bar},
    figure::Figure,
    throughput::{float, size},
};
use crate::{document::Document, table::bytes};

pub(super) fn figure(document: &Document) -> String {
    let (mut bars, mut cells) = (Vec::new(), Vec::new());
    for row in &document.rows {
        let Some(ours) = row.counters.bytes.filter(|len| *len > 0) else { continue };
        let floors: Vec<u64> =
            row.floors.iter().filter_map(|floor| floor.counters.bytes).filter(|len| *len > 0).collect();
        let others = row.rivals.iter().filter_map(|rival| rival.counters.bytes).filter(|len| *len > 0);
        let rivals: Vec<u64> = others.collect();
        if floors.is_empty() && rivals.is_empty() && row.counters.syncs == 0 && !row.case.contains("bytes") {
            continue;
        }
        let told = |lens: &[u64]| lens.iter().map(|len| bytes(*len)).collect::<Vec<_>>().join(", ");
        let beside = if floors.is_empty() { String::new() } else { format!(", floor {}", told(&floors)) };
        bars.push(Bar {
            name: row.id(),
            dots: vec![float(ours)],
            rings: floors.iter().map(|len| float(*len)).collect(),
            class: "plain",
            told: format!("{}{beside}", bytes(ours)),
            ..Bar::default()
        });
        cells.push(vec![row.id(), ours.to_string(), told(&floors), told(&rivals)]);
    }
    let Some((drawing, width, height)) = bars::draw(&bars, None, size) else {
        return String::new();
    };
    Figure {
        id: "bytes",
        title: "Bytes on disk",
        about: "How many bytes one call writes or reads, or a store takes: the dot is ours, the ring the floor where it has such. These are exact, \
                and the same on every machine.",
        width,
        height,
        drawing,
        legend: Vec::new(),
        headings: vec!["case", "ours, bytes", "floor", "other programs"],
        rows: cells,
    }
    .render()
}
