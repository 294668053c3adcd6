use std::borrow::Cow;

use keepstone_value::{Decoder, Options, Shape, Value, encode_values_like};

use crate::{
    delta::assemble::Parts,
    doc::ColumnData,
    dynamic::{Allowance, VALUES_MIN},
    error::Error,
    lengths::Lengths,
    schema::Encoding,
};

/// Rows under one shape.
pub(super) struct Joined {
    pub(super) encoding: Encoding,
    pub(super) data: ColumnData<'static>,
}

/// Writes rows of two shapes, that of the document and that of the delta, under the shape that all of them have.
pub(super) fn join(
    component: &str,
    (old, new): (&Shape, &Shape),
    human_readable: bool,
    parts: &Parts<'_>,
) -> Result<Joined, Error> {
    let options = Options { human_readable, elements_max: VALUES_MIN, ..Options::default() };
    let wrap = |source| Error::Value { component: component.to_owned(), source };
    let side = |is_new: bool| {
        let choose = move |source: &crate::delta::assemble::Source| source.is_new == is_new;
        (parts.bytes(choose), parts.lengths(choose), parts.targets(choose))
    };
    let (before, after) = (side(false), side(true));
    let mut olds = Decoder::new(old, &before.0, &before.2, None, &options);
    let mut news = Decoder::new(new, &after.0, &after.2, None, &options);
    let (mut old_lens, mut new_lens) = (before.1.iter(), after.1.iter());
    let mut values: Vec<Value<'_>> = Vec::new();
    let bytes = before.0.len().saturating_add(after.0.len());
    let mut allowance = Allowance::of("values in rows of two shapes", bytes);
    for source in parts.sources {
        for _ in source.rows.clone() {
            let (decoder, lens): (_, &mut dyn Iterator<Item = u32>) =
                if source.is_new { (&mut news, &mut new_lens) } else { (&mut olds, &mut old_lens) };
            let value = decoder.value(lens.next().unwrap_or(0)).map_err(wrap)?;
            allowance.take(&value)?;
            values.push(value);
        }
    }
    let rows = encode_values_like(values.iter(), &[old, new], &options).map_err(wrap)?;
    Ok(Joined {
        encoding: Encoding::Rows { shape: rows.shape, human_readable },
        data: ColumnData::Rows {
            data: Cow::Owned(rows.data),
            lengths: Lengths::each(rows.lens),
            targets: Cow::Owned(rows.targets),
        },
    })
}
