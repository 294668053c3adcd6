//! The game in either ECS.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write as _},
};

use keepstone_bevy::Bevy;
use keepstone_ecs_persist::EcsWorld;
use keepstone_hecs::Hecs;

use super::game::{
    Bag, Heading, Health, Level, Mood, Name, Place, Points, Rank, Speed, Stats, Treasury, in_bevy, in_hecs,
};

/// What a world says, by the names of its entities, in words that both ECS have.
pub(super) type Census = BTreeMap<String, String>;

/// What a program knows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Program {
    /// All components of today.
    Today,
    /// All but the one that only the chain brings to today.
    WithoutRank,
    /// Health alone, as it was in version 2.
    Second,
    /// Health alone, without the step to version 2.
    Forgetful,
}

/// An ECS.
pub(super) trait Side<M>: EcsWorld<M> {
    /// Which files are its own.
    const KIND: &'static str;

    fn knows(program: Program) -> Self::Registry;

    fn census(&mut self) -> Census;

    fn turn(&mut self, name: &str, heading: u32);
}

macro_rules! knows {
    ($program:ident, $bond:ty, $forgetful:ty) => {{
        let mut registry = Self::derived_registry().unwrap().clone();
        match $program {
            Program::Second => registry.add::<Points>().unwrap(),
            Program::Forgetful => registry.add::<$forgetful>().unwrap(),
            Program::Today | Program::WithoutRank => {
                registry.add::<Name>().unwrap();
                registry.add::<Place>().unwrap();
                registry.add::<Health>().unwrap();
                registry.add::<Heading>().unwrap();
                registry.add::<Stats>().unwrap();
                registry.add::<Bag>().unwrap();
                registry.add::<Speed>().unwrap();
                registry.add::<Mood>().unwrap();
                registry.add::<Level>().unwrap();
                registry.add::<Treasury>().unwrap();
                registry.add::<$bond>().unwrap();
                if $program == Program::Today {
                    registry.add::<Rank>().unwrap();
                }
            }
        }
        registry
    }};
}

mod forgetful {
    use keepstone_hecs::Persist;

    #[derive(bevy_ecs::component::Component, Persist, Clone, Copy)]
    #[persist(crate = "keepstone_ecs_persist", name = "game.health", version = 3, pod, from = Points)]
    #[repr(C)]
    pub(super) struct Health {
        current: u32,
        max: u32,
    }

    #[derive(Persist, Clone, Copy)]
    #[persist(crate = "keepstone_ecs_persist", name = "game.health", version = 2, pod, retired)]
    #[repr(C)]
    pub(super) struct Points {
        points: u32,
    }

    impl From<Points> for Health {
        fn from(old: Points) -> Self {
            Self { current: old.points, max: 0 }
        }
    }
}

/// Adds a component to what is said of an entity, if it has it.
fn say(line: &mut String, value: Option<impl Debug>) {
    if let Some(value) = value {
        write!(line, "{value:?} ").unwrap();
    }
}

impl Side<Bevy> for bevy_ecs::world::World {
    const KIND: &'static str = "bevy";

    fn knows(program: Program) -> Self::Registry {
        use keepstone_bevy::RegistryExt as _;
        knows!(program, in_bevy::Bond, forgetful::Health)
    }

    fn census(&mut self) -> Census {
        use bevy_ecs::entity::Entity;
        let all: Vec<(Entity, Name)> =
            self.query::<(Entity, &Name)>().iter(self).map(|(who, name)| (who, name.clone())).collect();
        let world = &*self;
        let line = |(who, Name(name)): (Entity, Name)| {
            let mut line = String::new();
            say(&mut line, world.get::<Place>(who));
            say(&mut line, world.get::<Health>(who));
            say(&mut line, world.get::<Heading>(who));
            say(&mut line, world.get::<Stats>(who));
            say(&mut line, world.get::<Bag>(who));
            say(&mut line, world.get::<Speed>(who));
            say(&mut line, world.get::<Mood>(who));
            say(&mut line, world.get::<Rank>(who));
            say(&mut line, world.get::<Level>(who));
            say(&mut line, world.get::<Treasury>(who));
            if let Some(bond) = world.get::<in_bevy::Bond>(who) {
                let friend = bond.friend.and_then(|friend| world.get::<Name>(friend));
                write!(line, "since {} with {friend:?}", bond.since).unwrap();
            }
            (name, line)
        };
        all.into_iter().map(line).collect()
    }

    fn turn(&mut self, name: &str, heading: u32) {
        let mut found = self.query::<(&Name, &mut Heading)>();
        found.iter_mut(self).find(|(known, _)| known.0 == name).unwrap().1.value = heading;
    }
}

impl Side<Hecs> for hecs::World {
    const KIND: &'static str = "hecs";

    fn knows(program: Program) -> Self::Registry {
        use keepstone_hecs::RegistryExt as _;
        knows!(program, in_hecs::Bond, forgetful::Health)
    }

    fn census(&mut self) -> Census {
        let mut census = Census::new();
        for who in self.iter() {
            let Some(name) = who.get::<&Name>() else { continue };
            let mut line = String::new();
            say(&mut line, who.get::<&Place>().as_deref());
            say(&mut line, who.get::<&Health>().as_deref());
            say(&mut line, who.get::<&Heading>().as_deref());
            say(&mut line, who.get::<&Stats>().as_deref());
            say(&mut line, who.get::<&Bag>().as_deref());
            say(&mut line, who.get::<&Speed>().as_deref());
            say(&mut line, who.get::<&Mood>().as_deref());
            say(&mut line, who.get::<&Rank>().as_deref());
            say(&mut line, who.get::<&Level>().as_deref());
            say(&mut line, who.get::<&Treasury>().as_deref());
            if let Some(bond) = who.get::<&in_hecs::Bond>() {
                let friend = bond.friend.and_then(|friend| self.get::<&Name>(friend).ok());
                write!(line, "since {} with {:?}", bond.since, friend.as_deref()).unwrap();
            }
            census.insert(name.0.clone(), line);
        }
        census
    }

    fn turn(&mut self, name: &str, heading: u32) {
        let mut found = self.query::<(&Name, &mut Heading)>();
        found.iter().find(|(known, _)| known.0 == name).unwrap().1.value = heading;
    }
}
