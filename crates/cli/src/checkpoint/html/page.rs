use std::{
    io::{self, Write},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use super::escape::html_text;

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// One function, so that nothing of it is global.
const SCRIPT: &str = concat!(
    "(() => {\n'use strict';\n",
    include_str!("page/text.js"),
    include_str!("page/model.js"),
    include_str!("page/graph.js"),
    include_str!("page/rows.js"),
    include_str!("page/diff.js"),
    include_str!("page/detail.js"),
    include_str!("page/list.js"),
    include_str!("page/main.js"),
    "})();\n"
);

/// What the page is called: the last part of the path of the store.
pub(super) fn title(store: &Path) -> String {
    let name = store.file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| store.display().to_string())
}

/// Writes a page. The data are JSON that may stand in a script.
pub(super) fn write(out: &mut impl Write, title: &str, data: &str, diffs: &str) -> io::Result<()> {
    let mut rest = TEMPLATE;
    while let Some((before, behind)) = rest.split_once("{{") {
        out.write_all(before.as_bytes())?;
        let (name, behind) = behind.split_once("}}").unwrap_or((behind, ""));
        rest = behind;
        let part = match name {
            "title" => &html_text(title),
            "policy" => &policy(),
            "style" => STYLE,
            "data" => data,
            "diffs" => diffs,
            "script" => SCRIPT,
            _ => "",
        };
        out.write_all(part.as_bytes())?;
    }
    out.write_all(rest.as_bytes())
}

/// What a browser may do for the page: run this script, use this style, and nothing else. Nothing is fetched, and no text can become a tag.
fn policy() -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash_of(SCRIPT),
        hash_of(STYLE)
    )
}

/// The name of a source in a content security policy.
fn hash_of(source: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(source.as_bytes())))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            (0..3).fold(0_u32, |bits, place| bits << 8 | chunk.get(place).copied().map_or(0, u32::from));
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).ok().and_then(|at| DIGITS.get(at));
            let is_padding = place > chunk.len();
            out.push(digit.filter(|_| !is_padding).map_or('=', |digit| char::from(*digit)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_base64() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn the_policy_allows_what_the_page_has_and_no_more() {
        let mut page = Vec::new();
        write(&mut page, "a<b", "{\"store\":\"{{script}}\"}", "{}").unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("<title>a&lt;b"), "{page}");
        assert!(page.contains("{\"store\":\"{{script}}\"}"), "data are no template");
        let between = |from: &str, to: &str| page.split_once(from).unwrap().1.split_once(to).unwrap().0;
        assert_eq!(between("<style>", "</style>"), STYLE);
        assert_eq!(between("<script>", "</script>"), SCRIPT);
        assert!(page.contains(&hash_of(SCRIPT)) && page.contains(&hash_of(STYLE)));
        let lower = page.to_lowercase();
        for never in ["http://", "https://", "src=", "innerhtml", "eval(", "document.write", "import("] {
            assert!(!lower.replace("http://www.w3.org/2000/svg", "").contains(never), "{never}");
        }
    }
}
