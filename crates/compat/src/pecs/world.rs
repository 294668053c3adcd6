use std::borrow::Cow;
use std::collections::HashMap;

use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Lengths, Table, WorldDoc};

use crate::pecs::{Component, Entity, File};

/// What the opaque columns name as the program that can interpret them.
const ORIGIN: &str = "pecs";

impl File<'_> {
    /// Gives the file as a world of columns: entities with the same component types make a table, the
    /// tables stand in the order in which their first entities do, and the entities of each in file
    /// order. The stable ids are the foreign ids of the world.
    ///
    /// The rows are the bytes of the components, which only the program that wrote them can interpret.
    /// A registered type that no entity has becomes a column without rows. Components that repeat a
    /// type of their entity are left out, as [`Warning::RepeatedComponents`](crate::pecs::Warning) says.
    pub fn to_world(&self) -> WorldDoc<'_> {
        let places = self.columns_by_name();
        let mut seen = Seen::new(self.types.len());
        let grouped = self.group(&places, &mut seen);
        self.gather(grouped, seen)
    }

    /// As [`File::to_world`], with tables that have so many rows each. None if these are not the entities of the file, or if
    /// entities of one table have different components.
    pub(super) fn to_world_in(&self, rows: &[u32]) -> Option<WorldDoc<'_>> {
        let places = self.columns_by_name();
        let mut seen = Seen::new(self.types.len());
        let grouped = self.group_in(rows, &places, &mut seen)?;
        Some(self.gather(grouped, seen))
    }

    fn gather(&self, (tables, table_of): (Vec<Table>, Vec<u32>), mut seen: Seen) -> WorldDoc<'_> {
        let order = in_table_order(&tables, &table_of);
        let mut ids = Vec::with_capacity(order.len());
        let mut rows: Vec<(Vec<u8>, Vec<u32>)> = self.types.iter().map(|_| Default::default()).collect();
        for (row, one) in rows.iter_mut().zip(&self.types) {
            row.0.reserve_exact(usize::try_from(one.data_len).expect("not more than the bytes of a slice"));
            row.1.reserve_exact(usize::try_from(one.components).expect("fewer than the bytes of a slice"));
        }
        for entity in order.into_iter().filter_map(|ordinal| self.entity(ordinal)) {
            ids.push(entity.id.0);
            for Component { type_index, data, .. } in seen.first_ones(entity) {
                if let Some((bytes, lengths)) = rows.get_mut(usize::from(type_index)) {
                    bytes.extend_from_slice(data);
                    lengths.push(u32::try_from(data.len()).expect("the file gives lengths 32 bits"));
                }
            }
        }
        let mut columns: Vec<Column<'_>> = self
            .types
            .iter()
            .zip(rows)
            .filter_map(|(one, (data, lengths))| {
                let encoding = Encoding::Opaque { origin: ORIGIN.to_owned() };
                let schema =
                    ComponentSchema::new(one.column.as_deref()?, one.version.max(1), false, encoding);
                let data = ColumnData::Opaque { data: Cow::Owned(data), lengths: Lengths::each(lengths) };
                Some(Column { schema, data })
            })
            .collect();
        columns.sort_unstable_by(|a, b| a.schema.name.cmp(&b.schema.name));
        let foreign_ids = Some(Cow::Owned(ids));
        WorldDoc { tables, columns, foreign_ids, ..WorldDoc::default() }
    }

    /// The place of each type's column when they ascend by name; types without one have none.
    fn columns_by_name(&self) -> Vec<u16> {
        let mut named: Vec<(&str, usize)> = (self.types.iter().enumerate())
            .filter_map(|(index, one)| Some((one.column.as_deref()?, index)))
            .collect();
        named.sort_unstable();
        let mut places = vec![u16::MAX; self.types.len()];
        for (place, (_, index)) in (0..).zip(named) {
            if let Some(of_type) = places.get_mut(index) {
                *of_type = place;
            }
        }
        places
    }

    /// The tables that have so many rows each, and that of each entity.
    fn group_in(&self, rows: &[u32], places: &[u16], seen: &mut Seen) -> Option<(Vec<Table>, Vec<u32>)> {
        let mut tables = Vec::with_capacity(rows.len());
        let mut table_of = Vec::with_capacity(self.starts.len());
        let mut entities = self.entities();
        for (index, &rows) in (0..).zip(rows) {
            let mut components = Vec::new();
            for row in 0..rows {
                let types = seen.first_ones(entities.next()?).map(|one| usize::from(one.type_index));
                let mut own: Vec<u16> = types.filter_map(|at| places.get(at)).copied().collect();
                own.sort_unstable();
                if row == 0 {
                    components = own;
                } else if own != components {
                    return None;
                }
                table_of.push(index);
            }
            tables.push(Table { rows, components });
        }
        entities.next().is_none().then_some((tables, table_of))
    }

    /// The tables, and that of each entity.
    fn group(&self, places: &[u16], seen: &mut Seen) -> (Vec<Table>, Vec<u32>) {
        let mut tables: Vec<Table> = Vec::new();
        let mut by_components: HashMap<Vec<u16>, u32> = HashMap::new();
        let mut table_of = Vec::with_capacity(self.starts.len());
        let mut components: Vec<u16> = Vec::new();
        let mut last: u32 = 0;
        for entity in self.entities() {
            components.clear();
            let types = seen.first_ones(entity).map(|component| usize::from(component.type_index));
            components.extend(types.filter_map(|index| places.get(index)));
            components.sort_unstable();
            // Element by element: files of PECS itself have no components, and glibc's AVX-512 memcmp of two
            // empty vectors took ten times as long as all the rest.
            if tables.get(last as usize).is_none_or(|table| !table.components.iter().eq(&components)) {
                last = by_components.get(&components).copied().unwrap_or_else(|| {
                    let new = u32::try_from(tables.len()).expect("not more tables than entities");
                    by_components.insert(components.clone(), new);
                    tables.push(Table { rows: 0, components: components.clone() });
                    new
                });
            }
            if let Some(table) = tables.get_mut(last as usize) {
                table.rows += 1;
            }
            table_of.push(last);
        }
        (tables, table_of)
    }
}

/// The entities table by table, each table in file order.
fn in_table_order(tables: &[Table], table_of: &[u32]) -> Vec<u32> {
    let mut next: Vec<usize> = Vec::with_capacity(tables.len());
    let mut sum = 0;
    for table in tables {
        next.push(sum);
        sum += table.rows as usize;
    }
    let mut order = vec![0; table_of.len()];
    for (ordinal, table) in (0..).zip(table_of) {
        if let Some(at) = next.get_mut(*table as usize)
            && let Some(place) = order.get_mut(*at)
        {
            *place = ordinal;
            *at += 1;
        }
    }
    order
}

/// For each type, the last step in which it was seen.
struct Seen {
    last: Vec<u64>,
    step: u64,
}

impl Seen {
    fn new(type_count: usize) -> Self {
        Self { last: vec![0; type_count], step: 0 }
    }

    /// The components of an entity without those that repeat a type.
    fn first_ones<'f>(&mut self, entity: Entity<'f>) -> impl Iterator<Item = Component<'f>> {
        self.step += 1;
        entity.components().filter(|component| match self.last.get_mut(usize::from(component.type_index)) {
            Some(last) if *last != self.step => {
                *last = self.step;
                true
            }
            _ => false,
        })
    }
}
