//! The checks, by group.

pub(crate) mod copies;
pub(crate) mod corruption;
pub(crate) mod crashes;
pub(crate) mod creation;
pub(crate) mod edits;
pub(crate) mod endings;
pub(crate) mod failures;
pub(crate) mod leftovers;
pub(crate) mod lineage;
pub(crate) mod listing;
pub(crate) mod objects;
pub(crate) mod openings;
pub(crate) mod pages;
pub(crate) mod prune;
pub(crate) mod readers;
pub(crate) mod room;
pub(crate) mod scale;
pub(crate) mod states;
pub(crate) mod writers;
