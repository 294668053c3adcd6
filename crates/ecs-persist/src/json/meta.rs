//! What is said about a world as a whole.

use crate::{
    json::{
        column::opaque,
        members::{Members, check_keys, find, members},
        text::{Cursor, Result},
        time,
        types::{take_string, take_u32},
    },
    meta::WorldMeta,
};

pub(super) fn take_meta(root: Cursor<'_>, found: &Members<'_>) -> Result<WorldMeta> {
    let mut meta = WorldMeta::default();
    if let Some(at) = find(root, found, "timestamp") {
        const EXPECTED: &str = "a time such as 2026-02-13T04:26:00Z";
        match time::from_text(&take_string(at, EXPECTED)?) {
            Some(time) => meta.created_at_ns = Some(time),
            None => return at.unexpected(EXPECTED),
        }
    }
    let Some(mut at) = find(root, found, "meta") else { return Ok(meta) };
    let found = members(&mut at, "an object")?;
    check_keys(&found, &["name", "application", "application_version", "world_version", "tick", "custom"])?;
    let text = |key: &str| find(root, &found, key).map(|at| take_string(at, "a string")).transpose();
    meta.name = text("name")?;
    meta.application = text("application")?;
    meta.application_version = text("application_version")?;
    meta.world_version = find(root, &found, "world_version").map(|at| take_u32(at, "a u32")).transpose()?;
    if let Some(at) = find(root, &found, "tick") {
        let tick = take_string(at, "a number as a string");
        match tick?.parse() {
            Ok(tick) => meta.tick = Some(tick),
            Err(_) => return at.unexpected("a number as a string"),
        }
    }
    if let Some(mut at) = find(root, &found, "custom") {
        for (key, _, value) in members(&mut at, "an object")? {
            let mut value = root.go(value);
            let bytes = if value.peek() == Some(b'{') {
                let mut hex = find(root, &members(&mut value, "an object")?, "hex").unwrap_or(value);
                let mut bytes = Vec::new();
                opaque(&mut hex, &mut bytes)?;
                bytes
            } else {
                take_string(value, "a string")?.into_bytes()
            };
            meta.custom.insert(key.into_owned(), bytes);
        }
    }
    Ok(meta)
}

/// How many entities the file says it has, and where.
pub(super) fn entity_count<'t>(root: Cursor<'t>, found: &Members<'t>) -> Result<Option<(Cursor<'t>, u64)>> {
    let Some(start) = find(root, found, "entity_count") else { return Ok(None) };
    match start.clone().number().and_then(|number| number.parse().ok()) {
        Some(said) => Ok(Some((start, said))),
        None => start.unexpected("a number of entities"),
    }
}
