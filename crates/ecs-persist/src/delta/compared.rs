use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, OnceLock},
};

use crate::{
    delta::{Mark, Since, WorldDelta},
    doc::{NONE, WorldDoc},
    error::Error,
    report::Capture,
};

/// What the adapter of an ECS without change detection remembers of a moment: a copy of what a save would hold, which the next
/// capture is compared with.
///
/// It takes as much memory as the values of the world. Clones share it.
#[derive(Debug)]
pub struct Compared<E>(Arc<Inner<E>>);

#[derive(Debug)]
struct Inner<E> {
    doc: WorldDoc<'static>,
    /// By ordinal.
    entities: Vec<E>,
    /// The row number of each entity, by ordinal.
    rows: Vec<u32>,
    /// Rows and ordinals, ascending, once somebody asks.
    by_row: OnceLock<Vec<(u32, u32)>>,
}

impl<E> Clone for Compared<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Copy + Eq + Hash> Compared<E> {
    /// Marks the moment of a capture, as a base.
    ///
    /// # Errors
    /// As [`WorldDoc::state_id`].
    pub fn base(capture: &Capture<'_, E>) -> Result<Mark<Self>, Error> {
        let count = capture.doc.entity_count();
        Ok(Mark::base(capture.doc.state_id()?, count, Self::of(capture, (0..count).collect())))
    }

    /// What has changed between a moment and a capture, and the mark of the capture. Entities that came since have the next row numbers, in the
    /// order of the capture.
    ///
    /// # Errors
    /// As [`WorldDelta::between`]; [`Error::Limit`] beyond 2^32 - 2 row numbers.
    pub fn since(mark: &Mark<Self>, capture: &Capture<'_, E>) -> Result<Since<Self>, Error> {
        let before = &*mark.detail.0;
        let rows = before.number(capture, mark.rows)?;
        let delta = WorldDelta::between(mark, &before.doc, &before.rows, &capture.doc, &rows)?.into_owned();
        let after = Mark::after(mark, delta.state_id()?, delta.rows_after, Self::of(capture, rows));
        let dangling = delta.doc.columns.iter().map(crate::doc::Column::dangling).sum();
        let mut since = Since::new(delta, after);
        since.left_out.clone_from(&capture.left_out);
        since.dangling = dangling;
        Ok(since)
    }

    /// The entity that a row number named at that moment, if it existed then.
    pub fn entity_of_row(&self, row: u32) -> Option<E> {
        let by_row = self.0.by_row.get_or_init(|| {
            let mut pairs: Vec<(u32, u32)> = self.0.rows.iter().copied().zip(0..).collect();
            pairs.sort_unstable();
            pairs
        });
        let at = by_row.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        self.0.entities.get(by_row.get(at)?.1 as usize).copied()
    }

    fn of(capture: &Capture<'_, E>, rows: Vec<u32>) -> Self {
        let doc = capture.doc.copy_into(WorldDoc::default());
        let mut entities = Vec::with_capacity(rows.len());
        capture.append_entities(&mut entities);
        Self(Arc::new(Inner { doc, entities, rows, by_row: OnceLock::new() }))
    }
}

impl<E: Copy + Eq + Hash> Inner<E> {
    /// The row numbers of the entities of a capture.
    fn number(&self, capture: &Capture<'_, E>, given: u32) -> Result<Vec<u32>, Error> {
        let mut rows = Vec::with_capacity(self.rows.len());
        let mut next = given;
        let mut by_entity: Option<HashMap<E, u32>> = None;
        let mut same = self.entities.iter().zip(&self.rows);
        for entity in capture.entities() {
            // Mostly the entities stand where they stood.
            let row = match same.next() {
                Some((before, &row)) if *before == entity => Some(row),
                _ => {
                    let known = by_entity.get_or_insert_with(|| {
                        self.entities.iter().copied().zip(self.rows.iter().copied()).collect()
                    });
                    known.get(&entity).copied()
                }
            };
            rows.push(row.unwrap_or(next));
            if row.is_none() {
                next = next.checked_add(1).filter(|&next| next < NONE).ok_or(Error::Limit {
                    what: "rows of a chain",
                    needs: u64::from(NONE),
                    allowed: u64::from(NONE - 1),
                })?;
            }
        }
        Ok(rows)
    }
}
