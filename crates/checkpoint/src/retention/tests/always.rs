use super::{DAY, GRACE, Note, Story, gone, kept, why};
use crate::{
    Reason,
    id::Sequence,
    op::{Cause, Op},
    retention::{Plan, Policy},
};

/// A policy that keeps nothing of itself.
fn nothing() -> Policy {
    Policy::new().keep_last(0)
}

#[test]
fn heads_stay_wherever_they_are() {
    let mut story = Story::new();
    story.more(0, 5);
    story.branch(0, "idle", Some(2));
    story.restore(0, 3, None);
    let plan = story.plan(&nothing(), None);
    assert_eq!(kept(&plan), [2, 3, 5]);
    assert_eq!(why(&plan, 2), "head of idle");
    assert_eq!(why(&plan, 3), "head of main");
    assert_eq!(why(&plan, 5), "newest of its session");
    // A branch that has ended has no head.
    story.apply(Op::EndBranch { branch: 1 });
    assert_eq!(story.kept(&nothing()), [3, 5]);
}

#[test]
fn what_is_locked_stays_until_it_is_not() {
    let mut story = Story::new();
    story.more(0, 3);
    story.make(0, Note { locked: true, ..Note::default() });
    story.more(0, 2);
    assert_eq!(story.kept(&nothing().max_bytes(0)), [4, 6]);
    story.apply(Op::Lock { of: Sequence(4), locked: false });
    story.apply(Op::Lock { of: Sequence(1), locked: true });
    assert_eq!(story.kept(&nothing().max_bytes(0)), [1, 6]);
}

#[test]
fn a_branch_still_begins_where_it_did_after_any_number_of_prunes() {
    let mut story = Story::new();
    story.more(0, 6);
    let fork = story.branch(0, "fork", Some(3));
    story.more(fork, 4);
    for _ in 0..3 {
        let plan = story.plan(&nothing(), None);
        assert_eq!(kept(&plan), [3, 6, 7, 10]);
        assert_eq!(why(&plan, 3), "fork begins there");
        assert_eq!(why(&plan, 7), "fork begins there");
        let gone = plan.sequences();
        story.apply(Op::Prune { gone });
        story.more(0, 0);
    }
    assert_eq!(story.0.get(Sequence(7)).unwrap().parent, Some(Sequence(3)));
    // Of a branch that has ended nothing is kept for it.
    story.apply(Op::EndBranch { branch: fork });
    assert_eq!(story.kept(&nothing()), [6, 10]);
}

#[test]
fn what_a_restore_has_left_stays_for_the_grace() {
    let mut story = Story::new();
    for day in 0..5 {
        story.make(0, Note { time: Some(day * DAY), ..Note::default() });
    }
    let left = 10 * DAY;
    let number = story.restore(0, 2, Some(left));
    story.make(0, Note { time: Some(11 * DAY), ..Note::default() });
    let plan = story.plan(&nothing(), Some(left + GRACE - 1));
    assert_eq!(kept(&plan), [5, 6]);
    assert_eq!(plan.kept()[0].reasons, [Reason::Undo { number }]);
    // When it is over, when it is allowed, and when nobody knows when it is over.
    for (policy, now) in
        [(nothing(), Some(left + GRACE)), (nothing().ending_undo(), Some(left)), (nothing(), None)]
    {
        assert_eq!(kept(&story.plan(&policy, now)), [6], "{policy:?} at {now:?}");
    }
    // A move whose time is not known is not young.
    let number = story.restore(0, 4, None);
    let plan = story.plan(&nothing(), Some(left));
    assert_eq!(kept(&plan), [4, 5, 6]);
    assert!(!plan.kept()[2].reasons.contains(&Reason::Undo { number }));
}

/// The numbers of the moves that can't be taken back any more.
fn ended(plan: &Plan) -> Vec<u64> {
    plan.ended_undo().iter().map(|step| step.taken_back.number).collect()
}

#[test]
fn a_plan_names_each_step_of_undo_that_it_ends_and_no_other() {
    let mut story = Story::new();
    // Moves 1 to 6.
    story.more(0, 6);
    assert_eq!(ended(&story.plan(&Policy::keep_recent(6), None)), [0_u64; 0]);
    // Back from 6 to 5 and 4 it goes, and not to 3: that is what move 4 takes back.
    let plan = story.plan(&Policy::keep_recent(3), None);
    assert_eq!(gone(&plan), [1, 2, 3]);
    assert_eq!(ended(&plan), [4, 3, 2, 1]);
    // Move 7 goes to 2, and 8 takes it back: neither is a step any more.
    let moved = story.restore(0, 2, None);
    story.apply(Op::Head { branch: 0, to: Some(Sequence(6)), cause: Cause::Undo(moved), time: None });
    assert_eq!(ended(&story.plan(&Policy::keep_recent(3), None)), [4, 3, 2, 1]);
    // What ended before is not named again.
    story.apply(Op::Prune { gone: [1, 2, 3].map(Sequence).to_vec() });
    assert_eq!(ended(&story.plan(&Policy::keep_recent(3), None)), [0_u64; 0]);
    assert_eq!(ended(&story.plan(&Policy::keep_recent(1), None)), [6, 5]);
    let step = &story.plan(&Policy::keep_recent(1), None).ended_undo()[0].clone();
    assert_eq!((&*step.session, &*step.branch), ("main", "main"));
}

#[test]
fn a_plan_fits_until_something_that_it_takes_is_kept() {
    let policy = Policy::keep_recent(2).keep_tag("good");
    let tag = |of| Op::Tags { of: Sequence(of), add: vec!["good".into()], remove: Vec::new() };
    let lock = |of| Op::Lock { of: Sequence(of), locked: true };
    let branch = |head| Op::Branch { session: 0, name: "fork".into(), head: Some(Sequence(head)) };
    for (op, fits) in [
        (tag(3), false),
        (tag(5), true),
        (lock(1), false),
        (lock(6), true),
        (branch(2), false),
        (branch(6), true),
        (Op::Prune { gone: vec![Sequence(4)] }, false),
        (Op::Annotate { of: Sequence(1), key: "score".into(), value: Some("1".into()) }, true),
    ] {
        let mut story = Story::new();
        story.more(0, 6);
        let plan = story.plan(&policy, None);
        assert_eq!(gone(&plan), [1, 2, 3, 4]);
        assert!(plan.fits(&story.0));
        story.apply(op.clone());
        assert_eq!(plan.fits(&story.0), fits, "{op:?}");
        // What is made later is nothing to it.
        story.more(0, 3);
        assert_eq!(plan.fits(&story.0), fits, "{op:?}");
    }
}

#[test]
fn a_plan_of_another_store_does_not_fit() {
    let mut story = Story::new();
    story.more(0, 4);
    let mut other = Story::new();
    other.apply(Op::Writer(crate::id::Prefix([8; 8])));
    other.more(0, 4);
    let plan = story.plan(&Policy::keep_recent(1), None);
    assert!(plan.fits(&story.0) && !plan.fits(&other.0));
}

#[test]
fn an_empty_store_has_an_empty_plan() {
    let story = Story::new();
    let plan = story.plan(&nothing().max_bytes(0), Some(0));
    assert!(plan.is_empty() && plan.kept().is_empty() && plan.ended_undo().is_empty());
    assert!(plan.to_string().starts_with("0 of 0 checkpoints go, 0 stay\n"));
}
