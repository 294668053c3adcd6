use sha2::{Digest as _, Sha256};

use super::escape::text;
use crate::document::Document;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const INTRODUCTION: &str = include_str!("introduction.html");

pub(super) fn render(document: &Document, sections: &[String]) -> String {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        source(STYLE),
        source(SCRIPT)
    );
    let commit = text(&document.machine.commit);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>keepstone: benchmarks of {commit}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header><h1>keepstone: benchmarks</h1>\
         <nav aria-label=\"Parts of this page\"><a href=\"#summary\">in short</a> <a href=\"#machine\">where</a> \
         <a href=\"#reading\">how to read it</a> <a href=\"#plots\">plots</a> <a href=\"#rows\">all figures</a></nav></header>\n\
         <main>\n{}\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        with_introduction(sections)
    )
}

/// What was measured comes first, what was found next, and how to read it before anything that has to be read.
fn with_introduction(sections: &[String]) -> String {
    let (first, rest) = sections.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    format!("{first}{INTRODUCTION}{}", rest.concat())
}

/// The name of a source in a content security policy.
fn source(source: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(source.as_bytes())))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            (0..3).fold(0_u32, |group, at| group << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter =
                usize::try_from(group >> (18 - 6 * place) & 63).ok().and_then(|index| LETTERS.get(index));
            out.push(if place <= chunk.len() { letter.copied().map_or('=', char::from) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_written_as_base64() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }
}
