use std::{hint::black_box, path::Path};

use anyhow::Result;
use bevy_ecs::{component::Component, world::World};
use keepstone::{
    Codec, LoadOptions, Persist, SaveOptions,
    bevy::{Registry, RegistryExt},
    prelude::*,
};
use serde::{Deserialize, Serialize};

use crate::{
    case::{Case, Plan},
    mixed,
};

// Old and new definitions have one name, so each side has a registry of its own and none is derived: by this name of the crate nothing
// is registered with an ECS.
macro_rules! definitions {
    ($($(#[$on:meta])* $name:ident { $($(#[$field_on:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Component, Persist, Clone, PartialEq, Debug)]
        $(#[$on])*
        struct $name {
            $($(#[$field_on])* $field: $type,)*
        }
    )*};
}

definitions! {
    #[derive(Copy)]
    #[persist(crate = "keepstone::ecs", name = "bench.body", pod)]
    #[repr(C)]
    OldBody { x: f32, y: f32, z: f32, heat: u32, }

    #[derive(Copy)]
    #[persist(crate = "keepstone::ecs", name = "bench.body", pod)]
    #[repr(C)]
    Body { y: f32, x: f32, z: f32, #[persist(default)] charge: u32, }

    #[derive(Serialize, Deserialize)]
    #[persist(crate = "keepstone::ecs", name = "bench.person")]
    OldPerson { name: String, level: u32, heat: f32, age: u16, }

    #[derive(Serialize, Deserialize)]
    #[persist(crate = "keepstone::ecs", name = "bench.person")]
    Person { level: u32, name: String, age: u16, #[serde(default)] charge: f32, }

    #[derive(Copy)]
    #[persist(crate = "keepstone::ecs", name = "bench.health", version = 2, pod, from = "mixed::Health")]
    #[repr(C)]
    Share { of_max: f32, max: i32, }
}

impl From<mixed::Health> for Share {
    fn from(old: mixed::Health) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "17 bits are exact")]
        let [current, max] = [old.current as f32, old.max as f32];
        Self { of_max: current / max, max: old.max }
    }
}

/// A plain component with a field more, one less and two in another order, beside a load by the type that wrote it.
pub(super) fn plain_by_name(plan: &Plan, _: &Path) -> Result<Case> {
    let bodies = mixed::rows(plan.amount).into_iter().map(|row| {
        let mixed::Position { x, y, z } = row.position;
        OldBody { x, y, z, heat: 1 }
    });
    let file = saved(bodies, &registry(RegistryExt::add::<OldBody>)?)?;
    let (old, new) = (registry(RegistryExt::add::<OldBody>)?, registry(RegistryExt::add::<Body>)?);
    Ok(against(plan, file, new, old).limit(1.5))
}

/// The same of a serde component.
pub(super) fn rows_by_name(plan: &Plan, _: &Path) -> Result<Case> {
    let people = (0..plan.amount).map(|index| OldPerson {
        name: format!("npc-{:08x}", index.wrapping_mul(0x9e37_79b9)),
        level: index % 100,
        heat: 0.5,
        age: 30,
    });
    let file = saved(people, &registry(RegistryExt::add::<OldPerson>)?)?;
    let (old, new) = (registry(RegistryExt::add::<OldPerson>)?, registry(RegistryExt::add::<Person>)?);
    Ok(against(plan, file, new, old).limit(1.5))
}

/// A step between two types for half of the entities, beside a load of the same file and the step over as many values.
pub(super) fn typed(plan: &Plan, _: &Path) -> Result<Case> {
    let mut file = Vec::new();
    mixed::world(plan.amount).save_to_with(&mut file, &SaveOptions::default().codec(Codec::None))?;
    let others = |it: &mut Registry| {
        it.add_builtins()?;
        it.add::<mixed::Position>()?;
        it.add::<mixed::Velocity>()?;
        it.add::<mixed::Name>()
    };
    let old = registry(|it| others(it).and_then(|()| it.add::<mixed::Health>()))?;
    let new = registry(|it| others(it).and_then(|()| it.add::<Share>()))?;
    let values: Vec<mixed::Health> = mixed::rows(plan.amount).iter().filter_map(|row| row.health).collect();
    let case = against(plan, file, new, old).limit(1.2);
    Ok(case.floor(1.0, "the step over all values", move |watch| {
        watch.each(|| Ok(black_box(&values).iter().map(|old| Share::from(*old)).collect::<Vec<_>>()))
    }))
}

fn registry(
    add: impl FnOnce(&mut Registry) -> Result<(), keepstone::ecs::Error>,
) -> Result<Registry, keepstone::ecs::Error> {
    let mut registry = Registry::default();
    add(&mut registry)?;
    Ok(registry)
}

fn saved<T: Component>(values: impl Iterator<Item = T>, registry: &Registry) -> Result<Vec<u8>> {
    let mut world = World::new();
    world.spawn_batch(values.collect::<Vec<_>>());
    let mut file = Vec::new();
    world.save_to_with(&mut file, &SaveOptions::default().registry(registry).codec(Codec::None))?;
    Ok(file)
}

/// Loads of one file by two registries.
fn against(plan: &Plan, file: Vec<u8>, new: Registry, old: Registry) -> Case {
    let same = file.clone();
    let load = |file: &[u8], registry: &Registry| {
        let (world, _) = World::load_from_with(&mut &*file, &LoadOptions::default().registry(registry))?;
        Ok(world)
    };
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(file.len() as u64);
        watch.each(|| load(&file, &new))
    });
    case.floor(1.0, "the same load by the old types", move |watch| watch.each(|| load(&same, &old)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loads_that_are_measured_give_what_the_types_say() {
        let old = OldBody { x: 1.0, y: 2.0, z: 3.0, heat: 4 };
        let file = saved([old].into_iter(), &registry(RegistryExt::add::<OldBody>).unwrap()).unwrap();
        let new = registry(RegistryExt::add::<Body>).unwrap();
        let options = LoadOptions::default().registry(&new);
        let (mut world, _) = World::load_from_with(&mut file.as_slice(), &options).unwrap();
        let body = *world.query::<&Body>().single(&world).unwrap();
        assert_eq!(body, Body { y: 2.0, x: 1.0, z: 3.0, charge: 0 });
        for (build, name) in [(typed as fn(&Plan, &Path) -> Result<Case>, "typed"), (rows_by_name, "rows")] {
            let plan = Plan::new("load migrated", name, 1200, build);
            let mut case = build(&plan, Path::new("")).unwrap();
            (case.ours)(&mut crate::watch::Watch::counting()).unwrap();
        }
    }
}
