use std::{fmt, path::Path};

use keepstone::{
    slots::directory::{Name, Stem},
    storage::{Files as _, OsFiles},
};
use serde::Serialize;

use super::keep::{self, Container};
use crate::error::Error;
use crate::saves::{self, Alone, Folder, Found, IndexState};
use crate::text::{Grid, Shown, count, hex, plural, size};

/// What a root of saves holds, or the directory of a player in one.
#[derive(Debug, Serialize)]
pub(super) struct Root {
    kind: &'static str,
    #[serde(rename = "root_id")]
    id: Option<String>,
    /// Why `ROOT` can't be read.
    #[serde(rename = "root_error")]
    error: Option<String>,
    /// Whether one player is looked at.
    alone: bool,
    /// Bytes of all files.
    bytes: u64,
    saves: usize,
    players: Vec<Player>,
}

#[derive(Debug, Serialize)]
struct Player {
    #[serde(rename = "player")]
    name: String,
    directory: String,
    saves: usize,
    deleted: usize,
    set_aside: usize,
    notes: usize,
    /// Files that are ready to take a save; one that a crash left may hold one.
    spares: usize,
    /// Files whose saves have been rotated out.
    retired: usize,
    /// Files that no reader looks at.
    others: usize,
    index: IndexState,
    bytes: u64,
}

/// One file of a save.
#[derive(Debug, Serialize)]
pub(super) struct SaveFile {
    kind: &'static str,
    /// What its name says it is.
    state: &'static str,
    /// The number of the save; none: nothing is committed in the file.
    sequence: Option<u64>,
    /// Whether its name is that of the save in it; none: its name says nothing.
    name_agrees: Option<bool>,
    container: Option<Container>,
}

/// Counts what is in a root. No save is read.
pub(super) fn inspect(found: &Found) -> Result<Root, Error> {
    let mut players = Vec::new();
    for player in &found.players {
        let folder = Folder::read(player, &found.dir_of(player))?;
        let mut bytes = 0_u64;
        for (_, name) in &folder.files {
            // What is gone by now takes no room.
            let len = OsFiles.metadata(&folder.dir.join(name)).map_or(0, |found| found.len);
            bytes = bytes.saturating_add(len);
        }
        players.push(Player {
            name: player.as_str().to_owned(),
            directory: player.dir_name(),
            saves: folder.count(|name| matches!(name, Name::Save(_))),
            deleted: folder.count(|name| matches!(name, Name::Deleted(_))),
            set_aside: folder.count(|name| matches!(name, Name::Damaged(_))),
            notes: folder.count(|name| matches!(name, Name::Note(..))),
            spares: folder.count(|name| matches!(name, Name::Spare(_))),
            retired: folder.count(|name| matches!(name, Name::Old(_))),
            others: folder.others,
            index: folder.index,
            bytes,
        });
    }
    let (id, error) = match &found.id {
        Some(Ok(id)) => (Some(hex(id)), None),
        Some(Err(error)) => (None, Some(error.message())),
        None => (None, None),
    };
    Ok(Root {
        kind: "save root",
        id,
        error,
        alone: found.alone,
        bytes: players.iter().fold(0, |sum: u64, player| sum.saturating_add(player.bytes)),
        saves: players.iter().map(|player| player.saves).sum(),
        players,
    })
}

/// Reads the parts of a save that describe it.
pub(super) fn inspect_file(path: &Path, alone: &Alone) -> Result<SaveFile, Error> {
    let state = state_of(alone.name);
    let file = SaveFile { kind: "save file", state, sequence: None, name_agrees: None, container: None };
    if alone.is_empty {
        return Ok(file);
    }
    let reader = saves::open(path)?;
    let found = Stem::of_head(reader.head());
    let stem = alone.name.and_then(|name| name.stem());
    Ok(SaveFile {
        sequence: Some(reader.header().epoch),
        name_agrees: stem.map(|stem| found == Some(stem)),
        container: Some(keep::describe(path, &reader)?),
        ..file
    })
}

fn state_of(name: Option<Name>) -> &'static str {
    match name {
        Some(Name::Save(_)) => "save",
        Some(Name::Deleted(_)) => "deleted",
        Some(Name::Damaged(_)) => "set aside",
        Some(Name::Spare(_)) => "spare",
        Some(Name::Old(_)) => "rotated out",
        _ => "without a name",
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new("<<");
        let mut line = |name: &str, value: String| grid.line([name.to_owned(), value]);
        line("kind", self.kind.to_owned());
        line("root", self.id.clone().unwrap_or_else(|| "no id".to_owned()));
        line("size", format!("{} ({} bytes)", size(self.bytes), count(self.bytes)));
        let players = plural(self.players.len() as u64, "player");
        line("saves", format!("{} of {players}", count(self.saves as u64)));
        write!(f, "{grid}")?;
        if let Some(error) = &self.error {
            writeln!(f, "\nwarning: {}", Shown(error))?;
        }
        if !self.players.is_empty() {
            writeln!(f, "\nplayers")?;
            let mut grid = Grid::new("<>>>>>>><<");
            let heads = [
                "player",
                "saves",
                "deleted",
                "set aside",
                "notes",
                "spares",
                "retired",
                "size",
                "index",
                "directory",
            ];
            grid.line(heads.map(str::to_owned));
            for player in &self.players {
                grid.line([
                    Shown(&player.name).to_string(),
                    count(player.saves as u64),
                    count(player.deleted as u64),
                    count(player.set_aside as u64),
                    count(player.notes as u64),
                    count(player.spares as u64),
                    count(player.retired as u64),
                    size(player.bytes),
                    player.index.name().to_owned(),
                    player.directory.clone(),
                ]);
            }
            write!(f, "{grid}")?;
        }
        writeln!(f, "\n`keepstone slot list` shows each save")
    }
}

impl fmt::Display for SaveFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(sequence) = self.sequence else {
            return writeln!(f, "  {}, {}: nothing is saved in it", self.kind, self.state);
        };
        writeln!(f, "  {}, {}, number {}", self.kind, self.state, count(sequence))?;
        if self.name_agrees == Some(false) {
            writeln!(f, "\nwarning: its name is that of another save")?;
        }
        match &self.container {
            Some(container) => write!(f, "\n{container}"),
            None => Ok(()),
        }
    }
}
