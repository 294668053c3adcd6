use std::collections::HashSet;

use keepstone_value::{Decoder, Options, Rows, Shape, Value, encode_values_like};

use crate::{
    check::invalid,
    dynamic::{Allowance, VALUES_MIN},
    error::Error,
};

/// Serde rows of one component that have several shapes.
pub(super) struct Apart<'a> {
    /// How many rows have each, in order.
    pub(super) shapes: &'a [(Shape, usize)],
    pub(super) data: &'a [u8],
    pub(super) lengths: &'a [u32],
    pub(super) targets: &'a [u64],
    /// How many of the targets each row has.
    pub(super) counts: &'a [u32],
}

impl Apart<'_> {
    /// Reads the rows as dynamic values and writes them with one shape. Targets of the result are places among the old ones.
    pub(super) fn join(&self, component: &str, human_readable: bool) -> Result<Rows, Error> {
        let wrap = |source| Error::Value { component: component.to_owned(), source };
        let options = Options { human_readable, elements_max: VALUES_MIN, ..Options::default() };
        let places: Vec<u32> = (0..u32::try_from(self.targets.len()).unwrap_or(u32::MAX)).collect();
        let (mut data, mut targets) = (self.data, places.as_slice());
        let mut rows = self.lengths.iter().zip(self.counts);
        let mut values: Vec<Value<'_>> = Vec::with_capacity(self.lengths.len());
        let mut allowance = Allowance::of("values in rows of several shapes", self.data.len());
        for (shape, count) in self.shapes {
            let own: Vec<(u32, u32)> =
                rows.by_ref().take(*count).map(|(len, count)| (*len, *count)).collect();
            let (mine, rest) = split(data, own.iter().map(|(len, _)| *len));
            let (named, others) = split(targets, own.iter().map(|(_, count)| *count));
            (data, targets) = (rest, others);
            let mut decoder = Decoder::new(shape, mine, named, None, &options);
            for (len, count) in own {
                let before = decoder.targets_left();
                let value = decoder.value(len).map_err(wrap)?;
                let found = before.saturating_sub(decoder.targets_left()) as u64;
                if found != u64::from(count) {
                    return Err(invalid("references of a row", count, found));
                }
                allowance.take(&value)?;
                values.push(value);
            }
            decoder.finish().map_err(wrap)?;
        }
        // Each once: the shapes are gone through for every one of them.
        let mut seen = HashSet::new();
        let like: Vec<&Shape> =
            self.shapes.iter().map(|(shape, _)| shape).filter(|shape| seen.insert(shape.encode())).collect();
        encode_values_like(values.iter(), &like, &options).map_err(wrap)
    }
}

fn split<T>(all: &[T], lens: impl Iterator<Item = u32>) -> (&[T], &[T]) {
    let len = lens.fold(0_usize, |sum, len| sum.saturating_add(len as usize));
    all.split_at_checked(len).unwrap_or((all, &[]))
}
