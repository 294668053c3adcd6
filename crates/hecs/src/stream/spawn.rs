use std::{any::TypeId, collections::HashMap};

use hecs::{Entity, World};
use keepstone_ecs_persist::{ColumnData, Encoding, Error, PartSource, SpawnOptions, SpawnReport, WorldPart};

use crate::{
    claims::Claims,
    decode::{Decoding, ENTITY_LEN},
    kept::{self, KeptRow, Known},
    link::Places,
    registry::Registry,
    spawn::{Reserved, check_limits, despawn},
};

/// Spawns a world part by part: see [`EcsWorld::spawn_parts`](keepstone_ecs_persist::EcsWorld::spawn_parts).
pub(crate) fn spawn_parts(
    world: &mut World,
    parts: &mut dyn PartSource,
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<SpawnReport<Entity>, Error> {
    let Some(first) = parts.next_part()? else { return Ok(SpawnReport::new(Vec::new())) };
    // What was reserved becomes entities: until then the free list is not up to date.
    world.flush();
    check_limits(world, first.total, options)?;
    let needs = u64::from(first.total).saturating_mul(ENTITY_LEN);
    if needs > options.bytes_max {
        let (what, allowed) = ("bytes of component values", options.bytes_max);
        return Err(Error::Limit { what, needs, allowed });
    }
    let mut spawning = Spawning {
        claims: Claims::new(world, options.ids),
        known: Some(Known::of(world)),
        total: first.total,
        next: 0,
        bytes: 0,
        names: HashMap::new(),
        report: SpawnReport::new(Vec::new()),
        resources: Vec::new(),
        places: HashMap::new(),
    };
    let mut reserved = Reserved::new(world, first.total)?;
    let mut part = Some(first);
    while let Some(next) = part {
        spawning.spawn(next, &mut reserved, registry, options)?;
        part = parts.next_part()?;
    }
    let Spawning { mut claims, mut report, resources, total, next, .. } = spawning;
    if next != total {
        return Err(invalid("entities of all parts", next, total));
    }
    let source = claims.finish()?;
    despawn(reserved.world, &claims.victims);
    kept::keep_resources(reserved.world, resources, source);
    report.replaced = claims.victims.len() as u64;
    report.remapped = claims.remapped;
    report.entities = reserved.keep();
    Ok(report)
}

/// What has been spawned.
struct Spawning {
    claims: Claims,
    /// What the world keeps, when nobody uses it.
    known: Option<Known>,
    total: u32,
    next: u32,
    /// What decoded values took.
    bytes: u64,
    /// What each registered component is called in the parts.
    names: HashMap<TypeId, String>,
    report: SpawnReport<Entity>,
    resources: Vec<KeptRow>,
    /// How many rows of each relationship named each target.
    places: HashMap<String, Places>,
}

impl Spawning {
    fn spawn(
        &mut self,
        mut part: WorldPart<'static>,
        reserved: &mut Reserved<'_>,
        registry: &Registry,
        options: &SpawnOptions,
    ) -> Result<(), Error> {
        if (part.first, part.total) != (self.next, self.total) {
            return Err(invalid("first ordinal of a part", part.first, self.next));
        }
        part.check()?;
        self.next = self.next.saturating_add(part.doc.entity_count());
        if self.next > self.total {
            return Err(invalid("entities of all parts", self.next, self.total));
        }
        self.rank(&mut part);
        let known = self.known.take().unwrap_or_default();
        let decoding = Decoding { doc: &part.doc, registry, options, known };
        self.bytes = decoding.check_from(self.bytes, &mut self.names)?;
        let claimed = decoding.claim(reserved.world, &mut self.claims)?;
        let loaded = decoding.load(&reserved.entities, claimed.as_ref())?;
        reserved.place(part.first as usize, loaded.tables, &part.doc.tables);
        self.resources.extend(loaded.resources);
        self.report.values += loaded.values;
        self.report.dangling += decoding.dangling();
        self.report.resources += decoding.sources();
        for (name, count) in decoding.unknown() {
            match self.report.unknown.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known += count,
                None => self.report.unknown.push((name, count)),
            }
        }
        self.known = Some(decoding.known);
        Ok(())
    }

    /// Says at which place rows are whose order is that of the whole world.
    fn rank(&mut self, part: &mut WorldPart<'static>) {
        for column in &mut part.doc.columns {
            if let (Encoding::Reference { linked: true }, ColumnData::References { targets, ranks }) =
                (&column.schema.encoding, &mut column.data)
                && ranks.is_none()
            {
                let places = self.places.entry(column.schema.name.clone()).or_default();
                *ranks = Some(places.take(targets).into());
            }
        }
    }
}

fn invalid(what: &'static str, found: u32, expected: u32) -> Error {
    Error::Invalid { what, found: found.to_string(), expected: expected.to_string() }
}
