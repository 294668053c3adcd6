//! Components that register themselves: `#[derive(Persist)]` expands to [`__register!`](crate::__register).

use std::{marker::PhantomData, sync::OnceLock};

use bevy_ecs::{component::Component, relationship::Relationship};
use keepstone_ecs_persist::{Error, Persist, PersistRelationship, PersistTransient};

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

/// As [`AddComponent`], for components that are never saved.
#[doc(hidden)]
pub trait AddTransient {
    /// Registers the component as transient.
    fn add(&self, registry: &mut Registry) -> Result<(), Error>;
}

impl<T: Component + PersistTransient> AddTransient for Probe<T> {
    fn add(&self, registry: &mut Registry) -> Result<(), Error> {
        registry.add_transient::<T>()
    }
}

/// As [`AddComponent`], for relationships.
#[doc(hidden)]
pub trait AddRelationship {
    /// Registers the relationship.
    fn add(&self, registry: &mut Registry) -> Result<(), Error>;
}

impl<R: Relationship + PersistRelationship> AddRelationship for Probe<R> {
    fn add(&self, registry: &mut Registry) -> Result<(), Error> {
        registry.add_relationship::<R>(R::NAME, R::VERSION)?;
        R::ALIASES.iter().try_for_each(|alias| registry.insert_alias::<R>(alias))
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

/// Registers a type with this adapter when the program starts, if it is a bevy component.
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($type:ty) => {
        const _: () = {
            #[allow(unused_imports)]
            use $crate::__private::{AddComponent as _, AddNothing as _, AddTransient as _};
            $crate::__private::inventory::submit! {
                $crate::__private::Derived::new(|registry| (&$crate::__private::Probe::<$type>::new()).add(registry))
            }
        };
    };
}

/// As `__register`, for types that are a relationship of bevy.
#[doc(hidden)]
#[macro_export]
macro_rules! __register_relationship {
    ($type:ty) => {
        const _: () = {
            #[allow(unused_imports)]
            use $crate::__private::{AddNothing as _, AddRelationship as _};
            $crate::__private::inventory::submit! {
                $crate::__private::Derived::new(|registry| (&$crate::__private::Probe::<$type>::new()).add(registry))
            }
        };
    };
}
