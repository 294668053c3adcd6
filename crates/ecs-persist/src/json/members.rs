//! Objects taken apart.

use std::{borrow::Cow, collections::HashMap};

use crate::json::{
    JsonProblem,
    key::{Key, escaped, unescape},
    text::{Cursor, Result, fault},
};

/// The members of an object: key, place of the key, place of the value.
pub(super) type Members<'t> = Vec<(Cow<'t, str>, usize, usize)>;

/// Takes an object apart, without going into its values.
pub(super) fn members<'t>(cursor: &mut Cursor<'t>, expected: &str) -> Result<Members<'t>> {
    if !cursor.open(b'{') {
        return cursor.unexpected(expected);
    }
    let mut found: Members<'t> = Vec::new();
    rest_of(cursor, &mut found, true)?;
    Ok(found)
}

/// Takes the members that are left of an open object.
fn rest_of<'t>(cursor: &mut Cursor<'t>, found: &mut Members<'t>, mut first: bool) -> Result<()> {
    while let Some((at, key)) = cursor.key(std::mem::take(&mut first))? {
        found.push((key, at, cursor.at));
        cursor.skip()?;
    }
    distinct(found)
}

/// Refuses an object that has a key twice.
pub(super) fn distinct(found: &Members<'_>) -> Result<()> {
    let mut sorted: Vec<(&str, usize)> = found.iter().map(|(key, at, _)| (key.as_ref(), *at)).collect();
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        if let [(first, _), (second, at)] = pair
            && first == second
        {
            return fault(*at, JsonProblem::DuplicateKey { key: (*second).to_owned() });
        }
    }
    Ok(())
}

/// Members by what their keys say: place of the key, place of the value.
pub(super) type Others = HashMap<String, (usize, usize)>;

/// Takes the members that an open object has behind those that were read `before`.
pub(super) fn others(cursor: &mut Cursor<'_>, before: &mut dyn Iterator<Item = &Key>) -> Result<Others> {
    let before: Vec<&str> = before.map(|key| key.name.as_str()).collect();
    let mut found = Vec::new();
    rest_of(cursor, &mut found, before.is_empty())?;
    let mut others = HashMap::with_capacity(found.len());
    for (key, at, value) in &found {
        let name = unescape(key, *at)?;
        if before.contains(&name) {
            return fault(*at, JsonProblem::DuplicateKey { key: key.to_string() });
        }
        others.insert(name.to_owned(), (*at, *value));
    }
    Ok(others)
}

/// Refuses members that mean nothing.
pub(super) fn refuse(others: &Others, known: &mut dyn Iterator<Item = &Key>) -> Result<()> {
    let Some((name, (at, _))) = others.iter().min_by_key(|(_, (at, _))| *at) else { return Ok(()) };
    let known: Vec<&str> = known.map(|key| key.name.as_str()).take(20).collect();
    fault(*at, JsonProblem::UnknownKey { key: escaped(name), known: known.join(", ") })
}

/// The value of a member.
pub(super) fn find<'t>(cursor: Cursor<'t>, members: &Members<'t>, key: &str) -> Option<Cursor<'t>> {
    members.iter().find(|(found, _, _)| found == key).map(|(_, _, value)| cursor.go(*value))
}

/// The value of a member that has to be there.
pub(super) fn need<'t>(cursor: Cursor<'t>, members: &Members<'t>, key: &str) -> Result<Cursor<'t>> {
    match find(cursor, members, key) {
        Some(found) => Ok(found),
        None => cursor.problem(JsonProblem::MissingKey { key: key.to_owned() }),
    }
}

/// Refuses members that mean nothing.
pub(super) fn check_keys(members: &Members<'_>, known: &[&str]) -> Result<()> {
    match members.iter().find(|(key, _, _)| !known.contains(&key.as_ref())) {
        Some((key, at, _)) => {
            fault(*at, JsonProblem::UnknownKey { key: key.to_string(), known: known.join(", ") })
        }
        None => Ok(()),
    }
}
