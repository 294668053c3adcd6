//! Components of bevy_ecs that every world may have.

use bevy_ecs::{entity_disabling::Disabled, hierarchy::ChildOf, name::Name};
use keepstone_ecs_persist::{AsProxy, Error};
use serde::{Deserialize, Serialize};

use crate::registry::{Registry, RegistryExt};

pub(crate) fn add_to(registry: &mut Registry) -> Result<(), Error> {
    registry.add_relationship::<ChildOf>("bevy_ecs.ChildOf", 1)?;
    registry.add_as::<Name, AsProxy<SavedName>>("bevy_ecs.Name", 1)?;
    registry.add_as::<Disabled, AsProxy<SavedDisabled>>("bevy_ecs.Disabled", 1)
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Name")]
struct SavedName(String);

impl From<&Name> for SavedName {
    fn from(name: &Name) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl From<SavedName> for Name {
    fn from(name: SavedName) -> Self {
        Self::new(name.0)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Disabled")]
struct SavedDisabled;

impl From<&Disabled> for SavedDisabled {
    fn from(_: &Disabled) -> Self {
        Self
    }
}

impl From<SavedDisabled> for Disabled {
    fn from(_: SavedDisabled) -> Self {
        Self
    }
}
