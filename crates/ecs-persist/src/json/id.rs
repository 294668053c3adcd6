//! What entities are called, and references to them.

use std::{cell::RefCell, collections::HashMap};

use crate::{
    doc::NONE,
    json::{
        JsonProblem,
        text::{Cursor, Result},
    },
};

/// What an entity is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Id {
    Number(u64),
    Foreign(u128),
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(id) => write!(f, "{id}"),
            Self::Foreign(id) => write!(f, "\"{id:032x}\""),
        }
    }
}

/// The ordinals of the entities by what they are called.
pub(super) enum Ordinals {
    Listed(HashMap<Id, u32>),
    /// So many entities, each called by its ordinal.
    Counted(u32),
    /// Ids of another system, whose ordinals are known later: until then a reference is its place in this list.
    Later(RefCell<Vec<u128>>),
}

impl Ordinals {
    fn of(&self, id: Id) -> Option<u32> {
        match (self, id) {
            (Self::Listed(ids), id) => ids.get(&id).copied(),
            (Self::Counted(count), Id::Number(id)) => u32::try_from(id).ok().filter(|id| id < count),
            (Self::Later(ids), Id::Foreign(id)) => {
                let mut ids = ids.borrow_mut();
                let place = u32::try_from(ids.len()).ok().filter(|place| *place != NONE);
                ids.push(id);
                place
            }
            (Self::Counted(_), Id::Foreign(_)) | (Self::Later(_), Id::Number(_)) => None,
        }
    }
}

/// Reads an entity's id or a reference: a number or 32 hexadecimal digits, hyphens aside.
pub(super) fn id(cursor: &mut Cursor<'_>) -> Result<Id> {
    const EXPECTED: &str = "an id: a number, or a string of 32 hexadecimal digits";
    let start = *cursor;
    if let Some(number) = cursor.number() {
        return match number.parse() {
            Ok(number) => Ok(Id::Number(number)),
            Err(_) => start.unexpected("an id from 0 to 2^64 - 1"),
        };
    }
    let Some(text) = cursor.string()? else { return start.unexpected(EXPECTED) };
    let digits: String = text.chars().filter(|&found| found != '-').take(33).collect();
    let plain = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u128::from_str_radix(&digits, 16) {
        Ok(id) if plain => Ok(Id::Foreign(id)),
        _ => start.unexpected(EXPECTED),
    }
}

/// Reads a reference.
pub(super) fn reference(cursor: &mut Cursor<'_>, ordinals: &Ordinals) -> Result<u32> {
    let start = *cursor;
    if let Some(text) = cursor.string()?
        && text == "none"
    {
        return Ok(NONE);
    }
    *cursor = start;
    let id = id(cursor)?;
    match ordinals.of(id) {
        Some(ordinal) => Ok(ordinal),
        None => start.problem(JsonProblem::UnknownEntity { id: id.to_string() }),
    }
}
