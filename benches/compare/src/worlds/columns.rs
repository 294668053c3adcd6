//! What one would write by hand: the components of a world gathered into a plain struct of columns, and that through a serializer; the way
//! back spawns them.

use anyhow::{Context, Result};
use bevy_ecs::{entity::EntityHashMap, hierarchy::ChildOf, prelude::Entity, world::World};
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
pub struct Columns {
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
    /// Takes them from a world, in the order in which entities were spawned.
    pub fn gather(world: &mut World) -> Result<Self> {
        let mut query = world.query::<Found<'_>>();
        let mut found: Vec<Found<'_>> = query.iter(world).collect();
        found.sort_unstable_by_key(|(entity, ..)| entity.index_u32());
        let places: EntityHashMap<u32> =
            found.iter().zip(0..).map(|((entity, ..), place)| (*entity, place)).collect();
        let mut columns = Self::default();
        for (_, position, velocity, health, name, parent) in found {
            columns.positions.push([position.x, position.y, position.z]);
            columns.velocities.push(velocity.map(|velocity| [velocity.x, velocity.y, velocity.z]));
            columns.healths.push(health.map(|health| [health.current, health.max]));
            columns.names.push(name.map(|name| name.0.clone()));
            let place = parent.map(|parent| places.get(&parent.0).copied().context("a parent is no row"));
            columns.parents.push(place.transpose()?);
        }
        Ok(columns)
    }

    /// Spawns them into a fresh world: what most have at once, the rest behind it.
    pub fn spawn(self) -> Result<World> {
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

/// A serializer of the columns.
#[derive(Clone, Copy)]
pub struct Format {
    pub name: &'static str,
    /// Hands the bytes to a sink.
    pub encode: fn(&Columns, &mut dyn FnMut(&[u8])) -> Result<()>,
    pub decode: fn(&[u8]) -> Result<Columns>,
}

pub const FORMATS: [Format; 4] = [
    Format {
        name: "columns, bitcode",
        encode: |columns, sink| {
            sink(&bitcode::encode(columns));
            Ok(())
        },
        decode: |bytes| Ok(bitcode::decode(bytes)?),
    },
    Format {
        name: "columns, rkyv",
        encode: |columns, sink| {
            sink(&rkyv::to_bytes::<rancor::Error>(columns)?);
            Ok(())
        },
        decode: |bytes| Ok(rkyv::from_bytes::<Columns, rancor::Error>(bytes)?),
    },
    Format {
        name: "columns, postcard",
        encode: |columns, sink| {
            sink(&postcard::to_allocvec(columns)?);
            Ok(())
        },
        decode: |bytes| Ok(postcard::from_bytes(bytes)?),
    },
    Format {
        name: "columns, bincode",
        encode: |columns, sink| {
            sink(&bincode::serde::encode_to_vec(columns, bincode::config::standard())?);
            Ok(())
        },
        decode: |bytes| Ok(bincode::serde::decode_from_slice(bytes, bincode::config::standard())?.0),
    },
];

/// The bytes of columns, aligned as rkyv wants them.
pub fn encoded(format: Format, columns: &Columns) -> Result<AlignedVec> {
    let mut bytes = AlignedVec::new();
    (format.encode)(columns, &mut |piece| bytes.extend_from_slice(piece))?;
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
