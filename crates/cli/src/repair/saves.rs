use std::{fmt, path::Path, sync::Arc};

use keepstone::{
    format::{ReadAt as _, Reader, WriterOptions},
    slots::{
        Player, SaveOptions,
        directory::{Name, Stem},
    },
    storage::{
        self, Durability, Files as _, OsFiles, atomic,
        spare::{Sealed, Spares},
    },
};
use serde::Serialize;

use super::{Repaired, mend};
use crate::args::RepairArgs;
use crate::convert::{blamed, refuse_same};
use crate::error::{Error, with_causes};
use crate::log::refuse_out;
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::saves::{self, Alone, Behind, Folder, Found};
use crate::slot;
use crate::text::{Shown, count, hex, plural};
use crate::verify::saves::{Outcome, check, check_note, open};

/// Lost files that are listed for people; JSON lists all.
const SHOWN_MAX: usize = 50;

/// What `repair` copied of a root of saves and what it could not.
#[derive(Debug, Serialize)]
pub(crate) struct Copied {
    #[serde(skip)]
    name: String,
    out: String,
    kind: &'static str,
    /// The id of the new root.
    root_id: String,
    players: usize,
    /// Saves that were copied, deleted ones as well.
    saves: usize,
    notes: usize,
    bytes: u64,
    bytes_out: u64,
    lost: Vec<Lost>,
    warnings: Vec<String>,
}

/// A save or note that was not copied.
#[derive(Debug, Serialize)]
struct Lost {
    what: &'static str,
    player: String,
    slot: Option<u8>,
    id: Option<String>,
    file: String,
    message: String,
}

/// Writes every save that verifies, with its id, its number and its note, to a new root in `out`.
pub(super) fn run(path: &Path, found: &Found, out: &Path, progress: &Progress) -> Result<Copied, Error> {
    refuse_out(path, out)?;
    // Makes the root, and keeps others from writing to it.
    let manager = slot::open(out, SaveOptions::default())?;
    let mut copied = Copied {
        name: path.display().to_string(),
        out: out.display().to_string(),
        kind: "save root",
        root_id: hex(&manager.root_id()),
        players: 0,
        saves: 0,
        notes: 0,
        bytes: 0,
        bytes_out: 0,
        lost: Vec::new(),
        warnings: Vec::new(),
    };
    if let Some(Err(error)) = &found.id {
        copied.warnings.push(error.message());
    }
    for player in &found.players {
        let folder = Folder::read(player, &found.dir_of(player))?;
        let to = out.join(player.dir_name());
        let mut copy = Copy::begin(&folder, &to, manager.root_id(), &mut copied)?;
        for (name, file) in &folder.files {
            progress.step(&format!("{player}: {file}"));
            copy.save(*name, file)?;
        }
        for (name, file) in &folder.files {
            copy.note(*name, file)?;
        }
        // Until then a power cut may take the names back.
        OsFiles.sync_dir(&to).map_err(Error::Out)?;
        copied.players += 1;
    }
    Ok(copied)
}

/// The saves of one player on their way.
struct Copy<'c> {
    folder: &'c Folder,
    to: &'c Path,
    root_id: [u8; 16],
    spares: Spares,
    copied: &'c mut Copied,
    /// Those that are there now.
    done: Vec<Stem>,
}

impl<'c> Copy<'c> {
    fn begin(
        folder: &'c Folder,
        to: &'c Path,
        root_id: [u8; 16],
        copied: &'c mut Copied,
    ) -> Result<Self, Error> {
        let (spares, _) = Spares::open(Arc::new(OsFiles), to, None).map_err(Error::Out)?;
        Ok(Self { folder, to, root_id, spares, copied, done: Vec::new() })
    }

    fn save(&mut self, name: Name, file: &str) -> Result<(), Error> {
        if !saves::may_hold_save(&name) {
            return Ok(());
        }
        let path = self.folder.dir.join(file);
        let is_spare = matches!(name, Name::Spare(_));
        if is_spare && saves::find_file(&path).is_ok_and(|found| found.is_none_or(|alone| alone.is_empty)) {
            return Ok(());
        }
        let reader = match open(&path)? {
            Ok(reader) => reader,
            Err(outcome) => {
                self.lose(name, file, &outcome);
                return Ok(());
            }
        };
        match check(&path, &reader, Some(name), Some(&self.folder.player))? {
            Outcome::Good(_) => {}
            outcome => {
                self.lose(name, file, &outcome);
                return Ok(());
            }
        }
        self.copied.bytes += reader.bytes();
        // Without a name it is the save that it says.
        let stem = name.stem().or_else(|| Stem::of_head(reader.head()));
        let Some(stem) = stem.filter(|stem| !self.done.contains(stem)) else { return Ok(()) };
        let to = if is_spare { Name::Save(stem) } else { name };
        let bytes = self.write(&path, &reader, &stem, &to.to_string())?;
        self.copied.bytes_out += bytes;
        self.copied.saves += 1;
        self.done.push(stem);
        Ok(())
    }

    fn write(
        &self,
        path: &Path,
        reader: &Reader<saves::Content>,
        stem: &Stem,
        file: &str,
    ) -> Result<u64, Error> {
        let mut draft = self.spares.begin(stem.sequence, reader.bytes()).map_err(Error::Out)?;
        let options = WriterOptions::of(reader).store(self.root_id, stem.sequence);
        let failed = |source| blamed(path, self.to, source);
        let mut writer = draft.container(options).map_err(failed)?;
        for section in reader.sections() {
            writer.copy_section(reader, section).map_err(failed)?;
        }
        let (_, written) = writer.finish(reader.tail().clone()).map_err(failed)?;
        let sealed = draft.seal(written).and_then(Sealed::sync).map_err(Error::Out)?;
        let committed = sealed.publish(file.as_ref()).map_err(Error::Out)?;
        match committed.unnamed {
            Some(error) => Err(Error::Out(error)),
            None => Ok(committed.bytes),
        }
    }

    /// Copies the note that counts of a save that was copied.
    fn note(&mut self, name: Name, file: &str) -> Result<(), Error> {
        let Name::Note(stem, number) = name else { return Ok(()) };
        let is_later =
            |other: &Name| matches!(other, Name::Note(of, later) if *of == stem && *later > number);
        if !self.done.contains(&stem) || self.folder.count(is_later) > 0 {
            return Ok(());
        }
        let path = self.folder.dir.join(file);
        if let Some(fault) = check_note(&path, stem.id)? {
            self.copied.lost.push(lost("note", &self.folder.player, name, file, fault));
            return Ok(());
        }
        let bytes = crate::source::read(&path, u64::from(u16::MAX))?;
        atomic::replace(&OsFiles, &self.to.join(file), Durability::Durable, &bytes).map_err(Error::Out)?;
        self.copied.notes += 1;
        Ok(())
    }

    fn lose(&mut self, name: Name, file: &str, outcome: &Outcome) {
        let message = match outcome {
            // What was never finished is not lost, and what is gone was rotated out meanwhile.
            Outcome::Damaged(_) if matches!(name, Name::Spare(_)) => return,
            Outcome::Good(_) | Outcome::Nothing => return,
            Outcome::Damaged(damage) => damage.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            Outcome::Unread(reason) => reason.clone(),
        };
        self.copied.lost.push(lost("save", &self.folder.player, name, file, message));
    }
}

fn lost(what: &'static str, player: &Player, name: Name, file: &str, message: String) -> Lost {
    Lost {
        what,
        player: player.as_str().to_owned(),
        slot: name.stem().and_then(|stem| stem.slot),
        id: name.stem().map(|stem| stem.id.to_string()),
        file: file.to_owned(),
        message,
    }
}

/// Writes what is left of one save as a container of its own.
pub(super) fn run_file(args: &RepairArgs, alone: &Alone) -> Result<Repaired, Error> {
    let (path, out) = (&args.path, &args.out);
    refuse_same(path, out)?;
    if alone.is_empty {
        return Err(Error::NothingLeft { path: path.clone() });
    }
    let mut first = [0; 8];
    match saves::content(path) {
        Ok((_, content)) => {
            let first = content.read_exact_at(0, &mut first).map_or(&[][..], |()| &first[..]);
            let repaired = mend(path, out, &content, first)?;
            content.still()?;
            Ok(repaired)
        }
        Err(Error::Storage(error @ storage::Error::Container { .. })) => {
            let behind = Behind::open(path)?;
            let first = behind.read_exact_at(0, &mut first).map_or(&[][..], |()| &first[..]);
            let mut repaired = mend(path, out, &behind, first)?;
            repaired.warnings.push(format!(
                "{}; what stands behind it was taken for the save, and was in the file last",
                with_causes(&error)
            ));
            Ok(repaired)
        }
        Err(error) => Err(error),
    }
}

impl Report for Copied {
    fn exit(&self) -> Exit {
        if self.lost.is_empty() { Exit::Good } else { Exit::Bad }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}", Shown(&self.name), Shown(&self.out))?;
        writeln!(
            f,
            "  {} of {}, {}, {} bytes -> {} bytes",
            plural(self.saves as u64, "save"),
            plural(self.players as u64, "player"),
            plural(self.notes as u64, "note"),
            count(self.bytes),
            count(self.bytes_out),
        )?;
        for lost in self.lost.iter().take(SHOWN_MAX) {
            let (player, file, message) = (Shown(&lost.player), Shown(&lost.file), Shown(&lost.message));
            writeln!(f, "  lost: {} of {player}, {file}: {message}", lost.what)?;
        }
        if let Some(more) = self.lost.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
        }
        if self.lost.is_empty() {
            writeln!(f, "  nothing was lost")?;
        }
        Ok(())
    }
}
