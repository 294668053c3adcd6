//! The values of one component as a column.

use std::borrow::Cow;

use keepstone_value::{Decoder, Options};
use serde::de::IgnoredAny;

use crate::{
    doc::{Column, ColumnData, NONE},
    json::{
        JsonProblem,
        guess::Guess,
        id::{Ordinals, reference},
        members::{check_keys, members, need},
        plain::Plain,
        read::{Spec, World},
        take::Take,
        text::{Cursor, Fault, Result, fault, take_hex},
        tree::Tree,
        types::take_u32,
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
        let mut filling = Filling::new(encoding, tree);
        for (row, &(at, _)) in places.iter().enumerate() {
            let len = filling.take(&mut root.go(at), ordinals);
            len.and_then(|len| self.charge(at, len + 4)).map_err(|fault| (row, fault))?;
        }
        filling.finish(name, spec.version, spec.resource).map_err(|(row, error)| {
            let at = places.get(row).map_or(0, |(at, _)| *at);
            (row, Box::new(Fault { at, path: Vec::new(), problem: JsonProblem::Value(error) }))
        })
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

/// A column while its values are read.
pub(super) struct Filling {
    encoding: Encoding,
    how: How,
    data: Vec<u8>,
    lens: Vec<u32>,
    targets: Vec<u32>,
    ranks: Vec<u32>,
}

enum How {
    Plain(Plain),
    Rows(Tree),
    Reference { linked: bool },
    Opaque,
}

impl Filling {
    pub(super) fn new(encoding: Encoding, tree: Option<Tree>) -> Self {
        let how = match (&encoding, tree) {
            (Encoding::Plain(layout), _) => How::Plain(Plain::of(layout)),
            (Encoding::Rows { .. }, Some(tree)) => How::Rows(tree),
            (Encoding::Reference { linked }, _) => How::Reference { linked: *linked },
            _ => How::Opaque,
        };
        let (data, lens, targets, ranks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { encoding, how, data, lens, targets, ranks }
    }

    /// Reads the next value; how many bytes its row has.
    pub(super) fn take(&mut self, cursor: &mut Cursor<'_>, ordinals: &Ordinals) -> Result<u64> {
        let (at, before) = (cursor.at, self.data.len());
        match &self.how {
            How::Plain(plain) => {
                plain.take(cursor, &mut self.data)?;
                return Ok((self.data.len() - before) as u64);
            }
            How::Reference { linked } => {
                link(cursor, *linked, ordinals, &mut self.targets, &mut self.ranks)?;
                return Ok(0);
            }
            How::Rows(tree) => {
                let (out, targets) = (std::mem::take(&mut self.data), std::mem::take(&mut self.targets));
                let mut take = Take { tree, cursor: *cursor, out, targets, ordinals, depth: 0 };
                take.value(&tree.root)?;
                (*cursor, self.data, self.targets) = (take.cursor, take.out, take.targets);
            }
            How::Opaque => opaque(cursor, &mut self.data)?,
        }
        let len = self.data.len().saturating_sub(before);
        self.lens.push(row_len(at, len)?);
        Ok(len as u64)
    }

    /// Puts ordinals where references are places in a list; false if one leads nowhere.
    pub(super) fn resolve(&mut self, ordinal: impl Fn(u32) -> Option<u32>) -> bool {
        let mut references = self.targets.iter_mut().filter(|target| **target != NONE);
        references.all(|target| ordinal(*target).map(|found| *target = found).is_some())
    }

    /// Makes the column. What is wrong comes with its row.
    pub(super) fn finish(
        self,
        name: &str,
        version: u32,
        resource: bool,
    ) -> Result<Column<'static>, (usize, keepstone_value::Error)> {
        let (data, targets, lens) = (Cow::Owned(self.data), Cow::Owned(self.targets), self.lens);
        let data = match &self.encoding {
            Encoding::Plain(layout) if layout.size() == 0 => ColumnData::Plain(Vec::new()),
            Encoding::Plain(_) => ColumnData::Plain(vec![data]),
            Encoding::Rows { shape, human_readable } => {
                check_rows(shape, *human_readable, &data, &targets, &lens)?;
                ColumnData::Rows { data, lengths: Lengths::each(lens), targets }
            }
            Encoding::Reference { .. } => {
                let ranks = (!self.ranks.is_empty()).then_some(Cow::Owned(self.ranks));
                ColumnData::References { ranks, targets }
            }
            Encoding::Opaque { .. } => ColumnData::Opaque { data, lengths: Lengths::each(lens) },
        };
        Ok(Column { schema: ComponentSchema::new(name, version, resource, self.encoding), data })
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
