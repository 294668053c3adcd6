use super::*;

/// Two sessions: the first has a chain of three and a fork, the second stands on it.
fn tree() -> Catalog {
    let mut catalog = begun();
    applied(&mut catalog, [branch(0, "ended"), Op::EndBranch { branch: 1 }]);
    applied(&mut catalog, [whole(0), on(0, 1), on(0, 2), session("other"), branch(1, "main"), on(2, 2)]);
    applied(&mut catalog, [imported(CheckpointId::from_bytes([9; 16])), session("done"), branch(2, "main")]);
    applied(&mut catalog, [Op::EndSession { session: 2 }, Op::Lock { of: Sequence(5), locked: true }]);
    catalog
}

#[track_caller]
fn check(op: Op, why: &str) {
    let mut catalog = tree();
    let before = Picture::of(&catalog);
    let shown = format!("{op:?}");
    assert_eq!(catalog.apply(op).map_err(|broken| broken.0), Err(why), "{shown}");
    assert_eq!(Picture::of(&catalog), before, "{shown}");
}

#[test]
fn a_prune_takes_no_head_and_nothing_that_others_stand_on() {
    check(prune(&[3]), "the head of a branch is pruned");
    check(prune(&[1]), "a state is gone that another one is a difference to");
    check(prune(&[1, 2]), "a state is gone that another one is a difference to");
    check(prune(&[5]), "what is pruned is locked");
    check(prune(&[6]), "there is no such checkpoint");
    check(prune(&[2, 1]), "what is pruned is out of order");
    check(prune(&[1, 1]), "what is pruned is out of order");

    let mut catalog = tree();
    applied(&mut catalog, [head(0, None), head(2, None), prune(&[1, 2, 3, 4])]);
    assert_eq!(catalog.all().iter().map(|found| found.sequence).collect::<Vec<_>>(), [Sequence(5)]);
}

#[test]
fn a_state_is_made_anew_on_what_comes_before_it_and_then_frees_what_it_stood_on() {
    let rebase = |of, form| Op::Rebase { of: Sequence(of), form, bytes: Arc::default() };
    let no_base = "a state is a difference to one that there is not, or that comes later";
    check(rebase(3, Form::Delta(Sequence(3))), no_base);
    check(rebase(3, Form::Same(Sequence(4))), no_base);
    check(rebase(5, Form::Delta(Sequence(6))), no_base);
    check(rebase(6, Form::Delta(Sequence(1))), "there is no such checkpoint");
    check(rebase(9, Form::Full(Codec::None)), "there is no such checkpoint");

    let mut catalog = tree();
    let stood_on_2 = [rebase(3, Form::Delta(Sequence(1))), rebase(4, Form::Full(Codec::None))];
    applied(&mut catalog, stood_on_2.into_iter().chain([prune(&[2])]));
    assert_eq!(catalog.get(Sequence(3)).unwrap().base(), Some(Sequence(1)));
    assert_eq!(catalog.get(Sequence(4)).unwrap().base(), None);
    assert_eq!(Picture::of(&rebuilt(&catalog)), Picture::of(&catalog));
}

#[test]
fn a_session_that_another_one_stands_on_does_not_end() {
    // Its branches were ended before it was seen that it can't be.
    check(Op::EndSession { session: 0 }, "a state is gone that another one is a difference to");
    let mut catalog = tree();
    applied(&mut catalog, [Op::EndSession { session: 1 }, Op::EndSession { session: 0 }]);
    assert!(catalog.all().is_empty() && catalog.branches().next().is_none());
}

#[test]
fn names_are_given_once() {
    check(session("agent"), "two sessions have one name");
    check(Op::Rename { session: 1, name: "agent".into() }, "two sessions have one name");
    check(branch(0, "main"), "two branches of a session have one name");
    let mut catalog = tree();
    applied(&mut catalog, [branch(0, "other")]);
    let renamed = Op::RenameBranch { branch: 4, name: "main".into() };
    assert!(catalog.apply(renamed).is_err());
    // To the name that it has is no change.
    applied(&mut catalog, [Op::RenameBranch { branch: 4, name: "other".into() }]);
    applied(&mut catalog, [Op::Rename { session: 0, name: "agent".into() }]);
    assert_eq!(catalog.session_named("agent"), Some(0));
    assert_eq!(catalog.session(0).unwrap().branches.get("other"), Some(&4));
}

#[test]
fn names_are_not_taken_away() {
    let why = "a session or branch has no name";
    check(Op::Rename { session: 0, name: "".into() }, why);
    check(Op::RenameBranch { branch: 0, name: "".into() }, why);
    check(branch(0, ""), why);
}

#[test]
fn what_has_ended_or_never_was_does_not_change() {
    let (key, value) = (String::from("k"), None);
    for session in [2, 3] {
        let why = "there is no such session";
        check(branch(session, "new"), why);
        check(Op::Rename { session, name: "new".into() }, why);
        check(Op::Describe { session, key: key.clone(), value: value.clone() }, why);
        check(Op::EndSession { session }, why);
    }
    check(Op::EndedBranch { session: 3, name: "b".into() }, "there is no such session");
    for branch in [1, 3, 4] {
        let why = "there is no such branch";
        check(head(branch, None), why);
        check(Op::HeadIs { branch, to: None }, why);
        check(Op::RenameBranch { branch, name: "new".into() }, why);
        check(Op::EndBranch { branch }, why);
    }
    let why = ["there is no such branch", "there is no such session", "there is no such branch"];
    for (branch, why) in [1, 3, 4].into_iter().zip(why) {
        check(whole(branch), why);
    }
    let of = Sequence(6);
    let why = "there is no such checkpoint";
    check(Op::Tags { of, add: vec!["t".into()], remove: Vec::new() }, why);
    check(Op::Annotate { of, key, value }, why);
    check(Op::Message { of, text: "m".into() }, why);
    check(Op::Lock { of, locked: true }, why);
}

#[test]
fn a_head_is_a_checkpoint_of_its_session() {
    let why = "the head of a branch is no checkpoint of its session";
    check(head(0, Some(4)), why);
    check(head(0, Some(6)), why);
    check(Op::HeadIs { branch: 2, to: Some(Sequence(1)) }, why);
    check(Op::Branch { session: 0, name: "new".into(), head: Some(Sequence(4)) }, why);
    check(Op::Branch { session: 2, name: "new".into(), head: Some(Sequence(1)) }, why);
}

#[test]
fn a_checkpoint_stands_on_what_there_is() {
    let known =
        |parent| NewCheckpoint { parent: Parent::Known(Some(parent)), ..new(0, Form::Full(Codec::None)) };
    check(on(0, 6), "a state is a difference to one that there is not, or that comes later");
    check(on(0, 9), "a state is a difference to one that there is not, or that comes later");
    check(Op::Checkpoint(Box::new(known(Sequence(6)))), "a checkpoint goes on from a later one");
    let first = Catalog::default().apply(whole(0));
    assert_eq!(first.unwrap_err().0, "there is no such branch");
    let mut nobody = Catalog::default();
    applied(&mut nobody, [session("agent"), branch(0, "main")]);
    assert_eq!(nobody.apply(whole(0)).unwrap_err().0, "a checkpoint comes before the writer that made it");

    let mut catalog = tree();
    let body = |base| Body { form: Form::Delta(Sequence(base)), place: Place::Journal(Arc::default()) };
    assert!(catalog.rehouse(Sequence(3), body(4)).is_err());
    assert!(catalog.rehouse(Sequence(3), body(3)).is_err());
    assert!(catalog.rehouse(Sequence(6), body(1)).is_err());
    assert_eq!(Picture::of(&catalog), Picture::of(&tree()));
    catalog.rehouse(Sequence(3), body(1)).unwrap();
    assert_eq!(rebuilt(&catalog).get(Sequence(3)).unwrap().base(), Some(Sequence(1)));
}

#[test]
fn no_two_checkpoints_have_one_id() {
    let why = "two checkpoints have one id";
    check(imported(CheckpointId::from_bytes([9; 16])), why);
    check(imported(CheckpointId::new(PREFIX, Sequence(2))), why);
    // One that comes from elsewhere may have the id that the next one here would get.
    let mut catalog = tree();
    applied(&mut catalog, [imported(CheckpointId::new(PREFIX, Sequence(7)))]);
    let before = Picture::of(&catalog);
    assert_eq!(catalog.apply(whole(0)).unwrap_err().0, why);
    assert_eq!(Picture::of(&catalog), before);
    applied(&mut catalog, [Op::Writer(Prefix([5; 8])), whole(0)]);
}

#[test]
fn tags_are_not_more_than_a_manifest_takes() {
    // The checkpoint could be tagged, and no manifest be written from then on.
    let tags = |numbers: std::ops::Range<u32>| numbers.map(|number| format!("{number:03}").into()).collect();
    let add = |add| Op::Tags { of: Sequence(1), add, remove: Vec::new() };
    check(add(tags(0..65)), "a checkpoint has too many tags");
    let mut catalog = tree();
    applied(&mut catalog, [add(tags(0..40)), add(tags(20..64))]);
    assert!(catalog.apply(add(tags(64..65))).is_err());
    applied(&mut catalog, [Op::Tags { of: Sequence(1), add: tags(64..65), remove: tags(0..1) }]);
    let expected: Vec<Arc<str>> = tags(1..65);
    assert_eq!(rebuilt(&catalog).get(Sequence(1)).unwrap().tags, expected);
}

#[test]
fn counters_do_not_go_back_or_too_far() {
    check(Op::Skip { next: Sequence(5) }, "sequences go back");
    check(Op::Skip { next: Sequence::MAX.next() }, "sequences go back");
    let counters = |next_move| Op::Counters { next_move, last_time: None };
    check(counters(4), "numbers of moves go back, or too far");
    check(counters(u64::MAX), "numbers of moves go back, or too far");
    let moved = |number, branch| {
        Op::Moved(Move { number, branch, time: None, from: None, to: None, cause: Cause::Fork })
    };
    let why = "a move of a head is out of order, or of a branch that there is not";
    check(moved(4, 0), why);
    check(moved(5, 9), why);
    check(moved(u64::MAX, 0), why);
    let mut catalog = tree();
    applied(&mut catalog, [Op::Skip { next: Sequence::MAX }]);
    assert_eq!(catalog.apply(whole(0)).unwrap_err().0, "there are no sequences left");
}
