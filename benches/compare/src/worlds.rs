//! The mixed world to bytes in memory and back into a fresh world, beside what else a program in bevy or hecs would take.

mod columns;
mod contents;
mod dynamic;
mod in_hecs;
mod moonshine;

use std::path::Path;

use anyhow::{Result, ensure};
use bevy_ecs::world::World;
use keepstone::{Codec, SaveOptions, bevy::Registry, prelude::*};
use keepstone_benches::{Case, Plan, mixed};

use columns::Columns;
use contents::contents;
use dynamic::Format;

contents!(mixed::Position, mixed::Velocity, mixed::Health, mixed::Name);

const SIZES: [(&str, u32); 2] = [("mixed 1k", 1000), ("mixed 100k", 100_000)];

/// The cases; those of a target have a part of the rival's time as their floor.
pub(crate) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    plans.extend(SIZES.map(|(size, count)| Plan::new("save world", size, count, saved)));
    plans.extend(SIZES.map(|(size, count)| Plan::new("load world", size, count, loaded)));
    for (size, count) in SIZES {
        plans.push(Plan::new("save world, target", size, count, saved_target));
        plans.push(Plan::new("load world, target, postcard", size, count, |plan, _| {
            loaded_target(plan, Format::Postcard, "a 10th of DynamicWorld, postcard")
        }));
        plans.push(Plan::new("load world, target, RON", size, count, |plan, _| {
            loaded_target(plan, Format::Ron, "a 10th of DynamicWorld, RON")
        }));
    }
    plans.extend(SIZES.map(|(size, count)| Plan::new("save hecs world", size, count, in_hecs::saved)));
    plans.extend(SIZES.map(|(size, count)| Plan::new("load hecs world", size, count, in_hecs::loaded)));
    plans
}

/// Ours has checksums; none is compressed.
fn options() -> SaveOptions<'static, Registry> {
    SaveOptions::default().codec(Codec::None)
}

/// Into new memory, as every rival does it.
fn ours_saved(plan: &Plan) -> Result<Case> {
    let (world, options) = (mixed::world(plan.amount), options());
    let save = move || -> Result<Vec<u8>> {
        let mut out = Vec::new();
        world.save_to_with(&mut out, &options)?;
        Ok(out)
    };
    let len = save()?.len();
    Ok(plan.case().per("entity", plan.amount).ours(move |watch| {
        watch.note_bytes(len as u64);
        watch.each(&save)
    }))
}

fn ours_loaded(plan: &Plan) -> Result<Case> {
    let (mut world, mut bytes) = (mixed::world(plan.amount), Vec::new());
    world.save_to_with(&mut bytes, &options())?;
    let same = contents(&mut World::load_from(&mut bytes.as_slice())?) == contents(&mut world);
    ensure!(same, "we load another world than we saved");
    Ok(plan.case().per("entity", plan.amount).ours(move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.each(|| Ok(World::load_from(&mut bytes.as_slice())?))
    }))
}

fn saved(plan: &Plan, _: &Path) -> Result<Case> {
    let mut case = ours_saved(plan)?;
    for format in Format::ALL {
        let (world, registry) = (dynamic::world(plan.amount), dynamic::registry());
        let len = format.save(&world, &registry)?.len();
        case = case.rival(format.name(), move |watch| {
            watch.note_bytes(len as u64);
            watch.each(|| format.save(&world, &registry))
        });
    }
    let mut app = moonshine::app(plan.amount);
    let len = moonshine::save(&mut app)?.len();
    case = case.rival(moonshine::NAME, move |watch| {
        watch.note_bytes(len as u64);
        watch.each(|| moonshine::save(&mut app))
    });
    for format in columns::FORMATS {
        let mut world = mixed::world(plan.amount);
        let len = columns::encoded(format, &Columns::gather(&mut world)?)?.len();
        case = case.rival(format.name, move |watch| {
            watch.note_bytes(len as u64);
            watch.each(|| (format.encode)(&Columns::gather(&mut world)?))
        });
    }
    Ok(case)
}

fn loaded(plan: &Plan, _: &Path) -> Result<Case> {
    let mut case = ours_loaded(plan)?;
    for format in Format::ALL {
        let (bytes, registry) = dynamically(plan, format)?;
        case = case.rival(format.name(), move |watch| {
            watch.note_bytes(bytes.len() as u64);
            watch.each(|| format.load(&bytes, &registry))
        });
    }
    let mut app = moonshine::app(plan.amount);
    let bytes = moonshine::save(&mut app)?;
    let same = dynamic::is_same(moonshine::load(&bytes)?.0.world_mut(), app.world_mut());
    ensure!(same, "moonshine-save loaded another world than it saved");
    case = case.rival(moonshine::NAME, move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.spent(|| Ok(moonshine::load(&bytes)?.1))
    });
    let expected = Columns::gather(&mut mixed::world(plan.amount))?;
    for format in columns::FORMATS {
        let bytes = columns::encoded(format, &expected)?;
        let mut found = (format.decode)(&bytes)?.spawn()?;
        ensure!(Columns::gather(&mut found)? == expected, "{} gives another world", format.name);
        case = case.rival(format.name, move |watch| {
            watch.note_bytes(bytes.len() as u64);
            watch.each(|| (format.decode)(&bytes)?.spawn())
        });
    }
    Ok(case)
}

/// Bytes of a world that the rival itself loads again.
fn dynamically(plan: &Plan, format: Format) -> Result<(Vec<u8>, bevy_reflect::TypeRegistry)> {
    let (mut world, registry) = (dynamic::world(plan.amount), dynamic::registry());
    let bytes = format.save(&world, &registry)?;
    let same = dynamic::is_same(&mut format.load(&bytes, &registry)?, &mut world);
    ensure!(same, "{} loaded another world than it saved", format.name());
    Ok((bytes, registry))
}

/// At most a 150th of its time.
fn saved_target(plan: &Plan, _: &Path) -> Result<Case> {
    let (world, registry) = (dynamic::world(plan.amount), dynamic::registry());
    let floor = "a 150th of DynamicWorld, postcard";
    Ok(ours_saved(plan)?
        .limit(1.0)
        .floor(1.0 / 150.0, floor, move |watch| watch.each(|| Format::Postcard.save(&world, &registry))))
}

/// At most a tenth of its time.
fn loaded_target(plan: &Plan, format: Format, floor: &'static str) -> Result<Case> {
    let (bytes, registry) = dynamically(plan, format)?;
    Ok(ours_loaded(plan)?
        .limit(1.0)
        .floor(0.1, floor, move |watch| watch.each(|| format.load(&bytes, &registry))))
}
