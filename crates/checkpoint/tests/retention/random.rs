use std::{collections::BTreeMap, sync::Arc};

use keepstone_checkpoint::{
    Backend, Bytes, CheckpointStore, Compression, Files, MemBackend, Policy, Query, Session, StoreOptions,
};
use keepstone_testkit::{Random, effort};

use super::{go, mem, states};
use crate::support::{edit, mixed, quiet};

/// What a store stands on.
enum Ground {
    Memory,
    Dir(Arc<dyn Files>),
    Backend(Arc<dyn Backend>),
}

impl Ground {
    fn open(&self, options: &StoreOptions) -> CheckpointStore {
        match self {
            Self::Memory => CheckpointStore::in_memory_with(options.clone()),
            Self::Dir(files) => {
                CheckpointStore::open_with("agent", options.clone().files(Arc::clone(files))).unwrap()
            }
            Self::Backend(backend) => CheckpointStore::on(Arc::clone(backend), options.clone()).unwrap(),
        }
    }
}

/// A policy that keeps some of what there is.
fn policy(random: &mut Random, store: &CheckpointStore) -> Policy {
    let all = store.list(&Query::new()).unwrap();
    let share = 1 + random.below(5);
    let chosen = all.iter().filter(|_| random.one_in(share)).map(|found| found.id).collect::<Vec<_>>();
    let policy = Policy::new().keep_ids(chosen);
    match random.index(4) {
        0 => policy.keep_last(random.index(4)),
        1 => policy.keep_tag("good"),
        2 => policy.max_bytes(random.below(20_000)),
        _ => policy,
    }
}

/// A branch, and the state that is checkpointed on it next.
struct Branch {
    session: String,
    name: String,
    state: Vec<u8>,
}

/// A store, and what it has to hold.
struct History {
    random: Random,
    ground: Ground,
    options: StoreOptions,
    store: CheckpointStore,
    branches: Vec<Branch>,
    shadow: BTreeMap<u64, Vec<u8>>,
    pruned: usize,
    rebased: usize,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let ground = match random.index(4) {
            0 => Ground::Memory,
            1 => Ground::Backend(Arc::new(MemBackend::default())),
            _ => Ground::Dir(mem()),
        };
        let options = quiet(&mem()).grace(0).chain_factor(u32::try_from(random.index(6)).unwrap());
        let options = if random.one_in(3) { options.compression(Compression::None) } else { options };
        // Prunes go to the journal where it has room, and to packs where it has none.
        let journal_bytes_max = [0, 1500, 8 << 20][random.index(3)];
        let options = options.journal_bytes_max(journal_bytes_max);
        let store = ground.open(&options);
        let (branches, shadow) = (Vec::new(), BTreeMap::new());
        let mut history = Self { random, ground, options, store, branches, shadow, pruned: 0, rebased: 0 };
        history.begin("main");
        history
    }

    fn begin(&mut self, name: &str) {
        self.store.session(name).unwrap();
        let state = mixed(&mut self.random, 900);
        self.branches.push(Branch { session: name.to_owned(), name: "main".to_owned(), state });
    }

    fn step(&mut self, step: i64) {
        let (at, may_begin) = (self.random.index(self.branches.len()), self.branches.len() < 6);
        let Branch { session, name, .. } = &self.branches[at];
        let on = self.store.session(session).unwrap().on(name).unwrap();
        let own = self.store.list(&Query::new().session(session.as_str())).unwrap();
        let any = (!own.is_empty()).then(|| own[self.random.index(own.len())].clone());
        match (self.random.index(24), any) {
            (0, _) if may_begin => self.begin(&format!("session {step}")),
            (1 | 2, Some(any)) if may_begin => {
                let name = format!("branch {step}");
                on.fork(&name, any.id).unwrap();
                let (session, state) = (session.clone(), self.shadow[&any.sequence.0].clone());
                self.branches.push(Branch { session, name, state });
            }
            (3 | 4, Some(any)) => {
                let restored: Bytes<'_> = on.restore(any.id).unwrap();
                assert_eq!(*restored.0, self.shadow[&any.sequence.0], "checkpoint {}", any.sequence);
                self.branches[at].state = restored.0.into_owned();
            }
            (5, _) => self.store.seal().unwrap(),
            (6, _) => drop(self.store.sweep(step).unwrap()),
            (7, Some(any)) => self.store.lock(any.id, self.random.one_in(2)).unwrap(),
            (8, _) => {
                drop(on);
                self.reopen();
            }
            (9..=11, _) => self.prune(),
            _ => self.commit(at, &on),
        }
    }

    fn commit(&mut self, at: usize, on: &Session) {
        // Sometimes it stays the same, sometimes nothing does.
        let state = &mut self.branches[at].state;
        match self.random.index(8) {
            0 => {}
            1 => *state = mixed(&mut self.random, 1200),
            _ => edit(&mut self.random, state),
        }
        let payload = Bytes::from(state.clone());
        let draft = on.checkpoint(&payload);
        let made = if self.random.one_in(6) { draft.tag("good").commit() } else { draft.commit() };
        self.shadow.insert(made.unwrap().checkpoint.sequence.0, state.clone());
    }

    fn prune(&mut self) {
        let plan = self.store.plan(&policy(&mut self.random, &self.store), None).unwrap();
        let done = self.store.apply(&plan, &mut go).unwrap();
        assert_eq!(done.checkpoints, plan.gone().len() as u64);
        for gone in plan.gone() {
            assert!(!gone.locked, "{plan}");
            self.shadow.remove(&gone.sequence.0);
        }
        assert_eq!(states(&self.store), self.shadow, "{plan}");
        self.pruned += plan.gone().len();
        self.rebased += plan.rebased().count();
    }

    /// Of a store in memory nothing would be left.
    fn reopen(&mut self) {
        if matches!(self.ground, Ground::Memory) {
            return;
        }
        self.store = CheckpointStore::in_memory();
        self.store = self.ground.open(&self.options);
        assert_eq!(states(&self.store), self.shadow);
    }
}

#[test]
fn survivors_of_any_prunes_of_any_histories_have_the_states_that_they_had() {
    let (mut pruned, mut rebased) = (0, 0);
    for seed in 0..80 * effort::scale() {
        let seed = effort::seed().wrapping_add(seed);
        println!("seed {seed}");
        let mut history = History::new(seed);
        (0..60).for_each(|step| history.step(step));
        history.reopen();
        assert_eq!(states(&history.store), history.shadow);
        history.store.compact(1).unwrap();
        history.store.sweep(0).unwrap();
        let left = states(&history.store);
        assert!(left.iter().all(|(sequence, state)| history.shadow[sequence] == *state));
        (pruned, rebased) = (pruned + history.pruned, rebased + history.rebased);
    }
    println!("{pruned} pruned, {rebased} rebased");
    assert!(pruned > 1000 && rebased > 300, "{pruned} pruned, {rebased} rebased");
}
