use std::time::Instant;

use keepstone_ecs_persist::{
    Dangling, EcsWorld, Match, MigrationReport, RestoreReport, Schema, SpawnReport, WorldDoc,
};

use crate::{
    captured,
    error::Error,
    options::{LoadMode, LoadOptions},
    report::LoadReport,
    source::Decoded,
};

/// What is known of the registered components, for files that don't say what their values are.
pub(crate) fn schema<M, W: EcsWorld<M>>(options: &LoadOptions<'_, W::Registry>) -> Result<Schema, Error> {
    Ok(W::schema(registry::<M, W>(options)?))
}

pub(crate) fn registry<'r, M, W: EcsWorld<M>>(
    options: &LoadOptions<'r, W::Registry>,
) -> Result<&'r W::Registry, Error> {
    match options.registry {
        Some(registry) => Ok(registry),
        None => Ok(W::derived_registry()?),
    }
}

/// Puts what was decoded into a world.
pub(crate) fn place<M, W: EcsWorld<M>>(
    world: &mut W,
    decoded: &Decoded<'_>,
    mode: LoadMode,
    options: &LoadOptions<'_, W::Registry>,
) -> Result<LoadReport<W::Entity>, Error> {
    let begin = Instant::now();
    let mut left_out = Vec::new();
    let (migrated, report) = migrated(&decoded.doc, options)?;
    let whole_doc = migrated.as_ref().unwrap_or(&decoded.doc);
    let filtered = options.filter.as_ref().map(|filter| filter.apply(whole_doc)).transpose()?;
    let doc = match &filtered {
        Some(filtered) => {
            left_out.clone_from(&filtered.left_out);
            &filtered.doc
        }
        None => whole_doc,
    };
    let gathered = match options.dangling {
        Dangling::Null => None,
        policy => Some(doc.with_dangling(policy)?),
    };
    let doc = match &gathered {
        Some(gathered) => {
            left_out.extend(captured::left_out(doc, gathered));
            &gathered.doc
        }
        None => doc,
    };
    let whole = u64::from(whole_doc.entity_count());
    let entities_left_out = whole.saturating_sub(doc.entity_count().into());
    let (spawned, restored) = place_doc(world, doc, mode, options, decoded.values_max)?;
    Ok(LoadReport {
        spawned,
        restored,
        left_out,
        entities_left_out,
        migrated: report,
        meta: whole_doc.meta.clone(),
        bytes: decoded.bytes,
        read_time: decoded.read_time,
        decode_time: decoded.decode_time,
        spawn_time: begin.elapsed(),
    })
}

/// The document as the present version has it, if it isn't, and how it came to that.
fn migrated<R>(
    doc: &WorldDoc<'_>,
    options: &LoadOptions<'_, R>,
) -> Result<(Option<WorldDoc<'static>>, Option<MigrationReport>), Error> {
    let Some(chain) = options.chain() else { return Ok((None, None)) };
    let owned = if chain.plan_of(doc)?.steps.is_empty() {
        // Only what it says of itself may change.
        WorldDoc { meta: doc.meta.clone(), ..WorldDoc::default() }
    } else {
        doc.clone().into_owned()
    };
    let (owned, report) = chain.applied(owned)?;
    let is_changed = !report.steps.is_empty();
    Ok((is_changed.then_some(owned), Some(report)))
}

type Placed<E> = (SpawnReport<E>, Option<RestoreReport<E>>);

fn place_doc<M, W: EcsWorld<M>>(
    world: &mut W,
    doc: &WorldDoc<'_>,
    mode: LoadMode,
    options: &LoadOptions<'_, W::Registry>,
    decoded_max: u64,
) -> Result<Placed<W::Entity>, Error> {
    let registry = registry::<M, W>(options)?;
    let how = options.to_spawn(decoded_max);
    match mode {
        LoadMode::Merge => Ok((world.spawn_doc(doc, registry, &how)?, None)),
        LoadMode::Restore if options.filter.is_some() => Err(Error::RestoreOfPart),
        LoadMode::Restore => {
            let restored = world.restore_doc(doc, Match::PersistIds, registry, &how)?;
            let mut spawned = SpawnReport::new(restored.entities.clone());
            spawned.values = restored.written;
            spawned.unknown.clone_from(&restored.unknown);
            spawned.dangling = restored.dangling;
            Ok((spawned, Some(restored)))
        }
    }
}
