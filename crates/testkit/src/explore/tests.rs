use std::path::Path;

use keepstone_storage::Files;

use crate::{Failure, Fault, SimFiles, Sweep, Until};

const SECTOR: usize = 512;

/// Makes a file, durable with its name.
fn make(disk: &dyn Files, name: &str, byte: u8) {
    let file = disk.create_new(Path::new(name)).unwrap();
    file.write_all_at(&[byte; SECTOR], 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new("")).unwrap();
}

fn write(disk: &dyn Files, name: &str, byte: u8) {
    let file = disk.open_rw(Path::new(name)).unwrap();
    file.write_all_at(&[byte; SECTOR], 0).unwrap();
}

fn sync(disk: &dyn Files, name: &str) {
    disk.open_rw(Path::new(name)).unwrap().sync_data().unwrap();
}

/// The first byte of a file; 0 where there is none.
fn first(disk: &dyn Files, name: &str) -> u8 {
    let mut byte = [0];
    if let Ok(file) = disk.open(Path::new(name)) {
        file.read_full_at(&mut byte, 0).unwrap();
    }
    byte[0]
}

/// What was acknowledged is there, or something later.
fn at_least(disk: &SimFiles, acknowledged: u64) -> Result<(), String> {
    let found = first(disk, "a");
    if u64::from(found) >= acknowledged { Ok(()) } else { Err(format!("found {found}")) }
}

/// Acknowledges 1, and leaves a 2 that is not synced.
fn one_durable(disk: &SimFiles) {
    make(disk, "a", 1);
    disk.acknowledge();
    write(disk, "a", 2);
}

fn history_of(failure: &Failure) -> &str {
    match failure {
        Failure::Check { history, .. } | Failure::Recover { history, .. } => history,
        Failure::TooManyStates { .. } => "",
    }
}

#[test]
fn a_power_cut_during_recovery_is_swept() {
    // This recovery writes zeros for a moment over what is durable.
    let rash = |disk: &SimFiles| {
        if first(disk, "a") > 0 {
            let found = first(disk, "a");
            write(disk, "a", 0);
            sync(disk, "a");
            write(disk, "a", found);
            sync(disk, "a");
        }
        Ok(())
    };
    let sweep = || Sweep::new().run(one_durable).recover(rash).kills(false);
    let once = sweep().depth(1).check(at_least).unwrap();
    assert_eq!((once.recoveries, once.kills), (0, 0));
    let failure = sweep().check(at_least).unwrap_err();
    assert!(matches!(&failure, Failure::Check { acknowledged: 1, .. }), "{failure}");
    let cuts = history_of(&failure).matches("-- power cut --").count();
    assert_eq!(cuts, 2, "{failure}");
}

#[test]
fn what_a_killed_process_left_in_the_cache_is_swept_as_not_durable() {
    // A process that hands out what it reads, and has or has not synced it before.
    let reads = |synced: bool| {
        move |disk: &SimFiles| {
            if synced && first(disk, "a") > 0 {
                sync(disk, "a");
                disk.sync_dir(Path::new("")).unwrap();
            }
            disk.acknowledge_as(u64::from(first(disk, "a")));
            Ok(())
        }
    };
    let sweep = |synced: bool| Sweep::new().run(one_durable).recover(reads(synced));
    let failure = sweep(false).check(at_least).unwrap_err();
    assert!(history_of(&failure).contains("-- process killed --"), "{failure}");
    sweep(false).kills(false).check(at_least).unwrap();
    let swept = sweep(true).check(at_least).unwrap();
    // Before the first step and after each of six.
    assert_eq!((swept.kills, swept.is_exhaustive()), (7, true));
}

#[test]
fn a_third_crash_is_swept_where_the_depth_says_so() {
    // Each recovery counts itself, and the third one is not foreseen.
    let next = |disk: &SimFiles| {
        let generation = first(disk, "b");
        if generation == 3 {
            return Err("the third time".to_owned());
        }
        write(disk, "b", generation + 1);
        sync(disk, "b");
        Ok(())
    };
    let sweep = || Sweep::new().setup(|disk| make(disk, "b", 1)).run(|_| {}).recover(next);
    sweep().depth(3).check(|_, _| Ok(())).unwrap();
    let failure = sweep().depth(4).check(|_, _| Ok(())).unwrap_err();
    assert!(matches!(&failure, Failure::Recover { reason, .. } if reason == "the third time"), "{failure}");
}

#[test]
fn a_sync_repeated_after_it_failed_is_caught_and_a_new_write_is_not() {
    let sweep = |writes_again: bool| {
        Sweep::new().setup(|disk| make(disk, "a", 1)).run(move |disk| {
            let path = Path::new("a");
            // Opening is call 0, writing call 1.
            let faulty = disk.faults(2, Fault::Io, Until::Once);
            let file = faulty.open_rw(path).unwrap();
            file.write_all_at(&[2; SECTOR], 0).unwrap();
            file.sync_data().unwrap_err();
            if writes_again {
                file.write_all_at(&[2; SECTOR], 0).unwrap();
            }
            file.sync_data().unwrap();
            disk.acknowledge_as(2);
        })
    };
    let failure = sweep(false).check(at_least).unwrap_err();
    assert!(history_of(&failure).contains("fail to sync inode 0"), "{failure}");
    sweep(true).check(at_least).unwrap();
}

/// Twenty sectors, of which any subset may be lost.
fn many(disk: &SimFiles) {
    let file = disk.create_new(Path::new("a")).unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    file.write_all_at(&[7; 20 * SECTOR], 0).unwrap();
}

#[test]
fn more_states_than_the_cap_are_sampled_and_the_report_says_so() {
    let sweep = || Sweep::new().setup(|_| {}).run(many).states_max_per_point(1000);
    let swept = sweep().check(|_, _| Ok(())).unwrap();
    assert_eq!((swept.crash_points, swept.crash_points_sampled, swept.is_exhaustive()), (4, 1, false));
    assert!(swept.to_string().contains("1 crash points sampled"), "{swept}");
    assert!((500..1010).contains(&swept.states_checked), "{swept}");
    let refused = sweep().exhaustive(1000).check(|_, _| Ok(())).unwrap_err();
    assert!(matches!(refused, Failure::TooManyStates { step: 3, .. }), "{refused}");
}

#[test]
fn a_failure_in_a_sample_comes_again_with_its_seed() {
    // Found in few states: of two certain sectors one is there and one is not, and the length is whole.
    let rare = |disk: &SimFiles, _| {
        let mut bytes = [0; 20 * SECTOR];
        let len = disk.open(Path::new("a")).map_or(0, |file| file.read_full_at(&mut bytes, 0).unwrap());
        let is_rare = len == bytes.len() && bytes[3 * SECTOR] == 7 && bytes[17 * SECTOR] == 0;
        if is_rare { Err("rare".to_owned()) } else { Ok(()) }
    };
    let sweep = |seed: u64| Sweep::new().run(many).seed(seed).states_max_per_point(1000).check(rare);
    let said = sweep(5).unwrap_err().to_string();
    assert!(
        said.starts_with("seed 5: power cut after step 3, 0 acknowledged: rare\ndisk:\n  a inode 0"),
        "{said}"
    );
    assert_eq!(sweep(5).unwrap_err().to_string(), said);
}

#[test]
fn a_panic_is_a_failure_that_shows_its_disk() {
    let checked = Sweep::new().run(one_durable).check(|disk, _| {
        assert!(first(disk, "a") != 2, "two is too much");
        Ok(())
    });
    let said = checked.unwrap_err().to_string();
    assert!(said.contains("panicked: two is too much") && said.contains("512 bytes 02020202"), "{said}");
    let recovered = Sweep::new().run(one_durable).recover(|_| panic!("out of order")).check(|_, _| Ok(()));
    let said = recovered.unwrap_err().to_string();
    assert!(said.contains("recovery, 0 acknowledged: panicked: out of order"), "{said}");
}

#[test]
fn what_a_check_writes_no_other_check_sees() {
    let swept = Sweep::new().run(one_durable).check(|disk, _| {
        if disk.metadata(Path::new("mark")).is_ok() {
            return Err("not a fresh disk".to_owned());
        }
        if disk.metadata(Path::new("a")).is_ok() {
            write(disk, "a", 9);
        }
        make(disk, "mark", 1);
        if first(disk, "mark") == 1 { Ok(()) } else { Err("not written".to_owned()) }
    });
    // Nothing; the empty file; the length alone, and one; one again as acknowledged, and two over it.
    let states = swept.unwrap().states_checked;
    assert_eq!(states, 1 + 1 + 2 + 1 + 1);
}
