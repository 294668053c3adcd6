use std::{borrow::Cow, ops::Range};

use crate::{
    check::invalid,
    delta::{
        WorldDelta,
        cells::Cells,
        joint::{Joined, join},
        plan::{Plan, Union},
    },
    doc::{Column, ColumnData, NONE, Table, WorldDoc},
    error::Error,
    gather::{Index, PerTarget, ranks},
    lengths::Lengths,
    schema::Encoding,
};

/// A document with a delta in it; columns that the delta leaves as they are stand in the document before.
pub(super) struct Assembled {
    pub(super) tables: Vec<Table>,
    pub(super) columns: Vec<Made>,
    pub(super) rows: Vec<u32>,
}

/// A column of the result.
pub(super) enum Made {
    /// That of the document before.
    Kept(usize),
    Own(Column<'static>),
}

/// Rows that follow each other in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Of the delta, or of the document before.
    pub(super) is_new: bool,
    pub(super) rows: Range<u32>,
}

/// Puts a delta that was checked into a document that was checked.
pub(super) fn assemble(doc: &WorldDoc<'_>, rows: &[u32], delta: &WorldDelta<'_>) -> Result<Assembled, Error> {
    let (old, new) = (Index::of(doc), Index::of(&delta.doc));
    let plan = Plan::new(doc, &old, rows, delta, &new)?;
    let mut tables_of: Vec<Vec<usize>> = vec![Vec::new(); plan.columns.len()];
    for (at, table) in plan.tables.iter().enumerate() {
        for &component in &table.set {
            if let Some(tables) = tables_of.get_mut(usize::from(component)) {
                tables.push(at);
            }
        }
    }
    let mut assemble = Assemble { doc, delta, plan: &plan, old: Bases::of(&old), new: Bases::of(&new) };
    let mut numbers = vec![u16::MAX; plan.columns.len()];
    let mut columns = Vec::new();
    for ((union, tables), number) in plan.columns.iter().zip(&tables_of).zip(&mut numbers) {
        let sources = assemble.sources(union, tables)?;
        if !sources.is_empty() {
            *number = u16::try_from(columns.len()).unwrap_or(u16::MAX);
            columns.push(assemble.column(union, &sources)?);
        }
    }
    let number = |at: &u16| numbers.get(usize::from(*at)).copied().unwrap_or(u16::MAX);
    let table = |rows: u32, set: &[u16]| Table { rows, components: set.iter().map(number).collect() };
    let tables = plan.tables.iter().map(|planned| table(planned.rows, &planned.set)).collect();
    Ok(Assembled { tables, columns, rows: plan.rows })
}

/// By table, the first row in the column at hand, or [`NONE`].
struct Bases<'i> {
    index: &'i Index,
    first: Vec<u32>,
}

impl<'i> Bases<'i> {
    fn of(index: &'i Index) -> Self {
        Self { index, first: vec![NONE; index.tables() as usize] }
    }

    fn set(&mut self, column: Option<usize>) {
        for &(table, base) in column.map_or(&[][..], |at| self.index.places(at)) {
            if let Some(slot) = self.first.get_mut(table as usize) {
                *slot = base;
            }
        }
    }

    fn clear(&mut self, column: Option<usize>) {
        for &(table, _) in column.map_or(&[][..], |at| self.index.places(at)) {
            if let Some(slot) = self.first.get_mut(table as usize) {
                *slot = NONE;
            }
        }
    }

    /// The row of an entity of this table.
    fn row(&self, table: u32, ordinal: u32) -> Option<u32> {
        let base = self.first.get(table as usize).copied().filter(|&base| base != NONE)?;
        Some(base + ordinal.saturating_sub(self.index.first(table)))
    }
}

struct Assemble<'p> {
    doc: &'p WorldDoc<'p>,
    delta: &'p WorldDelta<'p>,
    plan: &'p Plan,
    old: Bases<'p>,
    new: Bases<'p>,
}

impl<'p> Assemble<'p> {
    /// Where the rows of a column of the result come from, in order; nothing for a column without rows.
    fn sources(&mut self, union: &Union, tables: &[usize]) -> Result<Vec<Source>, Error> {
        let (old, new) = self.both(union);
        if new.or(old).is_some_and(|column| column.schema.resource) {
            return Ok(vec![Source { is_new: new.is_some(), rows: 0..1 }]);
        }
        self.old.set(union.old);
        self.new.set(union.new);
        let mut sources: Vec<Source> = Vec::new();
        let planned = tables.iter().filter_map(|&at| self.plan.tables.get(at));
        for piece in planned.flat_map(|table| &table.pieces) {
            let changed = self.new.row(piece.delta_table, piece.delta);
            let row = changed.or_else(|| self.old.row(piece.old_table, piece.first));
            let row = row.ok_or_else(|| invalid("value of a component", "none", "one"))?;
            let is_new = changed.is_some();
            match sources.last_mut() {
                Some(last) if last.is_new == is_new && last.rows.end == row => last.rows.end += piece.len,
                _ => sources.push(Source { is_new, rows: row..row + piece.len }),
            }
        }
        self.old.clear(union.old);
        self.new.clear(union.new);
        Ok(sources)
    }

    fn both(&self, union: &Union) -> (Option<&'p Column<'p>>, Option<&'p Column<'p>>) {
        let old = union.old.and_then(|at| self.doc.columns.get(at));
        (old, union.new.and_then(|at| self.delta.doc.columns.get(at)))
    }

    fn column(&self, union: &Union, sources: &[Source]) -> Result<Made, Error> {
        let (old, new) = self.both(union);
        if let (Some(at), Some(column)) = (union.old, old)
            && self.is_kept(at, column, sources)
        {
            return Ok(Made::Kept(at));
        }
        // Rows come from columns that are there.
        let old = old.filter(|_| sources.iter().any(|source| !source.is_new));
        let new = new.filter(|_| sources.iter().any(|source| source.is_new));
        let Some(model) = new.or(old) else { return Err(invalid("rows of a column", "none", "some")) };
        let mut schema = model.schema.clone();
        let parts = Parts {
            plan: self.plan,
            old: old.map(|column| Cells::of(column, self.doc.entity_count())).transpose()?,
            new: new.map(|column| Cells::of(column, self.delta.rows_after)).transpose()?,
            sources,
        };
        let mut joined = None;
        if let (Some(before), Some(after)) = (old, new)
            && before.schema != after.schema
        {
            joined = Some(Self::join(before, after, &parts)?);
        }
        let data = match joined {
            Some(Joined { encoding, data }) => {
                schema.encoding = encoding;
                data
            }
            None => parts.data(model)?,
        };
        Ok(Made::Own(Column { schema, data }))
    }

    /// Whether a column is what it was, ordinals included.
    fn is_kept(&self, at: usize, column: &Column<'_>, sources: &[Source]) -> bool {
        let rows = if column.schema.resource {
            1
        } else {
            let count = |&(table, _): &(u32, u32)| self.old.index.ordinals(table).len();
            u32::try_from(self.old.index.places(at).iter().map(count).sum::<usize>()).unwrap_or(NONE)
        };
        let is_all = |source: &Source| !source.is_new && source.rows == (0..rows);
        let (ColumnData::Rows { targets, .. } | ColumnData::References { targets, .. }) = &column.data else {
            return matches!(sources, [one] if is_all(one));
        };
        matches!(sources, [one] if is_all(one))
            && targets.iter().all(|&target| self.plan.of_old(target) == target)
    }

    /// Rows of columns that are described differently: only shapes may differ.
    fn join(old: &Column<'_>, new: &Column<'_>, parts: &Parts<'_>) -> Result<Joined, Error> {
        if let (
            Encoding::Rows { shape: before, human_readable },
            Encoding::Rows { shape: after, human_readable: also },
        ) = (&old.schema.encoding, &new.schema.encoding)
            && human_readable == also
            && old.schema.version == new.schema.version
        {
            return join(&new.schema.name, (before, after), *human_readable, parts);
        }
        let described = |column: &Column<'_>| {
            format!("{}, version {}: {}", column.schema.name, column.schema.version, column.schema.encoding)
        };
        Err(invalid("component of which the delta has some values", described(new), described(old)))
    }
}

/// What a column of the result is made of.
pub(super) struct Parts<'p> {
    plan: &'p Plan,
    old: Option<Cells<'p>>,
    new: Option<Cells<'p>>,
    pub(super) sources: &'p [Source],
}

impl Parts<'_> {
    fn cells(&self, source: &Source) -> Option<&Cells<'_>> {
        if source.is_new { self.new.as_ref() } else { self.old.as_ref() }
    }

    /// The bytes of all sources that `choose` takes, in order.
    pub(super) fn bytes(&self, choose: impl Fn(&Source) -> bool) -> Vec<u8> {
        let chosen = || self.sources.iter().filter(|source| choose(source));
        let taken = || chosen().filter_map(|source| Some(self.cells(source)?.bytes(&source.rows)));
        let mut out = Vec::with_capacity(taken().map(<[u8]>::len).sum());
        taken().for_each(|bytes| out.extend_from_slice(bytes));
        out
    }

    /// The lengths of their rows.
    pub(super) fn lengths(&self, choose: impl Fn(&Source) -> bool) -> Lengths {
        let chosen = || self.sources.iter().filter(|source| choose(source));
        let rows: u32 = chosen().map(|source| source.rows.end - source.rows.start).sum();
        let mut common = chosen().map(|source| self.cells(source).and_then(Cells::common_len));
        if let Some(Some(len)) = common.next()
            && common.all(|other| other == Some(len))
        {
            return Lengths::same(len, rows);
        }
        let each = chosen().filter_map(|source| Some(self.cells(source)?.lengths(&source.rows)));
        Lengths::each(each.flatten().collect())
    }

    /// The entities that they name, as ordinals of the result.
    pub(super) fn targets(&self, choose: impl Fn(&Source) -> bool) -> Vec<u32> {
        let mut out = Vec::new();
        for source in self.sources.iter().filter(|source| choose(source)) {
            let targets = self.cells(source).map_or(&[][..], |cells| cells.targets(&source.rows)).iter();
            if source.is_new {
                out.extend(targets.map(|&row| self.plan.of_row(row)));
            } else {
                out.extend(targets.map(|&ordinal| self.plan.of_old(ordinal)));
            }
        }
        out
    }

    /// The rows where all are described alike.
    fn data(&self, model: &Column<'_>) -> Result<ColumnData<'static>, Error> {
        let all = |_: &Source| true;
        Ok(match &model.schema.encoding {
            Encoding::Plain(layout) if layout.size() == 0 => ColumnData::Plain(Vec::new()),
            Encoding::Plain(_) => ColumnData::Plain(vec![Cow::Owned(self.bytes(all))]),
            Encoding::Opaque { .. } => {
                ColumnData::Opaque { data: Cow::Owned(self.bytes(all)), lengths: self.lengths(all) }
            }
            Encoding::Rows { .. } => ColumnData::Rows {
                data: Cow::Owned(self.bytes(all)),
                lengths: self.lengths(all),
                targets: Cow::Owned(self.targets(all)),
            },
            Encoding::Reference { linked } => {
                let targets = self.targets(all);
                let ranks = if *linked { self.ranks(&targets)? } else { None };
                ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) }
            }
        })
    }

    /// The lists of targets that the delta names are those of the delta; the order of others stays.
    fn ranks(&self, targets: &[u32]) -> Result<Option<Vec<u32>>, Error> {
        let entities = u32::try_from(self.plan.rows.len()).unwrap_or(NONE);
        let mut keys = Vec::with_capacity(targets.len());
        let mut by_delta = PerTarget::<Option<bool>>::new(entities, targets.len());
        for source in self.sources {
            let Some(cells) = self.cells(source) else { continue };
            for row in source.rows.clone() {
                let target = targets.get(keys.len()).copied().unwrap_or(NONE);
                keys.push(cells.rank(row));
                let Some(known) = by_delta.get_mut(target) else { continue };
                if known.replace(source.is_new).is_some_and(|before| before != source.is_new) {
                    let row = self.plan.rows.get(target as usize).copied().unwrap_or(NONE);
                    return Err(invalid(
                        "rows of a relationship's target in the delta",
                        format!("some of those of row {row}"),
                        "all or none",
                    ));
                }
            }
        }
        Ok(ranks(targets, &keys, entities))
    }
}
