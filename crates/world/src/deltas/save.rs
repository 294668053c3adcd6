use std::time::{Duration, Instant};

use keepstone_ecs_persist::{Dangling, DeltaWorld, EcsWorld, Mark, Since, WorldDelta, WorldDoc};

use crate::{
    captured::{Left, refuse_lost},
    error::Error,
    options::SaveOptions,
    report::SaveReport,
};

/// Captures and marks, and lets `write` have the base.
pub(super) fn base<M, W: DeltaWorld<M>>(
    world: &mut W,
    options: &SaveOptions<'_, W::Registry>,
    write: impl FnOnce(&WorldDoc<'_>, Left, Duration) -> Result<SaveReport, Error>,
) -> Result<(SaveReport, Mark<W::Detail>), Error> {
    refuse(options)?;
    let begin = Instant::now();
    let (mut capture, mark) = world.mark(registry::<M, W>(options)?)?;
    capture.doc.meta = options.meta.clone();
    if options.strict {
        refuse_lost(&capture.left_out, capture.dangling)?;
    }
    let left =
        Left { values: capture.left_out, entities: capture.entities_left_out, dangling: capture.dangling };
    let saved = write(&capture.doc, left, begin.elapsed())?;
    Ok((saved, mark))
}

pub(super) fn changes<M, W: DeltaWorld<M>>(
    world: &mut W,
    since: &Mark<W::Detail>,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<(Since<W::Detail>, Duration), Error> {
    refuse(options)?;
    let begin = Instant::now();
    let mut found = world.delta(since, registry::<M, W>(options)?)?;
    found.delta.doc.meta = options.meta.clone();
    if options.strict {
        refuse_lost(&found.left_out, found.dangling)?;
    }
    Ok((found, begin.elapsed()))
}

pub(super) fn parts<D>(found: Since<D>) -> (WorldDelta<'static>, Left, Mark<D>) {
    let Since { delta, mark, left_out, dangling, .. } = found;
    (delta, Left { values: left_out, entities: 0, dangling }, mark)
}

fn registry<'r, M, W: EcsWorld<M>>(options: &SaveOptions<'r, W::Registry>) -> Result<&'r W::Registry, Error> {
    match options.registry {
        Some(registry) => Ok(registry),
        None => Ok(W::derived_registry()?),
    }
}

/// Refuses what would make the file of a base something else than what was marked.
fn refuse<R>(options: &SaveOptions<'_, R>) -> Result<(), Error> {
    refuse_asked(&[
        (options.filter.is_some(), "a filter"),
        (options.canonical, "a canonical order"),
        (options.dangling != Dangling::Null, "a policy for dangling references"),
        (options.part_rows.is_some(), "a save in parts"),
        (options.format.as_ref().is_some_and(|format| !format.is_columnar()), "another format"),
    ])
}

pub(super) fn refuse_asked(asked: &[(bool, &'static str)]) -> Result<(), Error> {
    match asked.iter().find(|(is_asked, _)| *is_asked) {
        Some((_, option)) => Err(Error::NotInChain { option }),
        None => Ok(()),
    }
}
