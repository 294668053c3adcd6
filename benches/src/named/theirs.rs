use std::{cell::RefCell, hint::black_box, path::Path, rc::Rc, thread};

use anyhow::{Context, Result};

use super::{Call, KEPT, PLAYER, What, done};
use crate::{Scratch, aw_save::AwSave, bundle::SaveBundle};

/// What is timed, and what has to be done behind it.
pub(super) fn call(what: What, bytes: Vec<u8>, dir: &Path) -> Result<(Call, Call)> {
    let bundle = SaveBundle::new(bytes);
    let call: Call = match what {
        What::Serialize => Box::new(move || done(postcard::to_allocvec(&bundle)?)),
        What::Deserialize => {
            let body = postcard::to_allocvec(&bundle)?;
            Box::new(move || done(postcard::from_bytes::<SaveBundle<Vec<u8>>>(&body)?))
        }
        What::Compress => {
            let body = postcard::to_allocvec(&bundle)?;
            Box::new(move || done(lz4_flex::compress_prepend_size(&body)))
        }
        What::Decompress => {
            let data = lz4_flex::compress_prepend_size(&postcard::to_allocvec(&bundle)?);
            Box::new(move || done(lz4_flex::decompress_size_prepended(&data)?))
        }
        What::Sum => Box::new(move || {
            black_box(crc32fast::hash(black_box(&bundle.world.ecs_blob)));
            Ok(())
        }),
        _ => return on_disk(what, &bundle, dir),
    };
    Ok((call, nothing()))
}

fn nothing() -> Call {
    Box::new(|| Ok(()))
}

fn on_disk(what: What, bundle: &SaveBundle<Vec<u8>>, dir: &Path) -> Result<(Call, Call)> {
    let players = if let What::Concurrent(count) = what { count } else { 1 };
    let theirs = Rc::new(Theirs::new(dir, players, bundle)?);
    let same = Rc::clone(&theirs);
    let after: Call = Box::new(move || same.keep());
    Ok(match what {
        What::Load => {
            theirs.save(0)?;
            (Box::new(move || theirs.load()), nothing())
        }
        What::RoundTrip => (Box::new(move || theirs.save(0).and_then(|()| theirs.load())), after),
        What::List(count) => {
            (0..count).try_for_each(|save| theirs.save(save % 10))?;
            (Box::new(move || theirs.list(count == 0)), nothing())
        }
        What::Concurrent(_) => (Box::new(move || theirs.save_at_once()), after),
        _ => (Box::new(move || theirs.save(0)), after),
    })
}

/// What a player saves, and where.
type Player = (AwSave, SaveBundle<Vec<u8>>);

/// Players with a directory each.
struct Theirs {
    players: RefCell<Vec<Player>>,
    _scratch: Scratch,
}

impl Theirs {
    fn new(dir: &Path, players: u8, bundle: &SaveBundle<Vec<u8>>) -> Result<Self> {
        let scratch = Scratch::new(dir, "named-aw-save")?;
        let player =
            |player| (AwSave::new(scratch.path().join(format!("{PLAYER}-{player}"))), bundle.clone());
        Ok(Self { players: RefCell::new((0..players).map(player).collect()), _scratch: scratch })
    }

    fn first<R>(&self, work: impl FnOnce(&mut Player) -> Result<R>) -> Result<R> {
        work(self.players.borrow_mut().first_mut().context("there is a player")?)
    }

    fn save(&self, slot: u8) -> Result<()> {
        self.first(|(saves, bundle)| saves.save(slot, bundle).map(drop))
    }

    fn save_at_once(&self) -> Result<()> {
        let mut players = self.players.borrow_mut();
        thread::scope(|scope| {
            let threads: Vec<_> =
                players.iter_mut().map(|(saves, bundle)| scope.spawn(|| saves.save(0, bundle))).collect();
            let mut results =
                threads.into_iter().map(|thread| thread.join().ok().context("a thread panicked")?);
            results.try_for_each(|result| result.map(drop))
        })
    }

    fn load(&self) -> Result<()> {
        self.first(|(saves, _)| done(saves.load_latest(0)?))
    }

    /// Lists what there is; who has saved nothing has no index.
    fn list(&self, is_empty: bool) -> Result<()> {
        self.first(|(saves, _)| match saves.list() {
            Err(_) if is_empty => Ok(()),
            listed => done(listed?),
        })
    }

    fn keep(&self) -> Result<()> {
        let kept = usize::try_from(KEPT)?;
        self.players.borrow_mut().iter_mut().try_for_each(|(saves, _)| saves.keep(kept))
    }
}
