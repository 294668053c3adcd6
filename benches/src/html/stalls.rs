//! How long a program that draws pictures is held up.

use super::{
    FRAME_NANOS,
    bars::{self, Bar},
    figure::Figure,
};
use crate::{document::Document, table::time};

pub(super) fn figure(document: &Document) -> String {
    let (mut bars, mut cells) = (Vec::new(), Vec::new());
    for row in &document.rows {
        let Some(stalls) = row.stalls else { continue };
        let frames = |nanos: f64| format!("{:.1} %", nanos / FRAME_NANOS * 100.0);
        bars.push(Bar {
            name: row.id(),
            whisker: Some((stalls.p50, stalls.max)),
            dots: vec![stalls.p50],
            rings: vec![stalls.p90, stalls.p99, stalls.max],
            class: if stalls.max < FRAME_NANOS { "good" } else { "bad" },
            told: format!("{}, at most {}", time(stalls.p50), time(stalls.max)),
            ..Bar::default()
        });
        let mut line = vec![row.id(), stalls.calls.to_string()];
        line.extend(
            [stalls.p50, stalls.p90, stalls.p99, stalls.max]
                .map(|nanos| format!("{} ({})", time(nanos), frames(nanos))),
        );
        cells.push(line);
    }
    let Some((drawing, width, height)) = bars::draw(&bars, Some(FRAME_NANOS), time) else {
        return String::new();
    };
    Figure {
        id: "stalls",
        title: "How long a frame is held up",
        about: "What the caller waits for, of single calls: the dot is the median, the rings are what nine of ten and 99 of 100 calls \
                stay below, and the longest. The line with gaps is 16.67 ms, a whole frame at 60 a second: what is beyond it would be seen.",
        width,
        height,
        drawing,
        legend: Vec::new(),
        headings: vec!["case", "calls", "median", "90 %", "99 %", "longest"],
        rows: cells,
    }
    .render()
}
