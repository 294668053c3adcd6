use super::{Note, Story, gone};
use crate::retention::{Plan, Policy};

/// Whole, and three differences to the one before, twice.
fn chains() -> Story {
    let mut story = Story::new();
    for first in [1, 5] {
        story.make(0, Note { bytes: 100, ..Note::default() });
        for before in first..first + 3 {
            story.make(0, Note { bytes: 10, base: Some(before), ..Note::default() });
        }
    }
    story
}

fn sizes(plan: &Plan) -> (u64, u64, u64) {
    (plan.bytes_before(), plan.bytes_after(), plan.bytes_freed())
}

#[test]
fn the_oldest_go_until_the_rest_fits() {
    let story = chains();
    // All, as it is; one less, and what is whole moves on to the next; so on to the second chain.
    for (bytes_max, expected) in [
        (260, &[][..]),
        (259, &[1]),
        (250, &[1]),
        (249, &[1, 2]),
        (231, &[1, 2, 3]),
        (229, &[1, 2, 3, 4]),
        (130, &[1, 2, 3, 4]),
        (119, &[1, 2, 3, 4, 5, 6]),
        (100, &[1, 2, 3, 4, 5, 6, 7]),
        (0, &[1, 2, 3, 4, 5, 6, 7]),
    ] {
        let plan = story.plan(&Policy::new().max_bytes(bytes_max), None);
        assert_eq!(gone(&plan), expected, "{bytes_max}");
        assert!(plan.bytes_after() <= bytes_max || expected.len() == 7, "{plan}");
    }
}

#[test]
fn a_bound_takes_what_counts_keep_and_not_what_tags_keep() {
    let mut story = chains();
    story.make(0, Note { bytes: 50, tags: &["good"], ..Note::default() });
    story.make(0, Note { bytes: 50, annotation: Some("score"), ..Note::default() });
    story.make(0, Note { bytes: 50, ..Note::default() });
    story.make(0, Note { bytes: 50, ..Note::default() });
    let policy = Policy::keep_recent(5).keep_tag("good").keep_annotated("score").max_bytes(0);
    let plan = story.plan(&policy, None);
    assert_eq!(gone(&plan), [1, 2, 3, 4, 5, 6, 7, 8, 11]);
    assert_eq!(sizes(&plan), (460, 150, 310));
}

#[test]
fn a_bound_is_on_the_sessions_that_a_policy_is_for() {
    let mut story = chains();
    let other = story.session("other");
    for _ in 0..4 {
        story.make(other, Note { bytes: 1000, ..Note::default() });
    }
    let plan = story.plan(&Policy::new().only_session("other").max_bytes(2500), None);
    assert_eq!(gone(&plan), [9, 10]);
    let plan = story.plan(&Policy::new().only_session("main").max_bytes(259), None);
    assert_eq!(gone(&plan), [1]);
    assert_eq!(sizes(&plan), (4260, 4250, 10));
    // The bound of a hybrid is the highest, and there is none if one has none.
    let bound = |bytes_max| Policy::new().max_bytes(bytes_max);
    let plan = story.plan(&Policy::hybrid([bound(1), bound(4250), bound(7)]), None);
    assert_eq!(gone(&plan), [1]);
    assert!(story.plan(&Policy::hybrid([bound(1), Policy::new()]), None).is_empty());
}

#[test]
fn what_stands_on_what_goes_is_written_anew_as_a_difference_or_whole() {
    let story = chains();
    let rebased = |plan: &Plan| plan.rebased().map(|found| found.sequence.0).collect::<Vec<_>>();
    // 2 and 3 go between 1 and 4, and 5 to 7 under 8.
    let mut story = story;
    story.apply(crate::op::Op::Lock { of: crate::Sequence(1), locked: true });
    story.apply(crate::op::Op::Lock { of: crate::Sequence(4), locked: true });
    let plan = story.plan(&Policy::keep_recent(0), None);
    assert_eq!(rebased(&plan), [4, 8]);
    assert_eq!(sizes(&plan), (260, 100 + 30 + 100, 30));
    // Two that stand on one that is whole become whole both.
    let mut story = Story::new();
    story.make(0, Note { bytes: 100, ..Note::default() });
    story.make(0, Note { bytes: 1, base: Some(1), tags: &["a"], ..Note::default() });
    story.make(0, Note { bytes: 1, base: Some(1), ..Note::default() });
    let plan = story.plan(&Policy::keep_recent(0).keep_any_tagged(), None);
    assert_eq!(rebased(&plan), [2, 3]);
    assert_eq!(sizes(&plan), (102, 200, 0));
}
