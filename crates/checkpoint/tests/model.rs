//! A store beside a model of one: what happened, kept in maps.

use std::{collections::HashMap, sync::Arc};

use keepstone_checkpoint::{
    Bytes, CheckpointId, CheckpointStore, Files, MemFiles, Query, Sequence, Session, StoreOptions,
};
use keepstone_testkit::Random;

use crate::support::{ROOT, edit, mixed, quiet};

/// What a branch is.
#[derive(Debug, Clone, Default)]
struct Branch {
    head: Option<CheckpointId>,
    /// What the head was, for each move.
    before: Vec<Option<CheckpointId>>,
}

impl Branch {
    fn move_to(&mut self, id: CheckpointId) {
        self.before.push(self.head.replace(id));
    }
}

/// What a store has to hold.
#[derive(Default)]
struct Model {
    states: HashMap<CheckpointId, Vec<u8>>,
    parents: HashMap<CheckpointId, Option<CheckpointId>>,
    branches: HashMap<(String, String), Branch>,
}

impl Model {
    /// Does something to a branch of a store, and the same here.
    fn act(&mut self, random: &mut Random, step: usize, session: &Session) {
        let key = (session.name().to_owned(), session.branch_name().to_owned());
        let mut branch = self.branches.remove(&key).unwrap_or_default();
        let all = session.store().list(&Query::new().session(session.name())).unwrap();
        let one = (!all.is_empty()).then(|| all[random.index(all.len())].id);
        match (random.index(9), one) {
            (0, Some(to)) => {
                let state = session.restore::<Bytes<'static>>(to).unwrap();
                assert_eq!(*state.0, *self.states[&to]);
                if branch.head != Some(to) {
                    branch.move_to(to);
                }
            }
            (1, Some(from)) => {
                let fork = session.fork(&format!("branch {step}"), from).unwrap();
                let forked = (fork.name().to_owned(), fork.branch_name().to_owned());
                self.branches.insert(forked, Branch { head: Some(from), before: vec![None] });
            }
            (2, _) => match branch.before.pop() {
                Some(before) => {
                    session.undo().unwrap();
                    branch.head = before;
                }
                None => assert!(session.undo().is_err()),
            },
            (3, _) => session.store().seal().unwrap(),
            _ => self.checkpoint(random, session, &mut branch),
        }
        assert_eq!(session.head().unwrap().map(|head| head.id), branch.head, "step {step}");
        self.branches.insert(key, branch);
    }

    fn checkpoint(&mut self, random: &mut Random, session: &Session, branch: &mut Branch) {
        let mut state = branch.head.map_or_else(|| mixed(random, 2000), |head| self.states[&head].clone());
        if random.index(8) > 0 {
            edit(random, &mut state);
        }
        let payload: Bytes<'_> = state.clone().into();
        let made = session.checkpoint(&payload).commit().unwrap();
        assert_eq!(made.checkpoint.sequence, Sequence(u64::try_from(self.states.len()).unwrap() + 1));
        self.parents.insert(made.id(), branch.head);
        branch.move_to(made.id());
        self.states.insert(made.id(), state);
    }

    fn check(&self, store: &CheckpointStore) {
        let all = store.list(&Query::new()).unwrap();
        assert_eq!(all.len(), self.states.len());
        let ids: HashMap<Sequence, CheckpointId> =
            all.iter().map(|found| (found.sequence, found.id)).collect();
        for found in all {
            assert_eq!(store.state(&found).unwrap().bytes(), self.states[&found.id], "{}", found.sequence);
            assert_eq!(found.parent.map(|parent| ids[&parent]), self.parents[&found.id]);
        }
    }
}

/// Does the same to a store and a model, and compares them after each step.
fn play(
    seed: u64,
    steps: usize,
    mut store: CheckpointStore,
    reopen: impl Fn(CheckpointStore) -> CheckpointStore,
) {
    let (mut random, mut model) = (Random::new(seed), Model::default());
    for step in 0..steps {
        if random.index(10) == 0 {
            store = reopen(store);
        }
        let name = ["one", "two", "three"][random.index(3)];
        let main = store.session(name).unwrap();
        let infos = store.sessions().unwrap();
        let branches = &infos.iter().find(|info| &*info.name == name).unwrap().branches;
        let session = main.on(&branches[random.index(branches.len())].0).unwrap();
        model.act(&mut random, step, &session);
    }
    model.check(&store);
    model.check(&reopen(store));
}

#[test]
fn a_store_in_memory_does_what_the_model_does() {
    for seed in 0..20 {
        let factor = 1 + u32::try_from(seed % 4).unwrap();
        let store = CheckpointStore::in_memory_with(StoreOptions::new().chain_factor(factor));
        play(seed, 80, store, |same| same);
    }
}

#[test]
fn a_store_in_a_directory_does_what_the_model_does() {
    for seed in 0..12 {
        let files: Arc<dyn Files> = Arc::new(MemFiles::default());
        let open = || {
            let options = quiet(&files).journal_bytes_max(5_000).cache_bytes_max(3_000);
            CheckpointStore::open_with(ROOT, options).unwrap()
        };
        play(seed, 60, open(), |same| {
            drop(same);
            open()
        });
    }
}
