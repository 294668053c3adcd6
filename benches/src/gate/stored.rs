//! The files in `benches/gates`: a line for each row, so that a change shows as one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use keepstone::storage::{Durability, OsFiles, atomic};

use crate::machine;

/// Figures of a gate: comments, what they were made with, and a `row: figure` in each line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    comments: Vec<String>,
    with: Option<String>,
    /// The rows, in the order of the file.
    pub rows: Vec<(String, String)>,
}

impl Stored {
    /// Reads the file of a gate; empty: there is none yet.
    ///
    /// # Errors
    /// When it can't be read, or a line is none of a gate.
    pub fn read(gates: &Path, name: &str) -> Result<Self> {
        let path = path(gates, name);
        let text = machine::read_text(&path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text.unwrap_or_default()).with_context(|| format!("reading {}", path.display()))
    }

    /// Reads its text.
    ///
    /// # Errors
    /// When a line is none of a gate.
    pub fn parse(text: &str) -> Result<Self> {
        let mut stored = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if line.starts_with('#') {
                stored.comments.push(line.to_owned());
                continue;
            }
            let Some((row, figure)) = line.rsplit_once(": ") else {
                bail!("`{line}` is no row with a figure")
            };
            match row {
                "made with" => stored.with = Some(figure.to_owned()),
                _ if super::figure(&stored.rows, row).is_some() => bail!("`{row}` is there twice"),
                _ => stored.rows.push((row.to_owned(), figure.to_owned())),
            }
        }
        Ok(stored)
    }

    /// Says so if the figures were made with something else, or there are none: they can't be compared then.
    pub fn other_makers(&self, with: &str) -> Option<String> {
        match &self.with {
            Some(stored) if stored == with => None,
            Some(stored) => Some(format!(
                "counted with {stored}; here is {with}, which makes other code of the same source"
            )),
            None => Some("nothing was ever counted: `cargo xtask bench --gate --accept` does".to_owned()),
        }
    }

    /// Puts new figures in the place of the old, and returns what differs.
    pub fn replace(&mut self, with: String, rows: Vec<(String, String)>) -> Vec<String> {
        let mut changes = Vec::new();
        if self.with.as_ref() != Some(&with) {
            changes.extend(self.with.iter().map(|old| format!("- made with: {old}")));
            changes.push(format!("+ made with: {with}"));
        }
        for (row, old) in &self.rows {
            if super::figure(&rows, row) != Some(old) {
                changes.push(format!("- {row}: {old}"));
            }
        }
        for (row, new) in &rows {
            if super::figure(&self.rows, row) != Some(new) {
                changes.push(format!("+ {row}: {new}"));
            }
        }
        (self.with, self.rows) = (Some(with), rows);
        changes
    }

    /// Writes the file of a gate.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, gates: &Path, name: &str) -> Result<()> {
        let path = path(gates, name);
        machine::create_dir(gates).with_context(|| format!("creating {}", gates.display()))?;
        atomic::replace(&OsFiles, &path, Durability::Buffered, self.text().as_bytes())
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(())
    }

    fn text(&self) -> String {
        let with = self.with.iter().map(|with| format!("made with: {with}"));
        let rows = self.rows.iter().map(|(row, figure)| format!("{row}: {figure}"));
        let lines: Vec<String> = self.comments.iter().cloned().chain(with).chain(rows).collect();
        lines.join("\n") + "\n"
    }
}

fn path(gates: &Path, name: &str) -> PathBuf {
    gates.join(format!("{name}.txt"))
}

#[cfg(test)]
mod tests {
    use super::Stored;

    const TEXT: &str = "# why\nmade with: rustc 1\nencode/mixed 1k: 3 allocations, 9 bytes\nb: 2\n";

    #[test]
    fn a_file_is_written_as_it_was_read() {
        let stored = Stored::parse(TEXT).unwrap();
        assert_eq!(stored.text(), TEXT);
        assert_eq!(stored.other_makers("rustc 1"), None);
        let why = stored.other_makers("rustc 2").unwrap();
        assert!(why.contains("counted with rustc 1; here is rustc 2"), "{why}");
    }

    #[test]
    fn what_is_replaced_is_told_as_a_difference() {
        let mut stored = Stored::parse(TEXT).unwrap();
        let rows = [("b", "2"), ("c", "3")].map(|(row, figure)| (row.to_owned(), figure.to_owned()));
        let changes = stored.replace("rustc 2".to_owned(), rows.to_vec());
        assert_eq!(
            changes,
            [
                "- made with: rustc 1",
                "+ made with: rustc 2",
                "- encode/mixed 1k: 3 allocations, 9 bytes",
                "+ c: 3",
            ]
        );
        assert_eq!(stored.text(), "# why\nmade with: rustc 2\nb: 2\nc: 3\n");
    }

    #[test]
    fn a_line_without_a_figure_and_a_row_twice_are_refused() {
        for (text, expected) in [("encode", "`encode` is no row"), ("a: 1\na: 2", "`a` is there twice")] {
            let said = Stored::parse(text).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
    }
}
