use super::*;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The seconds, of so many, in which a save is due that then is made at once.
fn saves(autosave: &mut Autosave, seconds: std::ops::Range<u64>, events: &[u64]) -> Vec<u64> {
    let is_due = |autosave: &mut Autosave, at: u64| {
        let due = if events.contains(&at) { autosave.event(s(at)) } else { autosave.tick(s(at)) };
        if due {
            autosave.saved(s(at));
        }
        due
    };
    seconds.filter(|at| is_due(autosave, *at)).collect()
}

#[test]
fn saves_are_due_at_intervals_from_the_last_save() {
    let mut autosave = Autosave::new(AutosavePolicy::every(s(10)), s(100));
    assert_eq!(autosave.next_due(), Some(s(110)));
    assert_eq!(saves(&mut autosave, 100..135, &[105]), [110, 120, 130]);
    autosave.saved(s(137));
    assert_eq!(saves(&mut autosave, 137..150, &[]), [147]);
}

#[test]
fn the_presets_are_ten_seconds_a_minute_and_never() {
    let due = |policy, events: &[u64]| saves(&mut Autosave::new(policy, s(0)), 0..61, events);
    assert_eq!(due(AutosavePolicy::AGGRESSIVE, &[]), [10, 20, 30, 40, 50, 60]);
    assert_eq!(due(AutosavePolicy::BALANCED, &[]), [60]);
    assert_eq!(due(AutosavePolicy::MANUAL, &[1, 2, 3]), [0_u64; 0]);
    assert_eq!(Autosave::new(AutosavePolicy::MANUAL, s(0)).next_due(), None);
}

#[test]
fn events_inside_the_throttle_are_one_save_when_it_ends() {
    let policy = AutosavePolicy::on_events().throttle(s(5));
    let mut autosave = Autosave::new(policy, s(0));
    assert_eq!(saves(&mut autosave, 0..30, &[3, 4, 5, 7, 20]), [3, 8, 20]);
    assert_eq!(autosave.next_due(), None);
}

#[test]
fn events_and_intervals_work_together() {
    let policy = AutosavePolicy { interval: Some(s(10)), on_event: true, throttle: s(4) };
    assert_eq!(saves(&mut Autosave::new(policy, s(0)), 0..40, &[6, 7, 21]), [6, 10, 20, 24, 34]);
}

#[test]
fn the_throttle_bounds_a_shorter_interval() {
    let policy = AutosavePolicy::every(s(1)).throttle(s(5));
    assert_eq!(saves(&mut Autosave::new(policy, s(0)), 0..14, &[]), [1, 6, 11]);
}

#[test]
fn while_a_save_is_made_no_other_is_due_and_an_event_is_not_in_it() {
    let policy = AutosavePolicy::on_events();
    let mut autosave = Autosave::new(policy, s(0));
    assert!(autosave.event(s(1)));
    assert!(!autosave.tick(s(2)) && !autosave.event(s(3)));
    assert_eq!(autosave.next_due(), None);
    autosave.saved(s(4));
    // That of the third second came after the state was captured.
    assert!(autosave.tick(s(4)));
    autosave.saved(s(5));
    assert!(!autosave.tick(s(100)));
}

#[test]
fn a_save_by_the_player_holds_what_was_remembered() {
    let mut autosave = Autosave::new(AutosavePolicy::on_events().throttle(s(10)), s(0));
    autosave.saved(s(0));
    assert!(!autosave.event(s(1)));
    autosave.saved(s(2));
    assert_eq!(autosave.next_due(), None);
}

#[test]
fn a_failed_save_is_due_again_after_the_throttle() {
    let policy = AutosavePolicy { interval: Some(s(60)), on_event: true, throttle: s(5) };
    let mut autosave = Autosave::new(policy, s(0));
    assert!(autosave.event(s(10)));
    autosave.failed(s(11));
    assert_eq!(autosave.next_due(), Some(s(16)));
    assert!(!autosave.tick(s(15)) && autosave.tick(s(16)));
    autosave.saved(s(17));
    assert_eq!(autosave.next_due(), Some(s(77)));

    assert!(autosave.tick(s(77)));
    autosave.failed(s(78));
    assert!(!autosave.tick(s(82)) && autosave.tick(s(83)), "an interval that is over stays over");
}

#[test]
fn a_failure_is_not_repeated_in_each_frame() {
    let mut autosave = Autosave::new(AutosavePolicy::on_events(), s(0));
    assert!(autosave.event(s(1)));
    autosave.failed(s(1));
    assert!(!autosave.tick(s(1)) && !autosave.event(s(1)));
    assert_eq!(autosave.next_due(), Some(s(2)));
}

#[test]
fn a_long_time_unasked_is_one_save() {
    let mut autosave = Autosave::new(AutosavePolicy::AGGRESSIVE, s(0));
    assert_eq!(saves(&mut autosave, 1000..1011, &[]), [1000, 1010]);
}

#[test]
fn times_before_the_last_and_times_without_end_are_no_harm() {
    let mut autosave = Autosave::new(AutosavePolicy::every(s(10)), s(50));
    assert!(!autosave.tick(s(0)));
    autosave.saved(s(10));
    assert_eq!(autosave.next_due(), Some(s(60)));
    autosave.saved(Duration::MAX);
    assert_eq!(autosave.next_due(), Some(Duration::MAX));
    let mut never = Autosave::new(AutosavePolicy::every(Duration::MAX).throttle(Duration::MAX), s(1));
    assert!(!never.tick(s(1_000_000)));
    never.failed(Duration::MAX);
}

#[test]
fn another_policy_counts_from_the_last_save() {
    let mut autosave = Autosave::new(AutosavePolicy::BALANCED, s(0));
    autosave.saved(s(30));
    assert!(!autosave.event(s(31)));
    autosave.set_policy(AutosavePolicy::every(s(20)));
    assert_eq!(saves(&mut autosave, 31..60, &[]), [50]);
}
