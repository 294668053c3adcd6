//! Which values each entity has in a delta.

/// Entities by the columns that they have values of.
pub(super) struct Sets {
    nodes: Vec<Node>,
}

/// A set of columns.
#[derive(Default)]
struct Node {
    columns: Vec<u16>,
    /// The sets that have one more, by that.
    next: Vec<(u16, usize)>,
    runs: Vec<Run>,
}

/// Entities of one table of the present, by row numbers that ascend.
pub(super) struct Run {
    pub(super) table: usize,
    /// Row numbers and positions in the table.
    pub(super) rows: Vec<(u32, u32)>,
}

/// A table of a delta.
pub(super) struct Group {
    pub(super) columns: Vec<u16>,
    pub(super) runs: Vec<Run>,
}

impl Sets {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()] }
    }

    /// Adds the entities of a table: for each column the positions of those that have a value of it, ascending, and those that are there
    /// whatever they have.
    pub(super) fn add(
        &mut self,
        table: usize,
        lists: &[(u16, Vec<u32>)],
        others: &[u32],
        row_of: impl Fn(u32) -> u32,
    ) {
        let mut columns: Vec<(Option<u16>, &[u32])> = vec![(None, others)];
        columns.extend(lists.iter().map(|(column, list)| (Some(*column), list.as_slice())));
        columns.retain(|(_, list)| !list.is_empty());
        if let [(column, list)] = columns.as_slice() {
            let node = column.map_or(0, |column| self.with(0, column));
            list.iter().for_each(|&position| self.push(node, table, (row_of(position), position)));
            return self.sort(table);
        }
        while let Some(position) = columns.iter().filter_map(|(_, list)| list.first().copied()).min() {
            let mut node = 0;
            for (column, list) in &mut columns {
                if let [first, rest @ ..] = *list
                    && *first == position
                {
                    *list = rest;
                    node = column.map_or(node, |column| self.with(node, column));
                }
            }
            self.push(node, table, (row_of(position), position));
        }
        self.sort(table);
    }

    fn with(&mut self, node: usize, column: u16) -> usize {
        let new = self.nodes.len();
        let Some(from) = self.nodes.get_mut(node) else { return 0 };
        if let Some(&(_, known)) = from.next.iter().find(|(other, _)| *other == column) {
            return known;
        }
        from.next.push((column, new));
        let mut columns = from.columns.clone();
        columns.push(column);
        self.nodes.push(Node { columns, ..Node::default() });
        new
    }

    fn push(&mut self, node: usize, table: usize, row: (u32, u32)) {
        let Some(node) = self.nodes.get_mut(node) else { return };
        match node.runs.last_mut() {
            Some(run) if run.table == table => run.rows.push(row),
            _ => node.runs.push(Run { table, rows: vec![row] }),
        }
    }

    fn sort(&mut self, table: usize) {
        for node in &mut self.nodes {
            if let Some(run) = node.runs.last_mut().filter(|run| run.table == table)
                && !run.rows.is_sorted()
            {
                run.rows.sort_unstable();
            }
        }
    }

    /// The tables of the delta: their rows ascend, and so do their first rows.
    pub(super) fn groups(self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for Node { columns, mut runs, .. } in self.nodes {
            runs.sort_by_key(first);
            let mut end = None;
            for run in runs {
                let last = run.rows.last().copied();
                match groups.last_mut() {
                    Some(group) if end.is_some_and(|end| end < first(&run)) => group.runs.push(run),
                    _ => groups.push(Group { columns: columns.clone(), runs: vec![run] }),
                }
                end = last.map(|(row, _)| Some(row));
            }
        }
        groups.sort_by_key(|group| group.runs.first().map(first));
        groups
    }
}

fn first(run: &Run) -> Option<u32> {
    run.rows.first().map(|(row, _)| *row)
}
