mod picture;
mod random;
mod refused;
mod savepoint;

use keepstone_format::Codec;

use self::{picture::Picture, random::RandomHistory};
use super::*;
use crate::{
    checkpoint::{Facts, Fields, StateLayout},
    form::{Body, Form, Place},
    id::ContentId,
    op::{Cause, Decoder, Encoder, NewCheckpoint, Op, Parent},
    trigger::Trigger,
};

const PREFIX: Prefix = Prefix([7; 8]);

fn applied(catalog: &mut Catalog, ops: impl IntoIterator<Item = Op>) {
    for op in ops {
        let shown = format!("{op:?}");
        catalog.apply(op).unwrap_or_else(|broken| panic!("{broken}: {shown}"));
    }
}

/// The catalog that a manifest of this one makes.
fn rebuilt(catalog: &Catalog) -> Catalog {
    let (mut encoder, mut bytes) = (Encoder::new(), Vec::new());
    catalog.ops().for_each(|op| encoder.put(&op, &mut bytes).unwrap_or_else(|err| panic!("{err}: {op:?}")));
    let mut rebuilt = Catalog::default();
    applied(&mut rebuilt, Decoder::new().ops(&bytes).map(Result::unwrap));
    rebuilt
}

/// A session with a branch.
fn begun() -> Catalog {
    let mut catalog = Catalog::default();
    applied(&mut catalog, [Op::Writer(PREFIX), session("agent"), branch(0, "main")]);
    catalog
}

fn session(name: &str) -> Op {
    Op::Session { name: name.into(), time: Some(1), metadata: Fields::new() }
}

fn branch(session: u32, name: &str) -> Op {
    Op::Branch { session, name: name.into(), head: None }
}

fn new(branch: u32, form: Form) -> NewCheckpoint {
    NewCheckpoint {
        id: None,
        branch,
        parent: Parent::Head,
        time: None,
        trigger: Trigger::Manual,
        message: "".into(),
        tags: Vec::new(),
        annotations: Fields::new(),
        locked: false,
        facts: Facts::default(),
        layout: StateLayout::Bytes,
        len: 3,
        content: ContentId::of(b"abc"),
        body: Body { form, place: Place::Journal(Arc::default()) },
    }
}

fn whole(branch: u32) -> Op {
    Op::Checkpoint(Box::new(new(branch, Form::Full(Codec::None))))
}

fn on(branch: u32, base: u64) -> Op {
    Op::Checkpoint(Box::new(new(branch, Form::Delta(Sequence(base)))))
}

fn at_time(time: i64) -> Op {
    Op::Checkpoint(Box::new(NewCheckpoint { time: Some(time), ..new(0, Form::Full(Codec::None)) }))
}

fn imported(id: CheckpointId) -> Op {
    let parent = Parent::Known(None);
    Op::Checkpoint(Box::new(NewCheckpoint { id: Some(id), parent, ..new(0, Form::Full(Codec::None)) }))
}

fn head(branch: u32, to: Option<u64>) -> Op {
    Op::Head { branch, to: to.map(Sequence), cause: Cause::Restore, time: None }
}

fn prune(gone: &[u64]) -> Op {
    Op::Prune { gone: gone.iter().copied().map(Sequence).collect() }
}

#[test]
fn whatever_has_happened_a_manifest_makes_the_same_catalog_again() {
    let (mut done, mut refused) = (0, 0);
    for seed in 0..60 {
        let mut history = RandomHistory::new(seed);
        let mut catalog = Catalog::default();
        // What is made of a manifest goes on as the first one does.
        let mut copy = rebuilt(&catalog);
        for step in 0..300 {
            let op = history.op(&catalog);
            let before = Picture::of(&catalog);
            let next = catalog.next_sequence();
            let answer = catalog.apply(op.clone());
            assert_eq!(copy.apply(op.clone()), answer, "seed {seed}, step {step}: {op:?}");
            let after = Picture::of(&catalog);
            if answer.is_err() {
                assert_eq!(after, before, "seed {seed}, step {step}: {op:?}");
                refused += 1;
                continue;
            }
            done += 1;
            assert!(catalog.next_sequence() >= next, "seed {seed}, step {step}: {op:?}");
            assert_eq!(Picture::of(&copy), after, "seed {seed}, step {step}: {op:?}");
            if step % 10 == 0 {
                copy = rebuilt(&catalog);
                assert_eq!(Picture::of(&copy), after, "seed {seed}, step {step}");
            }
        }
    }
    assert!(done > 5_000 && refused > 2_000, "{done} done, {refused} refused");
}

#[test]
fn a_journal_makes_the_same_catalog_as_what_happened() {
    for seed in 0..30 {
        let mut history = RandomHistory::new(seed);
        let (mut catalog, mut copy) = (Catalog::default(), Catalog::default());
        let mut encoder = Encoder::at(catalog.next_sequence(), None);
        for _ in 0..200 {
            let op = history.op(&catalog);
            let (last_time, mut commit) = (encoder.last_time(), Vec::new());
            if catalog.clone().apply(op.clone()).is_err() {
                continue;
            }
            encoder.put(&op, &mut commit).unwrap();
            applied(&mut catalog, [op]);
            let mut decoder = Decoder::at(copy.next_sequence(), last_time);
            applied(&mut copy, decoder.ops(&commit).map(Result::unwrap));
        }
        assert_eq!(Picture::of(&copy), Picture::of(&catalog), "seed {seed}");
    }
}

#[test]
fn a_sequence_is_never_given_twice_whatever_is_pruned() {
    let mut catalog = begun();
    applied(&mut catalog, [whole(0), whole(0), whole(0), head(0, None), prune(&[1, 2, 3])]);
    assert!(catalog.all().is_empty());
    for mut catalog in [rebuilt(&catalog), catalog] {
        assert_eq!(catalog.next_sequence(), Sequence(4));
        applied(&mut catalog, [whole(0)]);
        assert_eq!(catalog.get(Sequence(4)).unwrap().id, CheckpointId::new(PREFIX, Sequence(4)));
        assert_eq!(catalog.get(Sequence(3)).map(|found| found.id), None);
    }
}

#[test]
fn moves_of_heads_are_numbered_without_gaps() {
    let mut catalog = begun();
    applied(
        &mut catalog,
        [branch(0, "other"), whole(0), whole(1), head(0, None), head(0, Some(2)), whole(0)],
    );
    let moves: Vec<_> =
        catalog.moves().iter().map(|moved| (moved.number, moved.branch, moved.from, moved.to)).collect();
    let [one, two, three] = [1, 2, 3].map(|number| Some(Sequence(number)));
    let expected =
        [(1, 0, None, one), (2, 1, None, two), (3, 0, one, None), (4, 0, None, two), (5, 0, two, three)];
    assert_eq!(moves, expected);
    assert_eq!(catalog.get(Sequence(3)).unwrap().parent, two);
}

#[test]
fn numbers_of_forgotten_moves_are_not_used_again() {
    // Moves that a manifest no longer has were numbered from 1 again once it was read, so an undo named two of them.
    let mut catalog = begun();
    applied(&mut catalog, [whole(0), whole(0)]);
    catalog.forget_moves(|_| false);
    let mut catalog = rebuilt(&catalog);
    applied(&mut catalog, [whole(0)]);
    assert_eq!(catalog.moves().iter().map(|moved| moved.number).collect::<Vec<_>>(), [3]);
}

#[test]
fn the_highest_time_outlives_its_checkpoint() {
    let mut catalog = begun();
    applied(&mut catalog, [at_time(50), at_time(90), at_time(70), prune(&[1, 2])]);
    assert_eq!(catalog.last_time, Some(90));
    assert_eq!(rebuilt(&catalog).last_time, Some(90));
}

#[test]
fn the_name_of_a_session_that_has_ended_is_free() {
    let mut catalog = begun();
    applied(&mut catalog, [whole(0), on(0, 1), Op::EndSession { session: 0 }]);
    assert!(catalog.all().is_empty() && catalog.session_named("agent").is_none());
    assert!(catalog.session(0).is_none() && catalog.branch(0).is_none());
    for mut catalog in [rebuilt(&catalog), catalog] {
        applied(&mut catalog, [session("agent"), branch(1, "main"), whole(1)]);
        assert_eq!(catalog.session_named("agent"), Some(1));
        let made = catalog.get(Sequence(3)).unwrap();
        assert_eq!((&*made.session, &*made.branch, made.parent), ("agent", "main", None));
        // The moves of the branch that is gone stay in the log.
        assert_eq!(catalog.moves().iter().map(|moved| moved.branch).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!(catalog.branch_name(0).map(|name| &**name), Some("main"));
    }
}

#[test]
fn the_name_of_a_branch_that_has_ended_is_free_and_its_checkpoints_stay() {
    let mut catalog = begun();
    applied(&mut catalog, [whole(0), Op::EndBranch { branch: 0 }, branch(0, "main"), on(1, 1)]);
    for catalog in [rebuilt(&catalog), catalog] {
        let branches: Vec<_> = catalog.branches().map(|(number, branch)| (number, branch.head)).collect();
        assert_eq!(branches, [(1, Some(Sequence(2)))]);
        let numbers: Vec<_> =
            catalog.all().iter().map(|found| (found.branch_number, &*found.branch)).collect();
        assert_eq!(numbers, [(0, "main"), (1, "main")]);
        assert_eq!(catalog.session(0).unwrap().branches.get("main"), Some(&1));
    }
}

#[test]
fn a_name_may_be_that_of_a_branch_that_began_later_and_has_ended() {
    // The manifest began both branches by their last names, one after the other, and could not be read again.
    let mut catalog = begun();
    let renamed = Op::RenameBranch { branch: 0, name: "main".into() };
    let mut ops = vec![Op::RenameBranch { branch: 0, name: "old".into() }, branch(0, "main"), whole(1)];
    ops.extend([Op::EndBranch { branch: 1 }, renamed, whole(0)]);
    applied(&mut catalog, ops);
    let copy = rebuilt(&catalog);
    assert_eq!(Picture::of(&copy), Picture::of(&catalog));
    assert_eq!(copy.branches().map(|(number, _)| number).collect::<Vec<_>>(), [0]);
}

#[test]
fn new_names_are_those_of_all_checkpoints_that_there_are() {
    let mut catalog = begun();
    let rename = [
        Op::Rename { session: 0, name: "robot".into() },
        Op::RenameBranch { branch: 0, name: "trunk".into() },
    ];
    applied(&mut catalog, [whole(0), whole(0)]);
    applied(&mut catalog, rename);
    for catalog in [rebuilt(&catalog), catalog] {
        let of_session = &catalog.session(0).unwrap().checkpoints;
        for checkpoint in catalog.all().iter().chain(of_session) {
            assert_eq!((&*checkpoint.session, &*checkpoint.branch), ("robot", "trunk"));
        }
        assert_eq!((catalog.session_named("agent"), catalog.session_named("robot")), (None, Some(0)));
    }
}

#[test]
fn checkpoints_are_found_by_the_ids_they_were_given_here_and_elsewhere() {
    let mut catalog = begun();
    let foreign = CheckpointId::from_bytes([9; 16]);
    let like_native = CheckpointId::new(Prefix([8; 8]), Sequence(3));
    let earlier = CheckpointId::new(PREFIX, Sequence(1));
    applied(&mut catalog, [whole(0), imported(foreign), imported(like_native), whole(0), prune(&[1])]);
    // Back from a copy, where it was not pruned.
    applied(&mut catalog, [imported(earlier)]);
    for catalog in [rebuilt(&catalog), catalog] {
        let found = |id| catalog.find(id).map(|found| found.sequence.0);
        assert_eq!(found(foreign), Some(2));
        assert_eq!(found(like_native), Some(3));
        assert_eq!(found(CheckpointId::new(PREFIX, Sequence(4))), Some(4));
        assert_eq!(found(earlier), Some(5));
        for unknown in [(PREFIX, 2), (PREFIX, 3), (PREFIX, 5), (Prefix([8; 8]), 4)] {
            assert_eq!(found(CheckpointId::new(unknown.0, Sequence(unknown.1))), None, "{unknown:?}");
        }
    }
}

#[test]
fn a_checkpoint_that_comes_from_elsewhere_moves_no_head() {
    let mut catalog = begun();
    applied(&mut catalog, [whole(0), imported(CheckpointId::from_bytes([9; 16]))]);
    assert_eq!(catalog.branch(0).unwrap().head, Some(Sequence(1)));
    assert_eq!(catalog.moves().len(), 1);
}
