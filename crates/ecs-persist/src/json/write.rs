//! A world as JSON, entity by entity.

use std::{borrow::Cow, collections::HashMap, io::Write};

use keepstone_format::wire::Input;
use keepstone_value::{Decoder, Options};
use serde::de::IgnoredAny;

use crate::{
    doc::{Column, ColumnData, WorldDoc},
    error::Error,
    format::WriteOptions,
    json::{
        key::Key,
        plain::Plain,
        put::{Ids, Put, Style, put_integer},
        text::{put_hex, put_string},
        time,
        tree::Tree,
        types::{put_component, put_member},
    },
    schema::Encoding,
};

/// Text goes out in pieces of this size, or a row if that is larger.
const PIECE_LEN: usize = 64 << 10;

pub(super) struct Text<'o> {
    out: &'o mut dyn Write,
    pub(super) piece: Vec<u8>,
    pub(super) style: Style,
}

impl<'o> Text<'o> {
    pub(super) fn new(out: &'o mut dyn Write, pretty: bool) -> Self {
        Self { out, piece: Vec::new(), style: Style { pretty } }
    }

    pub(super) fn put(&mut self, text: &str) {
        self.piece.extend_from_slice(text.as_bytes());
    }

    /// Starts a line where lines are wanted.
    pub(super) fn line(&mut self, indent: usize) -> Result<(), Error> {
        if self.style.pretty {
            self.piece.push(b'\n');
            self.piece.resize(self.piece.len() + 2 * indent, b' ');
        }
        if self.piece.len() >= PIECE_LEN {
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.out.write_all(&self.piece).map_err(|source| Error::Write { source })?;
        self.piece.clear();
        Ok(())
    }

    /// Starts a member or element.
    fn next(&mut self, indent: usize, first: bool) -> Result<(), Error> {
        if !first {
            self.piece.push(b',');
        }
        self.line(indent)
    }

    fn member(&mut self, indent: usize, key: &str, first: bool) -> Result<(), Error> {
        self.next(indent, first)?;
        self.style.key(&mut self.piece, key);
        Ok(())
    }
}

/// Writes the members of a world's object. Rules of the document were checked before.
pub(super) fn put_world(
    text: &mut Text<'_>,
    doc: &WorldDoc<'_>,
    options: &WriteOptions,
    indent: usize,
) -> Result<(), Error> {
    if !doc.name.is_empty() {
        text.member(indent, "world", false)?;
        put_string(&mut text.piece, &doc.name);
    }
    put_meta(text, doc, indent)?;
    text.member(indent, "entity_count", false)?;
    text.put(&doc.entity_count().to_string());
    let trees = doc.columns.iter().map(tree_of).collect::<Result<Vec<_>, _>>()?;
    if options.schema {
        text.member(indent, "types", false)?;
        text.put("[");
        for (index, (column, tree)) in doc.columns.iter().zip(&trees).enumerate() {
            text.put(if index == 0 { "" } else { "," });
            text.line(indent + 1)?;
            put_component(&mut text.piece, &column.schema, tree.as_ref(), text.style);
        }
        if !doc.columns.is_empty() {
            text.line(indent)?;
        }
        text.put("]");
    }
    let (ids, known_by) = match &doc.foreign_ids {
        Some(ids) if distinct(ids) => (Ids::Foreign(ids), None),
        Some(ids) => (Ids::Ordinals, Some(ids.as_ref())),
        None => (Ids::Ordinals, None),
    };
    let mut columns = Vec::with_capacity(doc.columns.len());
    for (column, tree) in doc.columns.iter().zip(&trees) {
        columns.push(Rows::new(column, tree.as_ref(), &ids));
    }
    put_resources(text, doc, &mut columns, indent)?;
    put_entities(text, doc, &mut columns, known_by, indent)
}

fn tree_of(column: &Column<'_>) -> Result<Option<Tree>, Error> {
    match &column.schema.encoding {
        Encoding::Rows { shape, .. } => Tree::of(shape).map(Some),
        _ => Ok(None),
    }
}

fn distinct(ids: &[u128]) -> bool {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| matches!(pair, [a, b] if a != b))
}

fn put_meta(text: &mut Text<'_>, doc: &WorldDoc<'_>, indent: usize) -> Result<(), Error> {
    let meta = &doc.meta;
    if let Some(at) = meta.created_at_ns {
        text.member(indent, "timestamp", false)?;
        put_string(&mut text.piece, &time::to_text(at));
    }
    let strings = [
        ("name", &meta.name),
        ("application", &meta.application),
        ("application_version", &meta.application_version),
    ];
    let mut members: Vec<(&str, Vec<u8>)> = Vec::new();
    for (key, value) in strings {
        if let Some(value) = value {
            let mut out = Vec::new();
            put_string(&mut out, value);
            members.push((key, out));
        }
    }
    if let Some(version) = meta.world_version {
        members.push(("world_version", version.to_string().into_bytes()));
    }
    if let Some(tick) = meta.tick {
        members.push(("tick", format!("\"{tick}\"").into_bytes()));
    }
    if members.is_empty() && meta.custom.is_empty() {
        return Ok(());
    }
    text.member(indent, "meta", false)?;
    text.put("{");
    for (index, (key, value)) in members.iter().enumerate() {
        text.member(indent + 1, key, index == 0)?;
        text.piece.extend_from_slice(value);
    }
    if !meta.custom.is_empty() {
        text.member(indent + 1, "custom", members.is_empty())?;
        text.put("{");
        for (index, (key, value)) in meta.custom.iter().enumerate() {
            text.member(indent + 2, key, index == 0)?;
            if let Ok(value) = std::str::from_utf8(value) {
                put_string(&mut text.piece, value);
                continue;
            }
            text.put("{");
            text.style.key(&mut text.piece, "hex");
            put_hex(&mut text.piece, value);
            text.put("}");
        }
        text.line(indent + 1)?;
        text.put("}");
    }
    text.line(indent)?;
    text.put("}");
    Ok(())
}

fn put_resources(
    text: &mut Text<'_>,
    doc: &WorldDoc<'_>,
    columns: &mut [Rows<'_>],
    indent: usize,
) -> Result<(), Error> {
    if !doc.columns.iter().any(|column| column.schema.resource) {
        return Ok(());
    }
    text.member(indent, "resources", false)?;
    text.put("{");
    let mut first = true;
    for (column, rows) in doc.columns.iter().zip(columns) {
        if column.schema.resource {
            text.member(indent + 1, &column.schema.name, first)?;
            rows.put_next(&mut text.piece, text.style)?;
            first = false;
        }
    }
    text.line(indent)?;
    text.put("}");
    Ok(())
}

fn put_entities(
    text: &mut Text<'_>,
    doc: &WorldDoc<'_>,
    columns: &mut [Rows<'_>],
    known_by: Option<&[u128]>,
    indent: usize,
) -> Result<(), Error> {
    text.member(indent, "entities", false)?;
    text.put("[");
    let ids = if known_by.is_some() { Ids::Ordinals } else { ids_of(doc) };
    let mut ordinal = 0;
    let mut tables: HashMap<&[u16], u32> = HashMap::new();
    for table in &doc.tables {
        let number = tables.entry(&table.components).or_default();
        for _ in 0..table.rows {
            text.put(if ordinal == 0 { "" } else { "," });
            text.line(indent + 1)?;
            text.put("{\"id\"");
            text.style.colon(&mut text.piece);
            ids.put(&mut text.piece, ordinal);
            if let Some(id) = known_by.and_then(|ids| ids.get(ordinal as usize)) {
                text.style.comma(&mut text.piece, false);
                text.style.key(&mut text.piece, "foreign_id");
                put_hex(&mut text.piece, &id.to_be_bytes());
            }
            if *number > 0 {
                text.style.comma(&mut text.piece, false);
                text.style.key(&mut text.piece, "table");
                put_integer(&mut text.piece, false, (*number).into());
            }
            text.style.comma(&mut text.piece, false);
            text.put("\"components\"");
            text.style.colon(&mut text.piece);
            text.put("{");
            for (index, &component) in table.components.iter().enumerate() {
                let place = usize::from(component);
                let Some(rows) = columns.get_mut(place) else { continue };
                text.next(indent + 2, index == 0)?;
                rows.key.put(&mut text.piece, text.style);
                rows.put_next(&mut text.piece, text.style)?;
            }
            if !table.components.is_empty() {
                text.line(indent + 1)?;
            }
            text.put("}}");
            ordinal += 1;
        }
        *number += 1;
    }
    if ordinal > 0 {
        text.line(indent)?;
    }
    text.put("]");
    Ok(())
}

fn ids_of<'d>(doc: &'d WorldDoc<'_>) -> Ids<'d> {
    match &doc.foreign_ids {
        Some(ids) => Ids::Foreign(ids),
        None => Ids::Ordinals,
    }
}

/// The rows of a column that are not written yet: tables take them in order.
struct Rows<'a> {
    column: &'a Column<'a>,
    key: Key,
    ids: &'a Ids<'a>,
    data: Source<'a>,
}

enum Source<'a> {
    Plain { plain: Plain, size: usize, pieces: Pieces<'a>, piece: &'a [u8], row: Vec<u8> },
    Rows { tree: &'a Tree, decoder: Box<Decoder<'a>>, data: &'a [u8], targets: &'a [u32], lens: Lens<'a> },
    Opaque { data: &'a [u8], lens: Lens<'a> },
    References { next: usize, targets: &'a [u32], ranks: Option<&'a [u32]> },
}

type Pieces<'a> = std::slice::Iter<'a, Cow<'a, [u8]>>;

type Lens<'a> = Box<dyn Iterator<Item = u32> + 'a>;

impl<'a> Rows<'a> {
    fn new(column: &'a Column<'a>, tree: Option<&'a Tree>, ids: &'a Ids<'a>) -> Self {
        let data = match (&column.data, &column.schema.encoding, tree) {
            (
                ColumnData::Rows { data, lengths, targets },
                Encoding::Rows { shape, human_readable },
                Some(tree),
            ) => {
                let options = Options { human_readable: *human_readable, ..Options::default() };
                let decoder = Box::new(Decoder::new(shape, data, targets, None, &options));
                Source::Rows { tree, decoder, data, targets, lens: Box::new(lengths.iter()) }
            }
            (ColumnData::Opaque { data, lengths } | ColumnData::Rows { data, lengths, .. }, ..) => {
                Source::Opaque { data, lens: Box::new(lengths.iter()) }
            }
            (ColumnData::References { targets, ranks }, ..) => {
                Source::References { next: 0, targets, ranks: ranks.as_deref() }
            }
            (ColumnData::Plain(pieces), encoding, _) => {
                let (plain, size) = match encoding {
                    Encoding::Plain(layout) => (Plain::of(layout), layout.size()),
                    _ => (Plain::Struct(Vec::new()), 0),
                };
                Source::Plain { plain, size, pieces: pieces.iter(), piece: &[], row: Vec::new() }
            }
        };
        Self { column, key: Key::of_component(&column.schema.name), ids, data }
    }

    fn put_next(&mut self, out: &mut Vec<u8>, style: Style) -> Result<(), Error> {
        match &mut self.data {
            Source::Plain { plain, size, pieces, piece, row } => {
                if let Some((one, rest)) = piece.split_at_checked(*size) {
                    *piece = rest;
                    return plain.put(out, &mut Input::new("plain row", one), style);
                }
                row.clear();
                while row.len() < *size {
                    if piece.is_empty() {
                        let Some(next) = pieces.next() else { break };
                        *piece = next;
                    }
                    let (taken, rest) = piece.split_at(piece.len().min(*size - row.len()));
                    row.extend_from_slice(taken);
                    *piece = rest;
                }
                plain.put(out, &mut Input::new("plain row", row), style)
            }
            Source::Rows { tree, decoder, data, targets, lens } => {
                let len = lens.next().unwrap_or_default();
                let wrap = |source| Error::Value { component: self.column.schema.name.clone(), source };
                // Its rules and limits are those of the rows; after that the bytes can be walked through.
                decoder.row::<IgnoredAny>(len).map_err(wrap)?;
                let (row, rest) = data.split_at(data.len().min(len as usize));
                let taken = targets.len() - decoder.targets_left();
                let (mine, others) = targets.split_at(targets.len().min(taken));
                (*data, *targets) = (rest, others);
                let input = Input::new("row", row);
                Put { tree, input, targets: mine, ids: self.ids, out, style }.value(&tree.root)
            }
            Source::Opaque { data, lens } => {
                let len = lens.next().unwrap_or_default();
                let (row, rest) = data.split_at(data.len().min(len as usize));
                *data = rest;
                put_hex(out, row);
                Ok(())
            }
            Source::References { next, targets, ranks } => {
                let target = targets.get(*next).copied().unwrap_or(crate::doc::NONE);
                match ranks.and_then(|ranks| ranks.get(*next)) {
                    None => self.ids.put(out, target),
                    Some(rank) => {
                        out.push(b'{');
                        style.key(out, "target");
                        self.ids.put(out, target);
                        put_member(out, style, "rank", &rank.to_string());
                        out.push(b'}');
                    }
                }
                *next += 1;
                Ok(())
            }
        }
    }
}
