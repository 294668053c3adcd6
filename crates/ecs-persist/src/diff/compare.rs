use std::collections::{BTreeMap, BTreeSet};

use keepstone_value::{
    Value,
    diff::{Options, Path, Step},
};

use super::{
    found::Found,
    matching::{MatchedBy, Matching},
    side::Side,
    text, values,
};
use crate::{
    doc::{Column, ColumnData, WorldDoc},
    error::Error,
    meta::WorldMeta,
    schema::Encoding,
};

/// Compares two worlds, and says by what their entities were matched.
pub(super) fn compare<'d>(
    a: &'d WorldDoc<'d>,
    b: &'d WorldDoc<'d>,
    found: &mut Found,
    values_max: usize,
) -> Result<MatchedBy, Error> {
    let (a, b) = (Side::new(a)?, Side::new(b)?);
    let matching = Matching::new(&a, &b);
    let both = Both { ranks: Ranks::new(&a, &b), a: &a, b: &b, matching: &matching, values_max };
    both.metadata(found);
    both.schema(found);
    both.resources(found)?;
    both.entities(found)?;
    Ok(matching.by)
}

struct Both<'s> {
    a: &'s Side<'s>,
    b: &'s Side<'s>,
    matching: &'s Matching,
    ranks: Ranks,
    values_max: usize,
}

/// The ranks of the relationships whose order at least one world has stored.
struct Ranks {
    by_name: BTreeMap<String, [Vec<u32>; 2]>,
}

impl Ranks {
    fn new(a: &Side<'_>, b: &Side<'_>) -> Self {
        let is_stored =
            |column: &Column<'_>| matches!(&column.data, ColumnData::References { ranks: Some(_), .. });
        let mut by_name = BTreeMap::new();
        for (place_a, column) in a.doc.columns.iter().enumerate() {
            let name = &column.schema.name;
            let in_b = b.doc.columns.binary_search_by(|column| column.schema.name.cmp(name)).ok();
            let Some((place_b, other)) = in_b.and_then(|place| Some((place, b.doc.columns.get(place)?)))
            else {
                continue;
            };
            if (is_stored(column) || is_stored(other))
                && let (Some(a), Some(b)) = (a.ranks(place_a), b.ranks(place_b))
            {
                by_name.insert(name.clone(), [a, b]);
            }
        }
        Self { by_name }
    }

    /// The ranks of two rows, where they differ.
    fn differing(&self, name: &str, a: u32, b: u32) -> Option<(u32, u32)> {
        let [of_a, of_b] = self.by_name.get(name)?;
        let rank = |ranks: &[u32], row: u32| ranks.get(usize::try_from(row).ok()?).copied();
        let pair = (rank(of_a, a)?, rank(of_b, b)?);
        (pair.0 != pair.1).then_some(pair)
    }
}

/// A column with its place.
type Placed<'s> = Option<(usize, &'s Column<'s>)>;

/// Where two values differ: the way there, and both texts.
type Changes = Vec<(String, Option<String>, Option<String>)>;

impl Both<'_> {
    fn metadata(&self, found: &mut Found) {
        let ids = |side: &Side<'_>| side.doc.foreign_ids.as_ref().map(|ids| ids.len().to_string());
        let pairs = |side: &Side<'_>| {
            let mut pairs = metadata(&side.doc.meta);
            let name = &side.doc.name;
            pairs.extend((!name.is_empty()).then(|| ("world".to_owned(), name.clone())));
            pairs.extend(ids(side).map(|ids| ("foreign ids".to_owned(), ids)));
            pairs
        };
        let (mut a, mut b) = (pairs(self.a), pairs(self.b));
        let keys: BTreeSet<String> = a.keys().chain(b.keys()).cloned().collect();
        for key in keys {
            let (a, b) = (a.remove(&key), b.remove(&key));
            // How many there are is the number of entities; which, is compared with these.
            if a != b && !(key == "foreign ids" && a.is_some() == b.is_some()) {
                found.metadata(&key, a, b);
            }
        }
    }

    fn schema(&self, found: &mut Found) {
        for (name, a, b) in self.columns() {
            let describe = |column: &Column<'_>| {
                let what = if column.schema.resource { "resource" } else { "component" };
                format!("{what}, version {}, {}", column.schema.version, encoding(&column.schema.encoding))
            };
            let (Some(a), Some(b)) = (a, b) else {
                found.schema(&name, "", a.map(|(_, a)| describe(a)), b.map(|(_, b)| describe(b)));
                continue;
            };
            let (a, b) = (&a.1.schema, &b.1.schema);
            let mut part = |path: &str, a: String, b: String| {
                if a != b {
                    found.schema(&name, path, Some(a), Some(b));
                }
            };
            part(".version", a.version.to_string(), b.version.to_string());
            part(".resource", a.resource.to_string(), b.resource.to_string());
            part(".encoding", encoding(&a.encoding), encoding(&b.encoding));
        }
    }

    fn resources(&self, found: &mut Found) -> Result<(), Error> {
        for (name, a, b) in self.columns() {
            let resource = |column: Placed<'_>| {
                column.filter(|(_, column)| column.schema.resource).map(|(place, _)| (place, 0))
            };
            match (resource(a), resource(b)) {
                (Some(a), Some(b)) => {
                    for (path, a, b) in self.changes(&name, a, b)? {
                        found.resource(&name, &path, a, b);
                    }
                }
                (Some(a), None) => found.resource(&name, "", Some(self.text(self.a, a)?), None),
                (None, Some(b)) => found.resource(&name, "", None, Some(self.text(self.b, b)?)),
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// The columns of both worlds by name, with their places.
    fn columns(&self) -> Vec<(String, Placed<'_>, Placed<'_>)> {
        let mut names = BTreeMap::new();
        for (place, column) in self.a.doc.columns.iter().enumerate() {
            names.insert(column.schema.name.clone(), (Some((place, column as &Column<'_>)), None));
        }
        for (place, column) in self.b.doc.columns.iter().enumerate() {
            let both = names.entry(column.schema.name.clone()).or_insert((None, None));
            both.1 = Some((place, column as &Column<'_>));
        }
        names.into_iter().map(|(name, (a, b))| (name, a, b)).collect()
    }

    fn entities(&self, found: &mut Found) -> Result<(), Error> {
        for a in 0..self.a.doc.entity_count() {
            match self.matching.in_b(a) {
                Some(b) => self.entity(a, b, found)?,
                None => found.entity(|| self.matching.label(a), names(self.a, a), true),
            }
        }
        for b in self.matching.only_in_b() {
            found.entity(|| self.matching.label_of_b(b), names(self.b, b), false);
        }
        Ok(())
    }

    /// Compares an entity that both worlds have. Its components ascend by name in both.
    fn entity(&self, a: u32, b: u32, found: &mut Found) -> Result<(), Error> {
        found.start_entity();
        let label = || self.matching.label(a);
        if let (Some(ids_a), Some(ids_b)) = (&self.a.doc.foreign_ids, &self.b.doc.foreign_ids) {
            let id = |ids: &[u128], at: u32| ids.get(usize::try_from(at).ok()?).copied();
            let (id_a, id_b) = (id(ids_a, a), id(ids_b, b));
            if id_a != id_b {
                let text = |id: Option<u128>| id.map(|id| format!("{id:032x}"));
                found.values(label, "foreign id", vec![(String::new(), text(id_a), text(id_b))]);
            }
        }
        let (mut of_a, mut of_b) = (self.a.components(a).peekable(), self.b.components(b).peekable());
        loop {
            let name = |side: &Side<'_>, one: Option<&(usize, u32)>| {
                one.and_then(|(place, _)| side.column(*place)).map(|column| column.schema.name.clone())
            };
            let (name_a, name_b) = (name(self.a, of_a.peek()), name(self.b, of_b.peek()));
            let (name, is_in_a, is_in_b) = match (name_a, name_b) {
                (Some(name), None) => (name, true, false),
                (None, Some(name)) => (name, false, true),
                (None, None) => break,
                (Some(a), Some(b)) => match a.cmp(&b) {
                    std::cmp::Ordering::Less => (a, true, false),
                    std::cmp::Ordering::Greater => (b, false, true),
                    std::cmp::Ordering::Equal => (a, true, true),
                },
            };
            let one_a = if is_in_a { of_a.next() } else { None };
            let one_b = if is_in_b { of_b.next() } else { None };
            match (one_a, one_b) {
                (Some(a), Some(b)) => {
                    let changes = self.changes(&name, a, b)?;
                    if !changes.is_empty() {
                        found.values(label, &name, changes);
                    }
                }
                (Some(one), None) => found.component(label, &name, self.text(self.a, one)?, true),
                (None, Some(one)) => found.component(label, &name, self.text(self.b, one)?, false),
                (None, None) => break,
            }
        }
        Ok(())
    }

    /// Where two values of one component differ.
    fn changes(&self, name: &str, a: (usize, u32), b: (usize, u32)) -> Result<Changes, Error> {
        let mut changes = Vec::new();
        if !self.are_surely_equal(a, b) {
            let (value_a, value_b) = (self.value(self.a, a)?, self.value(self.b, b)?);
            let label = |number| self.matching.label(number);
            let text = |value: Option<&Value<'_>>| value.map(|value| text::of(value, &label));
            let options = Options { changes_max: self.values_max, ..Options::default() };
            for change in value_a.diff_with(&value_b, &options).changes() {
                changes.push((way(&change.path), text(change.before()), text(change.after())));
            }
        }
        if let Some((a, b)) = self.ranks.differing(name, a.1, b.1) {
            changes.push((".rank".to_owned(), Some(a.to_string()), Some(b.to_string())));
        }
        Ok(changes)
    }

    /// Whether two rows are the same bytes with the same meaning.
    fn are_surely_equal(&self, a: (usize, u32), b: (usize, u32)) -> bool {
        let schemas = self.a.column(a.0).zip(self.b.column(b.0));
        if schemas.is_none_or(|(a, b)| a.schema.encoding != b.schema.encoding) {
            return false;
        }
        let Some((a, b)) = self.a.row(a.0, a.1).zip(self.b.row(b.0, b.1)) else { return false };
        let numbers = b.targets.iter().map(|target| self.matching.number_of_b(*target));
        a.bytes == b.bytes && a.targets.iter().copied().eq(numbers)
    }

    fn value<'v>(&self, side: &'v Side<'v>, (place, row): (usize, u32)) -> Result<Value<'v>, Error> {
        let is_b = std::ptr::eq(side, self.b);
        let number = |ordinal| if is_b { self.matching.number_of_b(ordinal) } else { ordinal };
        match side.column(place).zip(side.row(place, row)) {
            Some((column, row)) => values::of_row(column, &row, number),
            // Documents are checked when they are read, so there is a row.
            None => Ok(Value::Unit),
        }
    }

    fn text(&self, side: &Side<'_>, one: (usize, u32)) -> Result<String, Error> {
        let label = |number| self.matching.label(number);
        Ok(text::of(&self.value(side, one)?, &label))
    }
}

/// The way into a value, for behind the name of a component.
fn way(path: &Path) -> String {
    let dot = matches!(path.steps().next(), Some(Step::Field(_) | Step::Variant(_)));
    format!("{}{path}", if dot { "." } else { "" })
}

/// The components of an entity.
fn names(side: &Side<'_>, ordinal: u32) -> String {
    let name = |(place, _)| side.column(place).map(|column| column.schema.name.as_str());
    let names: Vec<&str> = side.components(ordinal).filter_map(name).collect();
    if names.is_empty() { "no components".to_owned() } else { names.join(", ") }
}

/// How rows are written. What the shape of serde rows records depends on the values, and is no part of it.
fn encoding(encoding: &Encoding) -> String {
    match encoding {
        Encoding::Rows { human_readable: true, .. } => "rows, human readable".to_owned(),
        Encoding::Rows { .. } => "rows".to_owned(),
        other => other.to_string(),
    }
}

fn metadata(meta: &WorldMeta) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            pairs.insert(key.to_owned(), value);
        }
    };
    put("name", meta.name.clone());
    put("created", meta.created_at_ns.map(|at| at.to_string()));
    put("application", meta.application.clone());
    put("application version", meta.application_version.clone());
    put("world version", meta.world_version.map(|version| version.to_string()));
    put("tick", meta.tick.map(|tick| tick.to_string()));
    for (key, value) in &meta.custom {
        let text = std::str::from_utf8(value).map_or_else(|_| text::hex(value), str::to_owned);
        put(&format!("custom {key}"), Some(text));
    }
    pairs
}
