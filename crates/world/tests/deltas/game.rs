//! A small game that two ECS play.

use std::collections::BTreeSet;

use bevy_ecs::prelude::{ChildOf, Component, Entity};
use keepstone_bevy::{Bevy, Persist, PersistIds as _};
use keepstone_hecs::{Hecs, Relationship};
use keepstone_world::{WorldDeltas, WorldFiles};
use serde::{Deserialize, Serialize};

pub(super) type BevyWorld = bevy_ecs::world::World;
pub(super) type HecsWorld = hecs::World;

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "deltas.score", pod)]
#[repr(C)]
pub(super) struct Score(pub(super) u64);

#[derive(Component, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "deltas.title")]
pub(super) struct Title(pub(super) String);

#[derive(Component, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "deltas.friend")]
pub(super) struct Friend(Entity);

/// The same components in hecs.
pub(super) mod in_hecs {
    use hecs::Entity;
    use keepstone_hecs::Persist;
    use serde::{Deserialize, Serialize};

    #[derive(Persist, Clone, Copy, PartialEq, Debug)]
    #[persist(crate = "keepstone_hecs", name = "deltas.score", pod)]
    #[repr(C)]
    pub(in super::super) struct Score(pub(in super::super) u64);

    #[derive(Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
    #[persist(crate = "keepstone_hecs", name = "deltas.title")]
    pub(in super::super) struct Title(pub(in super::super) String);

    #[derive(Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
    #[persist(crate = "keepstone_hecs", name = "deltas.friend")]
    pub(in super::super) struct Friend(pub(in super::super) Entity);
}

#[derive(Persist)]
#[persist(crate = "keepstone_hecs", name = "bevy_ecs.ChildOf", relationship)]
pub(super) struct Parent(Entity2, u32);

type Entity2 = hecs::Entity;

impl Relationship for Parent {
    fn new(target: Entity2, place: u32) -> Self {
        Self(target, place)
    }

    fn target(&self) -> Entity2 {
        self.0
    }

    fn place(&self) -> u32 {
        self.1
    }
}

/// Numbers that a seed gives.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// What the tests do with a world of either ECS.
pub(super) trait Game<M>: WorldDeltas<M> + WorldFiles<M> {
    /// A world of so many entities.
    fn game(entities: u64) -> Self {
        let mut world = Self::empty();
        (0..entities).for_each(|score| world.add(score));
        world
    }

    /// Spawns an entity with a score, with a title if that is even.
    fn add(&mut self, score: u64);

    /// Does something to some entity.
    fn edit(&mut self, random: &mut Random);

    /// Gives every entity an id.
    fn name_all(&mut self);

    /// Score and title of every entity.
    fn census(&self) -> BTreeSet<(Option<u64>, Option<String>)>;
}

impl Game<Hecs> for HecsWorld {
    fn add(&mut self, score: u64) {
        let new = self.spawn((in_hecs::Score(score),));
        if score.is_multiple_of(2) {
            self.insert_one(new, in_hecs::Title(format!("number {score}"))).unwrap();
        }
    }

    fn edit(&mut self, random: &mut Random) {
        let alive: Vec<hecs::Entity> =
            self.query::<(hecs::Entity, &in_hecs::Score)>().iter().map(|(entity, _)| entity).collect();
        let number = random.below(1 << 20);
        if alive.len() < 2 {
            return self.add(number);
        }
        let (one, other) = (random.pick(&alive), random.pick(&alive));
        match random.below(8) {
            0 => self.add(number),
            1 => self.despawn(one).unwrap(),
            2 => self.insert_one(one, in_hecs::Title(format!("now {number}"))).unwrap(),
            3 => drop(self.remove_one::<in_hecs::Title>(one)),
            4 => self.insert_one(one, Parent(other, u32::try_from(number % 4).unwrap())).unwrap(),
            5 => drop(self.remove_one::<Parent>(one)),
            6 => {
                let new = self.spawn((in_hecs::Score(number), in_hecs::Friend(other)));
                self.insert_one(other, in_hecs::Friend(new)).unwrap();
                // Friends that are gone would count as references to nothing.
                self.remove_one::<in_hecs::Friend>(other).unwrap();
                self.remove_one::<in_hecs::Friend>(new).unwrap();
            }
            _ => self.get::<&mut in_hecs::Score>(one).unwrap().0 = number,
        }
    }

    fn name_all(&mut self) {
        use keepstone_hecs::PersistIds as _;
        let all: Vec<hecs::Entity> = self.iter().map(|entity| entity.entity()).collect();
        for entity in all {
            self.assign_persist_id(entity).unwrap();
        }
    }

    fn census(&self) -> BTreeSet<(Option<u64>, Option<String>)> {
        let mut all = self.query::<(Option<&in_hecs::Score>, Option<&in_hecs::Title>)>();
        let all = all.iter().map(|(score, title)| (score.map(|it| it.0), title.map(|it| it.0.clone())));
        all.filter(|(score, _)| score.is_some()).collect()
    }
}

impl Game<Bevy> for BevyWorld {
    fn add(&mut self, score: u64) {
        let mut new = self.spawn(Score(score));
        if score.is_multiple_of(2) {
            new.insert(Title(format!("number {score}")));
        }
    }

    fn edit(&mut self, random: &mut Random) {
        let alive: Vec<Entity> =
            self.query::<(Entity, &Score)>().iter(self).map(|(entity, _)| entity).collect();
        let number = random.below(1 << 20);
        if alive.len() < 2 {
            return self.add(number);
        }
        let (one, other) = (random.pick(&alive), random.pick(&alive));
        match random.below(8) {
            0 => self.add(number),
            1 => drop(self.despawn(one)),
            2 => drop(self.entity_mut(one).insert(Title(format!("now {number}")))),
            3 => drop(self.entity_mut(one).remove::<Title>()),
            4 if one != other => drop(self.entity_mut(one).insert(ChildOf(other))),
            4 | 5 => drop(self.entity_mut(one).remove::<ChildOf>()),
            6 => {
                let new = self.spawn((Score(number), Friend(other))).id();
                self.entity_mut(other).insert(Friend(new)).remove::<Friend>();
                self.entity_mut(new).remove::<Friend>();
            }
            _ => self.get_mut::<Score>(one).unwrap().0 = number,
        }
    }

    fn name_all(&mut self) {
        let all: Vec<Entity> =
            self.query::<(Entity, &Score)>().iter(self).map(|(entity, _)| entity).collect();
        for entity in all {
            self.assign_persist_id(entity).unwrap();
        }
    }

    fn census(&self) -> BTreeSet<(Option<u64>, Option<String>)> {
        let all = self.iter_entities();
        let all = all.map(|it| (it.get::<Score>().map(|it| it.0), it.get::<Title>().map(|it| it.0.clone())));
        all.filter(|(score, _)| score.is_some()).collect()
    }
}
