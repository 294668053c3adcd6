use keepstone::ecs::EcsWorld;

use super::world::Row;

/// An ECS whose worlds are shown: what differs between them.
pub(super) trait Ecs<M>: EcsWorld<M> {
    /// The crate's name.
    const NAME: &'static str;
    /// The least that spawning takes, in a sentence.
    const FLOOR: &'static str;
    /// What a loaded world has beside components of entities.
    const WITH: &'static str;

    /// The rows as a program has them that knows every type.
    type Rows: Clone + Default;

    /// Spawns the rows into a world of their own, one by one.
    fn build(rows: impl Iterator<Item = Row>) -> Self;

    /// The rows as this ECS spawns them fastest.
    fn rows(rows: &[Row]) -> Self::Rows;

    /// Spawns those.
    fn spawn(rows: Self::Rows) -> Self;
}
