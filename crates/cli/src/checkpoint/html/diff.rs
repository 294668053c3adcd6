use keepstone::checkpoint::State;
use serde::Serialize;

use super::{
    lines::{self, Edit},
    ranges,
    readable::{Readable, readable},
};
use crate::text::Hex;

/// Bytes of a line that are shown.
const LINE_BYTES_MAX: usize = 2_000;
/// Bytes of a range that are shown of each side.
const RANGE_BYTES_MAX: usize = 256;

/// What a checkpoint has changed, as the page shows it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Diff {
    /// Not a byte.
    Same,
    /// Lines of a text came and went.
    Lines {
        /// What the lines are: `text`, `json` or `value`.
        form: &'static str,
        added: usize,
        removed: usize,
        hunks: Vec<Hunk>,
        /// Lines that came or went and are not in `hunks`.
        hidden: usize,
    },
    /// Bytes differ.
    Ranges {
        ranges: Vec<Shown>,
        /// How many ranges there are.
        count: usize,
        /// Bytes in all of them, on the longer side of each.
        bytes: usize,
    },
    /// There is nothing to show.
    None { why: String },
}

/// Lines that stand together.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Hunk {
    /// The number of the first line of the state before, from 1.
    a: usize,
    /// The same of the state after.
    b: usize,
    /// Lines behind a space, `-` or `+`.
    lines: Vec<String>,
}

/// A range of bytes, as far as it is shown.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Shown {
    a: usize,
    a_len: usize,
    b: usize,
    b_len: usize,
    /// The first bytes before, as hexadecimal digits.
    before: String,
    /// The first bytes after.
    after: String,
}

impl Diff {
    /// Compares a state with the one it goes on from, and shows at most so many bytes of what differs.
    pub(super) fn between(before: Option<&State>, after: &State, bytes_max: usize) -> Self {
        let old = before.map(State::bytes).unwrap_or_default();
        if before.is_some_and(|before| before.layout() == after.layout()) && old == after.bytes() {
            return Self::Same;
        }
        let left = match before {
            Some(before) => readable(before),
            None => Some(Readable { text: String::new(), form: "text" }),
        };
        let texts = left.zip(readable(after)).filter(|(left, right)| left.text != right.text);
        match texts {
            Some((left, right)) => Self::of_lines(&left, &right, bytes_max),
            None => Self::of_bytes(old, after.bytes(), bytes_max),
        }
    }

    fn of_lines(before: &Readable, after: &Readable, bytes_max: usize) -> Self {
        let old: Vec<&str> = before.text.lines().collect();
        let new: Vec<&str> = after.text.lines().collect();
        let edits = lines::compare(&old, &new);
        let count = |is: fn(&Edit) -> bool| edits.iter().filter(|edit| is(edit)).count();
        let added = count(|edit| matches!(edit, Edit::New(_)));
        let removed = count(|edit| matches!(edit, Edit::Gone(_)));
        let mut shown = Shower { old: &old, new: &new, bytes_left: bytes_max, changed: 0 };
        let mut hunks = Vec::new();
        for hunk in lines::hunks(&edits) {
            match shown.hunk(hunk) {
                Some(hunk) => hunks.push(hunk),
                None => break,
            }
        }
        Self::Lines { form: after.form, added, removed, hunks, hidden: added + removed - shown.changed }
    }

    fn of_bytes(before: &[u8], after: &[u8], bytes_max: usize) -> Self {
        let found = ranges::compare(before, after);
        let bytes = found.iter().map(|range| range.a_len.max(range.b_len)).sum();
        let mut left = bytes_max;
        let mut shown = Vec::new();
        for range in &found {
            // Two digits each, and the numbers around them.
            let room = (left / 4).min(RANGE_BYTES_MAX);
            if room == 0 {
                break;
            }
            let part = |bytes: &[u8], at: usize, len: usize| {
                Hex(bytes.get(at..at + len.min(room)).unwrap_or_default()).to_string()
            };
            let (old, new) = (part(before, range.a, range.a_len), part(after, range.b, range.b_len));
            left = left.saturating_sub(old.len() + new.len() + 32);
            shown.push(Shown {
                a: range.a,
                a_len: range.a_len,
                b: range.b,
                b_len: range.b_len,
                before: old,
                after: new,
            });
        }
        Self::Ranges { ranges: shown, count: found.len(), bytes }
    }
}

/// Puts lines into hunks until there is no room left.
struct Shower<'t> {
    old: &'t [&'t str],
    new: &'t [&'t str],
    bytes_left: usize,
    /// Lines that came or went and are shown.
    changed: usize,
}

impl Shower<'_> {
    /// As much of a hunk as there is room for; nothing without room for a line that came or went.
    fn hunk(&mut self, edits: &[Edit]) -> Option<Hunk> {
        let (mut a, mut b) = (None, None);
        let (mut lines, changed) = (Vec::new(), self.changed);
        for edit in edits {
            let (sign, line) = match *edit {
                Edit::Same(at, _) => (' ', self.old.get(at)),
                Edit::Gone(at) => ('-', self.old.get(at)),
                Edit::New(at) => ('+', self.new.get(at)),
            };
            let line = shortened(sign, line.copied().unwrap_or_default());
            let Some(left) = self.bytes_left.checked_sub(line.len() + 1) else {
                self.bytes_left = 0;
                break;
            };
            self.bytes_left = left;
            match *edit {
                Edit::Same(old, new) => (a, b) = (a.or(Some(old)), b.or(Some(new))),
                Edit::Gone(old) => a = a.or(Some(old)),
                Edit::New(new) => b = b.or(Some(new)),
            }
            self.changed += usize::from(sign != ' ');
            lines.push(line);
        }
        let number = |place: Option<usize>| place.map_or(0, |place| place + 1);
        (self.changed > changed).then(|| Hunk { a: number(a), b: number(b), lines })
    }
}

fn shortened(sign: char, line: &str) -> String {
    let end = line.floor_char_boundary(LINE_BYTES_MAX);
    match line.split_at_checked(end) {
        Some((line, rest)) if !rest.is_empty() => format!("{sign}{line} [... {} more bytes]", rest.len()),
        _ => format!("{sign}{line}"),
    }
}
