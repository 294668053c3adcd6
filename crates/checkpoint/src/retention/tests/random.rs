use std::collections::{BTreeMap, BTreeSet};

use keepstone_testkit::Random;

use super::{DAY, GRACE, Note, Story, gone, kept};
use crate::{
    catalog::Catalog,
    id::Sequence,
    op::{Cause, Op},
    retention::{Plan, Policy},
};

/// A store of a few sessions with branches, restores, locks and tags.
fn story(random: &mut Random) -> Story {
    let mut story = Story::new();
    let mut branches = vec![(0, 0)];
    let mut time = 0;
    for step in 0..20 + random.index(60) {
        time += i64::try_from(random.index(3 * 86400)).unwrap() * 1_000_000_000;
        let (session, branch) = branches[random.index(branches.len())];
        let own: Vec<u64> =
            story.0.session(session).unwrap().checkpoints.iter().map(|found| found.sequence.0).collect();
        let any = (!own.is_empty()).then(|| own[random.index(own.len())]);
        match (random.index(12), any) {
            (0, _) if branches.len() < 8 => {
                let branch = story.session(&format!("session {step}"));
                branches.push((story.0.branch(branch).unwrap().session, branch));
            }
            (1, Some(any)) if branches.len() < 8 => {
                let branch = story.branch(session, &format!("branch {step}"), Some(any));
                branches.push((session, branch));
            }
            (2, Some(any)) => drop(story.restore(branch, any, random.one_in(2).then_some(time))),
            (3, Some(any)) => story.apply(Op::Lock { of: Sequence(any), locked: random.one_in(2) }),
            _ => {
                let head = story.0.branch(branch).unwrap().head;
                let base = head.filter(|_| !random.one_in(4)).map(|head| head.0);
                let note = Note {
                    time: (!random.one_in(5)).then_some(time),
                    tags: [&[][..], &["a"], &["b"], &["a", "b"]][random.index(4)],
                    bytes: random.index(200),
                    base,
                    ..Note::default()
                };
                story.make(branch, note);
            }
        }
    }
    story
}

fn policy(random: &mut Random) -> Policy {
    let mut policy = Policy::new();
    for _ in 0..random.index(4) {
        let count = random.index(4);
        policy = match random.index(9) {
            0 => policy.keep_last(count),
            1 => policy.keep_last_of_all(count * 3),
            2 => policy.keep_within(i64::try_from(count).unwrap() * 7 * DAY),
            3 => policy.keep_daily(count),
            4 => policy.keep_weekly(count),
            5 => policy.keep_monthly(count),
            6 => policy.keep_tag("a"),
            7 => policy.keep_any_tagged(),
            _ => policy.keep_last(count).per_branch(),
        };
    }
    if random.one_in(4) { policy.max_bytes(random.below(4000)) } else { policy }
}

/// What has to stay, found one by one.
fn always(catalog: &Catalog, now: i64) -> BTreeSet<u64> {
    let mut stays = BTreeSet::new();
    for checkpoint in catalog.all() {
        let later = catalog.all().iter().filter(|other| other.sequence > checkpoint.sequence);
        let is_newest = !later.into_iter().any(|other| other.session == checkpoint.session);
        let is_head = catalog.branches().any(|(_, branch)| branch.head == Some(checkpoint.sequence));
        let begins_from_it = catalog.branches().any(|(number, _)| {
            let first = catalog.all().iter().find(|found| found.branch_number == number);
            first.is_some_and(|first| first.parent == Some(checkpoint.sequence))
        });
        let was_left = catalog.moves().iter().any(|left| {
            let is_young = left.time.is_some_and(|time| now - time < GRACE);
            is_young && left.cause == Cause::Restore && left.from == Some(checkpoint.sequence)
        });
        if is_newest || is_head || begins_from_it || was_left || checkpoint.locked {
            stays.insert(checkpoint.sequence.0);
        }
    }
    stays
}

/// Bytes after a plan, each survivor by itself: its own differences and those under it that go, or what its chain begins with.
fn bytes_after(catalog: &Catalog, plan: &Plan) -> u64 {
    let gone: BTreeSet<u64> = gone(plan).into_iter().collect();
    let bytes = |of: u64| catalog.get(Sequence(of)).unwrap().stored_bytes();
    let base = |of: u64| catalog.get(Sequence(of)).unwrap().base().map(|base| base.0);
    let mut total = 0;
    for of in kept(plan) {
        let (mut at, mut sum) = (of, bytes(of));
        total += loop {
            match base(at) {
                None if at == of => break sum,
                // It ends in what is whole, and goes.
                None => break bytes(at),
                Some(base) if !gone.contains(&base) => break sum,
                Some(base) => (at, sum) = (base, sum + bytes(base)),
            }
        };
    }
    total
}

#[test]
fn whatever_the_policy_is_heads_newest_locked_and_forks_stay() {
    let mut taken = 0;
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let (story, policy) = (story(&mut random), policy(&mut random));
        let now = 60 * DAY;
        let plan = story.plan(&policy, Some(now));
        let (kept, gone) = (kept(&plan), gone(&plan));
        let all: Vec<u64> = story.0.all().iter().map(|found| found.sequence.0).collect();
        let both: BTreeSet<u64> = kept.iter().chain(&gone).copied().collect();
        assert_eq!(both.len(), kept.len() + gone.len(), "seed {seed}");
        assert_eq!(both.into_iter().collect::<Vec<_>>(), all, "seed {seed}");
        for stays in always(&story.0, now) {
            assert!(kept.contains(&stays), "seed {seed}: {stays} goes by {policy:?}\n{plan}");
        }
        assert_eq!(plan.bytes_after(), bytes_after(&story.0, &plan), "seed {seed}: {policy:?}\n{plan}");
        // It can be told after the fact, and then nothing more goes.
        let mut after = story;
        let rebased: Vec<Sequence> = plan.rebased().map(|found| found.sequence).collect();
        for of in rebased {
            let mut body = after.0.get(of).unwrap().body.clone();
            body.form = crate::form::Form::Full(keepstone_format::Codec::None);
            after.0.rehouse(of, body).unwrap();
        }
        after.apply(Op::Prune { gone: plan.sequences() });
        let again = Policy::hybrid([policy.clone()]);
        if !format!("{policy:?}").contains("bytes_max: Some") {
            assert!(after.plan(&again, Some(now)).is_empty(), "seed {seed}: {policy:?}\n{plan}");
        }
        taken += gone.len();
    }
    assert!(taken > 4000, "{taken}");
}

#[test]
fn a_rule_more_keeps_no_less() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let story = story(&mut random);
        let base = Policy::keep_recent(1);
        let fewer: BTreeSet<u64> = story.kept(&base).into_iter().collect();
        let counts: BTreeMap<&str, Policy> = [
            ("daily", base.clone().keep_daily(3)),
            ("tag", base.clone().keep_tag("a")),
            ("last", base.clone().keep_last(4)),
            ("of all", base.clone().keep_last_of_all(9)),
            ("branch", Policy::hybrid([base.clone(), base.clone().per_branch()])),
        ]
        .into();
        for (name, policy) in counts {
            let more: BTreeSet<u64> = story.kept(&policy).into_iter().collect();
            assert!(more.is_superset(&fewer), "seed {seed}: {name}");
        }
    }
}
