//! Worlds as JSON, section 11 of FORMAT.md: to be read, edited and compared by people.

mod column;
mod guess;
mod id;
mod key;
mod members;
mod meta;
mod plain;
mod problem;
mod put;
mod read;
mod scalar;
mod straight;
mod take;
mod text;
mod time;
mod tree;
mod types;
mod write;

use std::{
    collections::HashSet,
    io::{Read, Write},
};

use serde::de::IgnoredAny;

pub use self::problem::JsonProblem;
use self::{
    members::{Members, check_keys, find, members, need},
    read::World,
    text::{Cursor, Fault},
    types::{take_string, take_u32},
    write::{Text, put_world},
};
use crate::{
    check::invalid,
    doc::WorldDoc,
    error::Error,
    format::{ReadOptions, WorldFormat, WriteOptions},
};

/// The version that is written, and the only one that is read. It is that of the JSON files of PECS, whose shape this is.
const VERSION: u32 = 1;

/// Bits of the floats that other programs call NaN.
const NAN_32: u32 = 0x7FC0_0000;
const NAN_64: u64 = 0x7FF8_0000_0000_0000;

/// Worlds as JSON.
///
/// Saving takes memory for one row; loading holds the text, and what becomes of it.
///
/// ```
/// use keepstone_ecs_persist::{Json, ReadOptions, WorldDoc, WorldFormat, WriteOptions};
///
/// let mut text = Vec::new();
/// Json.save(&[&WorldDoc::default()], &mut text, &WriteOptions::default().pretty(false))?;
/// assert_eq!(text, br#"{"version":1,"entity_count":0,"types":[],"entities":[]}"#);
/// assert_eq!(Json.load(&mut text.as_slice(), &ReadOptions::default())?, WorldDoc::default());
/// # Ok::<(), keepstone_ecs_persist::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl WorldFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn version(&self) -> u32 {
        VERSION
    }

    fn detect(&self, first_bytes: &[u8]) -> bool {
        let mut bytes = first_bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
        bytes.next() == Some(&b'{') && matches!(bytes.next(), None | Some(b'"' | b'}'))
    }

    fn version_of(&self, first_bytes: &[u8]) -> Option<u32> {
        // Only where it comes first, as it does in every file that a program wrote.
        let text = std::str::from_utf8(first_bytes)
            .or_else(|error| std::str::from_utf8(first_bytes.get(..error.valid_up_to()).unwrap_or_default()));
        let mut cursor = Cursor::new(text.ok()?, false);
        let first = cursor.open(b'{').then(|| cursor.key(true).ok().flatten()).flatten()?;
        if first.1 == "version" { cursor.number()?.parse().ok() } else { None }
    }

    fn save(
        &self,
        worlds: &[&WorldDoc<'_>],
        out: &mut dyn Write,
        options: &WriteOptions,
    ) -> Result<(), Error> {
        let mut names = HashSet::new();
        for world in worlds {
            world.check()?;
            if !names.insert(&world.name) {
                return Err(invalid(
                    "name of a world",
                    &world.name,
                    "one that no other world of the file has",
                ));
            }
        }
        let mut text = Text::new(out, options.pretty);
        text.put("{");
        text.line(1)?;
        text.style.key(&mut text.piece, "version");
        text.put(&VERSION.to_string());
        if let [world] = worlds {
            put_world(&mut text, world, options, 1)?;
        } else {
            text.put(",");
            text.line(1)?;
            text.style.key(&mut text.piece, "worlds");
            text.put("[");
            for (index, world) in worlds.iter().enumerate() {
                text.put(if index == 0 { "" } else { "," });
                text.line(2)?;
                text.put("{");
                text.line(3)?;
                // Each says its version, as a file of its own would.
                text.style.key(&mut text.piece, "version");
                text.put(&VERSION.to_string());
                put_world(&mut text, world, options, 3)?;
                text.line(2)?;
                text.put("}");
            }
            text.line(1)?;
            text.put("]");
        }
        text.line(0)?;
        text.put("}");
        if options.pretty {
            text.put("\n");
        }
        text.flush()
    }

    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>, Error> {
        let bytes = options.read_to_end(input)?;
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let before = std::str::from_utf8(valid).unwrap_or_default();
                let problem = JsonProblem::Syntax("the text is not UTF-8".to_owned());
                return Err(Fault { at: before.len(), path: Vec::new(), problem }.into_error(before));
            }
        };
        if let Some(doc) = straight::load(text, options) {
            doc.check()?;
            return Ok(doc);
        }
        if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
            return Err(Error::Json {
                path: "$".to_owned(),
                line: error.line() as u64,
                column: error.column() as u64,
                problem: Box::new(JsonProblem::Syntax(error.to_string())),
            });
        }
        let doc = load(text, options)?;
        doc.check()?;
        Ok(doc)
    }
}

fn load(text: &str, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>, Error> {
    let wrap = |fault: Box<Fault>| fault.into_error(text);
    let root = Cursor::new(text, true);
    let mut found = members(&mut root.clone(), "an object").map_err(wrap)?;
    check_version(root, &found, text)?;
    let mut start = root;
    if let Some(worlds) = find(root, &found, "worlds") {
        check_keys(&found, &["version", "worlds"]).map_err(wrap)?;
        let mut list = worlds_of(worlds).map_err(wrap)?;
        let names: Vec<String> = list.iter().map(|(name, _)| name.clone()).collect();
        let at = if let Some(name) = &options.world {
            names.iter().position(|known| known == name)
        } else {
            crate::format::only(names.clone())?;
            Some(0)
        };
        let Some(at) = at.filter(|at| *at < list.len()) else {
            return Err(no_world(options.world.as_deref(), &names));
        };
        start = list.swap_remove(at).1;
        found = members(&mut start.clone(), "a world").map_err(wrap)?;
        check_version(start, &found, text)?;
    }
    let limits = options.limits_for(text.len());
    let doc = World::new(start, options.schema, options.guess, limits).read(&found).map_err(wrap)?;
    match &options.world {
        Some(name) if *name != doc.name => Err(no_world(Some(name), &[doc.name])),
        _ => Ok(doc),
    }
}

fn no_world(asked: Option<&str>, names: &[String]) -> Error {
    let world = asked.map_or_else(|| "0".to_owned(), |name| format!("{name:?}"));
    Error::NoWorld { world, found: format!("{names:?}") }
}

fn check_version(root: Cursor<'_>, found: &Members<'_>, text: &str) -> Result<(), Error> {
    let wrap = |fault: Box<Fault>| fault.into_error(text);
    let at = need(root, found, "version").map_err(wrap)?;
    let version = take_u32(at, "a version").map_err(wrap)?;
    match version {
        VERSION => Ok(()),
        0 => Err(at
            .unexpected::<()>("a version from 1")
            .map_err(wrap)
            .err()
            .unwrap_or_else(|| no_world(None, &[]))),
        found => Err(Error::NewerFormat { format: "json".to_owned(), found, newest: VERSION }),
    }
}

/// The names and places of several worlds.
fn worlds_of(mut cursor: Cursor<'_>) -> text::Result<Vec<(String, Cursor<'_>)>> {
    if !cursor.open(b'[') {
        return cursor.unexpected("an array of worlds");
    }
    let mut list = Vec::new();
    while cursor.element(list.is_empty())? {
        let start = cursor;
        let found = members(&mut cursor, "a world")?;
        let name = match find(start, &found, "world") {
            Some(at) => take_string(at, "the name of the world")?,
            None => String::new(),
        };
        list.push((name, start));
    }
    Ok(list)
}
