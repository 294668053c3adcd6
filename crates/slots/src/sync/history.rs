use std::collections::{HashMap, HashSet};

use keepstone_format::{Metadata, tag};

use super::report::Relation;
use crate::{
    entry::SaveEntry,
    id::SaveId,
    planted::{self, Plant},
    stem::Stem,
};

/// How many earlier saves a save names.
pub(super) const ANCESTORS_MAX: usize = 32;

/// What has to be known of a save to tell how it stands to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) stem: Stem,
    pub(super) ancestors: Vec<[u8; 8]>,
    /// What nothing may depend on.
    created_at: Option<i64>,
}

impl Version {
    pub(super) fn of_entry(entry: &SaveEntry) -> Self {
        Self { stem: entry.stem(), ancestors: entry.ancestors(), created_at: entry.created_at() }
    }

    pub(super) fn of_head(stem: Stem, head: &Metadata) -> Self {
        let ancestors = head.get(tag::ANCESTORS).unwrap_or_default().as_chunks().0.to_vec();
        Self { stem, ancestors, created_at: head.created_at() }
    }

    pub(super) fn id(&self) -> SaveId {
        self.stem.id
    }

    /// Whether a save is among its ancestors.
    pub(super) fn follows(&self, id: SaveId) -> bool {
        self.id() != id && self.ancestors.contains(&id.short())
    }
}

/// What is known of a slot.
pub(super) struct Sides<'a> {
    /// The newest good save here.
    pub(super) here: Option<&'a Version>,
    /// All saves there, each id once.
    pub(super) there: &'a [Version],
    /// What both had when they were last the same.
    pub(super) base: Option<SaveId>,
    /// Whether the other side is the one that the base was seen on.
    pub(super) base_holds: bool,
    /// Whether the player has deleted a save here.
    pub(super) is_unwanted: &'a dyn Fn(SaveId) -> bool,
    /// Whether another slot has a save, or what became of it when it was moved there.
    pub(super) is_elsewhere: &'a dyn Fn(SaveId) -> bool,
}

/// What has to be done about a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    Upload,
    /// The save `winner` from there is the latest; `others` are forks of it, there as well.
    Take {
        winner: SaveId,
        others: Vec<SaveId>,
    },
    /// The save here, and `others` from there, are forks. The slot is that of `winner`, which is one of them all.
    Settle {
        winner: SaveId,
        others: Vec<SaveId>,
    },
}

/// Tells how the copies of a slot stand, and what is to be done. No clock has a say.
pub(super) fn judge(sides: &Sides<'_>) -> (Relation, Step) {
    let heads = heads(sides.there);
    let Some(here) = sides.here else { return nothing_here(sides, &heads) };
    let candidates: Vec<&Version> = heads
        .iter()
        .copied()
        .filter(|head| head.id() != here.id() && !here.follows(head.id()))
        .filter(|head| !(sides.is_unwanted)(head.id()))
        .collect();
    let is_there = sides.there.iter().any(|version| version.id() == here.id());
    if lead_to(&candidates, sides.there, here.id()) {
        return (Relation::Behind, take_of(sides, &candidates));
    }
    // What was in common last time is known here, however many saves ago that was.
    let candidates: Vec<&Version> =
        candidates.into_iter().filter(|head| sides.base != Some(head.id())).collect();
    let is_live = |id: SaveId| !(sides.is_elsewhere)(id);
    let live: Vec<&Version> = candidates.iter().copied().filter(|head| is_live(head.id())).collect();
    let raced = heads.iter().copied().find(|head| head.id() == here.id());
    if live.is_empty() && (candidates.is_empty() || is_live(here.id())) {
        let is_followed = sides.there.iter().any(|version| version.follows(here.id()));
        return match (is_followed, is_there) {
            (true, _) => (Relation::Behind, Step::Nothing),
            (false, true) => (Relation::Same, Step::Nothing),
            (false, false) if sides.there.is_empty() => (Relation::OnlyHere, Step::Upload),
            (false, false) => (Relation::Ahead, Step::Upload),
        };
    }
    if sides.base_holds && sides.base == Some(here.id()) && !is_there {
        return (Relation::Behind, take_of(sides, &candidates));
    }
    if planted::is(Plant::ClockDecides) {
        let later = candidates.iter().find(|head| head.created_at > here.created_at);
        return match later {
            Some(_) => (Relation::Behind, take(&candidates)),
            None => (Relation::Ahead, Step::Upload),
        };
    }
    // Of saves that are all somewhere else as well, any may have the slot.
    let of_all = if live.is_empty() { &candidates } else { &live };
    let raced = raced.filter(|raced| live.is_empty() || is_live(raced.id()));
    let pool: Vec<&Version> = of_all.iter().copied().chain(raced).collect();
    let Step::Take { winner, .. } = take(&pool) else { return (Relation::Forked, Step::Nothing) };
    if live.is_empty() && winner == here.id() {
        return (Relation::Same, Step::Nothing);
    }
    let others = live.iter().map(|head| head.id()).filter(|id| *id != winner).collect();
    (Relation::Forked, Step::Settle { winner, others })
}

fn nothing_here(sides: &Sides<'_>, heads: &[&Version]) -> (Relation, Step) {
    let wanted: Vec<&Version> =
        heads.iter().copied().filter(|head| !(sides.is_unwanted)(head.id())).collect();
    (Relation::OnlyThere, take_of(sides, &wanted))
}

/// Takes one of `pool` that no other slot has. A slot isn't left as it is because what it lacks is somewhere else as well.
fn take_of(sides: &Sides<'_>, pool: &[&Version]) -> Step {
    let left: Vec<&Version> = pool.iter().copied().filter(|head| !(sides.is_elsewhere)(head.id())).collect();
    take(if left.is_empty() { pool } else { &left })
}

/// The saves that no other one follows; all of them if each is followed, which no honest side has.
fn heads(versions: &[Version]) -> Vec<&Version> {
    let followed: HashSet<[u8; 8]> = versions
        .iter()
        .flat_map(|version| version.ancestors.iter().copied().filter(|short| *short != version.id().short()))
        .collect();
    let heads: Vec<&Version> =
        versions.iter().filter(|version| !followed.contains(&version.id().short())).collect();
    if heads.is_empty() { versions.iter().collect() } else { heads }
}

/// Whether one of `heads` follows a save, directly or by way of others that are there.
fn lead_to(heads: &[&Version], there: &[Version], id: SaveId) -> bool {
    let by_short: HashMap<[u8; 8], &Version> =
        there.iter().map(|version| (version.id().short(), version)).collect();
    let mut seen: HashSet<SaveId> = heads.iter().map(|head| head.id()).collect();
    let mut left = heads.to_vec();
    while let Some(version) = left.pop() {
        if version.follows(id) {
            return true;
        }
        let known = version.ancestors.iter().filter_map(|short| by_short.get(short).copied());
        left.extend(known.filter(|version| seen.insert(version.id())));
    }
    false
}

/// Takes the one of `pool` that all machines choose: which one doesn't matter, as long as it is the same.
fn take(pool: &[&Version]) -> Step {
    let Some(winner) = pool.iter().map(|version| version.stem).max() else { return Step::Nothing };
    let others = pool.iter().map(|version| version.id()).filter(|id| *id != winner.id).collect();
    Step::Take { winner: winner.id, others }
}

#[cfg(test)]
mod tests;
