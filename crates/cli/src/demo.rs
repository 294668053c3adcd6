//! A world built, saved, loaded and compared, with what each step took.

mod aw_save;
mod checkpoints;
mod ecs;
mod floor;
mod folder;
mod in_bevy;
mod in_hecs;
mod killed;
mod measure;
mod memory;
mod report;
mod slots;
mod spawn;
mod streamed;
mod world;

use std::path::{Path, PathBuf};

use keepstone::{Codec, LoadOptions, SaveOptions, WorldFiles as _, ecs::Capture, world::SaveReport};

use self::ecs::Ecs;
use self::floor::Floor;
use self::folder::Folder;
use self::measure::{Measurement, alternate};
use self::report::{Check, Demonstration};
use self::world::Row;
use crate::args::{DemoArgs, EcsName};
use crate::error::Error;
use crate::progress::Progress;
use crate::text::{count, plural};
use crate::verify;

/// The files that are saved.
const FILES: [(Codec, &str); 2] = [(Codec::None, "demo.keep"), (Codec::Lz4, "demo-lz4.keep")];

/// The most entities of which several copies are made, for floors that need the same data, and for a comparison value by value.
const COPIES_MAX: u32 = 2_000_000;

/// Builds, saves, loads and compares a world.
pub(crate) fn run(args: &DemoArgs, progress: &Progress) -> Result<Demonstration, Error> {
    match args.ecs {
        EcsName::Bevy => show::<_, bevy_ecs::world::World>(args, progress),
        EcsName::Hecs => show::<_, hecs::World>(args, progress),
    }
}

fn show<M, W: Ecs<M>>(args: &DemoArgs, progress: &Progress) -> Result<Demonstration, Error> {
    if let Some(root) = &args.saver {
        slots::save_on(root)?;
        return Ok(Demonstration::new(W::NAME, 0));
    }
    if let Some(path) = &args.checkpointer {
        checkpoints::make_on(path)?;
        return Ok(Demonstration::new(W::NAME, 0));
    }
    let folder = Folder::new(args.dir.as_deref())?;
    let mut demonstration = Demonstration::new(W::NAME, args.entities);
    if args.memory_only {
        streamed::watch::<M, W>(&mut demonstration, folder.path(), progress)?;
        return Ok(demonstration);
    }
    streamed::show::<M, W>(&mut demonstration, args.ecs, folder.path(), progress)?;
    let kept = if args.entities <= COPIES_MAX { FILES.len() } else { 1 };
    let files = FILES.map(|(codec, name)| (codec, folder.path().join(name)));
    if args.entities <= COPIES_MAX {
        compare::<M, W>(&mut demonstration, args.entities, &folder, &files, progress)?;
    } else {
        for (codec, path) in files.iter().take(kept) {
            progress.step("verifying");
            demonstration.checks.push(check_bytes(path, *codec)?);
        }
    }
    progress.step("saving to slots");
    demonstration.checks.extend(slots::check::<M, W>(args.entities, folder.path())?);
    progress.step("making checkpoints");
    checkpoints::show(&mut demonstration, folder.path())?;
    demonstration.checks.push(aw_save::check());
    if args.dir.is_some() {
        let kept = files.iter().take(kept);
        demonstration.files = kept.map(|(_, path)| path.display().to_string()).collect();
    }
    Ok(demonstration)
}

/// Measures each step beside its floor, and compares what was loaded with what was saved: with copies of the world in memory.
fn compare<M, W: Ecs<M>>(
    demonstration: &mut Demonstration,
    entities: u32,
    folder: &Folder,
    files: &[(Codec, PathBuf); 2],
    progress: &Progress,
) -> Result<(), Error> {
    let rows: Vec<Row> = world::rows(entities).collect();
    let world = W::build(rows.iter().cloned());
    let registry = W::derived_registry().map_err(|source| Error::Capture { source })?;
    let capture = world.capture(registry).map_err(|source| Error::Capture { source })?;

    let mut floor = Floor::new(&capture, folder.path());
    progress.step("saving to memory");
    demonstration.measurements.push(save_to_memory(&world, &mut floor)?);
    for (codec, path) in files {
        progress.step("saving durably");
        // Saved once before anything is timed: later saves replace a file, and the floors have a size.
        let saved = save(&world, path, *codec)?;
        if *codec != Codec::None {
            demonstration.saved(&saved, codec.name(), false);
        }
        demonstration.measurements.push(save_durably(&world, path, *codec, &mut floor)?);
    }
    for (codec, path) in files {
        progress.step("loading");
        demonstration.measurements.push(load::<M, W>(path, *codec, &mut floor)?);
    }
    let [(codec, path), ..] = files;
    demonstration.measurements.push(load_beside_spawn::<M, W>(path, *codec, &rows)?);
    for (codec, path) in files {
        progress.step("comparing");
        demonstration.checks.push(check_equal(&world, &capture, path, *codec)?);
        demonstration.checks.push(check_bytes(path, *codec)?);
    }
    Ok(())
}

fn save<M, W: Ecs<M>>(world: &W, path: &Path, codec: Codec) -> Result<SaveReport, Error> {
    Ok(world.save_with(path, &SaveOptions::default().codec(codec))?)
}

fn save_to_memory<M, W: Ecs<M>>(world: &W, floor: &mut Floor<'_>) -> Result<Measurement, Error> {
    let (mut out, mut bytes) = (Vec::new(), 0);
    let times = alternate(
        || {
            out.clear();
            bytes =
                world.save_to_with(&mut out, &SaveOptions::default().codec(Codec::None))?.encoded.bytes_total;
            Ok(())
        },
        || {
            floor.copy_and_checksum();
            Ok(())
        },
    )?;
    Ok(Measurement::new(
        "save to memory",
        Codec::None,
        bytes,
        times,
        "memcpy + CRC-32 of its plain columns",
        floor.plain_len(),
    ))
}

fn save_durably<M, W: Ecs<M>>(
    world: &W,
    path: &Path,
    codec: Codec,
    floor: &mut Floor<'_>,
) -> Result<Measurement, Error> {
    let bytes = floor.set_file(path)?;
    let times = alternate(|| save(world, path, codec).map(|_| ()), || floor.write_durably())?;
    Ok(Measurement::new(
        "save durably",
        codec,
        bytes,
        times,
        "write, fdatasync, rename, sync of directory",
        bytes,
    ))
}

fn load<M, W: Ecs<M>>(path: &Path, codec: Codec, floor: &mut Floor<'_>) -> Result<Measurement, Error> {
    let bytes = floor.set_file(path)?;
    let times = alternate(|| Ok(W::load(path)?), || floor.read_and_checksum(path))?;
    Ok(Measurement::new("load", codec, bytes, times, "read + CRC-32 of the file", bytes))
}

fn load_beside_spawn<M, W: Ecs<M>>(path: &Path, codec: Codec, rows: &[Row]) -> Result<Measurement, Error> {
    let rows = W::rows(rows);
    let (mut bytes, mut spawned) = (0, rows.clone());
    let times = measure::alternate_prepared(
        || (),
        |()| {
            let (world, report) = W::load_with(path, &LoadOptions::default())?;
            bytes = report.bytes;
            Ok(world)
        },
        || std::mem::replace(&mut spawned, rows.clone()),
        |rows| Ok(W::spawn(rows)),
    )?;
    Ok(Measurement::new("load", codec, bytes, times, W::FLOOR, 0))
}

/// Compares every component of every entity, every reference and every resource with what a file gives back.
fn check_equal<M, W: Ecs<M>>(
    world: &W,
    capture: &Capture<'_, W::Entity>,
    path: &Path,
    codec: Codec,
) -> Result<Check, Error> {
    let registry = W::derived_registry().map_err(|source| Error::Capture { source })?;
    let (loaded, report) = W::load_with(path, &LoadOptions::default())?;
    let entities = report.spawned.entities;
    let pairs: Vec<_> = capture.entities().zip(entities.iter().copied()).collect();
    let is_whole = capture.entities().count() == entities.len();
    let difference =
        world.difference(&loaded, &pairs, registry).map_err(|source| Error::Capture { source })?;
    let detail = match &difference {
        Some(difference) => difference.to_string(),
        None => format!(
            "{} of {}, with {}",
            count(pairs.len() as u64),
            plural(capture.entities().count() as u64, "entity"),
            W::WITH
        ),
    };
    Ok(Check::new(
        &format!("loaded is equal, {}", report::codec_name(codec.name())),
        is_whole && difference.is_none(),
        detail,
    ))
}

fn check_bytes(path: &Path, codec: Codec) -> Result<Check, Error> {
    let verified = verify::run(path, &Progress::silent())?;
    let detail = plural(verified.bytes(), "byte");
    Ok(Check::new(
        &format!("every byte verified, {}", report::codec_name(codec.name())),
        verified.is_good(),
        detail,
    ))
}
