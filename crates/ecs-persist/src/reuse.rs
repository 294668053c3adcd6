use std::{borrow::Cow, mem};

use crate::{
    doc::{Column, ColumnData, Table, WorldDoc},
    schema::ComponentSchema,
};

impl WorldDoc<'_> {
    /// Copies this document into the memory of one that is not needed any more, for capturing again and again: once the buffers have
    /// grown to the size of the world, nothing is allocated for plain columns, references and tables, and each piece of a column is
    /// copied once. What came as serde rows of different lengths takes one allocation a column, for the lengths.
    ///
    /// The pieces of a plain column become one, so the copy encodes to the same bytes but needn't be `==`. Buffers of components that this
    /// document doesn't have are freed.
    ///
    /// ```
    /// use keepstone_ecs_persist::WorldDoc;
    ///
    /// let captured = WorldDoc::default();
    /// let mut buffers = WorldDoc::default();
    /// for _frame in 0..3 {
    ///     buffers = captured.copy_into(buffers);
    ///     // Encode and write it elsewhere, and take it back.
    /// }
    /// assert_eq!(buffers, captured);
    /// ```
    pub fn copy_into(&self, buffers: WorldDoc<'static>) -> WorldDoc<'static> {
        let mut copy = buffers;
        copy.name.clone_from(&self.name);
        if copy.meta != self.meta {
            copy.meta.clone_from(&self.meta);
        }
        copy_tables(&self.tables, &mut copy.tables);
        for (at, column) in self.columns.iter().enumerate() {
            place(&column.schema, at, &mut copy.columns);
            if let Some(buffer) = copy.columns.get_mut(at) {
                copy_data(&column.data, &mut buffer.data);
            }
        }
        copy.columns.truncate(self.columns.len());
        match (&self.foreign_ids, &mut copy.foreign_ids) {
            (Some(ids), Some(buffer)) => refill(buffer, ids),
            (ids, buffer) => *buffer = ids.as_ref().map(|ids| Cow::Owned(ids.to_vec())),
        }
        copy
    }
}

fn copy_tables(tables: &[Table], buffers: &mut Vec<Table>) {
    buffers.truncate(tables.len());
    for (table, buffer) in tables.iter().zip(buffers.iter_mut()) {
        buffer.rows = table.rows;
        buffer.components.clone_from(&table.components);
    }
    buffers.extend(tables.iter().skip(buffers.len()).cloned());
}

/// Brings the buffers of a component to this place.
fn place(schema: &ComponentSchema, at: usize, buffers: &mut Vec<Column<'static>>) {
    let found = buffers.iter().skip(at).position(|buffer| buffer.schema.name == schema.name);
    if let Some(found) = found {
        buffers.swap(at, at + found);
        if let Some(buffer) = buffers.get_mut(at)
            && buffer.schema != *schema
        {
            buffer.schema.clone_from(schema);
        }
    } else {
        buffers.insert(at, Column { schema: schema.clone(), data: ColumnData::Plain(Vec::new()) });
    }
}

fn copy_data(data: &ColumnData<'_>, buffer: &mut ColumnData<'static>) {
    match (data, buffer) {
        (ColumnData::Plain(pieces), ColumnData::Plain(buffers)) => {
            let mut bytes = buffers.drain(..).next().unwrap_or_default().into_owned();
            bytes.clear();
            bytes.reserve(pieces.iter().map(|piece| piece.len()).sum());
            for piece in pieces {
                bytes.extend_from_slice(piece);
            }
            // An empty buffer stays if it has grown before.
            if !pieces.is_empty() || bytes.capacity() > 0 {
                buffers.push(Cow::Owned(bytes));
            }
        }
        (
            ColumnData::Rows { data, lengths, targets },
            ColumnData::Rows { data: bytes, lengths: each, targets: ordinals },
        ) => {
            refill(bytes, data);
            refill(ordinals, targets);
            if each != lengths {
                each.clone_from(lengths);
            }
        }
        (ColumnData::Opaque { data, lengths }, ColumnData::Opaque { data: bytes, lengths: each }) => {
            refill(bytes, data);
            if each != lengths {
                each.clone_from(lengths);
            }
        }
        (
            ColumnData::References { targets, ranks },
            ColumnData::References { targets: ordinals, ranks: places },
        ) => {
            refill(ordinals, targets);
            match (ranks, places) {
                (Some(ranks), Some(places)) => refill(places, ranks),
                (ranks, places) => *places = ranks.as_ref().map(|ranks| Cow::Owned(ranks.to_vec())),
            }
        }
        (ColumnData::Plain(_), buffer) => {
            *buffer = ColumnData::Plain(Vec::new());
            copy_data(data, buffer);
        }
        (data, buffer) => *buffer = owned(data),
    }
}

fn refill<T: Copy + 'static>(buffer: &mut Cow<'static, [T]>, from: &[T]) {
    let mut values = mem::take(buffer).into_owned();
    values.clear();
    values.extend_from_slice(from);
    *buffer = Cow::Owned(values);
}

fn owned(data: &ColumnData<'_>) -> ColumnData<'static> {
    match data {
        ColumnData::Plain(pieces) => ColumnData::Plain(vec![Cow::Owned(pieces.concat())]),
        ColumnData::Rows { data, lengths, targets } => ColumnData::Rows {
            data: Cow::Owned(data.to_vec()),
            lengths: lengths.clone(),
            targets: Cow::Owned(targets.to_vec()),
        },
        ColumnData::Opaque { data, lengths } => {
            ColumnData::Opaque { data: Cow::Owned(data.to_vec()), lengths: lengths.clone() }
        }
        ColumnData::References { targets, ranks } => ColumnData::References {
            targets: Cow::Owned(targets.to_vec()),
            ranks: ranks.as_ref().map(|ranks| Cow::Owned(ranks.to_vec())),
        },
    }
}
