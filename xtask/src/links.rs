//! Relative links in Markdown, and whether they lead anywhere.

use crate::mask::line_at;

/// The links of a page that stay inside the workspace: line, and path relative to its root.
pub(crate) fn relative_links(page: &str, text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, open) in text.match_indices("](") {
        let inner = text.get(at + open.len()..).unwrap_or_default();
        let Some((target, _)) = inner.split_once(')') else {
            continue;
        };
        let path = target.split('#').next().unwrap_or_default();
        // An address has a scheme; an empty path is a heading of the same page.
        let outside = path.contains(':') || path.contains(char::is_whitespace);
        if !path.is_empty() && !outside {
            found.push((line_at(text, at), resolved(page, path)));
        }
    }
    found
}

/// `target` as seen from the folder of `page`, without `..`.
fn resolved(page: &str, target: &str) -> String {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_some() => {}
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::relative_links;

    fn check(page: &str, text: &str, expected: &[(usize, &str)]) {
        let found = relative_links(page, text);
        let found: Vec<_> = found.iter().map(|(line, path)| (*line, path.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn links_are_seen_from_the_folder_of_their_page() {
        check("README.md", "a\n[b](docs/b.md#c) [d](./d)", &[(2, "docs/b.md"), (2, "d")]);
        check("docs/a.md", "[b](../crates/b/) [c](c.md)", &[(1, "crates/b"), (1, "docs/c.md")]);
    }

    #[test]
    fn a_link_that_leaves_the_workspace_leads_nowhere() {
        check("docs/a.md", "[b](../../b.md)", &[(1, "../b.md")]);
    }

    #[test]
    fn addresses_headings_and_code_are_not_paths() {
        check("a.md", "[b](https://example.org) [c](#d) `x[0](y z)` [e](", &[]);
    }
}
