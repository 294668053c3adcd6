use std::borrow::Cow;

use keepstone_value::Resolve;

use crate::{
    doc::{ColumnData, NONE, Table, WorldDoc},
    error::Error,
    filter::{
        Filter, Filtered,
        view::{NoEntities, RowView, Source},
    },
    gather::{Index, Keep, Selection, targets_by_row},
    identity::PersistId,
    report::{Capture, LeftOut, Reason},
};

impl Filter {
    /// Applies this filter to a document that is to be saved, or was loaded.
    ///
    /// # Errors
    /// As [`WorldDoc::gather`]; what a value that a predicate asked for can't be read for, see [`RowView::get`]. [`Error::NotSupported`]
    /// when such a value holds entities: see [`Filter::apply_with`].
    pub fn apply<'d>(&self, doc: &'d WorldDoc<'_>) -> Result<Filtered<'d>, Error> {
        let mut nobody = NoEntities::default();
        let filtered = self.apply_with(doc, &mut nobody);
        if nobody.asked {
            return Err(Error::NotSupported {
                what: "entities in values that a filter reads; use Filter::apply_with",
            });
        }
        filtered
    }

    /// As [`Filter::apply`], with the entities that an ECS gives predicates for the ordinals of the document.
    ///
    /// # Errors
    /// As [`Filter::apply`].
    pub fn apply_with<'d>(
        &self,
        doc: &'d WorldDoc<'_>,
        resolve: &mut dyn Resolve,
    ) -> Result<Filtered<'d>, Error> {
        doc.check()?;
        let taken: Vec<bool> =
            doc.columns.iter().map(|column| self.takes_component(&column.schema.name)).collect();
        let mut keep = self.choose(doc, &taken, resolve)?;
        let mut bare = 0;
        if self.keep_referenced
            && let Some(keep) = &mut keep
        {
            bare = mark_referenced(doc, &taken, keep)?;
        }
        let mut selection = keep.map_or_else(Selection::all, |keep| Selection::all().entities(keep));
        for (at, _) in taken.iter().enumerate().filter(|(_, taken)| !**taken) {
            selection = selection.without(at);
        }
        let gathered = doc.gather(&selection)?;
        let counts = doc.columns.iter().zip(&gathered.values_left_out).filter(|(_, count)| **count > 0);
        let left_out = counts
            .map(|(column, &count)| LeftOut::new(column.schema.name.clone(), count, Reason::Filtered))
            .collect();
        Ok(Filtered::new(gathered, left_out, bare))
    }

    /// What becomes of each entity; nothing if all stay.
    fn choose(
        &self,
        doc: &WorldDoc<'_>,
        taken: &[bool],
        resolve: &mut dyn Resolve,
    ) -> Result<Option<Vec<Keep>>, Error> {
        let stays: Vec<bool> = doc.tables.iter().map(|table| self.takes_table(doc, table, taken)).collect();
        if self.predicates.is_empty() && stays.iter().all(|stays| *stays) {
            return Ok(None);
        }
        let index = Index::of(doc);
        let source = Source::new(doc, &index, resolve)?;
        let mut keep = Vec::with_capacity(index.entities() as usize);
        for ((at, table), stays) in (0_u32..).zip(&doc.tables).zip(stays) {
            for row in 0..table.rows {
                let view = RowView::new(&source, at, row);
                let stays = stays && self.predicates.iter().all(|predicate| predicate(&view));
                keep.push(if stays { Keep::Whole } else { Keep::Drop });
            }
            if let Some(error) = source.take_error() {
                return Err(error);
            }
        }
        Ok(Some(keep))
    }

    /// Whether what the entities of a table have lets them stay.
    fn takes_table(&self, doc: &WorldDoc<'_>, table: &Table, taken: &[bool]) -> bool {
        let name = |component: &u16| doc.columns.get(usize::from(*component)).map(|c| c.schema.name.as_str());
        let has = |wanted: &String| table.components.iter().any(|c| name(c) == Some(wanted));
        let is_taken = |component: &u16| {
            taken.get(usize::from(*component)).copied().unwrap_or(false)
                && name(component) != Some(PersistId::COMPONENT)
        };
        let own = |component: &u16| name(component) == Some(PersistId::COMPONENT);
        // Who had nothing to begin with is there because another refers to it.
        let is_left = table.components.iter().all(own) || table.components.iter().any(is_taken);
        is_left && self.having.iter().all(has) && !self.not_having.iter().any(has)
    }
}

/// Lets entities that would go stay for the references of those that stay, and says how many those are.
fn mark_referenced(doc: &WorldDoc<'_>, taken: &[bool], keep: &mut [Keep]) -> Result<u64, Error> {
    let index = Index::of(doc);
    let mut bare = 0;
    for ((at, column), taken) in doc.columns.iter().enumerate().zip(taken) {
        let (ColumnData::Rows { .. } | ColumnData::References { .. }) = &column.data else { continue };
        if !taken {
            continue;
        }
        let mut holders = index.holders(at);
        for targets in targets_by_row(column)? {
            let stays = match holders.next() {
                Some(holder) => keep.get(holder as usize) == Some(&Keep::Whole),
                None => column.schema.resource,
            };
            for target in targets.iter().filter(|&&target| stays && target != NONE) {
                if let Some(slot) = keep.get_mut(*target as usize)
                    && *slot == Keep::Drop
                {
                    *slot = Keep::Bare;
                    bare += 1;
                }
            }
        }
    }
    Ok(bare)
}

impl<E: Copy> Capture<'_, E> {
    /// The part of this capture that a filter leaves; what it leaves out is added to the report.
    ///
    /// # Errors
    /// As [`Filter::apply`].
    pub fn filtered(&self, filter: &Filter) -> Result<Capture<'_, E>, Error> {
        Ok(self.of_filtered(filter.apply(&self.doc)?))
    }

    /// As [`Capture::filtered`], with the entities that an ECS gives predicates: see [`Filter::apply_with`].
    ///
    /// # Errors
    /// As [`Filter::apply`].
    pub fn filtered_with(&self, filter: &Filter, resolve: &mut dyn Resolve) -> Result<Capture<'_, E>, Error> {
        Ok(self.of_filtered(filter.apply_with(&self.doc, resolve)?))
    }

    fn of_filtered<'c>(&'c self, filtered: Filtered<'c>) -> Capture<'c, E> {
        // Rows of one table that keep different components are set apart, so new ordinals needn't ascend with the old ones.
        let mut placed: Vec<(u32, E)> = filtered.ordinals.iter().copied().zip(self.entities()).collect();
        placed.retain(|(ordinal, _)| *ordinal != NONE);
        placed.sort_unstable_by_key(|(ordinal, _)| *ordinal);
        let entities = placed.into_iter().map(|(_, entity)| entity).collect();
        let mut capture = Capture::new(filtered.doc, vec![Cow::Owned(entities)]);
        capture.left_out.clone_from(&self.left_out);
        capture.left_out.extend(filtered.left_out);
        capture.entities_left_out = self.entities_left_out + filtered.entities_left_out;
        capture.dangling = self.dangling + filtered.dangling;
        capture
    }
}
