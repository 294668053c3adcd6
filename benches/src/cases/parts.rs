use std::{io, path::Path, rc::Rc};

use anyhow::Result;
use bevy_ecs::world::World;
use keepstone::{Codec, LoadOptions, SaveOptions, ecs::EcsWorld, format::Limits, prelude::*};

use crate::{
    Watch, alloc,
    case::{Case, Plan},
    in_hecs, mixed,
};

/// A world of bevy in parts, beside the same in one piece.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn encode(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(encoded(plan, mixed::world(plan.amount)))
}

/// A world of hecs.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn encode_hecs(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(encoded(plan, in_hecs::world(&mixed::rows(plan.amount))))
}

/// Such a file into a world of bevy, beside a file in one piece.
pub(super) fn load(plan: &Plan, _: &Path) -> Result<Case> {
    loaded::<_, World>(plan, &mixed::world(plan.amount))
}

/// Into a world of hecs.
pub(super) fn load_hecs(plan: &Plan, _: &Path) -> Result<Case> {
    loaded::<_, hecs::World>(plan, &in_hecs::world(&mixed::rows(plan.amount)))
}

fn encoded<M, W: EcsWorld<M> + 'static>(plan: &Plan, world: W) -> Case {
    let world = Rc::new(world);
    let same = Rc::clone(&world);
    let case = plan.case().per("entity", plan.amount);
    case.ours(move |watch| save(watch, &*world, &whole().in_parts())).floor(
        1.0,
        "save_to_with in one piece",
        move |watch| save(watch, &*same, &whole()),
    )
}

fn loaded<M, W: EcsWorld<M> + 'static>(plan: &Plan, world: &W) -> Result<Case> {
    let (mut parts, mut piece) = (Vec::new(), Vec::new());
    world.save_to_with(&mut parts, &whole().in_parts())?;
    world.save_to_with(&mut piece, &whole())?;
    let case = plan.case().per("entity", plan.amount);
    Ok(case.ours(move |watch| read::<M, W>(watch, &parts)).floor(
        1.0,
        "load_from of a file in one piece",
        move |watch| read::<M, W>(watch, &piece),
    ))
}

fn whole<'r, R>() -> SaveOptions<'r, R> {
    SaveOptions::default().codec(Codec::None)
}

/// Saves to nowhere, so that what is allocated is what encoding takes.
fn save<M, W: EcsWorld<M>>(
    watch: &mut Watch,
    world: &W,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<()> {
    if watch.is_counting() {
        let (saved, heap) = alloc::heap(|| world.save_to_with(&mut io::sink(), options));
        watch.note_bytes(saved?.encoded.bytes_total);
        watch.note_remark(format!("{} KiB of heap at the peak, the world aside", heap.peak >> 10));
    }
    watch.together(|| Ok(world.save_to_with(&mut io::sink(), options)?.encoded.bytes_total))
}

fn read<M, W: EcsWorld<M>>(watch: &mut Watch, bytes: &[u8]) -> Result<()> {
    watch.note_bytes(bytes.len() as u64);
    // Of a stream in parts nobody knows how long it will be, so by itself no more than a million entities are accepted.
    let options = LoadOptions::default().limits(Limits::for_file_len(bytes.len() as u64));
    if watch.is_counting() {
        let (world, heap) = alloc::heap(|| W::load_from_with(&mut &*bytes, &options));
        drop(world?);
        let (beside, world) = ((heap.peak - heap.stays) >> 10, heap.stays >> 10);
        watch
            .note_remark(format!("{beside} KiB of heap at the peak beside the world, which has {world} KiB"));
    }
    watch.each(|| Ok(W::load_from_with(&mut &*bytes, &options)?))
}
