//! Rust source with comments and literals blanked, so that rules see code and nothing else.

/// Replaces each byte of a comment, string or character literal by a space.
///
/// Line breaks stay and offsets do not move. It is a scanner, not a parser: enough to tell a
/// lifetime from a character and a raw string from a raw identifier.
pub(crate) fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_word = false;
    while let Some(first) = rest.chars().next() {
        let blank_len = if in_word { None } else { literal_len(rest) };
        let blank_len = blank_len.or_else(|| comment_len(rest)).or_else(|| string_len(rest));
        let taken_len = blank_len.unwrap_or(first.len_utf8());
        let (taken, after) = rest.split_at(taken_len);
        if blank_len.is_some() || !first.is_ascii() {
            taken.bytes().for_each(|byte| out.push(if byte == b'\n' { '\n' } else { ' ' }));
        } else {
            out.push(first);
        }
        in_word = blank_len.is_none() && is_word(first);
        rest = after;
    }
    out
}

/// The line, from 1, that holds the byte at `offset`.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The offsets at which `word` stands by itself.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = text.get(..*at).and_then(|s| s.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|s| s.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Whether `c` may be part of an identifier.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn comment_len(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(here) = rest.get(at..) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            let Some(c) = here.chars().next() else { break };
            at += c.len_utf8();
        }
        if depth == 0 {
            return Some(at);
        }
    }
    Some(rest.len())
}

/// A plain string, which may follow a prefix.
fn string_len(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 2),
            _ => {}
        }
    }
    Some(rest.len())
}

/// A raw string with its prefix, or a character.
fn literal_len(rest: &str) -> Option<usize> {
    raw_string_len(rest).or_else(|| char_len(rest))
}

fn raw_string_len(rest: &str) -> Option<usize> {
    let raw = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let inner = raw.trim_start_matches('#');
    let hashes = raw.len() - inner.len();
    let inner = inner.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let open_len = rest.len() - inner.len();
    Some(inner.find(&end).map_or(rest.len(), |at| open_len + at + end.len()))
}

fn char_len(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix("b'").or_else(|| rest.strip_prefix('\''))?;
    let open_len = rest.len() - inner.len();
    if let Some(escape) = inner.strip_prefix('\\') {
        // The escaped character itself may be a quote.
        let first_len = escape.chars().next()?.len_utf8();
        let close = escape.get(first_len..)?.find('\'')?;
        return Some(open_len + 1 + first_len + close + 1);
    }
    let first_len = inner.chars().next()?.len_utf8();
    // Without a closing quote it is a lifetime.
    inner.get(first_len..)?.starts_with('\'').then_some(open_len + first_len + 1)
}

#[cfg(test)]
mod tests {
    use super::{code_only, line_at, words};

    fn check(text: &str, gone: &[&str], kept: &[&str]) {
        let code = code_only(text);
        assert_eq!(code.len(), text.len(), "offsets move in {text:?}");
        for word in gone {
            assert!(!code.contains(word), "{word} stays in {code:?}");
        }
        for word in kept {
            assert!(code.contains(word), "{word} is lost in {code:?}");
        }
    }

    #[test]
    fn comments_are_blank() {
        check("a // out\nb", &["out"], &["a ", "\nb"]);
        check("a /* out /* out */ out */ b", &["out", "/", "*"], &["a", "b"]);
        check("a /* out", &["out"], &["a"]);
    }

    #[test]
    fn strings_are_blank() {
        check(r#"f("out \" out", b"out", c"out"); g"#, &["out"], &["f(", "; g"]);
        check(r##"f(r#"out " out"#, br"out\"); g"##, &["out"], &["f(", "); g"]);
        check("f(\"out\nout\"); g", &["out"], &["\n", "; g"]);
        check("let r#type = far; \"out\"", &["out"], &["r#type = far;"]);
    }

    #[test]
    fn characters_are_blank_and_lifetimes_stay() {
        check(r"let q = ['\'', '\\', '\u{7f}', b'q', '{']; f", &["7f", "b'q", "'{"], &["]; f"]);
        check("fn f<'a>(x: &'a str) -> &'static str { 'l: loop {} }", &[], &["<'a>", "&'a", "'l:"]);
        check("'\"' unsafe \"out\"", &["out", "\""], &["unsafe"]);
    }

    #[test]
    fn text_that_is_not_ascii_keeps_its_length() {
        check("// \u{e9}\u{4e16}\nx", &["\u{e9}"], &["\nx"]);
        check("let c = '\u{4e16}'; x", &["\u{4e16}"], &["; x"]);
    }

    #[test]
    fn words_stand_alone() {
        let text = "unsafe_code unsafe\nxunsafe unsafe{";
        assert_eq!(words(text, "unsafe").collect::<Vec<_>>(), [12, 27]);
        assert_eq!(line_at(text, 12), 1);
        assert_eq!(line_at(text, 27), 2);
    }
}
