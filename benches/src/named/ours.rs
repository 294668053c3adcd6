use std::{hint::black_box, path::Path, thread};

use anyhow::{Context, Result, ensure};
use keepstone::{
    format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions, crc32},
    value::{self, Decoder, Options, Rows},
};
use keepstone_slots::{Keep, SaveManager, SaveOptions};

use super::{Call, KEPT, PLAYER, What, done};
use crate::{
    Scratch,
    bundle::{Blob, SaveBundle},
};

pub(super) fn call(what: What, bytes: Vec<u8>, dir: &Path) -> Result<Call> {
    Ok(match what {
        What::Serialize => {
            let bundle = SaveBundle::new(Blob(bytes));
            Box::new(move || done(encode(&bundle)?))
        }
        What::Deserialize => {
            let rows = encode(&SaveBundle::new(Blob(bytes)))?;
            Box::new(move || done(decode(&rows)?))
        }
        What::Compress => {
            let body = postcard::to_allocvec(&SaveBundle::new(bytes))?;
            Box::new(move || done(container(&body)?))
        }
        What::Decompress => {
            let file = container(&postcard::to_allocvec(&SaveBundle::new(bytes))?)?;
            Box::new(move || {
                let reader = Reader::open(file.as_slice(), Limits::for_file_len(file.len() as u64))?;
                black_box(reader.read(reader.find(SectionId::BYTES, 0)?)?);
                Ok(())
            })
        }
        What::Sum => Box::new(move || {
            black_box(crc32(black_box(&bytes)));
            Ok(())
        }),
        _ => return managed(what, SaveBundle::new(Blob(bytes)), dir),
    })
}

/// What goes through a manager.
fn managed(what: What, bundle: SaveBundle<Blob>, dir: &Path) -> Result<Call> {
    let is_listed = matches!(what, What::List(_));
    let saves = Saves::new(dir, if is_listed { 10 } else { KEPT })?;
    Ok(match what {
        What::Load => {
            saves.save(PLAYER, 0, &bundle)?;
            Box::new(move || done(saves.load()?))
        }
        What::RoundTrip => Box::new(move || {
            saves.save(PLAYER, 0, &bundle)?;
            done(saves.load()?)
        }),
        What::List(count) => {
            (0..count).try_for_each(|save| saves.save(PLAYER, save % 10, &bundle))?;
            Box::new(move || saves.list(count.into()))
        }
        What::Concurrent(count) => {
            let players: Vec<String> = (0..count).map(|player| format!("player-{player}")).collect();
            Box::new(move || saves.save_at_once(&players, &bundle))
        }
        _ => Box::new(move || saves.save(PLAYER, 0, &bundle)),
    })
}

/// A manager, and behind it the directory that goes with it.
struct Saves {
    manager: SaveManager,
    _scratch: Scratch,
}

impl Saves {
    fn new(dir: &Path, kept: u32) -> Result<Self> {
        let scratch = Scratch::new(dir, "named-ours")?;
        let options = SaveOptions::default().keep(Keep::all(kept));
        Ok(Self { manager: SaveManager::open(scratch.path(), options)?, _scratch: scratch })
    }

    fn save(&self, player: &str, slot: u8, bundle: &SaveBundle<Blob>) -> Result<()> {
        done(self.manager.save(player, slot, bundle)?)
    }

    fn save_at_once(&self, players: &[String], bundle: &SaveBundle<Blob>) -> Result<()> {
        thread::scope(|scope| {
            let threads: Vec<_> =
                players.iter().map(|player| scope.spawn(|| self.save(player, 0, bundle))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().ok().context("a thread panicked")?)
        })
    }

    fn load(&self) -> Result<SaveBundle<Blob>> {
        Ok(self.manager.load_latest(PLAYER, 0)?.value)
    }

    fn list(&self, count: usize) -> Result<()> {
        let found = black_box(self.manager.list(PLAYER)?).len();
        ensure!(found == count, "{found} saves of {count} are listed");
        Ok(())
    }
}

/// As a payload that serde knows is encoded.
fn encode(bundle: &SaveBundle<Blob>) -> Result<Rows> {
    Ok(value::encode(std::iter::once(bundle), None, &Options::default())?)
}

fn decode(rows: &Rows) -> Result<SaveBundle<Blob>> {
    let options = Options::default();
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &options);
    let bundle = decoder.row(rows.lens.first().copied().context("there is a row")?)?;
    decoder.finish()?;
    Ok(bundle)
}

fn container(body: &[u8]) -> Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new(), WriterOptions::new(FileKind::SAVE).codec(Codec::Lz4))?;
    writer.coded_from(SectionId::BYTES, 0, &[body])?;
    Ok(writer.finish(Metadata::new())?.0)
}
