use std::{path::Path, time::Instant};

use keepstone_ecs_persist::{
    ApplyReport, Dangling, DeltaChain, DeltaFormat, DeltaWorld, LiveRows, ReadOptions, StateId, WorldDelta,
};
use keepstone_format::{FileKind, Limits, Reader};

use super::save::refuse_asked;
use crate::{
    error::Error,
    loaded::LoadedDoc,
    options::{LoadMode, LoadOptions},
    placed,
    report::LoadReport,
    source::{Decoded, Source},
};

/// What [`WorldDeltas::load_deltas`](crate::WorldDeltas::load_deltas) made.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoadedChain<W, E> {
    /// The world at the last of the deltas.
    pub world: W,
    /// What was loaded; the metadata is that of the last delta that has any, else that of the base.
    pub report: LoadReport<E>,
    /// Which entity each row of the chain is, for deltas that come later.
    ///
    /// A world to which migrations have done something is no longer one of the chain, and every delta is refused then: its values would be of the
    /// earlier version.
    pub rows: LiveRows<E>,
}

/// A delta that was read.
pub(crate) struct Loaded {
    delta: WorldDelta<'static>,
    bytes: u64,
    /// What its values may take.
    values_max: u64,
}

impl Loaded {
    pub(crate) fn decode(bytes: &[u8], limits: Option<Limits>) -> Result<Self, Error> {
        let limits = limits.unwrap_or_else(|| Limits::for_file_len(bytes.len() as u64));
        let reader = Reader::open(bytes, limits).map_err(keepstone_ecs_persist::Error::from)?;
        let kind = reader.header().kind;
        if kind != FileKind::DELTA {
            return Err(Error::NotADelta { what: "the stream".into(), kind });
        }
        let delta = WorldDelta::decode(&reader)?.into_owned();
        Ok(Self { delta, bytes: bytes.len() as u64, values_max: limits.decoded_max })
    }

    pub(crate) fn of_format(
        format: &dyn DeltaFormat,
        mut bytes: &[u8],
        limits: Option<Limits>,
    ) -> Result<Self, Error> {
        let len = bytes.len() as u64;
        let limits = limits.unwrap_or_else(|| Limits::for_file_len(len));
        let delta = format.load(&mut bytes, &ReadOptions::default().bytes_max(len).limits(limits))?;
        delta.check()?;
        Ok(Self { delta, bytes: len, values_max: limits.decoded_max })
    }
}

/// Applies deltas to a base and puts what that gives into a world.
pub(super) fn chain<M, W: DeltaWorld<M>, P: AsRef<Path>>(
    base: LoadedDoc,
    deltas: impl IntoIterator<Item = P>,
    source: &Source,
    options: &LoadOptions<'_, W::Registry>,
) -> Result<LoadedChain<W, W::Entity>, Error> {
    let Decoded { doc, mut bytes, read_time, decode_time, mut values_max } = base.into_decoded();
    let begin = Instant::now();
    let mut chain = DeltaChain::new(doc)?;
    for path in deltas {
        let loaded = source.delta_file(path.as_ref())?;
        bytes = bytes.saturating_add(loaded.bytes);
        values_max = values_max.saturating_add(loaded.values_max);
        chain.apply(&loaded.delta).map_err(|error| Error::from(error).in_file(path.as_ref()))?;
    }
    if let Some(limits) = options.limits {
        values_max = limits.decoded_max;
    }
    let mut live = chain.live_rows([]);
    let rows = chain.rows().to_vec();
    let decode_time = decode_time + begin.elapsed();
    let decoded = Decoded { doc: chain.into_doc(), bytes, read_time, decode_time, values_max };
    let mut world = W::empty();
    let report = placed::place(&mut world, &decoded, LoadMode::Merge, options)?;
    if report.migrated.as_ref().is_some_and(|migrated| !migrated.steps.is_empty()) {
        live = LiveRows::of_base(StateId::default(), []);
    } else {
        for (row, entity) in rows.iter().zip(&report.spawned.entities) {
            if let Some(slot) = live.entities.get_mut(*row as usize) {
                *slot = Some(*entity);
            }
        }
    }
    Ok(LoadedChain { world, report, rows: live })
}

pub(super) fn apply<M, W: DeltaWorld<M>>(
    world: &mut W,
    rows: &mut LiveRows<W::Entity>,
    loaded: &Loaded,
    options: &LoadOptions<'_, W::Registry>,
) -> Result<ApplyReport, Error> {
    let delta = &loaded.delta;
    if let Some(chain) = options.chain() {
        let mut meta = delta.doc.meta.clone();
        // A delta need not say again what its base said, and the world that it is for is of the present version.
        meta.world_version = meta.world_version.or(chain.newest());
        let needs_steps = !chain.plan(&meta, &delta.doc.schema())?.steps.is_empty();
        refuse_asked(&[(needs_steps, "migrations into a running world")])?;
    }
    let registry = placed::registry::<M, W>(options)?;
    Ok(world.apply_delta(rows, delta, registry, &options.to_spawn(loaded.values_max))?)
}

pub(super) fn refuse<R>(options: &LoadOptions<'_, R>) -> Result<(), Error> {
    refuse_asked(&[
        (options.filter.is_some(), "a filter"),
        (options.dangling != Dangling::Null, "a policy for dangling references"),
        (options.world.is_some(), "a choice between worlds"),
    ])
}
