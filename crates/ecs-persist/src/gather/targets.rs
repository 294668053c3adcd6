use keepstone_value::{Decoder, Options};
use serde::de::IgnoredAny;

use crate::{
    doc::{Column, ColumnData},
    error::Error,
    schema::Encoding,
};

/// The ordinals that each row of a column names, row by row: only reading a row of serde values tells how many those are.
///
/// Empty for columns whose rows name none (plain, opaque). Whoever takes a column apart into rows needs this, adapters too.
///
/// # Errors
/// [`Error::Value`] when a row can't be read by its shape.
///
/// ```
/// use std::borrow::Cow;
///
/// use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, targets_by_row};
///
/// let data = ColumnData::References { targets: Cow::Owned(vec![4, 0]), ranks: None };
/// let schema = ComponentSchema::new("game.target", 1, false, Encoding::Reference { linked: false });
/// let column = Column { schema, data };
/// assert_eq!(targets_by_row(&column)?, [[4], [0]]);
/// # Ok::<(), keepstone_ecs_persist::Error>(())
/// ```
pub fn targets_by_row<'c>(column: &'c Column<'_>) -> Result<Vec<&'c [u32]>, Error> {
    match &column.data {
        ColumnData::Rows { targets, .. } => {
            let mut counts = Vec::new();
            target_counts(column, &mut counts)?;
            let mut rest: &[u32] = targets;
            let mut named = Vec::with_capacity(counts.len());
            for count in counts {
                let (row, tail) = rest.split_at_checked(count as usize).unwrap_or((rest, &[]));
                named.push(row);
                rest = tail;
            }
            Ok(named)
        }
        ColumnData::References { targets, .. } => Ok(targets.chunks(1).collect()),
        ColumnData::Plain(_) | ColumnData::Opaque { .. } => Ok(Vec::new()),
    }
}

/// How many ordinals each row of a serde column names.
fn target_counts(column: &Column<'_>, counts: &mut Vec<u32>) -> Result<(), Error> {
    let (ColumnData::Rows { data, lengths, targets }, Encoding::Rows { shape, human_readable }) =
        (&column.data, &column.schema.encoding)
    else {
        return Ok(());
    };
    let rows = usize::try_from(lengths.rows()).unwrap_or(usize::MAX);
    if targets.is_empty() {
        counts.resize(rows, 0);
        return Ok(());
    }
    let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
    let options = Options { human_readable: *human_readable, ..Options::default() };
    let mut decoder = Decoder::new(shape, data, targets, None, &options);
    // An empty row costs no byte of the data: grow as rows are read.
    counts.reserve(rows.min(data.len().max(targets.len())));
    for len in lengths.iter() {
        let before = decoder.targets_left();
        decoder.row::<IgnoredAny>(len).map_err(wrap)?;
        counts.push(u32::try_from(before.saturating_sub(decoder.targets_left())).unwrap_or(u32::MAX));
    }
    decoder.finish().map_err(wrap)
}
