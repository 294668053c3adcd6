use keepstone::{compat::awsv, format::Limits};

use super::report::Check;
use crate::text::{count, plural};

/// A save that aw-save's own manager wrote; see the README beside it.
const SAVE: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/assets/slot01_2026-11-20T21-47-33Z_a0000000-0000-4000-8000-000000000002.awsv"
));

/// Reads the save and compares it with what was put into it.
pub(super) fn check() -> Check {
    const NAME: &str = "aw-save file read";
    let file = match awsv::File::read(SAVE, &Limits::for_file_len(SAVE.len() as u64)) {
        Ok(file) => file,
        Err(error) => return Check::new(NAME, false, error.to_string()),
    };
    let bundle = &file.bundle;
    let is_expected = file.warnings.is_empty()
        && (bundle.player_id.as_str(), bundle.slot, bundle.world.tick) == ("alice", 1, 2000)
        && (bundle.companions.len(), bundle.inventory.items.len(), bundle.meta.len()) == (2, 6, 3)
        && bundle.world.ecs_blob.len() == 4096
        && bundle.inventory.credits == 8_589_934_590;
    let detail = format!(
        "{} in slot {}, tick {}, {}, {}, {}",
        bundle.player_id,
        bundle.slot,
        count(bundle.world.tick),
        plural(bundle.companions.len() as u64, "companion"),
        plural(bundle.inventory.items.len() as u64, "item"),
        plural(SAVE.len() as u64, "byte"),
    );
    Check::new(NAME, is_expected, detail)
}
