use std::time::Instant;

use keepstone_ecs_persist::{EcsWorld, EncodeOptions, WorldMeta};
use keepstone_slots::{SaveManager, SaveRequest};

use super::report::{CaptureReport, SlotSaved};
use crate::{
    captured::{Left, with_capture},
    error::Error,
    options::SaveOptions,
    payload::{Outgoing, check, short},
};

/// Captures a world and saves it to a slot.
pub(super) fn save<M, W: EcsWorld<M>>(
    world: &W,
    manager: &SaveManager,
    player: &str,
    slot: u8,
    options: &SaveOptions<'_, W::Registry>,
    request: &SaveRequest,
) -> Result<SlotSaved, Error> {
    check(options)?;
    let begin = Instant::now();
    with_capture(world, options, |capture| {
        let (values, entities, dangling) = (capture.left_out, capture.entities_left_out, capture.dangling);
        let doc = &capture.doc;
        let captured = CaptureReport::of(doc, Left { values, entities, dangling }, begin.elapsed());
        let payload = outgoing(doc, options);
        let saved = manager.save_with(player, slot, &payload, &asked(request, &doc.meta))?;
        Ok(SlotSaved { saved, captured })
    })
}

/// The hash of a world as a save holds it.
pub(super) fn state_hash<M, W: EcsWorld<M>>(
    world: &W,
    options: &SaveOptions<'_, W::Registry>,
) -> Result<u64, Error> {
    with_capture(world, options, |capture| Ok(short(capture.doc.hash()?)))
}

/// A document with what of the options concerns its bytes.
pub(super) fn outgoing<D, R>(doc: D, options: &SaveOptions<'_, R>) -> Outgoing<D> {
    let encode = EncodeOptions::default().shuffle(options.shuffle).threads(options.threads);
    Outgoing { doc, options: encode, state_hash: options.state_hash, whole_meta: false }
}

/// A request, and in it what the world says of itself where the caller says nothing.
pub(super) fn asked(request: &SaveRequest, meta: &WorldMeta) -> SaveRequest {
    let mut asked = request.clone();
    asked.name = asked.name.or_else(|| meta.name.clone());
    asked.created_at = asked.created_at.or(meta.created_at_ns);
    asked.tick = asked.tick.or(meta.tick);
    asked.game_version = asked.game_version.or_else(|| meta.application_version.clone());
    // The caller's come last, so that they are the ones that stay.
    asked.custom = meta.custom.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    asked.custom.extend(request.custom.iter().cloned());
    asked
}
