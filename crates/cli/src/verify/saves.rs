use std::{fmt, path::Path};

use keepstone::{
    format::{FileKind, Kind, Reader, tag},
    slots::{
        Player, SaveId,
        directory::{self, NOTE_LEN_MAX, Name, Stem},
    },
    storage,
};
use serde::Serialize;

use super::{Damage, Verified, keep};
use crate::error::{Error, with_causes};
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::saves::{self, Alone, Folder, Found, IndexState};
use crate::text::{Shown, count, plural};

/// What `verify` found in a root of saves.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    #[serde(skip)]
    name: String,
    format: &'static str,
    kind: &'static str,
    players: usize,
    /// Saves of which every byte is good.
    saves: usize,
    /// Of these, how many are deleted and can be brought back.
    deleted: usize,
    notes: usize,
    bytes: u64,
    sections: u32,
    chunks: u64,
    damage: Vec<Damage>,
    /// Files that this build can't read, and why.
    unread: Vec<String>,
    /// Files that the system refuses to read, of which nothing else is known to be wrong, and why.
    unreadable: Vec<String>,
    warnings: Vec<String>,
}

/// What became of one file.
pub(crate) enum Outcome {
    Good(Box<Verified>),
    Damaged(Vec<Damage>),
    /// Of a later version, or more than this build decodes.
    Unread(String),
    /// Nothing is committed in it, or a writer is at work on it.
    Nothing,
}

/// Checks every save, note and index of a root, or those of one player.
pub(crate) fn verify(found: &Found, player: Option<&str>, progress: &Progress) -> Result<Checked, Error> {
    let mut checked = Checked {
        name: found.dir().display().to_string(),
        format: "saves",
        kind: "save root",
        players: 0,
        saves: 0,
        deleted: 0,
        notes: 0,
        bytes: 0,
        sections: 0,
        chunks: 0,
        damage: Vec::new(),
        unread: Vec::new(),
        unreadable: Vec::new(),
        warnings: Vec::new(),
    };
    match &found.id {
        Some(Err(error)) if error.kind() == Kind::Damaged => {
            checked.damage.push(Damage::of_file("ROOT", &error.message()));
        }
        Some(Err(error)) => checked.unread.push(error.message()),
        Some(Ok(_)) => {}
        None => checked.warnings.push("there is no file ROOT; the next writer makes one".to_owned()),
    }
    if let Some(player) = player {
        // Whoever asks for what can't be there is told so.
        Player::new(player)?;
    }
    let players = found.players.iter().filter(|each| player.is_none_or(|player| each.as_str() == player));
    for player in players {
        let folder = Folder::read(player, &found.dir_of(player))?;
        checked.players += 1;
        for (name, file) in &folder.files {
            progress.step(&format!("{player}: {file}"));
            if let Err(error) = checked.check(&folder, *name, file) {
                checked.unreadable.push(error.message());
            }
        }
        let index = match folder.index {
            IndexState::Damaged => "is damaged",
            IndexState::Stale => "is not that of the directory",
            IndexState::Fresh | IndexState::Missing => continue,
        };
        checked.warnings.push(format!("the index of player {player} {index}; the next writer makes it anew"));
    }
    Ok(checked)
}

/// Checks one file that begins with a commit page.
pub(super) fn verify_file(path: &Path, alone: &Alone) -> Result<Verified, Error> {
    let mut verified = Verified::new(path, "save", 0);
    "save".clone_into(&mut verified.kind);
    if alone.is_empty {
        "file without a save".clone_into(&mut verified.kind);
        return Ok(verified);
    }
    let player = path.parent().and_then(Path::file_name).and_then(Player::from_dir_name);
    let outcome = match open(path)? {
        Ok(reader) => check(path, &reader, alone.name, player.as_ref())?,
        Err(outcome) => outcome,
    };
    match outcome {
        Outcome::Good(own) => Ok(Verified { format: "save", ..*own }),
        // What a writer that was stopped left there; no reader takes it for a save.
        Outcome::Damaged(_) if matches!(alone.name, Some(Name::Spare(_))) => {
            verified.warnings.push("what is in it was never finished".to_owned());
            Ok(verified)
        }
        Outcome::Damaged(damage) => Ok(Verified { damage, ..verified }),
        Outcome::Unread(_) | Outcome::Nothing => Err(saves::open(path)
            .err()
            .unwrap_or_else(|| storage::Error::Superseded { path: path.to_owned() }.into())),
    }
}

/// Opens the container of a save, or says what became of it.
pub(crate) fn open(path: &Path) -> Result<Result<Reader<saves::Content>, Outcome>, Error> {
    match saves::open(path) {
        Ok(reader) => Ok(Ok(reader)),
        Err(Error::Storage(storage::Error::Superseded { .. })) => Ok(Err(Outcome::Nothing)),
        // Something else has its name.
        Err(error @ Error::Storage(storage::Error::NotAFile { .. })) => {
            Ok(Err(Outcome::Damaged(vec![Damage::of_file("save", &with_causes(&error))])))
        }
        Err(error) => match error.kind() {
            Kind::NotFound => Ok(Err(Outcome::Nothing)),
            Kind::Damaged => Ok(Err(Outcome::Damaged(vec![Damage::of_file("save", &with_causes(&error))]))),
            Kind::Newer | Kind::Limit => Ok(Err(Outcome::Unread(with_causes(&error)))),
            _ => Err(error),
        },
    }
}

/// Checks every byte of a save, and that it is the one that its name tells of.
pub(crate) fn check(
    path: &Path,
    reader: &Reader<saves::Content>,
    name: Option<Name>,
    player: Option<&Player>,
) -> Result<Outcome, Error> {
    let mut own = Verified::new(path, "keep", reader.bytes());
    own.kind = reader.header().kind.to_string();
    let checked = keep::check(path, reader, &mut own);
    if checked.is_err() || !own.damage.is_empty() {
        // A writer that is faster than this, where there are no locks, is no damage.
        match reader.source().still() {
            Err(storage::Error::Superseded { .. }) => return Ok(Outcome::Nothing),
            Err(error) if error.kind() == Kind::NotFound => return Ok(Outcome::Nothing),
            still => still?,
        }
    }
    match checked {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), Kind::Newer | Kind::Limit) => {
            return Ok(Outcome::Unread(with_causes(&error)));
        }
        Err(error) => return Err(error),
    }
    if own.undecoded > 0 {
        return Ok(Outcome::Unread(format!(
            "{}: {} can't be decoded by this build; update keepstone",
            path.display(),
            plural(own.undecoded, "chunk")
        )));
    }
    if own.damage.is_empty()
        && let Some(stem) = name.and_then(|name| name.stem())
    {
        let player_of_head = reader.head().get(tag::PLAYER).and_then(|name| str::from_utf8(name).ok());
        let player_of_head = player_of_head.and_then(|name| Player::new(name).ok());
        let is_it = reader.header().kind == FileKind::SAVE
            && reader.header().epoch == stem.sequence
            && Stem::of_head(reader.head()) == Some(stem)
            && player_of_head.is_some_and(|owner| player.is_none_or(|player| *player == owner));
        if !is_it {
            own.damage
                .push(Damage::of_file("save", "it is not the save that its name and directory tell of"));
        }
    }
    if own.damage.is_empty() { Ok(Outcome::Good(Box::new(own))) } else { Ok(Outcome::Damaged(own.damage)) }
}

/// Checks the container of a note; says what is wrong with it.
pub(crate) fn check_note(path: &Path, id: SaveId) -> Result<Option<String>, Error> {
    let mut bytes = Vec::new();
    match storage::read(&storage::OsFiles, path, NOTE_LEN_MAX, &mut bytes) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), Kind::NotFound) => return Ok(None),
        Err(error) if error.kind() == Kind::Limit => return Ok(Some(with_causes(&error))),
        Err(error) => return Err(error.into()),
    }
    Ok(directory::check_note(&bytes, id).err().map(|error| with_causes(&error)))
}

impl Checked {
    /// Whether nothing was passed over because it can't be read.
    fn is_all_read(&self) -> bool {
        self.unread.is_empty() && self.unreadable.is_empty()
    }

    fn check(&mut self, folder: &Folder, name: Name, file: &str) -> Result<(), Error> {
        let path = folder.dir.join(file);
        let place = format!("{}: {file}", folder.player);
        if let Name::Note(stem, _) = name {
            match check_note(&path, stem.id)? {
                None => self.notes += 1,
                Some(fault) => self.damage.push(Damage::of_file("note", &fault).within(&place)),
            }
            return Ok(());
        }
        if !saves::may_hold_save(&name) {
            return Ok(());
        }
        let is_spare = matches!(name, Name::Spare(_));
        if is_spare && saves::find_file(&path).is_ok_and(|found| found.is_none_or(|alone| alone.is_empty)) {
            return Ok(());
        }
        let outcome = match open(&path)? {
            Ok(reader) => check(&path, &reader, Some(name), Some(&folder.player))?,
            Err(outcome) => outcome,
        };
        match outcome {
            Outcome::Good(own) => {
                self.saves += 1;
                self.deleted += usize::from(matches!(name, Name::Deleted(_)));
                self.bytes += own.bytes;
                self.sections += own.sections;
                self.chunks += own.chunks;
                let of = |warning: &String| format!("{place}: {warning}");
                self.warnings.extend(own.warnings.iter().map(of));
            }
            // A save that was never finished; no reader takes it for one.
            Outcome::Damaged(_) if is_spare => {}
            Outcome::Damaged(damage) => {
                self.damage.extend(damage.into_iter().map(|damage| damage.within(&place)));
            }
            Outcome::Unread(reason) => self.unread.push(reason),
            Outcome::Nothing => {}
        }
        Ok(())
    }
}

impl Report for Checked {
    fn exit(&self) -> Exit {
        match self.damage.is_empty() {
            false => Exit::Bad,
            true if self.is_all_read() => Exit::Good,
            true => Exit::Failed,
        }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Shown(&self.name);
        match self.damage.len() {
            0 if self.is_all_read() => writeln!(f, "{name}: good")?,
            0 => writeln!(f, "{name}: nothing is damaged, but not all can be read")?,
            places => writeln!(f, "{name}: damaged in {}", plural(places as u64, "place"))?,
        }
        for damage in &self.damage {
            writeln!(f, "  {damage}")?;
        }
        for unread in &self.unread {
            writeln!(f, "  not read: {}", Shown(unread))?;
        }
        for unreadable in &self.unreadable {
            writeln!(f, "  the system refuses it: {}", Shown(unreadable))?;
        }
        writeln!(
            f,
            "  {} of {} ({} deleted), {}, {} bytes: every checksum of these holds",
            plural(self.saves as u64, "save"),
            plural(self.players as u64, "player"),
            count(self.deleted as u64),
            plural(self.notes as u64, "note"),
            count(self.bytes),
        )?;
        for warning in &self.warnings {
            writeln!(f, "  warning: {}", Shown(warning))?;
        }
        Ok(())
    }
}
