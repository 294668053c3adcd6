use std::fmt::{Display, Formatter, Result, Write};

use super::{Change, Path, Step, ValueDiff, What};
use crate::value::Value;

/// Most characters of a value's text.
const TEXT_MAX: usize = 200;
/// Characters in front of the first one that differs in long texts.
const BEFORE_MAX: usize = 20;

/// A line for each change, and one for those that are not kept.
impl Display for ValueDiff {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (index, change) in self.changes.iter().enumerate() {
            let between = if index == 0 { "" } else { "\n" };
            write!(f, "{between}{change}")?;
        }
        let left = self.total.saturating_sub(self.changes.len() as u64);
        if left > 0 {
            let between = if self.changes.is_empty() { "" } else { "\n" };
            write!(f, "{between}and {left} more")?;
        }
        Ok(())
    }
}

/// `party[2].health: 10 -> 7`, `+ party[3]: Hero { .. }`, `- prices["coin"]: 3`. Values that are long are cut.
impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match &self.what {
            What::Added(_) => "+ ",
            What::Removed(_) => "- ",
            What::Changed { .. } => "",
        })?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        match &self.what {
            What::Added(value) | What::Removed(value) => short(f, value),
            What::Changed { from: Value::Str(from), to: Value::Str(to) } => {
                let skipped = skipped(from, to);
                text(f, from, skipped)?;
                f.write_str(" -> ")?;
                text(f, to, skipped)
            }
            What::Changed { from, to } => {
                short(f, from)?;
                f.write_str(" -> ")?;
                short(f, to)
            }
        }
    }
}

/// As Rust would write it, without what it starts from. An element is named by its place in the second value, or in the first if it isn't there.
impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (index, step) in self.steps().enumerate() {
            match step {
                Step::Field(name) | Step::Variant(name) => {
                    let dot = if index == 0 { "" } else { "." };
                    write!(f, "{dot}{}", name.escape_debug())?;
                }
                Step::Item { before, after } => {
                    write!(f, "[{}]", after.or(*before).unwrap_or_default())?;
                }
                Step::Key(key) => {
                    f.write_str("[")?;
                    short(f, key)?;
                    f.write_str("]")?;
                }
            }
        }
        Ok(())
    }
}

/// Writes the beginning of a value's text.
fn short(f: &mut Formatter<'_>, value: &Value<'_>) -> Result {
    clip(f, |out| write!(out, "{value}"))
}

/// Writes text from a byte on.
fn text(f: &mut Formatter<'_>, text: &str, skipped: usize) -> Result {
    let rest = text.get(skipped..).unwrap_or(text);
    f.write_str(if skipped > 0 { "..." } else { "" })?;
    clip(f, |out| write!(out, "{rest:?}"))
}

/// How many bytes of two long texts say nothing about how they differ.
fn skipped(a: &str, b: &str) -> usize {
    if a.chars().nth(TEXT_MAX).or_else(|| b.chars().nth(TEXT_MAX)).is_none() {
        return 0;
    }
    let common = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    let same: usize = common.map(|(a, _)| a.len_utf8()).sum();
    let before = a.get(..same).unwrap_or_default();
    before.char_indices().rev().nth(BEFORE_MAX).map_or(0, |(at, _)| at)
}

/// Writes at most so many characters, and says where there would be more.
fn clip(f: &mut Formatter<'_>, write: impl FnOnce(&mut Clip<'_, '_>) -> Result) -> Result {
    let mut out = Clip { f, left: TEXT_MAX, is_cut: false };
    let written = write(&mut out);
    // What is cut off ends the writing with an error, so that it isn't made.
    if out.is_cut { f.write_str(" ...") } else { written }
}

struct Clip<'c, 'f> {
    f: &'c mut Formatter<'f>,
    left: usize,
    is_cut: bool,
}

impl Write for Clip<'_, '_> {
    fn write_str(&mut self, text: &str) -> Result {
        match text.char_indices().nth(self.left) {
            None => {
                self.left -= text.chars().count();
                self.f.write_str(text)
            }
            Some((end, _)) => {
                self.is_cut = true;
                self.f.write_str(text.get(..end).unwrap_or(text))?;
                Err(std::fmt::Error)
            }
        }
    }
}
