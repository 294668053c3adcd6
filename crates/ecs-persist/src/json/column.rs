//! The values of one component as a column.

use std::borrow::Cow;

use keepstone_value::{Decoder, Options};
use serde::de::IgnoredAny;

use crate::{
    doc::{Column, ColumnData},
    json::{
        JsonProblem,
        guess::Guess,
        read::{Spec, World},
        scalar::take_plain,
        take::{Ordinals, Take, members, reference},
        text::{Cursor, Fault, Result, fault, take_hex},
        types::{check_keys, need, take_u32},
    },
    lengths::Lengths,
    schema::{ComponentSchema, Encoding},
};

impl<'t> World<'t, '_> {
    pub(super) fn column(
        &mut self,
        name: &str,
        spec: Spec,
        places: &[(usize, Option<usize>)],
        ordinals: &Ordinals,
    ) -> Result<Column<'static>, (usize, Box<Fault>)> {
        let root = self.cursor;
        if spec.resource && places.is_empty() {
            let missing = JsonProblem::MissingKey { key: name.to_owned() };
            return Err((0, Box::new(Fault { at: root.at, path: Vec::new(), problem: missing })));
        }
        let Some((encoding, tree)) = spec.encoding else {
            return self.guessed(name, spec.version, spec.resource, places);
        };
        let (mut data, mut lens) = (Vec::new(), Vec::new());
        let (mut targets, mut ranks) = (Vec::new(), Vec::new());
        let mut take = tree.as_ref().map(|tree| {
            let (out, targets) = (Vec::new(), Vec::new());
            Take { tree, cursor: root, out, targets, ordinals, depth: 0 }
        });
        for (row, &(at, _)) in places.iter().enumerate() {
            let before = data.len();
            let mut cursor = root.go(at);
            let read = match (&encoding, &mut take) {
                (Encoding::Plain(layout), _) => take_plain(&mut cursor, layout, &mut data),
                (Encoding::Rows { .. }, Some(take)) => {
                    take.cursor = cursor;
                    take.out = std::mem::take(&mut data);
                    let read = take.value(&take.tree.root);
                    data = std::mem::take(&mut take.out);
                    read
                }
                (Encoding::Reference { linked }, _) => {
                    link(&mut cursor, *linked, ordinals, &mut targets, &mut ranks)
                }
                _ => opaque(&mut cursor, &mut data),
            };
            let len = data.len().saturating_sub(before);
            let done = read.and_then(|()| self.charge(at, len as u64 + 4));
            done.map_err(|fault| (row, fault))?;
            lens.push(row_len(at, len).map_err(|fault| (row, fault))?);
        }
        if let Some(take) = take {
            targets = take.targets;
        }
        let data = match &encoding {
            Encoding::Plain(layout) if layout.size() == 0 => ColumnData::Plain(Vec::new()),
            Encoding::Plain(_) => ColumnData::Plain(vec![Cow::Owned(data)]),
            Encoding::Rows { shape, human_readable } => {
                check_rows(shape, *human_readable, &data, &targets, &lens).map_err(|(row, error)| {
                    let at = places.get(row).map_or(0, |(at, _)| *at);
                    (row, Box::new(Fault { at, path: Vec::new(), problem: JsonProblem::Value(error) }))
                })?;
                let (data, targets) = (Cow::Owned(data), Cow::Owned(targets));
                ColumnData::Rows { data, lengths: Lengths::each(lens), targets }
            }
            Encoding::Reference { .. } => ColumnData::References {
                ranks: (!ranks.is_empty()).then_some(Cow::Owned(ranks)),
                targets: Cow::Owned(targets),
            },
            Encoding::Opaque { .. } => {
                ColumnData::Opaque { data: Cow::Owned(data), lengths: Lengths::each(lens) }
            }
        };
        let schema = ComponentSchema::new(name, spec.version, spec.resource, encoding);
        Ok(Column { schema, data })
    }

    fn guessed(
        &mut self,
        name: &str,
        version: u32,
        resource: bool,
        places: &[(usize, Option<usize>)],
    ) -> Result<Column<'static>, (usize, Box<Fault>)> {
        let root = self.cursor;
        let values: Vec<Guess<'t>> = places.iter().map(|(at, _)| Guess(root.go(*at))).collect();
        let rows = keepstone_value::encode(values.iter(), None, &Options::default()).map_err(|error| {
            let row = match &error {
                keepstone_value::Error::Encode { row, .. } => *row as usize,
                _ => 0,
            };
            let at = places.get(row).map_or(0, |(at, _)| *at);
            (row, Box::new(Fault { at, path: Vec::new(), problem: JsonProblem::Value(error) }))
        })?;
        self.charge(root.at, rows.data.len() as u64 + rows.lens.len() as u64 * 4)
            .map_err(|fault| (0, fault))?;
        let encoding = Encoding::Rows { shape: rows.shape, human_readable: false };
        let data = ColumnData::Rows {
            data: Cow::Owned(rows.data),
            lengths: Lengths::each(rows.lens),
            targets: Cow::Owned(rows.targets),
        };
        Ok(Column { schema: ComponentSchema::new(name, version, resource, encoding), data })
    }
}

/// A reference, or with its place among those with its target.
fn link(
    cursor: &mut Cursor<'_>,
    linked: bool,
    ordinals: &Ordinals,
    targets: &mut Vec<u32>,
    ranks: &mut Vec<u32>,
) -> Result<()> {
    let start = *cursor;
    let ranked = linked && cursor.peek() == Some(b'{');
    if ranked == ranks.is_empty() && !targets.is_empty() {
        return start.unexpected("a rank with each reference of the component, or with none");
    }
    if !ranked {
        targets.push(reference(cursor, ordinals)?);
        return Ok(());
    }
    let found = members(cursor, "a reference")?;
    check_keys(&found, &["target", "rank"])?;
    targets.push(reference(&mut need(start, &found, "target")?, ordinals)?);
    ranks.push(take_u32(need(start, &found, "rank")?, "a rank")?);
    Ok(())
}

pub(super) fn opaque(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<()> {
    let start = *cursor;
    match cursor.string()? {
        Some(text) if take_hex(&text, out) => Ok(()),
        _ => start.unexpected("a string of hexadecimal digits"),
    }
}

fn check_rows(
    shape: &keepstone_value::Shape,
    human_readable: bool,
    data: &[u8],
    targets: &[u32],
    lens: &[u32],
) -> Result<(), (usize, keepstone_value::Error)> {
    let options = Options { human_readable, ..Options::default() };
    let mut decoder = Decoder::new(shape, data, targets, None, &options);
    for (row, len) in lens.iter().enumerate() {
        decoder.row::<IgnoredAny>(*len).map_err(|error| (row, error))?;
    }
    decoder.finish().map_err(|error| (0, error))
}

fn row_len(at: usize, len: usize) -> Result<u32> {
    let (what, needs, allowed) = ("bytes of a row", len as u64, u32::MAX.into());
    u32::try_from(len).or_else(|_| fault(at, JsonProblem::Limit { what, needs, allowed }))
}
