use super::{DAY, Note, SECOND, Story, gone, kept, utc, why};
use crate::{id::Sequence, retention::Policy};

const HOUR: i64 = 3600 * SECOND;

fn check(story: &Story, policy: &Policy, now: Option<i64>, expected: &[u64]) {
    let plan = story.plan(policy, now);
    assert_eq!(kept(&plan), expected, "{policy:?}\n{plan}");
    assert!(plan.kept().iter().all(|kept| !kept.reasons.is_empty()), "{plan}");
}

#[test]
fn counts_are_of_each_session_or_branch_or_of_all() {
    let mut story = Story::new();
    story.more(0, 4);
    let other = story.session("other");
    story.more(other, 4);
    let fork = story.branch(0, "fork", Some(4));
    story.more(fork, 3);
    story.more(0, 3);
    // main: 1 to 4 and 12 to 14 on `main`, 9 to 11 on `fork`; other: 5 to 8. 4 and 9 are where the fork begins, 11 and 14 and 8 are heads.
    check(&story, &Policy::keep_recent(0), None, &[4, 8, 9, 11, 14]);
    check(&story, &Policy::keep_recent(2), None, &[4, 7, 8, 9, 11, 13, 14]);
    check(&story, &Policy::new().keep_last(2).per_branch(), None, &[4, 7, 8, 9, 10, 11, 13, 14]);
    check(&story, &Policy::new().keep_last_of_all(4), None, &[4, 8, 9, 11, 12, 13, 14]);
    let all: Vec<u64> = (1..=14).collect();
    check(&story, &Policy::keep_recent(usize::MAX), None, &all);
    check(&story, &Policy::new(), None, &all);
    check(
        &story,
        &Policy::keep_recent(1).only_session("other"),
        None,
        &[1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14],
    );
    assert_eq!(
        why(&story.plan(&Policy::keep_recent(1).only_session("other"), None), 1),
        "of another session"
    );
}

#[test]
fn the_last_of_each_span_stays_also_where_years_and_weeks_begin() {
    let times = [
        utc(2020, 12, 27, 23, 59, 59), // 1: a Sunday
        utc(2020, 12, 28, 0, 0, 0),    // 2: a Monday
        utc(2020, 12, 31, 23, 0, 0),   // 3: a Thursday
        utc(2020, 12, 31, 23, 59, 59), // 4
        utc(2021, 1, 1, 0, 0, 0),      // 5
        utc(2021, 1, 3, 12, 0, 0),     // 6: a Sunday
        utc(2021, 1, 4, 0, 0, 0),      // 7: a Monday
        utc(2021, 1, 4, 0, 59, 0),     // 8
        utc(2021, 1, 4, 1, 0, 0),      // 9
    ];
    let story = Story::at(&times);
    let cases: [(Policy, &[u64]); 11] = [
        (Policy::new().keep_hourly(2), &[8, 9]),
        (Policy::new().keep_hourly(5), &[4, 5, 6, 8, 9]),
        (Policy::new().keep_daily(1), &[9]),
        (Policy::new().keep_daily(4), &[4, 5, 6, 9]),
        // The week from the 28th of December has days of two years.
        (Policy::new().keep_weekly(2), &[6, 9]),
        (Policy::new().keep_weekly(9), &[1, 6, 9]),
        (Policy::new().keep_monthly(2), &[4, 9]),
        (Policy::new().keep_yearly(1), &[9]),
        (Policy::new().keep_yearly(2), &[4, 9]),
        (Policy::new().keep_yearly(0), &[9]),
        (Policy::new().keep_weekly(3).keep_yearly(2).keep_last(2), &[1, 4, 6, 8, 9]),
    ];
    for (policy, expected) in cases {
        check(&story, &policy, None, expected);
    }
}

#[test]
fn spans_go_by_times_and_not_by_the_order_of_the_store() {
    // What was imported is older than what was there.
    let day = |day| utc(2024, 2, day, 12, 0, 0);
    let story = Story::at(&[day(28), day(29), day(1), day(2), day(28)]);
    check(&story, &Policy::new().keep_daily(2), None, &[2, 5]);
    check(&story, &Policy::new().keep_daily(3), None, &[2, 4, 5]);
    assert_eq!(why(&story.plan(&Policy::new().keep_daily(3), None), 2), "daily");
}

#[test]
fn spans_are_of_each_session() {
    let mut story = Story::at(&[0, 1]);
    let other = story.session("other");
    story.make(other, Note { time: Some(DAY), ..Note::default() });
    story.make(other, Note { time: Some(2 * DAY), ..Note::default() });
    story.make(0, Note { time: Some(3 * DAY), ..Note::default() });
    // Days 0 and 3 of one, 1 and 2 of the other.
    check(&story, &Policy::new().keep_daily(2), None, &[2, 3, 4, 5]);
    check(&story, &Policy::new().keep_daily(1), None, &[4, 5]);
}

#[test]
fn age_counts_back_from_the_time_that_is_told() {
    let story = Story::at(&[0, HOUR, 2 * HOUR, 3 * HOUR, -HOUR]);
    let within = |nanoseconds| Policy::new().keep_within(nanoseconds);
    check(&story, &within(HOUR), Some(3 * HOUR), &[3, 4, 5]);
    check(&story, &within(HOUR - 1), Some(3 * HOUR), &[4, 5]);
    check(&story, &within(i64::MAX), Some(i64::MIN), &[1, 2, 3, 4, 5]);
    // Without the time nothing is too old.
    check(&story, &within(HOUR), None, &[1, 2, 3, 4, 5]);
    check(&story, &within(HOUR).keep_last(1), None, &[1, 2, 3, 4, 5]);
}

#[test]
fn what_has_no_time_does_not_go_because_of_times_alone() {
    let mut story = Story::new();
    story.make(0, Note::default());
    story.make(0, Note { time: Some(0), ..Note::default() });
    story.make(0, Note { tags: &["a"], ..Note::default() });
    story.make(0, Note { time: Some(DAY), ..Note::default() });
    check(&story, &Policy::new().keep_daily(1), None, &[1, 3, 4]);
    check(&story, &Policy::new().keep_within(1).keep_tag("b"), Some(DAY), &[1, 3, 4]);
    // The last two go by their order, and so may the others.
    check(&story, &Policy::new().keep_daily(1).keep_last(2), None, &[3, 4]);
    check(&story, &Policy::new().keep_tag("a"), None, &[3, 4]);
    assert_eq!(why(&story.plan(&Policy::new().keep_daily(1), None), 1), "without a time");
}

#[test]
fn tags_annotations_and_ids_keep_what_they_name() {
    let mut story = Story::new();
    story.make(0, Note { tags: &["good"], ..Note::default() });
    story.make(0, Note { tags: &["bad", "ugly"], ..Note::default() });
    story.make(0, Note { annotation: Some("score"), ..Note::default() });
    story.more(0, 3);
    check(&story, &Policy::new().keep_tag("good"), None, &[1, 6]);
    check(&story, &Policy::new().keep_tag("ugly").keep_tag("goo"), None, &[2, 6]);
    check(&story, &Policy::new().keep_any_tagged(), None, &[1, 2, 6]);
    check(&story, &Policy::new().keep_annotated("score"), None, &[3, 6]);
    check(&story, &Policy::new().keep_annotated("said"), None, &[6]);
    let id = story.0.get(Sequence(4)).unwrap().id;
    let unknown = crate::CheckpointId::from_bytes([9; 16]);
    check(&story, &Policy::new().keep_ids([id, unknown]), None, &[4, 6]);
    check(&story, &Policy::preserve_tagged(["good", "bad"], 2), None, &[1, 2, 5, 6]);
}

#[test]
fn a_hybrid_keeps_what_any_of_its_policies_keeps_in_the_sessions_they_are_for() {
    let mut story = Story::new();
    let (second, third) = (story.session("second"), story.session("third"));
    for branch in [0, second, third] {
        story.make(branch, Note { tags: &["good"], ..Note::default() });
        story.more(branch, 3);
    }
    let policy = Policy::hybrid([
        Policy::keep_recent(2).only_session("main"),
        Policy::new().keep_tag("good").only_session("main"),
        Policy::keep_recent(3).only_session("second"),
    ]);
    check(&story, &policy, None, &[1, 3, 4, 6, 7, 8, 9, 10, 11, 12]);
    // A rule that is added is for all that the policy is for.
    check(&story, &policy.keep_any_tagged(), None, &[1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    let all: Vec<u64> = (1..=12).collect();
    check(&story, &Policy::hybrid([Policy::keep_recent(1), Policy::new()]), None, &all);
    check(&story, &Policy::hybrid([]), None, &all);
}

#[test]
fn a_plan_says_in_a_table_what_goes_and_why_the_rest_stays() {
    let mut story = Story::new();
    story.make(
        0,
        Note { time: Some(utc(2021, 1, 1, 0, 0, 0)), tags: &["a\nb"], bytes: 100, ..Note::default() },
    );
    for _ in 0..3 {
        story.make(0, Note { bytes: 7, base: Some(1), ..Note::default() });
    }
    let other = story.session("other");
    story.make(other, Note { bytes: 5, ..Note::default() });
    story.make(other, Note { bytes: 5, base: Some(5), ..Note::default() });
    story.make(0, Note { bytes: 9, base: Some(4), ..Note::default() });
    let plan = story.plan(&Policy::keep_recent(1).keep_any_tagged(), None);
    assert_eq!(gone(&plan), [2, 3, 4, 5]);
    let table = "\
4 of 7 checkpoints go, 3 stay
140 bytes of states become about 121, 2 are written anew
undo on main/main no longer takes back moves 1 to 7, 5 steps
undo on other/main no longer takes back moves 5 to 6, 2 steps
number  time                 session  branch  bytes  what
     1  2021-01-01 00:00:00  main     main      100  stays: tag a\\nb
2 to 4                       main     main       21  go
     5                       other    main        5  goes
     6                       other    main        5  stays: head of main, newest of its session, among the last; written anew
     7                       main     main        9  stays: head of main, newest of its session, among the last; written anew
";
    assert_eq!(plan.to_string(), table);
}
