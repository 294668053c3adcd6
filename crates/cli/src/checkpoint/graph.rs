use std::collections::{BTreeSet, HashMap};

/// Columns further right are not drawn: a line of them says nothing to anybody.
const COLUMNS_MAX: usize = 40;

/// Lines from checkpoints to those that they go on from, as text: told newest first, one checkpoint after the other.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The columns whose line leads to a checkpoint.
    leading_to: HashMap<u64, Vec<usize>>,
    /// Columns that have a line.
    taken: BTreeSet<usize>,
    /// Columns that had one and have none now.
    free: BTreeSet<usize>,
    /// Columns that there were.
    columns: usize,
}

/// What stands before a checkpoint.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    /// The line above, where lines come together.
    pub(super) above: Option<String>,
    /// The line of the checkpoint.
    pub(super) line: String,
}

impl Graph {
    /// Draws a checkpoint, and takes the line on to its parent.
    pub(super) fn next(&mut self, number: u64, parent: Option<u64>) -> Drawn {
        let mut columns = self.leading_to.remove(&number).unwrap_or_default();
        columns.sort_unstable();
        let (own, joining) = match columns.split_first() {
            Some((own, joining)) => (*own, joining),
            None => (self.take(), columns.as_slice()),
        };
        let above = self.joint(own, joining);
        for column in joining {
            self.let_go(*column);
        }
        let line = self.line(own);
        match parent {
            Some(parent) => self.leading_to.entry(parent).or_default().push(own),
            None => self.let_go(own),
        }
        Drawn { above, line }
    }

    /// The first column without a line.
    fn take(&mut self) -> usize {
        let column = self.free.pop_first().unwrap_or(self.columns);
        self.columns = self.columns.max(column + 1);
        self.taken.insert(column);
        column
    }

    fn let_go(&mut self, column: usize) {
        self.taken.remove(&column);
        self.free.insert(column);
    }

    /// Columns that are drawn: up to the last that has a line.
    fn drawn(&self) -> usize {
        self.taken.last().map_or(0, |last| last + 1).min(COLUMNS_MAX)
    }

    fn line(&self, own: usize) -> String {
        let cell = |column: usize| {
            if column == own {
                "* "
            } else if self.taken.contains(&column) {
                "| "
            } else {
                "  "
            }
        };
        let mut line: String = (0..self.drawn()).map(cell).collect();
        if own >= COLUMNS_MAX {
            line.push_str("... * ");
        }
        line
    }

    /// The line on which columns come to their leftmost one, if any do.
    fn joint(&self, own: usize, joining: &[usize]) -> Option<String> {
        let last = *joining.last().filter(|_| own < COLUMNS_MAX)?;
        let mut line = String::new();
        for column in 0..self.drawn() {
            let is_joining = joining.binary_search(&column).is_ok();
            let is_between = (own + 1..=last).contains(&column);
            // The place between this column and the one before, then its own.
            if column > 0 && is_joining {
                line.push('/');
            } else if column > 0 {
                line.push(if is_between { '_' } else { ' ' });
            }
            if self.taken.contains(&column) && !is_joining {
                line.push('|');
            } else {
                line.push(if is_between && column < last { '_' } else { ' ' });
            }
        }
        Some(line.trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws checkpoints that go on from each other, the newest first.
    fn draw(checkpoints: &[(u64, Option<u64>)]) -> Vec<String> {
        let mut graph = Graph::default();
        let mut lines = Vec::new();
        for (number, parent) in checkpoints {
            let Drawn { above, line } = graph.next(*number, *parent);
            lines.extend(above);
            lines.push(format!("{line}{number}"));
        }
        lines
    }

    #[test]
    fn one_line_is_one_column() {
        assert_eq!(draw(&[(3, Some(2)), (2, Some(1)), (1, None)]), ["* 3", "* 2", "* 1"]);
        assert_eq!(draw(&[]), [""; 0]);
    }

    #[test]
    fn branches_are_columns_that_meet_where_they_began() {
        let lines = draw(&[(5, Some(4)), (4, Some(2)), (3, Some(2)), (2, Some(1)), (1, None)]);
        assert_eq!(lines, ["* 5", "* 4", "| * 3", "|/", "* 2", "* 1"]);
    }

    #[test]
    fn lines_pass_each_other() {
        let lines = draw(&[(6, Some(2)), (5, Some(4)), (4, Some(1)), (3, Some(2)), (2, Some(1)), (1, None)]);
        assert_eq!(lines, ["* 6", "| * 5", "| * 4", "| | * 3", "|_|/", "* | 2", "|/", "* 1"]);
    }

    #[test]
    fn many_lines_meet_at_once_and_their_columns_are_used_again() {
        let lines = draw(&[
            (8, Some(1)),
            (7, Some(1)),
            (6, Some(5)),
            (5, None),
            (4, Some(1)),
            (2, Some(1)),
            (1, None),
            (0, None),
        ]);
        assert_eq!(
            lines,
            ["* 8", "| * 7", "| | * 6", "| | * 5", "| | * 4", "| | | * 2", "|/_/_/", "* 1", "* 0"]
        );
    }

    #[test]
    fn a_column_that_is_free_is_drawn_over() {
        let lines = draw(&[(5, Some(1)), (4, None), (3, Some(2)), (2, Some(1)), (1, None)]);
        assert_eq!(lines, ["* 5", "| * 4", "| * 3", "| * 2", "|/", "* 1"]);
        let lines = draw(&[(6, Some(1)), (5, Some(3)), (4, Some(1)), (3, None), (1, None)]);
        assert_eq!(lines, ["* 6", "| * 5", "| | * 4", "| * | 3", "|__/", "* 1"]);
    }

    #[test]
    fn what_is_too_wide_is_cut() {
        let tips: Vec<(u64, Option<u64>)> = (2..=100).rev().map(|number| (number, Some(1))).collect();
        let lines = draw(&[&tips[..], &[(1, None)]].concat());
        assert_eq!(lines.len(), 101);
        assert!(lines.iter().all(|line| line.len() <= 2 * COLUMNS_MAX + 9), "{lines:?}");
        assert!(lines[98].ends_with("| ... * 2"), "{}", lines[98]);
        assert!(lines[99].starts_with("|/_/_/"), "{}", lines[99]);
        assert_eq!(lines[100], "* 1");
    }
}
