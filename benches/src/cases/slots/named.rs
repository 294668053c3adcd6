use std::{
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bevy_ecs::world::World;
use keepstone::{Codec, prelude::*};
use keepstone_slots::{Bytes, Compression, Migrations, SaveOptions, SaveRequest};

use super::{KEPT, Root, SLOT, Theirs, bundle};
use crate::{
    Scratch, Watch, aw_save,
    bundle::{Blob, Data, SaveBundle, SaveBundleV1, SaveId},
    case::{Case, Plan},
    mixed,
    named::{self, PLAYER},
    sleeper::{Sleeper, doze},
};

/// The type of the saves that are migrated.
const TYPE: &str = "bench.save";
/// What an upload of a byte takes at 1 Mbps.
const MICROS_PER_BYTE: u64 = 8;

/// A benchmark of aw-save by its name: ours beside what aw-save does, with its data.
pub(in crate::cases) fn repeated_data(plan: &Plan, dir: &Path) -> Result<Case> {
    case(plan, dir, Data::Repeated)
}

/// The same with mixed data.
pub(in crate::cases) fn mixed_data(plan: &Plan, dir: &Path) -> Result<Case> {
    case(plan, dir, Data::Mixed)
}

fn case(plan: &Plan, dir: &Path, data: Data) -> Result<Case> {
    let named = named::find(plan.name()).context("no benchmark of aw-save has this name")?;
    let mut ours = named.ours(data, dir)?;
    let (mut floor, mut after) = named.floor(data, dir)?;
    let case = plan.case().ours(move |watch| watch.each(&mut ours));
    Ok(case.floor(1.0, "aw-save's sequence", move |watch| {
        if watch.is_counting() {
            return watch.each(&mut floor);
        }
        watch.spent(|| {
            let begin = Instant::now();
            floor()?;
            let took = begin.elapsed();
            after()?;
            Ok(took)
        })
    }))
}

/// What a game waits for that sends a save of 10 KB to the background, beside the wake of a thread.
pub(in crate::cases) fn sent(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "named-sent")?);
    let root = Root::open(&scratch, "ours", SaveOptions::default())?;
    let bundle = bundle(plan)?;
    let case = plan.case().stalls().ours(move |watch| {
        watch.spent(|| {
            let payload = bundle.clone();
            let begin = Instant::now();
            let handed = root.manager().save_in_background(PLAYER, SLOT, payload, SaveRequest::new())?;
            let took = begin.elapsed();
            handed.ticket.wait()?;
            root.manager().settle();
            doze();
            Ok(took)
        })
    });
    let sleeper = Sleeper::new();
    Ok(case.floor(1.0, "wake of a thread", move |watch| {
        watch.spent(|| {
            let begin = Instant::now();
            sleeper.wake();
            let took = begin.elapsed();
            sleeper.settle();
            Ok(took)
        })
    }))
}

/// How long the file of a save goes over a network of 1 Mbps: its bytes, told as a time. Ours is compressed for that.
pub(in crate::cases) fn uploaded(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "named-uploaded")?);
    let options = SaveOptions::default().compression(Compression::SMALL);
    let root = Root::open(&scratch, "ours", options)?;
    let ours = root.manager().save(PLAYER, SLOT, &bundle(plan)?)?.save.bytes();
    let theirs = Theirs::new(&scratch, plan.amount)?.save()?;
    let upload = |bytes: u64| {
        move |watch: &mut Watch| {
            watch.note_bytes(bytes);
            watch.spent(|| Ok(Duration::from_micros(MICROS_PER_BYTE * bytes)))
        }
    };
    Ok(plan.case().ours(upload(ours)).floor(1.0, "aw-save's file", upload(theirs)))
}

/// A profile, saved durably, beside aw-save's sequence.
pub(in crate::cases) fn profile(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "named-profile")?);
    let root = Root::open(&scratch, "ours", SaveOptions::default())?;
    let bundle = bundle(plan)?;
    let case = plan.case().ours(move |watch| {
        watch.each(|| Ok(root.manager().save_profile(PLAYER, &bundle)?))?;
        root.manager().settle();
        Ok(())
    });
    let mut theirs = Theirs::new(&scratch, plan.amount)?;
    Ok(case.floor(1.0, "aw-save's sequence", move |watch| {
        watch.each(|| theirs.save())?;
        theirs.saves.keep(KEPT)
    }))
}

/// A world of 1000 entities to a slot, durably, and out of it into a fresh one, beside aw-save's sequence with as many bytes.
pub(in crate::cases) fn world(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "named-world")?);
    let root = Root::open(&scratch, "ours", SaveOptions::default())?;
    let world = mixed::world(plan.amount);
    // The codec is that of the slot.
    let options = keepstone::SaveOptions::default().codec(Codec::None);
    let mut bytes = Vec::new();
    let len = world.save_to_with(&mut bytes, &options)?.encoded.bytes_total;
    let case = plan.case().per("entity", plan.amount).ours(move |watch| {
        watch.each(|| {
            bytes.clear();
            world.save_to_with(&mut bytes, &options)?;
            root.manager().save(PLAYER, SLOT, &Bytes::from(bytes.as_slice()))?;
            let loaded = root.manager().load_latest::<Bytes<'static>>(PLAYER, SLOT)?;
            Ok(World::load_from(&mut loaded.value.0.as_ref())?)
        })?;
        root.manager().settle();
        Ok(())
    });
    let mut theirs = Theirs::new(&scratch, u32::try_from(len)?)?;
    Ok(case.floor(1.0, "aw-save's sequence of the bytes, no world", move |watch| {
        watch.each(|| {
            theirs.save()?;
            theirs.saves.load_latest(SLOT)
        })?;
        theirs.saves.keep(KEPT)
    }))
}

/// A save of version 1 loaded, brought to version 2 and saved as that, beside aw-save's way to do so.
pub(in crate::cases) fn migrated(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "named-migrated")?);
    let bytes = Data::Mixed.bytes(usize::try_from(plan.amount)?);
    let old = Root::open(&scratch, "ours", SaveOptions::default().schema(TYPE, 1))?;
    old.manager().save(PLAYER, SLOT, &SaveBundleV1::new(Blob(bytes.clone())))?;
    drop(old);
    let root = Root::open(&scratch, "ours", SaveOptions::default().schema(TYPE, 2))?;
    let migrations = Migrations::<SaveBundle<Blob>>::new(TYPE, 2)
        .step(1, |old: SaveBundleV1<Blob>| old.into_v2(SaveId([1; 16])));
    let case = plan.case().ours(move |watch| {
        watch.each(|| {
            let loaded = root.manager().load_latest_migrated(PLAYER, SLOT, &migrations)?;
            ensure!(loaded.migrated_from == Some(1), "it was of version 2");
            Ok(root.manager().save(PLAYER, SLOT + 1, &loaded.value)?)
        })?;
        root.manager().settle();
        Ok(())
    });
    let file = aw_save::encode_v1(&SaveBundleV1::new(bytes))?;
    let path = scratch.path().join("slot00_v1.awsv");
    aw_save::write(&path, &file)?;
    Ok(case.floor(1.0, "aw-save's sequence", move |watch| {
        let _ = scratch.path();
        watch.spent(|| {
            let begin = Instant::now();
            aw_save::migrate(&path)?;
            let took = begin.elapsed();
            aw_save::write(&path, &file)?;
            Ok(took)
        })
    }))
}
