//! Lines through points, both axes logarithmic.

use std::fmt::Write as _;

use super::{escape::text, scale::Scale};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 84.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 52.0;
const RIGHT: f64 = 18.0;
/// As many lines as there are colors.
pub(super) const LINES_MAX: usize = 8;

/// A line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: String,
    /// Ordered by the first of the two.
    pub(super) points: Vec<(f64, f64)>,
    /// Its color.
    pub(super) color: usize,
    /// What it is compared with is drawn with gaps.
    pub(super) is_floor: bool,
}

impl Line {
    pub(super) fn class(&self) -> String {
        format!("line c{}{}", self.color, if self.is_floor { " floor" } else { "" })
    }
}

/// An axis: what it says, and how its values are written.
pub(super) struct Axis<'a> {
    pub(super) title: &'a str,
    pub(super) label: fn(f64) -> String,
}

/// What is drawn, with its width and height; nothing without a point.
pub(super) fn draw(lines: &[Line], x: &Axis<'_>, y: &Axis<'_>) -> Option<(String, f64, f64)> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let across = Scale::over(points().map(|point| point.0), LEFT, WIDTH - LEFT - RIGHT)?;
    let (base, end) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let up = Scale::over(points().map(|point| point.1), base, TOP - base)?;
    let mut out = String::new();
    for tick in up.ticks() {
        let (at, told) = (up.place(tick), text(&(y.label)(tick)));
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\"></line>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{told}</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for tick in across.ticks() {
        let (at, told) = (across.place(tick), text(&(x.label)(tick)));
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{base}\"></line>\
             <text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{told}</text>",
            base + 18.0
        );
    }
    let _ = write!(
        out,
        "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text class=\"axis\" transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, end),
        HEIGHT - 10.0,
        text(x.title),
        f64::midpoint(TOP, base),
        text(y.title)
    );
    for line in lines {
        let _ = write!(out, "<g class=\"{}\"><title>{}</title>", line.class(), text(&line.name));
        let places =
            line.points.iter().map(|point| format!("{:.1},{:.1}", across.place(point.0), up.place(point.1)));
        let _ = write!(out, "<polyline points=\"{}\"></polyline>", places.collect::<Vec<_>>().join(" "));
        for (one, other) in &line.points {
            let told = format!("{}: {}, {}", line.name, (x.label)(*one), (y.label)(*other));
            let (cx, cy) = (across.place(*one), up.place(*other));
            let _ = write!(
                out,
                "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.5\"><title>{}</title></circle>",
                text(&told)
            );
        }
        out.push_str("</g>");
    }
    Some((out, WIDTH, HEIGHT))
}
