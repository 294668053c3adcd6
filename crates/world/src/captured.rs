use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use keepstone_ecs_persist::{
    Capture, Dangling, EcsWorld, Error as WorldError, Gathered, LeftOut, NONE, Reason, WorldDoc,
};

use crate::{error::Error, options::SaveOptions};

/// What a capture left out.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) values: Vec<LeftOut>,
    pub(crate) entities: u64,
    pub(crate) dangling: u64,
}

/// Captured worlds of one file, as they are written.
pub(crate) struct Captured<'c> {
    pub(crate) docs: Vec<WorldDoc<'c>>,
    pub(crate) left: Left,
    pub(crate) time: Duration,
}

impl<'c> Captured<'c> {
    fn of<E: Copy>(captures: Vec<Capture<'c, E>>, begin: Instant) -> Self {
        let docs = Vec::with_capacity(captures.len());
        let mut all = Self { docs, left: Left::default(), time: Duration::ZERO };
        for capture in captures {
            all.docs.push(capture.doc);
            all.left.values.extend(capture.left_out);
            all.left.entities += capture.entities_left_out;
            all.left.dangling += capture.dangling;
        }
        all.time = begin.elapsed();
        all
    }
}

/// Captures worlds under their names in the file, and does with them what the options say.
pub(crate) fn with_captured<M, W: EcsWorld<M>, T>(
    worlds: &[(&str, &W)],
    options: &SaveOptions<'_, W::Registry>,
    then: impl FnOnce(Captured<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let begin = Instant::now();
    let named = worlds.iter().map(|(name, world)| {
        let mut capture = capture(*world, options)?;
        (*name).clone_into(&mut capture.doc.name);
        Ok(capture)
    });
    let captures = named.collect::<Result<Vec<_>, Error>>()?;
    treated(captures, options, |captures| then(Captured::of(captures, begin)))
}

/// Captures one world as the options say.
pub(crate) fn with_capture<M, W: EcsWorld<M>, T>(
    world: &W,
    options: &SaveOptions<'_, W::Registry>,
    then: impl FnOnce(Capture<'_, W::Entity>) -> Result<T, Error>,
) -> Result<T, Error> {
    treated(vec![capture(world, options)?], options, |mut captures| match captures.pop() {
        Some(capture) => then(capture),
        None => then(Capture::new(WorldDoc::default(), Vec::new())),
    })
}

fn capture<'w, M, W: EcsWorld<M>>(
    world: &'w W,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<Capture<'w, W::Entity>, Error> {
    let registry = match options.registry {
        Some(registry) => registry,
        None => W::derived_registry()?,
    };
    let mut capture = world.capture(registry)?;
    capture.doc.meta = options.meta.clone();
    capture.left_out.extend(hidden(world, registry, options)?);
    Ok(capture)
}

/// Filters captures, treats references to nothing, orders rows; each step borrows from the one before and is only made if asked for.
fn treated<E: Copy, R, T>(
    captures: Vec<Capture<'_, E>>,
    options: &SaveOptions<'_, R>,
    then: impl FnOnce(Vec<Capture<'_, E>>) -> Result<T, Error>,
) -> Result<T, Error> {
    let Some(filter) = &options.filter else { return without_dangling(captures, options, then) };
    let filtered = captures.iter().map(|capture| capture.filtered(filter));
    let filtered = filtered.collect::<Result<Vec<_>, WorldError>>()?;
    without_dangling(filtered, options, then)
}

fn without_dangling<E: Copy, R, T>(
    captures: Vec<Capture<'_, E>>,
    options: &SaveOptions<'_, R>,
    then: impl FnOnce(Vec<Capture<'_, E>>) -> Result<T, Error>,
) -> Result<T, Error> {
    if options.dangling == Dangling::Null {
        return ordered(captures, options, then);
    }
    let gathered =
        captures.iter().map(|capture| Ok(of_gathered(capture, capture.doc.with_dangling(options.dangling)?)));
    let gathered = gathered.collect::<Result<Vec<_>, WorldError>>()?;
    ordered(gathered, options, then)
}

fn ordered<E: Copy, R, T>(
    mut captures: Vec<Capture<'_, E>>,
    options: &SaveOptions<'_, R>,
    then: impl FnOnce(Vec<Capture<'_, E>>) -> Result<T, Error>,
) -> Result<T, Error> {
    if options.canonical {
        for capture in &mut captures {
            *capture = of_gathered(capture, capture.doc.gather_canonical()?);
        }
    }
    if options.strict {
        for Capture { doc, left_out, .. } in &mut captures {
            // What a filter leaves out may hold what it wants.
            let is_there = |left: &LeftOut| doc.column(&left.component).is_some();
            left_out.retain(|left| left.reason != Reason::HiddenReference || is_there(left));
        }
        captures.iter().try_for_each(refuse_left_out)?;
    }
    then(captures)
}

/// The capture of a document that was made of another's.
fn of_gathered<'c, E: Copy>(old: &Capture<'_, E>, gathered: Gathered<'c>) -> Capture<'c, E> {
    let mut placed: Vec<(u32, E)> = gathered.ordinals.iter().copied().zip(old.entities()).collect();
    placed.retain(|(ordinal, _)| *ordinal != NONE);
    placed.sort_unstable_by_key(|(ordinal, _)| *ordinal);
    let entities = placed.into_iter().map(|(_, entity)| entity).collect();
    let left_out = left_out(&old.doc, &gathered);
    let mut capture = Capture::new(gathered.doc, vec![Cow::Owned(entities)]);
    capture.left_out = [old.left_out.as_slice(), &left_out].concat();
    let gone = old.doc.entity_count() - capture.doc.entity_count().min(old.doc.entity_count());
    capture.entities_left_out = old.entities_left_out + u64::from(gone);
    capture.dangling = capture.doc.columns.iter().map(keepstone_ecs_persist::Column::dangling).sum();
    capture
}

/// The values that a document made of another lacks.
pub(crate) fn left_out(old: &WorldDoc<'_>, gathered: &Gathered<'_>) -> Vec<LeftOut> {
    let counts = old.columns.iter().zip(&gathered.values_left_out).filter(|(_, count)| **count > 0);
    counts.map(|(column, &count)| LeftOut::new(column.schema.name.clone(), count, Reason::Filtered)).collect()
}

fn refuse_left_out<E: Copy>(capture: &Capture<'_, E>) -> Result<(), Error> {
    refuse_lost(&capture.left_out, capture.dangling)
}

/// References that look like numbers, for strict saves: looking for them costs as much as serializing.
pub(crate) fn hidden<M, W: EcsWorld<M>>(
    world: &W,
    registry: &W::Registry,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<Vec<LeftOut>, Error> {
    if !options.strict {
        return Ok(Vec::new());
    }
    let mut hidden = world.hidden_references(registry)?;
    hidden.retain(|left| !options.numbers.contains(&left.component));
    Ok(hidden)
}

/// Refuses a save that lacks what an application would miss.
pub(crate) fn refuse_lost(left_out: &[LeftOut], dangling: u64) -> Result<(), Error> {
    if let Some(left) = left_out.iter().find(|left| left.reason.is_loss()) {
        let (name, count) = (left.component.clone(), left.count);
        if left.reason == Reason::HiddenReference {
            return Err(WorldError::HiddenReferences { name, count }.into());
        }
        return Err(WorldError::WouldLeaveOut { name, count, reason: left.reason.to_string() }.into());
    }
    if dangling > 0 {
        let (name, count) = ("references".to_owned(), dangling);
        let reason = "their targets no longer exist, or are left out".to_owned();
        return Err(WorldError::WouldLeaveOut { name, count, reason }.into());
    }
    Ok(())
}
