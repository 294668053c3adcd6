use std::borrow::Cow;

use keepstone::ecs::{ColumnData, ComponentSchema, Encoding, NONE};

use super::Part;
use crate::repair::lost::Lost;
use crate::repair::sections::Order;

/// Targets and ranks of a linked column, and whether its order is known.
type Links<'p> = (&'p [u32], Option<&'p [u32]>, Order);

/// A row of a linked column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    target: u32,
    /// Rows whose rank is known come first.
    is_unknown: bool,
    rank: u32,
    /// Its place among the rows of all parts.
    index: u32,
}

/// Numbers the rows of linked columns with one target 0, 1, 2 ... again, over all parts.
pub(super) fn mend(parts: &mut [Part<'_>], schema: &[ComponentSchema], lost: &mut Vec<Lost>) {
    for (component, schema) in (0_u16..).zip(schema) {
        if !matches!(schema.encoding, Encoding::Reference { linked: true }) {
            continue;
        }
        let has_any = parts.iter().any(|part| matches!(part.links(component), Some((_, Some(_), _))));
        let mut is_unknown = false;
        for part in &*parts {
            match part.links(component) {
                Some((_, None, order)) if has_any || order == Order::Damaged => {
                    lost.push(Lost::order(0, &schema.name).in_part(part.number));
                }
                Some((_, None, Order::Unknown)) => is_unknown = true,
                _ => {}
            }
        }
        if is_unknown {
            lost.push(Lost::order(0, &schema.name));
        }
        if has_any {
            let ranks = numbered(rows(parts, component));
            put(parts, component, ranks.as_deref());
        }
    }
}

impl Part<'_> {
    fn place(&self, component: u16) -> Option<usize> {
        self.components.binary_search(&component).ok()
    }

    fn links(&self, component: u16) -> Option<Links<'_>> {
        let place = self.place(component)?;
        let order = *self.orders.get(place)?;
        match &self.world.doc.columns.get(place)?.data {
            ColumnData::References { targets, ranks } => Some((targets, ranks.as_deref(), order)),
            _ => None,
        }
    }
}

/// The rows of a linked column in all parts.
fn rows(parts: &[Part<'_>], component: u16) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut index = 0;
    for (targets, ranks, _) in parts.iter().filter_map(|part| part.links(component)) {
        for (place, &target) in targets.iter().enumerate() {
            let rank = ranks.and_then(|ranks| ranks.get(place)).copied();
            rows.push(Row { target, is_unknown: rank.is_none(), rank: rank.unwrap_or(index), index });
            index += 1;
        }
    }
    rows
}

/// The rank of each row; none if rows with one target stand in their order. Rows whose rank isn't known come where one is free, in
/// the order of the entities.
fn numbered(mut rows: Vec<Row>) -> Option<Vec<u32>> {
    let mut ranks = vec![0; rows.len()];
    let mut is_needed = false;
    rows.sort_unstable();
    for of_one in rows.chunk_by(|a, b| a.target == b.target).filter(|rows| is_led(rows)) {
        let (known, unknown) = of_one.split_at(of_one.partition_point(|row| !row.is_unknown));
        let (mut known, mut unknown) = (known.iter().peekable(), unknown.iter());
        let mut before = None;
        for rank in 0_u32.. {
            let is_free = known.peek().is_none_or(|row| row.rank > rank);
            let row = if is_free { unknown.next().or_else(|| known.next()) } else { known.next() };
            let Some(row) = row else { break };
            is_needed |= before.is_some_and(|before| before > row.index);
            before = Some(row.index);
            if let Some(slot) = usize::try_from(row.index).ok().and_then(|place| ranks.get_mut(place)) {
                *slot = rank;
            }
        }
    }
    is_needed.then_some(ranks)
}

fn is_led(rows: &[Row]) -> bool {
    rows.first().is_some_and(|row| row.target != NONE)
}

/// Gives the rows of a linked column their ranks, or takes them away.
fn put(parts: &mut [Part<'_>], component: u16, ranks: Option<&[u32]>) {
    let mut rest = ranks;
    for part in parts {
        let Some(place) = part.place(component) else { continue };
        let Some(column) = part.world.doc.columns.get_mut(place) else { continue };
        let ColumnData::References { targets, ranks } = &mut column.data else { continue };
        let own = rest.and_then(|rest| rest.split_at_checked(targets.len()));
        rest = own.map(|(_, rest)| rest);
        *ranks = own.map(|(own, _)| Cow::Owned(own.to_vec()));
    }
}
