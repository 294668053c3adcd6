//! Worlds in parts: saved while they are walked through, and spawned while they are read.

use std::{
    io::{Read, Write},
    num::NonZeroU32,
    path::Path,
    time::{Duration, Instant},
};

use keepstone_ecs_persist::{Dangling, EcsWorld, LeftBehind, PartReader, PartWriter};
use keepstone_format::Limits;

use crate::{
    captured::{Left, hidden, refuse_lost},
    error::Error,
    options::{LoadOptions, SaveOptions},
    placed,
    report::{LoadReport, SaveReport},
    target::{Encoded, Target, report},
};

/// Saves a world to a file, part by part.
pub(crate) fn save<M, W: EcsWorld<M>>(
    world: &W,
    path: &Path,
    rows: NonZeroU32,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<SaveReport, Error> {
    let target = Target::of(options);
    target.replace(path, |out| encode(world, out, rows, &target, options), Duration::ZERO)
}

/// Writes a world to a stream, part by part.
pub(crate) fn save_to<M, W: EcsWorld<M>>(
    world: &W,
    out: &mut dyn Write,
    rows: NonZeroU32,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<SaveReport, Error> {
    let (encoded, left) = encode(world, out, rows, &Target::of(options), options)?;
    Ok(report(encoded, left, Duration::ZERO))
}

fn encode<M, W: EcsWorld<M>>(
    world: &W,
    out: &mut dyn Write,
    rows: NonZeroU32,
    target: &Target,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<(Encoded, Left), Error> {
    refuse_whole(options)?;
    let begin = Instant::now();
    let registry = match options.registry {
        Some(registry) => registry,
        None => W::derived_registry()?,
    };
    let mut writer = PartWriter::new(out, "", &options.meta, target.container())?;
    let LeftBehind { mut left_out, entities, dangling, .. } =
        world.capture_parts(registry, rows.get(), &mut writer)?;
    left_out.extend(hidden(world, registry, options)?);
    if options.strict {
        refuse_lost(&left_out, dangling)?;
    }
    let (_, report) = writer.finish()?;
    let left = Left { values: left_out, entities, dangling };
    Ok((Encoded { report, time: begin.elapsed(), crc: None }, left))
}

/// Refuses parts where `whole` has worlds in one piece already.
pub(crate) fn refuse_parts<R>(options: &SaveOptions<'_, R>, whole: &'static str) -> Result<(), Error> {
    if options.part_rows.is_some() { Err(Error::NotInParts { option: whole }) } else { Ok(()) }
}

/// Refuses what needs the world in one piece.
fn refuse_whole<R>(options: &SaveOptions<'_, R>) -> Result<(), Error> {
    let asked = [
        (options.filter.is_some(), "a filter"),
        (options.canonical, "a canonical order"),
        (options.dangling != Dangling::Null, "a policy for dangling references"),
        (options.format.as_ref().is_some_and(|format| !format.is_columnar()), "another format"),
    ];
    match asked.iter().find(|(is_asked, _)| *is_asked) {
        Some((_, option)) => Err(Error::NotInParts { option }),
        None => Ok(()),
    }
}

/// Whether a load takes a world part by part: not where something asks for all of it.
pub(crate) fn can_load<R>(options: &LoadOptions<'_, R>) -> bool {
    options.filter.is_none()
        && options.dangling == Dangling::Null
        && options.world.is_none()
        && options.chain().is_none()
}

/// What a stream may hold whose length nobody knows: its entities are bounded by what they take, of which `decoded_max` is the measure.
fn of_stream() -> Limits {
    let mut limits = Limits::default();
    limits.rows_max = u32::MAX - 1;
    limits
}

/// Spawns a world part by part, as it is read; `len` is how long the container is, where that is known.
pub(crate) fn load<M, W: EcsWorld<M>>(
    world: &mut W,
    from: &mut dyn Read,
    len: Option<u64>,
    options: &LoadOptions<'_, W::Registry>,
) -> Result<LoadReport<W::Entity>, Error> {
    let begin = Instant::now();
    let limits = options.limits.unwrap_or_else(|| len.map_or_else(of_stream, Limits::for_file_len));
    let mut reader = PartReader::new(from, limits)?;
    let registry = placed::registry::<M, W>(options)?;
    let spawned = world.spawn_parts(&mut reader, registry, &options.to_spawn(limits.decoded_max))?;
    Ok(LoadReport {
        spawned,
        restored: None,
        migrated: None,
        left_out: Vec::new(),
        entities_left_out: 0,
        meta: reader.meta().clone(),
        bytes: reader.bytes(),
        read_time: Duration::ZERO,
        decode_time: Duration::ZERO,
        spawn_time: begin.elapsed(),
    })
}
