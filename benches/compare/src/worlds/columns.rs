//! What one would write by hand: the components of a world gathered into a plain struct of columns, and that through a serializer; the way
//! back spawns them.

use anyhow::{Context, Result};
use bevy_ecs::{hierarchy::ChildOf, prelude::Entity, world::World};
use keepstone_benches::mixed::{Health, Name, Position, Velocity};
use rkyv::{rancor, util::AlignedVec};

/// One vector for each component, with an element for each entity.
#[derive(
    Debug,
    Clone,
    Default,
    PartialEq,
    serde::Serialize,
    serde::Deserialize,
    bitcode::Encode,
    bitcode::Decode,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub(crate) struct Columns {
    positions: Vec<[f32; 3]>,
    velocities: Vec<Option<[f32; 3]>>,
    healths: Vec<Option<[i32; 2]>>,
    names: Vec<Option<String>>,
    /// The place of each one's parent.
    parents: Vec<Option<u32>>,
}

type Found<'w> =
    (Entity, &'w Position, Option<&'w Velocity>, Option<&'w Health>, Option<&'w Name>, Option<&'w ChildOf>);

impl Columns {
    fn with_capacity(count: usize) -> Self {
        Self {
            positions: Vec::with_capacity(count),
            velocities: Vec::with_capacity(count),
            healths: Vec::with_capacity(count),
            names: Vec::with_capacity(count),
            parents: Vec::with_capacity(count),
        }
    }

    /// Takes them from a world, in the order in which entities were spawned.
    pub(crate) fn gather(world: &mut World) -> Result<Self> {
        let mut query = world.query::<Found<'_>>();
        let mut found: Vec<Found<'_>> = query.iter(world).collect();
        found.sort_unstable_by_key(|(entity, ..)| entity.index_u32());
        let mut places = Vec::new();
        for ((entity, ..), place) in found.iter().zip(0_u32..) {
            let index = usize::try_from(entity.index_u32())?;
            places.resize(places.len().max(index + 1), u32::MAX);
            if let Some(slot) = places.get_mut(index) {
                *slot = place;
            }
        }
        let mut columns = Self::with_capacity(found.len());
        for (_, position, velocity, health, name, parent) in found {
            columns.positions.push([position.x, position.y, position.z]);
            columns.velocities.push(velocity.map(|velocity| [velocity.x, velocity.y, velocity.z]));
            columns.healths.push(health.map(|health| [health.current, health.max]));
            columns.names.push(name.map(|name| name.0.clone()));
            let place = parent.map(|parent| {
                let place = places.get(usize::try_from(parent.0.index_u32())?).copied();
                place.filter(|place| *place != u32::MAX).context("a parent is no row")
            });
            columns.parents.push(place.transpose()?);
        }
        Ok(columns)
    }

    /// Spawns them into a fresh world: what most have at once, the rest behind it.
    pub(crate) fn spawn(self) -> Result<World> {
        let mut world = World::new();
        let mut entities = Vec::with_capacity(self.positions.len());
        let rows = self.positions.into_iter().zip(self.velocities).zip(self.healths);
        for ((([x, y, z], velocity), health), name) in rows.zip(self.names) {
            let position = Position { x, y, z };
            let velocity = velocity.map(|[x, y, z]| Velocity { x, y, z });
            let health = health.map(|[current, max]| Health { current, max });
            let mut entity = match (velocity, health) {
                (Some(velocity), Some(health)) => world.spawn((position, velocity, health)),
                (Some(velocity), None) => world.spawn((position, velocity)),
                (None, Some(health)) => world.spawn((position, health)),
                (None, None) => world.spawn(position),
            };
            if let Some(name) = name {
                entity.insert(Name(name));
            }
            entities.push(entity.id());
        }
        for (entity, parent) in entities.iter().zip(self.parents) {
            if let Some(parent) = parent {
                let parent = entities.get(usize::try_from(parent)?).context("a parent is no row")?;
                world.entity_mut(*entity).insert(ChildOf(*parent));
            }
        }
        Ok(world)
    }
}

/// The bytes of columns in the memory that the serializer has put them into.
pub(crate) type Encoded = Box<dyn AsRef<[u8]>>;

/// A serializer of the columns.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) encode: fn(&Columns) -> Result<Encoded>,
    pub(crate) decode: fn(&[u8]) -> Result<Columns>,
}

pub(crate) const FORMATS: [Format; 4] = [
    Format {
        name: "columns, bitcode",
        encode: |columns| Ok(Box::new(bitcode::encode(columns))),
        decode: |bytes| Ok(bitcode::decode(bytes)?),
    },
    Format {
        name: "columns, rkyv",
        encode: |columns| Ok(Box::new(rkyv::to_bytes::<rancor::Error>(columns)?)),
        decode: |bytes| Ok(rkyv::from_bytes::<Columns, rancor::Error>(bytes)?),
    },
    Format {
        name: "columns, postcard",
        encode: |columns| Ok(Box::new(postcard::to_allocvec(columns)?)),
        decode: |bytes| Ok(postcard::from_bytes(bytes)?),
    },
    Format {
        name: "columns, bincode",
        encode: |columns| Ok(Box::new(bincode::serde::encode_to_vec(columns, bincode::config::standard())?)),
        decode: |bytes| Ok(bincode::serde::decode_from_slice(bytes, bincode::config::standard())?.0),
    },
];

/// The bytes of columns, aligned as rkyv wants them.
pub(crate) fn encoded(format: Format, columns: &Columns) -> Result<AlignedVec> {
    let mut bytes = AlignedVec::new();
    bytes.extend_from_slice((*(format.encode)(columns)?).as_ref());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use keepstone_benches::mixed;

    use super::*;

    #[test]
    fn each_format_gives_back_the_whole_world() {
        let columns = Columns::gather(&mut mixed::world(1200)).unwrap();
        assert_eq!(columns.parents.iter().flatten().count(), 120);
        for format in FORMATS {
            let bytes = encoded(format, &columns).unwrap();
            let mut world = (format.decode)(&bytes).unwrap().spawn().unwrap();
            assert_eq!(Columns::gather(&mut world).unwrap(), columns, "{}", format.name);
        }
    }
}
