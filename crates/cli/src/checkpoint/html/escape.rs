use std::fmt::Write as _;

use serde::Serialize;

/// A value as JSON that may stand in a `<script>` of any page, all on one line.
///
/// A text in it can end neither the script nor a line of it, nor turn the direction of what a reader of the source sees: such characters are
/// escaped the way JSON escapes them, so it is read back as it was.
pub(super) fn script_json(value: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        if is_dangerous(c) {
            // What is dangerous stands only inside of texts, never between them.
            for unit in c.encode_utf16(&mut [0; 2]) {
                // A text takes whatever is written to it.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Ok(out)
}

/// Text between tags.
pub(super) fn html_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || is_dangerous(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn is_dangerous(c: char) -> bool {
    matches!(
        c,
        '<' | '>' | '&' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    ) || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_text_says_cannot_end_the_script_and_is_read_back_as_it_was() {
        let texts = [
            "</script><script>alert(1)</script>",
            "<!-- <script>",
            "a\u{2028}b\u{2029}c\u{202e}d\u{0}e\u{7f}f\u{feff}",
            "]]> & \u{e0041}\u{1fffe}\u{1f600} \"quoted\" \\",
        ];
        let json = script_json(&texts).unwrap();
        let is_plain = |c: char| !is_dangerous(c) && !c.is_control();
        assert!(json.chars().all(is_plain), "{json}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), texts);
        assert!(json.contains('\u{1f600}'), "what is harmless stays readable: {json}");
    }

    #[test]
    fn text_between_tags_makes_none() {
        assert_eq!(html_text("a<b>&\"c\"\u{202e}\u{0}"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}\u{fffd}");
    }
}
