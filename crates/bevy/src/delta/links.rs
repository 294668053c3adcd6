//! Rows of relationships: of each target whose list changed, all.

use std::collections::{BTreeSet, HashSet};

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::NONE;

use crate::{
    delta::{moment::Window, naming::Naming},
    relationship,
};

/// A row of a relationship in a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkRow {
    /// The row of the entity.
    pub(super) row: u32,
    pub(super) target: u32,
    /// Its place in the list of the target.
    pub(super) rank: u32,
    pub(super) source: Entity,
}

/// The rows of a relationship whose targets' lists changed since, and those of these entities. Ascending by row.
pub(super) fn changed(
    world: &World,
    ops: relationship::Ops,
    changed: &[Entity],
    window: Window,
    naming: &mut Naming<'_>,
    is_saved: impl Fn(Entity) -> bool,
) -> Vec<LinkRow> {
    let mut targets: BTreeSet<Entity> = BTreeSet::new();
    (ops.changed_lists)(world, window, &mut |target| {
        targets.insert(target);
    });
    let mut without_target = Vec::new();
    for &source in changed {
        match (ops.target)(world, source) {
            Some(target) if world.entities().contains_spawned(target) => {
                targets.insert(target);
            }
            _ => without_target.push(source),
        }
    }
    let mut found: Vec<LinkRow> = Vec::new();
    let mut listed: HashSet<Entity> = HashSet::new();
    let mut next: Vec<(Entity, u32)> = Vec::new();
    for &target in &targets {
        let list = (ops.sources)(world, target);
        let own = list
            .into_iter()
            .filter(|&source| (ops.target)(world, source) == Some(target) && is_saved(source));
        let mut rank = 0;
        for source in own {
            if listed.insert(source) {
                let (row, target) = (naming.row_of(source), naming.row_of(target));
                found.push(LinkRow { row, target, rank, source });
                rank += 1;
            }
        }
        next.push((target, rank));
    }
    // What a list lacks, though it names the target: behind it.
    for &source in changed.iter().filter(|source| !listed.contains(source)) {
        let Some(target) = (ops.target)(world, source) else { continue };
        if let Ok(at) = next.binary_search_by(|(known, _)| known.cmp(&target))
            && let Some((_, rank)) = next.get_mut(at)
        {
            let (row, target) = (naming.row_of(source), naming.row_of(target));
            found.push(LinkRow { row, target, rank: *rank, source });
            *rank += 1;
        }
    }
    for source in without_target {
        found.push(LinkRow { row: naming.row_of(source), target: NONE, rank: 0, source });
    }
    found.sort_unstable();
    found
}
