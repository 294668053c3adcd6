//! Worlds and stores beside a model, with whatever a game may do.

use std::{collections::BTreeMap, sync::Arc};

use keepstone_ecs_persist::{EntityStore as _, MemoryStore, PersistId};

use super::{Ecs, Mood, Stored, Thing, both, by_id, stored, world};

both! {
    whatever_a_game_does_it_has_what_the_model_has
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let bits = (self.0 ^ (self.0 >> 29)) >> 16;
        usize::try_from(bits % end.max(1) as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len())]) }
    }
}

/// What is expected: of each entity its state, where it is and what the store has of it.
#[derive(Default)]
struct Model {
    loaded: BTreeMap<PersistId, Thing<PersistId>>,
    stored: BTreeMap<PersistId, Thing<PersistId>>,
}

impl Model {
    fn ids(&self) -> Vec<PersistId> {
        let mut ids: Vec<PersistId> = self.loaded.keys().chain(self.stored.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

struct Game<T: Ecs> {
    world: T::World,
    entities: Stored<T>,
    store: Arc<MemoryStore>,
    model: Model,
    rng: Rng,
}

impl<T: Ecs> Game<T> {
    fn entity(&self, id: PersistId) -> T::Entity {
        T::entity_of(&self.world, id).unwrap()
    }

    fn some(&mut self, from: &[PersistId]) -> Vec<PersistId> {
        let count = self.rng.below(4) + 1;
        let mut some: Vec<PersistId> = (0..count).filter_map(|_| self.rng.pick(from)).collect();
        some.sort_unstable();
        some.dedup();
        some
    }

    fn loaded(&self) -> Vec<PersistId> {
        self.model.loaded.keys().copied().collect()
    }

    fn spawn(&mut self) {
        let entity = T::spawn(&mut self.world);
        let id = self.entities.save_entity(&mut self.world, entity).unwrap();
        assert!(!self.model.ids().contains(&id), "{id} was handed out twice");
        self.model.loaded.insert(id, Thing::default());
        self.model.stored.insert(id, Thing::default());
    }

    fn edit(&mut self) {
        let loaded = self.loaded();
        let Some(id) = self.rng.pick(&loaded) else { return };
        let entity = self.entity(id);
        let (a, b) = (self.rng.pick(&loaded).unwrap(), self.rng.pick(&loaded).unwrap());
        let (a, b) = ((a, self.entity(a)), (b, self.entity(b)));
        let mut thing = self.model.loaded[&id].clone();
        let number = self.rng.below(100) as u64;
        match self.rng.below(9) {
            0 | 1 => {
                thing.score = (number > 20).then_some(number);
                T::set_score(&mut self.world, entity, thing.score);
            }
            2 | 3 => {
                thing.mood = match number % 4 {
                    0 => None,
                    1 => Some(Mood::Calm),
                    2 => Some(Mood::Angry(format!("{number}"))),
                    _ => Some(Mood::Sad { days: 4, about: (number > 50).then(|| "it".to_owned()) }),
                };
                T::set_mood(&mut self.world, entity, thing.mood.clone());
            }
            4..=6 => {
                let (one, many) = (number.is_multiple_of(2), number.is_multiple_of(3));
                let near =
                    (number > 20).then(|| (one.then_some(a), if many { vec![a, b, a] } else { vec![b] }));
                thing.near = near
                    .clone()
                    .map(|(one, many)| (one.map(|(id, _)| id), many.into_iter().map(|(id, _)| id).collect()));
                let entity_of = |(_, entity): (PersistId, T::Entity)| entity;
                let near =
                    near.map(|(one, many)| (one.map(entity_of), many.into_iter().map(entity_of).collect()));
                T::set_near(&mut self.world, entity, near);
            }
            _ => {
                // No parent has one itself.
                let has_children = self.model.loaded.values().chain(self.model.stored.values());
                let has_children = has_children.clone().any(|thing| thing.parent == Some(id));
                let is_child = |id: PersistId| {
                    self.model.loaded[&id].parent.is_some()
                        || self.model.stored.get(&id).is_some_and(|thing| thing.parent.is_some())
                };
                let parent = (number > 30 && !has_children && a.0 != id && !is_child(a.0)).then_some(a);
                thing.parent = parent.map(|(id, _)| id);
                T::set_parent(&mut self.world, entity, parent.map(|(_, entity)| entity));
            }
        }
        self.model.loaded.insert(id, thing);
    }

    fn save(&mut self) {
        let some = self.some(&self.loaded());
        let entities: Vec<T::Entity> = some.iter().map(|id| self.entity(*id)).collect();
        self.entities.save_entities(&mut self.world, &entities).unwrap();
        for id in some {
            self.model.stored.insert(id, self.model.loaded[&id].clone());
        }
    }

    fn load(&mut self) {
        let stored: Vec<PersistId> = self.model.stored.keys().copied().collect();
        let some = self.some(&stored);
        let loaded = self.entities.load_entities(&mut self.world, &some).unwrap();
        for (id, entity) in some.into_iter().zip(loaded) {
            assert_eq!(T::id(&self.world, entity), Some(id));
            let thing = self.model.stored[&id].clone();
            self.model.loaded.entry(id).or_insert(thing);
        }
    }

    fn unload(&mut self) {
        let some = self.some(&self.loaded());
        let entities: Vec<T::Entity> = some.iter().map(|id| self.entity(*id)).collect();
        self.entities.unload(&mut self.world, &entities).unwrap();
        for id in some {
            let thing = self.model.loaded.remove(&id).unwrap();
            self.model.stored.insert(id, thing);
        }
    }

    /// Only of what nobody refers to: what becomes of references to it is the business of the ECS.
    fn despawn(&mut self) {
        let things = self.model.loaded.values().chain(self.model.stored.values());
        let named: Vec<PersistId> = things
            .flat_map(|thing| {
                let near = thing.near.iter().flat_map(|(one, many)| one.iter().chain(many));
                near.chain(&thing.parent).copied().collect::<Vec<_>>()
            })
            .collect();
        let free: Vec<PersistId> = self.loaded().into_iter().filter(|id| !named.contains(id)).collect();
        let Some(id) = self.rng.pick(&free) else { return };
        let entity = self.entity(id);
        self.model.loaded.remove(&id);
        if self.rng.below(2) == 0 {
            self.entities.delete_entity(&mut self.world, entity).unwrap();
            self.model.stored.remove(&id);
        } else {
            T::despawn(&mut self.world, entity);
            self.save_changed();
            assert!(!self.model.stored.contains_key(&id));
        }
    }

    fn save_changed(&mut self) {
        T::tick(&mut self.world);
        let report = self.entities.save_changed(&mut self.world).unwrap();
        let mut changed = 0;
        for (id, thing) in &self.model.loaded {
            if self.model.stored.get(id) != Some(thing) {
                changed += 1;
                self.model.stored.insert(*id, thing.clone());
            }
        }
        assert!(report.saved >= changed, "{report:?}, and {changed} differ");
        // What is in neither was despawned.
        let gone: Vec<PersistId> =
            (self.model.stored.keys().copied()).filter(|id| !self.store.exists(*id).unwrap()).collect();
        assert_eq!(gone.len() as u64, report.deleted);
        for id in gone {
            assert!(!self.model.loaded.contains_key(&id));
            self.model.stored.remove(&id);
        }
        // And then nothing has changed.
        T::tick(&mut self.world);
        let report = self.entities.save_changed(&mut self.world).unwrap();
        assert_eq!((report.saved, report.deleted), (0, 0));
    }

    fn check(&self) {
        for (id, thing) in &self.model.loaded {
            let entity = T::entity_of(&self.world, *id).unwrap();
            assert_eq!(by_id::<T>(&self.world, entity), *thing, "{id}");
            assert_eq!(self.entities.entity(*id), Some(entity));
        }
        let pending: Vec<PersistId> = self.entities.pending().collect();
        for id in &pending {
            assert!(!self.model.loaded.contains_key(id));
            let entity = T::entity_of(&self.world, *id).unwrap();
            assert_eq!(T::thing(&self.world, entity), Thing::default());
        }
        assert_eq!(T::count(&self.world), self.model.loaded.len() + pending.len());
        // What is under the id 0 is no entity.
        let note = u64::from(self.store.exists(PersistId(0)).unwrap());
        assert_eq!(self.store.len().unwrap() - note, self.model.stored.len() as u64);
    }
}

fn whatever_a_game_does_it_has_what_the_model_has<T: Ecs>() {
    for seed in 0..40 {
        let played = std::panic::catch_unwind(|| play::<T>(seed));
        assert!(played.is_ok(), "seed {seed}: see above");
    }
}

fn play<T: Ecs>(seed: u64) {
    let store = Arc::new(MemoryStore::new());
    let entities = stored::<T>(&store);
    let (model, rng) = (Model::default(), Rng(seed));
    let mut game = Game::<T> { world: world::<T>(), entities, store, model, rng };
    for _ in 0..120 {
        match game.rng.below(20) {
            0..=2 => game.spawn(),
            3..=10 => game.edit(),
            11 => game.save(),
            12..=14 => game.load(),
            15 | 16 => game.unload(),
            17 => game.despawn(),
            _ => game.save_changed(),
        }
        game.check();
    }
    // All of it once more, in a world of its own.
    game.save_changed();
    let mut other = world::<T>();
    let ids = game.model.ids();
    let loaded = stored::<T>(&game.store).load_entities(&mut other, &ids).unwrap();
    for (entity, id) in loaded.iter().zip(&ids) {
        assert_eq!(by_id::<T>(&other, *entity), game.model.stored[id], "{id}");
    }
    assert_eq!(T::count(&other), ids.len());
}
