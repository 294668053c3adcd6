//! A run as one page for a browser: what was measured and where, as tables and plots, for somebody who has never seen the project.
//!
//! It fetches nothing, and its policy forbids that it could; all texts are escaped.

mod bars;
mod bytes;
mod entities;
mod escape;
mod figure;
mod lines;
mod page;
mod ratios;
mod rows;
mod scale;
mod stalls;
mod summary;
mod throughput;

#[cfg(test)]
mod tests;

use crate::document::Document;

/// What a program that draws sixty times a second has for each picture, in nanoseconds.
pub const FRAME_NANOS: f64 = 1e9 / 60.0;

/// Draws a run, beside an earlier one if there is any.
pub fn render(document: &Document, before: Option<&Document>) -> String {
    let figures = [
        ratios::limited(document, before),
        folded("Cases without a limit", &ratios::others(document, before)),
        ratios::rivals(document),
        entities::figure(document),
        throughput::figure(document, throughput::Way::Synced),
        throughput::figure(document, throughput::Way::Other),
        bytes::figure(document),
        stalls::figure(document),
    ];
    page::render(
        document,
        &[
            summary::render(document, before),
            format!("<section id=\"plots\"><h2>Plots</h2>{}</section>", figures.concat()),
            rows::render(document, before),
        ],
    )
}

/// What is seen on request: it is long, and few look for it.
fn folded(title: &str, figure: &str) -> String {
    if figure.is_empty() {
        return String::new();
    }
    format!("<details><summary>{title}</summary>{figure}</details>")
}
