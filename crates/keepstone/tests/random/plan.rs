//! What a random world holds, in words that both ECS have.

use std::collections::BTreeMap;

use bevy_ecs::component::Component;
use keepstone::Persist;
use keepstone_testkit::Random;
use serde::{Deserialize, Serialize};

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "random.place", pod)]
#[repr(C)]
pub(crate) struct Place {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "random.health", pod)]
#[repr(C)]
pub(crate) struct Health {
    pub(crate) current: i64,
    pub(crate) level: u16,
    pub(crate) marks: [u8; 6],
}

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "random.marked")]
pub(crate) struct Marked;

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(name = "random.title")]
pub(crate) struct Title {
    pub(crate) text: String,
    pub(crate) short: Option<String>,
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(name = "random.mood")]
pub(crate) enum Mood {
    Calm,
    Angry(u8),
    Torn(i64, f64),
    Longing { of: Option<char>, since: u32 },
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(name = "random.bag")]
pub(crate) struct Bag {
    pub(crate) counts: BTreeMap<String, u32>,
    pub(crate) slots: Vec<Option<u16>>,
}

/// A component's value; entities are places in the plan.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Place(Place),
    Health(Health),
    Marked,
    Title(Title),
    Mood(Mood),
    Bag(Bag),
    Squad { leader: Option<usize>, label: String, members: Vec<usize> },
    Bonds(Vec<(usize, u32)>),
    Follow(usize),
    Guard { who: Vec<usize>, until: Option<u32> },
    Idle,
    Foreign(u128),
}

/// How many kinds of components there are.
pub(crate) const KINDS: u64 = 10;

/// The kind of maps with entities as keys.
pub(crate) const BONDS: u64 = 7;

/// The kind of ids that another system gave.
pub(crate) const FOREIGN: u64 = 9;

impl Value {
    /// Which component it is of.
    pub(crate) fn kind(&self) -> u64 {
        match self {
            Self::Place(_) => 0,
            Self::Health(_) => 1,
            Self::Marked => 2,
            Self::Title(_) => 3,
            Self::Mood(_) => 4,
            Self::Bag(_) => 5,
            Self::Squad { .. } => 6,
            Self::Bonds(_) => BONDS,
            Self::Follow(_) | Self::Guard { .. } | Self::Idle => 8,
            Self::Foreign(_) => FOREIGN,
        }
    }

    /// A random value of a kind, in a world of `entities`.
    pub(crate) fn of(kind: u64, entities: usize, random: &mut Random) -> Self {
        let some = |random: &mut Random, most: u64| -> Vec<usize> {
            (0..random.below(most)).map(|_| random.index(entities)).collect()
        };
        match kind {
            0 => Self::Place(Place { x: float(random), y: float(random) }),
            1 => {
                let marks = random.next_u64().to_le_bytes()[..6].try_into().unwrap();
                Self::Health(Health { current: random.next_u64().cast_signed(), level: small(random), marks })
            }
            2 => Self::Marked,
            3 => Self::Title(Title { text: text(random), short: random.one_in(3).then(|| text(random)) }),
            4 => Self::Mood(mood(random)),
            5 => {
                let counts = (0..random.below(4)).map(|_| (text(random), small(random).into())).collect();
                let slots = (0..random.below(4)).map(|_| random.one_in(2).then(|| small(random))).collect();
                Self::Bag(Bag { counts, slots })
            }
            6 => {
                let leader = random.one_in(2).then(|| random.index(entities));
                Self::Squad { leader, label: text(random), members: some(random, 4) }
            }
            BONDS => {
                let mut with: Vec<usize> = some(random, 4);
                with.sort_unstable();
                with.dedup();
                Self::Bonds(with.into_iter().map(|who| (who, small(random).into())).collect())
            }
            FOREIGN => Self::Foreign(u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())),
            _ => match random.below(3) {
                0 => Self::Follow(random.index(entities)),
                1 => Self::Guard {
                    who: some(random, 3),
                    until: random.one_in(2).then(|| small(random).into()),
                },
                _ => Self::Idle,
            },
        }
    }
}

/// An entity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec {
    pub(crate) id: Option<u64>,
    /// Of different kinds.
    pub(crate) values: Vec<Value>,
    pub(crate) parent: Option<usize>,
    /// Its place among the children of its parent, from 0.
    pub(crate) rank: u32,
}

/// Which entities have a `PersistId`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ids {
    All,
    Some,
    None,
}

impl Ids {
    pub(crate) fn any(random: &mut Random) -> Self {
        [Self::All, Self::Some, Self::None][random.index(3)]
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) entities: Vec<Spec>,
    /// What bevy's resources hold; hecs has none.
    pub(crate) resources: Option<(u64, String)>,
}

impl Plan {
    /// A world of fewer than `most` entities, and at least one.
    pub(crate) fn new(most: u64, ids: Ids, random: &mut Random) -> Self {
        let count = 1 + random.index(usize::try_from(most).unwrap() - 1);
        let mut entities: Vec<Spec> = Vec::with_capacity(count);
        let mut children = vec![Vec::new(); count];
        // So that tables have rows in common, only some sets of components occur.
        let sets: Vec<u64> = (0..=random.below(6)).map(|_| random.next_u64()).collect();
        for at in 0..count {
            let set = sets[random.index(sets.len())];
            let kinds = (0..KINDS).filter(|kind| set >> kind & 1 == 1);
            let values = kinds.map(|kind| Value::of(kind, count, random)).collect();
            let parent = (at > 0 && random.one_in(3)).then(|| random.index(at.min(5)));
            if let Some(parent) = parent {
                let place = random.index(children[parent].len() + 1);
                children[parent].insert(place, at);
            }
            entities.push(Spec { id: None, values, parent, rank: 0 });
        }
        for list in &children {
            for (rank, &child) in (0..).zip(list) {
                entities[child].rank = rank;
            }
        }
        let mut numbers: Vec<u64> = (1..=count as u64).map(|at| (3 << 44) | (at * 5)).collect();
        shuffle(&mut numbers, random);
        for (spec, number) in entities.iter_mut().zip(numbers) {
            let has = ids == Ids::All || (ids == Ids::Some && random.one_in(2));
            spec.id = has.then_some(number);
        }
        Self { entities, resources: Some((random.next_u64(), text(random))) }
    }

    pub(crate) fn without_resources(mut self) -> Self {
        self.resources = None;
        self
    }

    pub(crate) fn has_ids(&self) -> bool {
        self.entities.iter().any(|spec| spec.id.is_some())
    }
}

pub(crate) fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for at in (1..items.len()).rev() {
        items.swap(at, random.index(at + 1));
    }
}

pub(crate) fn small(random: &mut Random) -> u16 {
    u16::try_from(random.below(300)).unwrap()
}

/// Any bits: infinities, zeros with a sign and what is no number too.
fn float(random: &mut Random) -> f32 {
    match random.below(6) {
        0 => [f32::NAN, f32::INFINITY, -0.0, f32::MIN_POSITIVE][random.index(4)],
        1 => f32::from_bits(u32::try_from(random.next_u64() >> 32).unwrap()),
        _ => f32::from(small(random)) / 8.0,
    }
}

fn text(random: &mut Random) -> String {
    const LETTERS: [char; 8] = ['a', 'b', ' ', '"', '\\', '\n', '\u{e9}', '\u{1f511}'];
    (0..random.below(6)).map(|_| LETTERS[random.index(LETTERS.len())]).collect()
}

fn mood(random: &mut Random) -> Mood {
    match random.below(4) {
        0 => Mood::Calm,
        1 => Mood::Angry(random.next_u64().to_le_bytes()[0]),
        2 => Mood::Torn(random.next_u64().cast_signed(), float(random).into()),
        _ => Mood::Longing { of: text(random).chars().next(), since: small(random).into() },
    }
}
