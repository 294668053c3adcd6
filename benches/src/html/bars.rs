//! Rows of bars and marks beside names, on a logarithmic axis.

use std::fmt::Write as _;

use super::{escape::text, scale::Scale};

const WIDTH: f64 = 960.0;
const ROW: f64 = 20.0;
const HEAD: f64 = 34.0;
/// What a letter takes at most, on average.
const LETTER: f64 = 6.3;

/// One row.
#[derive(Debug, Clone, Default)]
pub(super) struct Bar {
    pub(super) name: String,
    /// From where the bar goes to where.
    pub(super) span: Option<(f64, f64)>,
    /// Bounds, as a thin line with two ends.
    pub(super) whisker: Option<(f64, f64)>,
    /// What may not be exceeded.
    pub(super) limit: Option<f64>,
    /// Filled marks, and hollow ones.
    pub(super) dots: Vec<f64>,
    pub(super) rings: Vec<f64>,
    /// `good`, `bad`, `noisy` or `plain`.
    pub(super) class: &'static str,
    /// The figures, at the right.
    pub(super) told: String,
}

impl Bar {
    fn values(&self) -> impl Iterator<Item = f64> {
        let pairs = [self.span, self.whisker].into_iter().flatten().flat_map(|(one, other)| [one, other]);
        pairs.chain(self.limit).chain(self.dots.iter().copied()).chain(self.rings.iter().copied())
    }
}

/// What is drawn, with its width and height; nothing if there is no value.
pub(super) fn draw(
    bars: &[Bar],
    line_at: Option<f64>,
    label: fn(f64) -> String,
) -> Option<(String, f64, f64)> {
    // A line by itself is no plot.
    bars.first()?;
    let longest = |part: fn(&Bar) -> &str| {
        let letters = bars.iter().map(|bar| part(bar).chars().count()).max().unwrap_or_default();
        f64::from(u32::try_from(letters).unwrap_or(u32::MAX)) * LETTER
    };
    let left = longest(|bar| &bar.name).clamp(120.0, 330.0) + 10.0;
    let right = longest(|bar| &bar.told).clamp(60.0, 250.0) + 10.0;
    let scale = Scale::over(bars.iter().flat_map(Bar::values).chain(line_at), left, WIDTH - left - right)?;
    let height = ROW * f64::from(u32::try_from(bars.len()).unwrap_or(u32::MAX)) + HEAD + 8.0;
    let mut out = String::new();
    for tick in scale.ticks() {
        let x = scale.place(tick);
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{HEAD}\" y2=\"{height:.1}\"></line>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            HEAD - 8.0,
            text(&label(tick))
        );
    }
    if let Some(at) = line_at {
        let x = scale.place(at);
        let _ = write!(
            out,
            "<line class=\"reference\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{HEAD}\" y2=\"{height:.1}\"></line>"
        );
    }
    let mut y = HEAD + ROW / 2.0 + 4.0;
    for bar in bars {
        one(&mut out, bar, &scale, y, left);
        y += ROW;
    }
    Some((out, WIDTH, height))
}

fn one(out: &mut String, bar: &Bar, scale: &Scale, y: f64, left: f64) {
    let (name, told) = (text(&bar.name), text(&bar.told));
    let _ = write!(
        out,
        "<g class=\"bar {}\"><title>{name}: {told}</title><text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
        bar.class,
        left - 8.0,
        y + 4.0
    );
    if let Some((from, to)) = bar.span {
        let (from, to) = (scale.place(from), scale.place(to));
        let (x, width) = (from.min(to), (to - from).abs().max(1.0));
        let _ =
            write!(out, "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"11\"></rect>", y - 5.5);
    }
    if let Some((lower, upper)) = bar.whisker {
        let (lower, upper, top, end) = (scale.place(lower), scale.place(upper), y - 3.0, y + 3.0);
        let _ = write!(
            out,
            "<path class=\"whisker\" d=\"M{lower:.1} {top:.1}V{end:.1}M{lower:.1} {y:.1}H{upper:.1}M{upper:.1} {top:.1}V{end:.1}\"></path>"
        );
    }
    if let Some(limit) = bar.limit {
        let x = scale.place(limit);
        let _ = write!(
            out,
            "<line class=\"limit\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"></line>",
            y - 8.0,
            y + 8.0
        );
    }
    for (values, class) in [(&bar.rings, "ring"), (&bar.dots, "dot")] {
        for value in values {
            let _ = write!(
                out,
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4\"></circle>",
                scale.place(*value)
            );
        }
    }
    let _ = write!(
        out,
        "<text class=\"told\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{told}</text></g>",
        WIDTH - 2.0,
        y + 4.0
    );
}
