use super::*;

/// Length and highest byte of each state.
fn found(inode: &Inode) -> Vec<(usize, u8)> {
    let of = |state: &State| {
        let content = inode.content(state);
        let mut bytes = vec![0; content.len()];
        content.read(&mut bytes, 0);
        assert_eq!(mix(mix(content.sum(), content.len() as u128), u128::from(state.mode)), state.hash);
        (bytes.len(), bytes.iter().copied().max().unwrap_or(0))
    };
    let mut all: Vec<_> = inode.states().iter().map(of).collect();
    all.sort_unstable();
    let hashes: BTreeSet<u128> = inode.states().iter().map(|state| state.hash).collect();
    assert_eq!((hashes.len(), inode.count()), (all.len(), all.len() as u64));
    all
}

#[test]
fn a_new_sector_is_absent_zero_or_written() {
    let mut inode = Inode::new();
    inode.write(1, &[7; 100], 0);
    assert_eq!(found(&inode), [(0, 0), (100, 0), (100, 7)]);
}

#[test]
fn two_sectors_are_kept_lost_and_torn_apart() {
    let mut inode = Inode::new();
    inode.write(1, &[7; 1024], 0);
    // Nothing; one sector without and with data; two with each subset of the data.
    assert_eq!(inode.count(), 1 + 2 + 4);
    assert_eq!(found(&inode).len(), 1 + 2 + 4);
    inode.sync_data();
    assert_eq!(found(&inode), [(1024, 7)]);
}

#[test]
fn a_sector_written_twice_is_one_of_its_moments() {
    let mut inode = Inode::new();
    inode.write(1, &[1; 512], 0);
    inode.sync_data();
    inode.write(2, &[2; 256], 0);
    inode.write(3, &[3; 256], 256);
    assert_eq!(found(&inode), [(512, 1), (512, 2), (512, 3)]);
}

#[test]
fn eight_sectors_are_511_states() {
    let mut inode = Inode::new();
    inode.write(1, &[1; 4096], 0);
    assert_eq!(found(&inode).len(), 511);
}

#[test]
fn what_is_appended_within_a_sector_is_cut_at_each_length() {
    let mut inode = Inode::new();
    inode.write(1, &[1; 100], 0);
    inode.sync_data();
    inode.write(2, &[2; 100], 100);
    assert_eq!(found(&inode), [(100, 1), (200, 1), (200, 2)]);
}

#[test]
fn zeros_over_zeros_cost_a_few_lengths_and_then_nothing() {
    let mut inode = Inode::new();
    for step in 0..16 {
        inode.write(step, &vec![0; 1 << 16], usize::try_from(step << 16).unwrap());
    }
    assert!(inode.count() < 80, "{}", inode.count());
    assert!(found(&inode).contains(&(1 << 19, 0)));
    inode.sync_data();
    inode.write(20, &vec![0; 1 << 16], 5);
    assert_eq!(found(&inode), [(1 << 20, 0)]);
}

#[test]
fn a_data_sync_does_not_keep_the_mode_and_a_full_one_does() {
    let mut inode = Inode::new();
    inode.set_mode(1, 0o600);
    inode.sync_data();
    let modes = |inode: &Inode| inode.states().iter().map(|state| state.mode).collect::<Vec<_>>();
    assert_eq!(modes(&inode), [0o600, 0o644]);
    inode.sync_all();
    assert_eq!(modes(&inode), [0o600]);
}

#[test]
fn what_a_failed_sync_has_dropped_no_later_one_brings_back() {
    let mut inode = Inode::new();
    inode.write(1, &[1; 512], 0);
    inode.sync_data();
    inode.write(2, &[2; 512], 0);
    inode.fail_sync();
    inode.sync_all();
    assert_eq!(found(&inode), [(512, 1), (512, 2)]);
    // Written again, even with the same bytes, it is dirty again.
    inode.write(3, &[2; 512], 0);
    inode.sync_data();
    assert_eq!(found(&inode), [(512, 2)]);
}

#[test]
fn a_length_that_a_failed_sync_has_dropped_is_in_doubt_until_it_grows_again() {
    let mut inode = Inode::new();
    inode.write(1, &[1; 512], 0);
    inode.fail_sync();
    inode.write(2, &[1; 512], 0);
    inode.sync_data();
    assert_eq!(found(&inode), [(0, 0), (512, 1)]);
    inode.write(3, &[3; 1], 512);
    inode.sync_data();
    assert_eq!(found(&inode), [(513, 3)]);
}

#[test]
fn whole_steps_are_kept_and_lost() {
    let mut inode = Inode::new();
    inode.write(1, &[1; 512], 0);
    inode.write(2, &[2; 512], 512);
    inode.write(3, &[3; 512], 0);
    let kept = |keep: &[u64]| {
        let state = inode.kept(&|step| keep.contains(&step));
        let content = inode.content(&state);
        (content.len(), content.sector(0)[0], content.sector(1)[0])
    };
    assert_eq!(kept(&[]), (0, 0, 0));
    assert_eq!(kept(&[1]), (512, 1, 0));
    assert_eq!(kept(&[2]), (1024, 0, 2));
    assert_eq!(kept(&[1, 2]), (1024, 1, 2));
    assert_eq!(kept(&[1, 2, 3]), (1024, 3, 2));
}
