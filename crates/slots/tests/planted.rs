//! The suite can fail: managers that are wrong in a known way are caught.

use keepstone_slots::planted::{self, Plant};

use crate::{
    crash::{Act, begin, sweep},
    saves,
};

fn history() -> Vec<Act> {
    let save = Act::Save(0);
    vec![save, Act::Maintain, save, Act::Maintain, save, save]
}

#[test]
fn a_sound_manager_passes() {
    sweep(begin(24), &history(), 1).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_save_that_is_acknowledged_without_a_sync_is_caught() {
    planted::with(Plant::UnsyncedSave, || sweep(begin(24), &history(), 1)).unwrap_err();
}

#[test]
fn what_rotates_out_before_the_save_is_durable_is_caught() {
    planted::with(Plant::RotatedFirst, || sweep(begin(24), &history(), 1)).unwrap_err();
}

#[test]
fn an_order_by_clock_is_caught() {
    let order = std::panic::catch_unwind(|| {
        planted::with(
            Plant::LatestByClock,
            saves::the_latest_is_the_last_that_was_saved_whatever_the_clock_says,
        );
    });
    order.unwrap_err();
}
