use std::collections::HashMap;

use crate::{
    check::invalid,
    delta::{WorldDelta, between::by_name},
    doc::{ColumnData, NONE, WorldDoc},
    error::Error,
    gather::Index,
    schema::Encoding,
};

/// What a delta makes of the entities of a document.
///
/// Entities have *places* here: those of the document their ordinals, those that the delta spawns the numbers behind them.
pub(super) struct Plan {
    pub(super) columns: Vec<Union>,
    pub(super) tables: Vec<Planned>,
    /// By place, the ordinal in the result; none for entities that are gone.
    pub(super) ordinals: Vec<u32>,
    /// By ordinal in the result, the row number.
    pub(super) rows: Vec<u32>,
    places: Places,
}

/// A column of the result: its values come from the column of the document, that of the delta, or both.
pub(super) struct Union {
    pub(super) old: Option<usize>,
    pub(super) new: Option<usize>,
}

/// A table of the result.
pub(super) struct Planned {
    pub(super) rows: u32,
    /// Places in [`Plan::columns`], ascending.
    pub(super) set: Vec<u16>,
    pub(super) pieces: Vec<Piece>,
}

/// Entities of one table of the document whose places follow each other, and of which all or none are in the delta, where
/// their ordinals follow each other too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) first: u32,
    pub(super) len: u32,
    /// [`NONE`] for entities that are spawned.
    pub(super) old_table: u32,
    /// The ordinal of the first in the delta, or [`NONE`].
    pub(super) delta: u32,
    pub(super) delta_table: u32,
}

/// Which place each row number has.
struct Places {
    /// By row number before the delta.
    old: Vec<u32>,
    entities: u32,
}

impl Places {
    fn of(rows: &[u32], entities: u32, given: u32) -> Self {
        let mut old = vec![NONE; given as usize];
        for (&row, ordinal) in rows.iter().zip(0..) {
            if let Some(slot) = old.get_mut(row as usize) {
                *slot = ordinal;
            }
        }
        Self { old, entities }
    }

    /// None for entities that are gone.
    fn get(&self, row: u32) -> Option<u32> {
        let given = u32::try_from(self.old.len()).unwrap_or(u32::MAX);
        match row.checked_sub(given) {
            Some(place) => self.entities.checked_add(place),
            None => self.old.get(row as usize).copied().filter(|&place| place != NONE),
        }
    }

    fn known(&self, row: u32) -> Result<u32, Error> {
        self.get(row).ok_or_else(|| invalid("row of the delta", row, "that of an entity that is there"))
    }
}

impl Plan {
    /// Plans what becomes of a document that was checked, by a delta that was checked.
    pub(super) fn new(
        doc: &WorldDoc<'_>,
        index: &Index,
        rows: &[u32],
        delta: &WorldDelta<'_>,
        changes: &Index,
    ) -> Result<Self, Error> {
        let entities = index.entities();
        let spawned = delta.rows_after - delta.rows_before;
        let count = entities.checked_add(spawned).filter(|&count| count < NONE);
        let count = count.ok_or(Error::Limit {
            what: "entities",
            needs: u64::from(entities) + u64::from(spawned),
            allowed: u64::from(NONE - 1),
        })?;
        let columns = Columns::of(doc, delta);
        let places = Places::of(rows, entities, delta.rows_before);
        let mut state = State {
            sets: Sets::default(),
            of: Vec::with_capacity(count as usize),
            delta: vec![NONE; count as usize],
        };
        let homes = state.start(doc, &columns, count);
        state.take_away(doc, index, delta, &columns, &places)?;
        state.give(delta, changes, &columns, &places)?;
        let tables = state.tables(index, changes, &homes);
        let mut plan = Self {
            columns: columns.all,
            tables,
            ordinals: vec![NONE; count as usize],
            rows: Vec::new(),
            places,
        };
        plan.number(rows, delta.rows_before);
        Ok(plan)
    }

    /// The ordinal in the result of an ordinal of the document.
    pub(super) fn of_old(&self, ordinal: u32) -> u32 {
        self.ordinals.get(ordinal as usize).copied().unwrap_or(NONE)
    }

    /// The ordinal in the result of a row number.
    pub(super) fn of_row(&self, row: u32) -> u32 {
        if row == NONE { NONE } else { self.places.get(row).map_or(NONE, |place| self.of_old(place)) }
    }

    fn number(&mut self, rows: &[u32], rows_before: u32) {
        self.rows.reserve(self.ordinals.len());
        let pieces = self.tables.iter().flat_map(|table| &table.pieces);
        for (ordinal, place) in (0_u32..).zip(pieces.flat_map(|piece| piece.first..piece.first + piece.len)) {
            if let Some(slot) = self.ordinals.get_mut(place as usize) {
                *slot = ordinal;
            }
            let spawned = place.saturating_sub(self.places.entities);
            self.rows.push(rows.get(place as usize).copied().unwrap_or(rows_before + spawned));
        }
    }
}

/// The columns of the result, and where those of the document and the delta are among them.
struct Columns {
    all: Vec<Union>,
    by_old: Vec<Option<u16>>,
    by_new: Vec<Option<u16>>,
}

impl Columns {
    fn of(doc: &WorldDoc<'_>, delta: &WorldDelta<'_>) -> Self {
        let mut columns = Self { all: Vec::new(), by_old: Vec::new(), by_new: Vec::new() };
        for (name, old, new) in by_name(doc, &delta.doc) {
            let own = u16::try_from(columns.all.len()).ok();
            let is_resource = |doc: &WorldDoc<'_>, at: usize| doc.columns.get(at).map(|c| c.schema.resource);
            let before = old.and_then(|at| is_resource(doc, at));
            let after = new.and_then(|at| is_resource(&delta.doc, at));
            let is_gone = before == Some(true)
                && delta.removed_resources.binary_search_by(|gone| gone.as_str().cmp(name)).is_ok();
            // A component that is a resource now is none any more, and the other way round.
            let stays = !is_gone && (after.is_none() || before == after);
            if old.is_some() {
                columns.by_old.push(own.filter(|_| stays));
            }
            if new.is_some() {
                columns.by_new.push(own);
            }
            columns.all.push(Union { old: old.filter(|_| stays), new });
        }
        columns
    }

    fn of_old(&self, at: u16) -> Option<u16> {
        self.by_old.get(usize::from(at)).copied().flatten()
    }

    fn of_new(&self, at: u16) -> Option<u16> {
        self.by_new.get(usize::from(at)).copied().flatten()
    }
}

/// Component sets by number.
#[derive(Default)]
struct Sets {
    all: Vec<Vec<u16>>,
    by_set: HashMap<Vec<u16>, u32>,
    /// By the set and what is taken away.
    without: HashMap<u32, HashMap<Vec<u16>, u32>>,
    /// By the set and the table of the delta whose components come.
    with: HashMap<(u32, u32), u32>,
}

impl Sets {
    fn number(&mut self, set: Vec<u16>) -> u32 {
        if let Some(&known) = self.by_set.get(&set) {
            return known;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(NONE);
        self.all.push(set.clone());
        self.by_set.insert(set, number);
        number
    }

    /// A set without components, which ascend. All that an entity loses is taken at once: each set on the way would cost as much as the last.
    fn without(&mut self, set: u32, gone: &[u16]) -> u32 {
        if let Some(&known) = self.without.get(&set).and_then(|known| known.get(gone)) {
            return known;
        }
        let mut made = self.all.get(set as usize).cloned().unwrap_or_default();
        made.retain(|component| gone.binary_search(component).is_err());
        let number = self.number(made);
        self.without.entry(set).or_default().insert(gone.to_vec(), number);
        number
    }

    /// A set with the components of a table of the delta.
    fn with(&mut self, set: u32, table: u32, given: &[u16]) -> u32 {
        if let Some(&known) = self.with.get(&(set, table)) {
            return known;
        }
        let mut made = self.all.get(set as usize).cloned().unwrap_or_default();
        made.extend_from_slice(given);
        made.sort_unstable();
        made.dedup();
        let number = self.number(made);
        self.with.insert((set, table), number);
        number
    }
}

/// What is known of the entities while the delta is gone through.
struct State {
    sets: Sets,
    /// By place, the set; [`NONE`] for entities that are gone.
    of: Vec<u32>,
    /// By place, the ordinal in the delta.
    delta: Vec<u32>,
}

impl State {
    /// Gives every entity the set that it had, and says which set each table has.
    fn start(&mut self, doc: &WorldDoc<'_>, columns: &Columns, count: u32) -> Vec<u32> {
        let mut homes = Vec::with_capacity(doc.tables.len());
        for table in &doc.tables {
            let set = table.components.iter().filter_map(|&component| columns.of_old(component)).collect();
            let set = self.sets.number(set);
            homes.push(set);
            self.of.extend(std::iter::repeat_n(set, table.rows as usize));
        }
        let empty = self.sets.number(Vec::new());
        self.of.resize(count as usize, empty);
        homes
    }

    fn take_away(
        &mut self,
        doc: &WorldDoc<'_>,
        index: &Index,
        delta: &WorldDelta<'_>,
        columns: &Columns,
        places: &Places,
    ) -> Result<(), Error> {
        for &row in &delta.despawned {
            if let Some(set) = self.of.get_mut(places.known(row)? as usize) {
                *set = NONE;
            }
        }
        // Places, and the columns that they lose.
        let mut lost: Vec<(u32, u16)> = Vec::new();
        for (name, rows) in &delta.removed {
            let at = doc.columns.binary_search_by(|column| column.schema.name.cmp(name));
            let column = at.ok().and_then(|at| columns.of_old(u16::try_from(at).ok()?));
            for &row in rows {
                let place = places.known(row)?;
                // What came after the state before and went again is no loss.
                lost.extend(column.map(|column| (place, column)));
            }
        }
        if !delta.despawned.is_empty() {
            self.bereave(doc, index, columns, &mut lost);
        }
        lost.sort_unstable();
        lost.dedup();
        let mut gone = Vec::new();
        for of_one in lost.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(place, _)) = of_one.first() else { continue };
            if let Some(set) = self.of.get_mut(place as usize).filter(|set| **set != NONE) {
                gone.clear();
                gone.extend(of_one.iter().map(|(_, column)| *column));
                *set = self.sets.without(*set, &gone);
            }
        }
        Ok(())
    }

    /// Adds the relationships that lose their target.
    fn bereave(&self, doc: &WorldDoc<'_>, index: &Index, columns: &Columns, lost: &mut Vec<(u32, u16)>) {
        for (at, (column, number)) in doc.columns.iter().zip(&columns.by_old).enumerate() {
            let (Encoding::Reference { linked: true }, ColumnData::References { targets, .. }, Some(number)) =
                (&column.schema.encoding, &column.data, *number)
            else {
                continue;
            };
            for (holder, &target) in index.holders(at).zip(targets.iter()) {
                if self.of.get(target as usize) == Some(&NONE) {
                    lost.push((holder, number));
                }
            }
        }
    }

    fn give(
        &mut self,
        delta: &WorldDelta<'_>,
        changes: &Index,
        columns: &Columns,
        places: &Places,
    ) -> Result<(), Error> {
        for (number, table) in (0_u32..).zip(&delta.doc.tables) {
            let given: Vec<u16> = table.components.iter().filter_map(|&at| columns.of_new(at)).collect();
            for ordinal in changes.ordinals(number) {
                let row = delta.rows.get(ordinal as usize).copied().unwrap_or(NONE);
                let place = places.known(row)?;
                if let (Some(set), Some(slot)) =
                    (self.of.get_mut(place as usize), self.delta.get_mut(place as usize))
                {
                    *set = self.sets.with(*set, number, &given);
                    *slot = ordinal;
                }
            }
        }
        Ok(())
    }

    /// The tables of the result: those of the document, and behind what stays in them the entities that have their components now; then new ones.
    fn tables(&self, index: &Index, changes: &Index, homes: &[u32]) -> Vec<Planned> {
        let set = |number: u32| self.sets.all.get(number as usize).cloned().unwrap_or_default();
        let mut tables: Vec<Planned> = Vec::with_capacity(homes.len());
        let mut home: HashMap<u32, usize> = HashMap::new();
        let mut moved: Vec<(u32, Piece)> = Vec::new();
        for (table, &own) in (0_u32..).zip(homes) {
            home.entry(own).or_insert(tables.len());
            let mut planned = Planned { rows: 0, set: set(own), pieces: Vec::new() };
            for place in index.ordinals(table) {
                let now = self.of.get(place as usize).copied().unwrap_or(NONE);
                let piece = self.piece(place, table, changes);
                if now == own {
                    planned.push(piece);
                } else if now != NONE {
                    moved.push((now, piece));
                }
            }
            tables.push(planned);
        }
        let count = u32::try_from(self.of.len()).unwrap_or(u32::MAX);
        for place in index.entities()..count {
            let now = self.of.get(place as usize).copied().unwrap_or(NONE);
            moved.push((now, self.piece(place, NONE, changes)));
        }
        for (now, piece) in moved {
            let at = *home.entry(now).or_insert_with(|| {
                tables.push(Planned { rows: 0, set: set(now), pieces: Vec::new() });
                tables.len() - 1
            });
            if let Some(table) = tables.get_mut(at) {
                table.push(piece);
            }
        }
        tables.retain(|table| table.rows > 0);
        tables
    }

    fn piece(&self, first: u32, old_table: u32, changes: &Index) -> Piece {
        let delta = self.delta.get(first as usize).copied().unwrap_or(NONE);
        let delta_table = if delta == NONE { NONE } else { changes.table_of(delta) };
        Piece { first, len: 1, old_table, delta, delta_table }
    }
}

impl Planned {
    fn push(&mut self, piece: Piece) {
        self.rows += piece.len;
        if let Some(last) = self.pieces.last_mut() {
            let delta = if last.delta == NONE { NONE } else { last.delta.saturating_add(last.len) };
            if last.first + last.len == piece.first
                && last.old_table == piece.old_table
                && last.delta_table == piece.delta_table
                && delta == piece.delta
            {
                last.len += piece.len;
                return;
            }
        }
        self.pieces.push(piece);
    }
}
