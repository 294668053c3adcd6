use keepstone::checkpoint::{State, StateLayout};
use serde::de::IgnoredAny;

use crate::payload::Payload;

/// Longer states are compared as bytes.
const TEXT_BYTES_MAX: usize = 4 << 20;
/// JSON on more lines than this was laid out by somebody, and stays as it is.
const JSON_LINES_MAX: usize = 3;

/// A state as lines that a person can read.
pub(super) struct Readable {
    pub(super) text: String,
    /// What the lines are: `text`, `json` or `value`.
    pub(super) form: &'static str,
}

/// A state as text, if it is one.
pub(super) fn readable(state: &State) -> Option<Readable> {
    if state.bytes().len() > TEXT_BYTES_MAX {
        return None;
    }
    match state.layout() {
        StateLayout::Bytes => text(str::from_utf8(state.bytes()).ok()?),
        StateLayout::Value => match state.decode::<Payload>().ok()? {
            Payload::Value { value } => {
                let text = serde_json::to_string_pretty(&crate::payload::Json(&value.value)).ok()?;
                Some(Readable { text, form: "value" })
            }
            _ => None,
        },
        _ => None,
    }
}

fn text(text: &str) -> Option<Readable> {
    let is_shown = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if !text.chars().all(is_shown) {
        return None;
    }
    let is_json = text.starts_with(['{', '['])
        && text.lines().take(JSON_LINES_MAX + 1).count() <= JSON_LINES_MAX
        && serde_json::from_str::<IgnoredAny>(text).is_ok();
    Some(if is_json {
        Readable { text: indented(text), form: "json" }
    } else {
        Readable { text: text.to_owned(), form: "text" }
    })
}

/// JSON on as many lines as it has values: its numbers, its texts and the order of its keys stay as they are.
fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let mut chars = json.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = chars.next() {
        if in_text {
            out.push(c);
            in_text = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                out.push(c);
                in_text = true;
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(close) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_on_one_line_is_indented_and_says_the_same() {
        let json = r#"{"b": [1, 2.50, {}, []], "a":"x, {y}: \"z\" \\", "n":{"k":18446744073709551616}}"#;
        let found = text(json).unwrap();
        assert_eq!(found.form, "json");
        let expected = "{\n  \"b\": [\n    1,\n    2.50,\n    {},\n    []\n  ],\n  \"a\": \"x, {y}: \\\"z\\\" \\\\\",\n  \"n\": {\n    \"k\": 18446744073709551616\n  }\n}";
        assert_eq!(found.text, expected);
    }

    #[test]
    fn text_stays_as_it_is_and_bytes_are_none() {
        for plain in ["a\nb\tc\r\n", "{not json", "{\n\"a\":\n1,\n\"b\":2}", "\"text\""] {
            let found = text(plain).unwrap();
            assert_eq!((found.text.as_str(), found.form), (plain, "text"));
        }
        assert!(text("a\0b").is_none());
        assert!(text("a\u{1b}[2J").is_none());
    }
}
