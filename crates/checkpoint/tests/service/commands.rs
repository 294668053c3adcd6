//! Each command does what the method of its name does, and goes over any transport.

use std::fmt::Debug;

use keepstone_checkpoint::{
    CheckpointId, CheckpointInfo, CheckpointService, CheckpointStore, Command, Facts, Failure, Fields, Kind,
    Policy, Query, Reply, Request, Sequence, State, StateData, StateLayout, Status, Trigger,
};
use serde::{Serialize, de::DeserializeOwned};

pub(super) fn service() -> CheckpointService {
    CheckpointService::new(CheckpointStore::in_memory())
}

/// Sends something through both formats, and compares what comes out.
fn sent<T: Serialize + DeserializeOwned + PartialEq + Debug>(thing: &T) {
    let json = serde_json::to_string(thing).unwrap();
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), *thing, "{json}");
    let bytes = postcard::to_stdvec(thing).unwrap();
    assert_eq!(postcard::from_bytes::<T>(&bytes).unwrap(), *thing, "{json}");
}

/// A service that is only asked by what has been sent.
struct Far(CheckpointService);

impl Far {
    fn ask(&self, command: Command) -> Result<Reply, Failure> {
        sent(&command);
        let answer = self.0.answer(command);
        sent(&answer);
        answer
    }

    fn done(&self, command: Command) {
        assert_eq!(self.ask(command).unwrap(), Reply::Done);
    }

    fn made(&self, request: Request, state: &StateData) -> CheckpointInfo {
        let made = self.ask(Command::Checkpoint { request, state: state.clone() }).unwrap();
        let Reply::Checkpoint(made) = made else { panic!("{made:?}") };
        made
    }

    fn listed(&self, command: Command) -> Vec<u64> {
        let listed = self.ask(command).unwrap();
        let Reply::Checkpoints(listed) = listed else { panic!("{listed:?}") };
        listed.iter().map(|info| info.sequence.0).collect()
    }

    fn state(&self, command: Command) -> StateData {
        let state = self.ask(command).unwrap();
        let Reply::State(state) = state else { panic!("{state:?}") };
        state
    }

    fn kind(&self, command: Command) -> Kind {
        self.ask(command).unwrap_err().kind
    }

    fn described(&self, id: CheckpointId) -> CheckpointInfo {
        let described = self.ask(Command::Describe { id }).unwrap();
        let Reply::Checkpoint(described) = described else { panic!("{described:?}") };
        described
    }
}

fn begun() -> Far {
    let far = Far(service());
    let metadata = Fields::from([("model".to_owned(), "m1".to_owned())]);
    far.done(Command::CreateSession { name: "main".into(), metadata });
    far
}

fn main() -> Request {
    Request::new("main")
}

#[test]
fn sessions_and_branches_begin_end_and_are_renamed() {
    let far = begun();
    let taken = Command::CreateSession { name: "main".into(), metadata: Fields::new() };
    assert_eq!(far.kind(taken), Kind::Misuse);
    let one = far.made(main(), &StateData::bytes(*b"one"));
    far.done(Command::Fork { session: "main".into(), name: "what if".into(), from: one.id });
    let two = far.made(main().branch("what if"), &StateData::bytes(*b"two"));
    assert_eq!((two.branch.as_str(), two.parent), ("what if", Some(Sequence(1))));
    far.done(Command::RenameSession { name: "main".into(), to: "other".into() });
    // The old name is no session any more, also for a service that knew it.
    assert_eq!(far.kind(Command::ListBySession { session: "main".into() }), Kind::NotFound);
    let checkpoint = Command::Checkpoint { request: main(), state: StateData::default() };
    assert_eq!(far.kind(checkpoint), Kind::NotFound);
    let Reply::Sessions(sessions) = far.ask(Command::Sessions).unwrap() else { panic!() };
    assert_eq!((&*sessions[0].name, sessions[0].checkpoints), ("other", 2));
    assert_eq!(sessions[0].metadata["model"], "m1");
    far.done(Command::EndBranch { session: "other".into(), name: "what if".into() });
    far.done(Command::EndSession { name: "other".into() });
    assert_eq!(far.ask(Command::Sessions).unwrap(), Reply::Sessions(Vec::new()));
}

#[test]
fn a_name_that_comes_to_mean_another_session_is_that_one() {
    let service = service();
    service.create_session("a", Fields::new()).unwrap();
    let first = service.checkpoint("a", &1_u8).unwrap();
    // Past the service, whose sessions are known to it by then.
    service.store().rename_session("a", "b").unwrap();
    service.store().begin_session("a", Fields::new()).unwrap();
    let second = service.checkpoint("a", &2_u8).unwrap();
    assert_eq!(second.checkpoint.parent, None);
    let third = service.checkpoint("b", &3_u8).unwrap();
    assert_eq!(third.checkpoint.parent, Some(first.checkpoint.sequence));
}

#[test]
fn states_come_back_as_they_were_sent() {
    let far = begun();
    let facts = far.described(far.made(main(), &StateData::bytes(*b"state")).id).facts;
    assert_eq!(facts, Facts::default());
    // A serde value, whose bytes a store has made.
    let store = CheckpointStore::in_memory();
    let value = store.session("s").unwrap().checkpoint(&("text", 7_u32)).commit().unwrap();
    let value = StateData::from(store.state(&value).unwrap());
    assert_eq!(value.layout, StateLayout::Value);
    let made = far.made(main().tag("value"), &value);
    assert_eq!(far.state(Command::Get { id: made.id }), value);
    assert_eq!(far.0.get::<(String, u32)>(made.id).unwrap(), ("text".to_owned(), 7));
    // A state whose maker says how far it got.
    let mut ticked = StateData::bytes(*b"ticked");
    (ticked.facts.tick, ticked.facts.state_hash) = (Some(9), Some(u64::MAX));
    let made = far.made(main(), &ticked);
    assert_eq!((made.facts, made.len, made.layout), (ticked.facts, 6, StateLayout::Bytes));
    assert_eq!(far.state(Command::Get { id: made.id }), ticked);
    let restored = Command::Restore { session: "main".into(), branch: None, id: made.id };
    assert_eq!(far.state(restored), ticked);
}

#[test]
fn sections_that_are_none_are_refused() {
    let far = begun();
    for bytes in [&b""[..], b"\x01", b"\xff\xff\xff\xff\x0f", &[7; 100]] {
        let mut state = StateData::bytes(bytes);
        state.layout = StateLayout::Sections;
        let refused = Command::Checkpoint { request: main(), state };
        assert!(matches!(far.kind(refused), Kind::Damaged | Kind::Limit), "{bytes:?}");
    }
    assert_eq!(far.listed(Command::List { query: Query::new() }), [0; 0]);
}

#[test]
fn a_state_of_sections_goes_from_store_to_store_unchanged() {
    use keepstone_checkpoint::{Payload, PayloadError};
    use keepstone_store::Prepared;
    struct Two;
    impl Payload for Two {
        fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
            use keepstone_format::{Metadata, SectionId};
            let mut head = Metadata::new();
            head.set_tick(12);
            let prepared = Prepared::new(6, |writer| {
                writer.coded_from(SectionId(0x1001), 0, &[b"one"])?;
                writer.coded_from(SectionId(0x1002), 3, &[b"two"])?;
                Ok(Metadata::new())
            });
            Ok(prepared.head(head))
        }
    }
    let store = CheckpointStore::in_memory();
    let made = store.session("s").unwrap().checkpoint(&Two).commit().unwrap();
    let state = StateData::from(store.state(&made).unwrap());
    assert_eq!((state.layout, state.facts.tick), (StateLayout::Sections, Some(12)));
    let far = begun();
    let copy = far.made(main(), &state);
    assert_eq!((copy.content, copy.facts), (made.checkpoint.content, made.checkpoint.facts));
    assert_eq!(far.state(Command::Get { id: copy.id }), state);
    assert_eq!(State::from(state.clone()).into_bytes(), state.bytes);
}

#[test]
fn what_is_said_of_a_checkpoint_is_listed_and_changed() {
    let far = begun();
    let request = main().message("before").tag("safe").annotate("cost", "12").at(-5);
    let request = request.trigger(Trigger::Automatic("tool".into())).locked();
    let made = far.made(request, &StateData::bytes(*b"a"));
    assert_eq!((made.message.as_str(), made.time, made.locked), ("before", Some(-5), true));
    assert_eq!(
        (&made.trigger, &made.tags[..]),
        (&Trigger::Automatic("tool".into()), &["safe".to_owned()][..])
    );
    let plain = far.made(main(), &StateData::bytes(*b"b"));
    let tags = |tags: &[&str]| tags.iter().map(ToString::to_string).collect::<Vec<_>>();
    far.done(Command::Tag { id: plain.id, tags: tags(&["x", "y"]) });
    far.done(Command::Untag { id: plain.id, tags: tags(&["x"]) });
    far.done(Command::Annotate { id: plain.id, key: "cost".into(), value: Some("1".into()) });
    far.done(Command::Annotate { id: made.id, key: "cost".into(), value: None });
    far.done(Command::SetMessage { id: plain.id, message: "after".into() });
    far.done(Command::Lock { id: made.id, locked: false });
    let now = far.described(plain.id);
    assert_eq!(
        (now.tags, now.message.as_str(), now.annotations["cost"].as_str()),
        (tags(&["y"]), "after", "1")
    );
    let query = Query::new().session("main").branch("main").tag("y").annotation("cost", Some("1"));
    let query = query.sequences(1..=9).locked(false).newest_first().after(Sequence(9)).limit(5);
    assert_eq!(far.listed(Command::List { query }), [2]);
    assert_eq!(far.listed(Command::List { query: Query::new().times(-5..=5) }), [1]);
    assert_eq!(far.listed(Command::ListBySession { session: "main".into() }), [1, 2]);
    let latest = far.ask(Command::Latest { query: Query::new().tag("safe") }).unwrap();
    assert_eq!(latest, Reply::Latest(Some(far.described(made.id))));
    assert_eq!(far.ask(Command::Latest { query: Query::new().tag("none") }).unwrap(), Reply::Latest(None));
}

#[test]
fn a_head_goes_back_and_an_undo_takes_that_back() {
    let far = begun();
    let made: Vec<CheckpointId> = (0..3).map(|step| far.made(main(), &StateData::bytes([step])).id).collect();
    let restore = |branch: Option<String>, id| Command::Restore { session: "main".into(), branch, id };
    assert_eq!(far.state(restore(None, made[0])).bytes, [0]);
    assert_eq!(far.made(main(), &StateData::bytes([9])).parent, Some(Sequence(1)));
    let undo = || Command::Undo { session: "main".into(), branch: Some("main".into()) };
    let undone = far.ask(undo()).unwrap();
    assert_eq!(undone, Reply::Undone { from: Some(Sequence(1)), to: Some(Sequence(4)) });
    far.ask(undo()).unwrap();
    assert_eq!(far.made(main(), &StateData::bytes([8])).parent, Some(Sequence(3)));
    assert_eq!(far.kind(restore(Some("none".into()), made[0])), Kind::NotFound);
    assert_eq!(far.kind(restore(None, CheckpointId::from_bytes([7; 16]))), Kind::NotFound);
}

#[test]
fn what_a_policy_lets_go_is_shown_and_goes() {
    let far = begun();
    let ids: Vec<CheckpointId> =
        (0..20).map(|step| far.made(main().at(step), &StateData::bytes([0; 100])).id).collect();
    let policies = [
        Policy::new().keep_last(3).keep_ids([ids[4]]).max_bytes(1 << 20),
        Policy::preserve_tagged(["safe"], 2).keep_within(5).per_branch(),
        Policy::hybrid([
            Policy::new().keep_hourly(1).keep_daily(1).keep_weekly(1).keep_monthly(1).keep_yearly(1),
            Policy::keep_recent(4).only_session("main").keep_any_tagged().keep_annotated("k"),
        ]),
        Policy::new().keep_last_of_all(4).ending_undo(),
    ];
    for policy in &policies {
        let Reply::Plan(plan) = far.ask(Command::Plan { policy: policy.clone(), now: Some(20) }).unwrap()
        else {
            panic!()
        };
        let ours = far.0.store().plan(policy, Some(20)).unwrap();
        assert_eq!(plan.gone, ours.gone().iter().map(|gone| gone.id).collect::<Vec<_>>());
        assert_eq!(plan.kept.len(), ours.kept().len());
        assert!(plan.kept.iter().all(|(_, why)| !why.is_empty()));
    }
    let prune = Command::Prune { policy: policies[0].clone(), now: None };
    let Reply::Pruned(pruned) = far.ask(prune).unwrap() else { panic!() };
    assert_eq!(pruned.checkpoints, 16);
    assert_eq!(far.listed(Command::List { query: Query::new() }), [5, 18, 19, 20]);
    let Reply::Pruned(pruned) = far.ask(Command::Compact { count: 1 }).unwrap() else { panic!() };
    assert_eq!((pruned.checkpoints, pruned.stopped), (3, false));
    let elsewhere = Policy::keep_recent(1).only_session("none");
    assert_eq!(far.kind(Command::Prune { policy: elsewhere, now: None }), Kind::NotFound);
    assert!(matches!(far.ask(Command::Sweep { now: 7 }).unwrap(), Reply::Swept(_)));
}

#[test]
fn the_store_is_kept_and_asked_how_it_is() {
    let far = begun();
    far.made(main().durability(keepstone_checkpoint::Durability::Buffered), &StateData::bytes([1; 10]));
    far.done(Command::Seal);
    far.done(Command::Flush);
    let Reply::Stats(stats) = far.ask(Command::Stats).unwrap() else { panic!() };
    assert_eq!((stats.checkpoints, stats.state_bytes), (1, 10));
    let Reply::Metrics(metrics) = far.ask(Command::Metrics).unwrap() else { panic!() };
    assert_eq!((metrics.checkpoints, metrics.state_bytes, metrics), (1, 10, far.0.metrics()));
    let Reply::Health(health) = far.ask(Command::Health).unwrap() else { panic!() };
    assert_eq!((health.status, health.last_failure), (Status::Ready, None));
}

#[test]
fn a_kind_goes_by_its_name_and_an_unknown_one_is_io() {
    let sent = serde_json::to_string(&Failure::new(Kind::NoSpace, "disk is full")).unwrap();
    assert_eq!(sent, r#"{"kind":"no_space","message":"disk is full"}"#);
    let unknown: Failure = serde_json::from_str(&sent.replace("no_space", "of_tomorrow")).unwrap();
    assert_eq!(unknown, Failure::new(Kind::Io, "disk is full"));
    let kinds = [Kind::NotFound, Kind::Damaged, Kind::Newer, Kind::Busy, Kind::Limit, Kind::NoSpace];
    for kind in kinds.into_iter().chain([Kind::Denied, Kind::Poisoned, Kind::Misuse, Kind::Io]) {
        super::commands::sent(&Failure::new(kind, "x"));
    }
}

#[test]
fn an_id_in_json_is_its_text() {
    let id = CheckpointId::from_bytes([0xAB; 16]);
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("{:?}", id.to_string()));
    assert!(serde_json::from_str::<CheckpointId>("\"ab\"").is_err());
    assert_eq!(postcard::to_stdvec(&id).unwrap(), [0xAB; 16]);
}
