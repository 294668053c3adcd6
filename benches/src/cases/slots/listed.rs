use std::{
    hint::black_box,
    path::{Path, PathBuf},
    rc::Rc,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use keepstone::{
    format::Head,
    storage::{Durability, Files as _, OsFiles, read},
};
use keepstone_slots::{Bytes, Keep, Player, SaveOptions, SaveReader, SaveRequest};

use super::Root;
use crate::{
    Scratch,
    bundle::Data,
    case::{Case, Plan},
    named::PLAYER,
    sleeper::doze,
};

/// What of a file a list has to read: its commit page, header and head.
const PREFIX_LEN: usize = 8192;
const PAGE_LEN: usize = 4096;
const PAYLOAD_LEN: usize = 1024;
const THUMBNAIL_LEN: usize = 64 << 10;
/// More than the seconds for which a file system doesn't tell whether something has changed, in waits of a fifth of a millisecond.
const SETTLED_DOZES: u32 = 20_000;
/// Slots that the saves of one player are in.
const SLOTS: u32 = 100;

/// The saves of one player, beside the names in the directory and the whole of its index. A file has just come and gone each time, so that the names have to be read.
pub(in crate::cases) fn of_player(plan: &Plan, dir: &Path) -> Result<Case> {
    let root = Many::new(plan, dir, &[PLAYER.to_owned()])?;
    let player = root.player_dir(PLAYER)?;
    let (other, count) = (player.join("other"), plan.amount);
    let case = plan.case().limit(1.3).ours(move |watch| {
        if watch.is_counting() {
            return watch.each(|| listed(root.0.manager().list(PLAYER)?.len(), count));
        }
        watch.spent(|| {
            drop(OsFiles.create_new(&other)?);
            OsFiles.remove(&other)?;
            let begin = Instant::now();
            let saves = root.0.manager().list(PLAYER)?;
            let took = begin.elapsed();
            listed(saves.len(), count)?;
            Ok(took)
        })
    });
    Ok(beside_index(case, player))
}

/// The same in a process that has just begun: the saves are opened for reading each time.
pub(in crate::cases) fn fresh(plan: &Plan, dir: &Path) -> Result<Case> {
    let root = Many::new(plan, dir, &[PLAYER.to_owned()])?;
    let player = root.player_dir(PLAYER)?;
    let count = plan.amount;
    let case = plan.case().ours(move |watch| {
        watch.each(|| listed(SaveReader::open(root.0.manager().dir())?.list(PLAYER)?.len(), count))
    });
    Ok(beside_index(case, player))
}

fn beside_index(case: Case, dir: PathBuf) -> Case {
    let mut index = Vec::new();
    case.floor(1.0, "read_dir + index read whole", move |watch| {
        watch.each(|| {
            index.clear();
            read(&OsFiles, &dir.join("index"), u64::MAX, &mut index)?;
            Ok((names(&dir)?, index.len()))
        })
    })
}

/// The saves of all players, beside a read of what a list needs of each file. The last save is some seconds old, as it is when somebody looks at a load screen.
pub(in crate::cases) fn in_root(plan: &Plan, dir: &Path) -> Result<Case> {
    let players = players(plan);
    let root = Many::new(plan, dir, &players)?;
    root.settle(&players)?;
    let files = root.files(&players)?;
    let count = plan.amount;
    let case = plan.case().limit(0.1).per("save", count).ours(move |watch| {
        watch.each(|| {
            let lists = players.iter().map(|player| Ok(root.0.manager().list(player)?.len()));
            listed(lists.sum::<Result<_>>()?, count)
        })
    });
    beside_prefixes(case, files)
}

/// The same in a process that has just begun.
pub(in crate::cases) fn in_root_fresh(plan: &Plan, dir: &Path) -> Result<Case> {
    let players = players(plan);
    let root = Many::new(plan, dir, &players)?;
    let files = root.files(&players)?;
    let count = plan.amount;
    let case = plan.case().limit(0.1).per("save", count).ours(move |watch| {
        watch.each(|| {
            let reader = SaveReader::open(root.0.manager().dir())?;
            let lists = players.iter().map(|player| Ok(reader.list(player)?.len()));
            listed(lists.sum::<Result<_>>()?, count)
        })
    });
    beside_prefixes(case, files)
}

fn beside_prefixes(case: Case, files: Vec<PathBuf>) -> Result<Case> {
    ensure!(heads(&files)? == files.len(), "a save has no head");
    Ok(case.floor(1.0, "open, 8 KiB, head of each", move |watch| watch.each(|| heads(&files))))
}

/// As many players as have a hundred saves each; one alone has a name of its own.
fn players(plan: &Plan) -> Vec<String> {
    (0..plan.amount / SLOTS).map(|player| format!("{PLAYER}-{player}")).collect()
}

/// Sixteen slots with a picture each, beside as many files with the pictures alone.
pub(in crate::cases) fn screen(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "slots-screen")?);
    let root = Root::open(&scratch, "ours", SaveOptions::default())?;
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    picture.extend(Data::Random.bytes(THUMBNAIL_LEN));
    let mut pictures = Vec::new();
    for slot in 0..u8::try_from(plan.amount)? {
        let payload: Bytes<'_> = Data::Mixed.bytes(100 * PAYLOAD_LEN).into();
        let request = SaveRequest::new().thumbnail(picture.as_slice()).name(format!("Slot {slot}"));
        root.manager().save_with(PLAYER, slot, &payload, &request)?;
        let path = scratch.path().join(format!("{slot}.png"));
        keepstone::storage::atomic::replace(&OsFiles, &path, Durability::Buffered, &picture)?;
        pictures.push(path);
    }
    root.manager().settle();
    let len = picture.len();
    let case = plan.case().per("slot", plan.amount).ours(move |watch| {
        watch.each(|| {
            for save in root.manager().list(PLAYER)? {
                let thumbnail = root.manager().thumbnail(&save)?.context("it was saved with one")?;
                ensure!(thumbnail.len() == len, "a picture has {} bytes", thumbnail.len());
                black_box(thumbnail);
            }
            Ok(())
        })
    });
    Ok(case.floor(1.0, "each picture read from a file of its own", move |watch| {
        watch.each(|| {
            for path in &pictures {
                let mut bytes = Vec::new();
                read(&OsFiles, path, u64::MAX, &mut bytes)?;
                black_box(bytes);
            }
            Ok(())
        })
    }))
}

/// As many saves as a plan says.
struct Many(Root);

impl Many {
    /// Saves 1 KB over and over, by each player to many slots, without a sync.
    fn new(plan: &Plan, dir: &Path, players: &[String]) -> Result<Self> {
        let scratch = Rc::new(Scratch::new(dir, "slots-list")?);
        let options = SaveOptions::default().keep(Keep::all(u32::MAX)).background(false).spares(0);
        let root = Root::open(&scratch, "ours", options)?;
        let payload: Bytes<'_> = Data::Mixed.bytes(PAYLOAD_LEN).into();
        let request = SaveRequest::new().durability(Durability::Buffered).place("the bridge").tick(12_345);
        let each = plan.amount / u32::try_from(players.len())?;
        for player in players {
            for save in 0..each {
                let request = request.clone().name(format!("Save {save}")).created_at(save.into());
                root.manager().save_with(player, u8::try_from(save % SLOTS)?, &payload, &request)?;
            }
        }
        root.manager().maintain()?;
        Ok(Self(root))
    }

    /// Waits until the file system can tell that nothing changes, if it ever can.
    fn settle(&self, players: &[String]) -> Result<()> {
        let mut dozes = 0;
        for player in players {
            let dir = self.player_dir(player)?;
            while OsFiles.stamp(&dir).is_none() && dozes < SETTLED_DOZES {
                doze();
                dozes += 1;
            }
        }
        Ok(())
    }

    fn player_dir(&self, player: &str) -> Result<PathBuf> {
        Ok(self.0.manager().dir().join(Player::new(player)?.dir_name()))
    }

    /// All files of saves.
    fn files(&self, players: &[String]) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for player in players {
            let dir = self.player_dir(player)?;
            let saves = OsFiles.list(&dir)?;
            let saves =
                saves.iter().filter(|name| Path::new(name).extension().is_some_and(|is| is == "save"));
            files.extend(saves.map(|name| dir.join(name)));
        }
        Ok(files)
    }
}

fn listed(found: usize, count: u32) -> Result<()> {
    ensure!(found == usize::try_from(count)?, "{found} saves of {count} are listed");
    Ok(())
}

fn names(dir: &Path) -> Result<usize> {
    Ok(OsFiles.list(dir)?.len())
}

/// Reads the prefix of each file, and counts those that have a head.
fn heads(paths: &[PathBuf]) -> Result<usize> {
    let mut buffer = [0; PREFIX_LEN];
    let mut count = 0;
    for path in paths {
        let file = OsFiles.open(path)?;
        let len = file.read_at(&mut buffer, 0)?;
        let head = buffer.get(PAGE_LEN..len).context("there is a container behind the page")?;
        black_box(Head::read(head)?);
        count += 1;
    }
    Ok(count)
}
