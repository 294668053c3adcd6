use std::{fmt, path::Path};

use keepstone::slots::{self, SaveReader, directory::Name};
use serde::Serialize;

use crate::args::ListArgs;
use crate::error::Error;
use crate::output::{Exit, Report};
use crate::saves::{Folder, Save, table};
use crate::text::{Shown, plural, size};

/// What `slot list` shows.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    #[serde(skip)]
    name: String,
    deleted: bool,
    players: Vec<Player>,
}

/// The saves of a player, the newest first.
#[derive(Debug, Serialize)]
struct Player {
    #[serde(rename = "player")]
    name: String,
    bytes: u64,
    saves: Vec<Save>,
    /// Files that were found damaged; no save is loaded from them.
    set_aside: Vec<String>,
}

/// Lists saves.
pub(super) fn run(args: &ListArgs) -> Result<Listed, Error> {
    let reader = SaveReader::open(&args.root)?;
    let names: Vec<String> = match &args.player {
        Some(player) => vec![player.clone()],
        None => reader.players()?.iter().map(|player| player.as_str().to_owned()).collect(),
    };
    let mut players = Vec::new();
    for player in names {
        let found = if args.deleted { reader.list_deleted(&player)? } else { reader.list(&player)? };
        let saves: Vec<Save> = found.iter().map(Save::new).collect();
        let set_aside = if args.deleted { Vec::new() } else { set_aside(&args.root, &player)? };
        if !saves.is_empty() || !set_aside.is_empty() {
            let bytes = saves.iter().fold(0, |sum: u64, save| sum.saturating_add(save.bytes));
            players.push(Player { name: player, bytes, saves, set_aside });
        }
    }
    Ok(Listed { name: args.root.display().to_string(), deleted: args.deleted, players })
}

/// The files of a player that were found damaged and set aside.
fn set_aside(root: &Path, player: &str) -> Result<Vec<String>, Error> {
    let player = slots::Player::new(player)?;
    let dir = root.join(player.dir_name());
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let files = Folder::read(&player, &dir)?.files.into_iter();
    Ok(files.filter(|(name, _)| matches!(name, Name::Damaged(_))).map(|(_, file)| file).collect())
}

impl Report for Listed {
    fn exit(&self) -> Exit {
        Exit::Good
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.deleted { "deleted save" } else { "save" };
        if self.players.is_empty() {
            return writeln!(f, "{}: no {what}s", Shown(&self.name));
        }
        for (place, player) in self.players.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            let count = plural(player.saves.len() as u64, what);
            writeln!(f, "{}: {count}, {}", Shown(&player.name), size(player.bytes))?;
            write!(f, "{}", table(&player.saves))?;
            for file in &player.set_aside {
                writeln!(f, "  set aside, since it is damaged: {file}")?;
            }
            for save in &player.saves {
                if let Some(reason) = &save.reason {
                    let file = Path::new(&save.file).display().to_string();
                    writeln!(f, "  {}: {}", Shown(&file), Shown(reason))?;
                }
            }
        }
        Ok(())
    }
}
