//! Components that register themselves: `#[derive(Persist)]` expands to [`__register!`](crate::__register).

use std::{marker::PhantomData, sync::OnceLock};

use bevy_ecs::{component::Component, relationship::Relationship};
use keepstone_ecs_persist::{Error, Persist, PersistRelationship};

use crate::{
    builtin,
    registry::{Registry, RegistryExt},
};

/// One derived component.
#[doc(hidden)]
pub struct Derived {
    add: fn(&mut Registry) -> Result<(), Error>,
}

impl Derived {
    /// Names the function that registers it.
    pub const fn new(add: fn(&mut Registry) -> Result<(), Error>) -> Self {
        Self { add }
    }
}

inventory::collect!(Derived);

/// The components of all linked crates and those of bevy_ecs that are known here, gathered once.
pub(crate) fn registry() -> Result<&'static Registry, Error> {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    if let Some(registry) = REGISTRY.get() {
        return Ok(registry);
    }
    let mut registry = Registry::default();
    builtin::add_to(&mut registry)?;
    for derived in inventory::iter::<Derived> {
        (derived.add)(&mut registry)?;
    }
    Ok(REGISTRY.get_or_init(|| registry))
}

/// Chooses, by the traits of `T`, whether it can be registered: a type saved with another ECS need not be a bevy component.
#[doc(hidden)]
pub struct Probe<T>(PhantomData<T>);

impl<T> Probe<T> {
    /// A probe for `T`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Probe<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Registers a derived relationship.
#[doc(hidden)]
pub fn add_relationship<R: Relationship + PersistRelationship>(registry: &mut Registry) -> Result<(), Error> {
    registry.add_relationship::<R>(R::NAME, R::VERSION)
}

/// Method resolution finds this one first, where it applies.
#[doc(hidden)]
pub trait AddComponent {
    /// Registers the component.
    fn add(&self, registry: &mut Registry) -> Result<(), Error>;
}

impl<T: Component + Persist> AddComponent for Probe<T> {
    fn add(&self, registry: &mut Registry) -> Result<(), Error> {
        registry.add::<T>()
    }
}

/// Method resolution falls back to this one.
#[doc(hidden)]
pub trait AddNothing {
    /// Does nothing.
    fn add(&self, registry: &mut Registry) -> Result<(), Error>;
}

impl<T> AddNothing for &Probe<T> {
    fn add(&self, _: &mut Registry) -> Result<(), Error> {
        Ok(())
    }
}

/// Registers a relationship with this adapter when the program starts.
#[doc(hidden)]
#[macro_export]
macro_rules! __register_relationship {
    ($type:ty) => {
        $crate::__private::inventory::submit! {
            $crate::__private::Derived::new($crate::__private::add_relationship::<$type>)
        }
    };
}

/// Registers a type with this adapter when the program starts, if it is a bevy component.
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($type:ty) => {
        const _: () = {
            #[allow(unused_imports)]
            use $crate::__private::{AddComponent as _, AddNothing as _};
            $crate::__private::inventory::submit! {
                $crate::__private::Derived::new(|registry| (&$crate::__private::Probe::<$type>::new()).add(registry))
            }
        };
    };
}
