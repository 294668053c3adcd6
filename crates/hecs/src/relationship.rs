use std::{any::type_name, borrow::Cow, marker::PhantomData};

use hecs::{Component, Entity};
use keepstone_ecs_persist::{Coder, Column, ColumnData, Encoding, Error, Runs};
use keepstone_value::{Entities, Resolve};

use crate::link::{Places, ranks};

/// A component that names one entity, such as a parent: what the relationships of other ECS become in hecs.
///
/// It is saved as its target, and so `bevy_ecs.ChildOf` of a file loads into a type that is registered under that name. hecs has
/// no lists on targets; whoever needs the order of children keeps [`place`](Relationship::place).
///
/// ```
/// use hecs::Entity;
/// use keepstone_hecs::{Persist, Relationship};
///
/// #[derive(Persist)]
/// #[persist(crate = "keepstone_hecs", name = "bevy_ecs.ChildOf", relationship)]
/// struct Parent(Entity, u32);
///
/// impl Relationship for Parent {
///     fn new(target: Entity, place: u32) -> Self {
///         Self(target, place)
///     }
///
///     fn target(&self) -> Entity {
///         self.0
///     }
///
///     fn place(&self) -> u32 {
///         self.1
///     }
/// }
/// ```
pub trait Relationship: Component {
    /// A component that names `target` and is at this place, from 0, among those that name it. Where the target was gone when the
    /// world was saved, it is [`Entity::DANGLING`].
    fn new(target: Entity, place: u32) -> Self;

    /// The entity that it names.
    fn target(&self) -> Entity;

    /// Its place among those that name the same entity. Places may have gaps; those with the same place come in the order in which
    /// the world stores them.
    fn place(&self) -> u32 {
        0
    }
}

/// Rows are targets and their order.
pub(crate) struct AsLink<R>(PhantomData<fn() -> R>);

impl<R> AsLink<R> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R: Relationship> Coder<R> for AsLink<R> {
    fn capture<'w>(
        &self,
        rows: Runs<'w, R>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let ordinal = |row: &R| entities.ordinal(row.target().to_bits().get());
        let targets: Vec<u32> = rows.iter().map(ordinal).collect();
        let ranks = ranks(&targets, rows.iter().map(Relationship::place));
        let data = ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) };
        Ok((Encoding::Reference { linked: true }, data))
    }

    fn decode(&self, column: &Column<'_>, _: usize, entities: &mut dyn Resolve) -> Result<Vec<R>, Error> {
        let ColumnData::References { targets, ranks } = &column.data else {
            return Err(Error::Mismatch {
                name: column.schema.name.clone(),
                type_name: type_name::<R>(),
                found: column.schema.encoding.to_string(),
                expected: Encoding::Reference { linked: true }.to_string(),
            });
        };
        let counted = if ranks.is_none() { Places::default().take(targets) } else { Vec::new() };
        let places = ranks.as_deref().unwrap_or(&counted);
        let target = |ordinal| Entity::from_bits(entities.bits(ordinal)).unwrap_or(Entity::DANGLING);
        Ok(targets
            .iter()
            .copied()
            .map(target)
            .zip(places)
            .map(|(target, &place)| R::new(target, place))
            .collect())
    }

    fn encoding(&self) -> Option<Encoding> {
        Some(Encoding::Reference { linked: true })
    }
}
