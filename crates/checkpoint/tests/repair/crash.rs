//! Power cuts and kills at each step of a repair.

use std::sync::Arc;

use keepstone_checkpoint::{CheckpointReader, CheckpointStore, Error, Files};
use keepstone_testkit::{Failure, Sweep, Swept, effort};

use super::shadow::{OUT, Shadows, contents, go, in_dir, put};
use crate::support::{ROOT, quiet};

/// Repairs a store, and sees what a crash leaves.
pub(crate) fn sweep() -> Result<Swept, Failure> {
    let (files, shadows) = in_dir(true);
    let all = contents(&files);
    let expected = survivors(&shadows);
    let scale = effort::scale();
    Sweep::new()
        .states_max_per_point(12 * scale)
        .setup(|disk| {
            let disk: Arc<dyn Files> = Arc::new(disk.clone());
            for (path, bytes) in &all {
                let dir = path.parent().unwrap();
                for dir in [dir.parent().unwrap(), dir] {
                    drop(disk.create_dir(dir));
                }
                put(&disk, path, Some(bytes));
            }
        })
        .run(|disk| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            CheckpointStore::repair(ROOT, OUT, &quiet(&files), &mut go).unwrap();
            disk.acknowledge();
        })
        .check(|disk, acknowledged| {
            let files: Arc<dyn Files> = Arc::new(disk.clone());
            let reader = match CheckpointReader::open_with(OUT, quiet(&files)) {
                Ok(reader) => reader,
                Err(Error::NoStore { .. }) if acknowledged == 0 => return Ok(()),
                Err(err) => return Err(format!("open: {err}")),
            };
            for id in &expected {
                let state = reader.state(*id).map_err(|err| err.to_string())?;
                if state.bytes() != shadows.all[id].state {
                    return Err(format!("{id} is not what it was"));
                }
            }
            Ok(())
        })
}

fn survivors(shadows: &Shadows) -> Vec<keepstone_checkpoint::CheckpointId> {
    shadows.survivors(|_| true).into_iter().collect()
}

#[test]
fn a_crash_in_a_repair_leaves_no_store_or_all_of_it() {
    let swept = sweep().unwrap_or_else(|failure: Failure| panic!("{failure}"));
    println!("{swept}");
    assert!(swept.crash_points >= 15 && swept.states_checked >= 10, "{swept}");
}
