//! Stores of entities on databases.
//!
//! An [`EntityStore`](keepstone_ecs_persist::EntityStore) keeps entities one by one under their ids. This crate has those that need somebody else's
//! code, each in a module and behind a feature; a program pays for what it asks for, and nothing is on by default. What a
//! record's bytes are, this crate doesn't know: that is section 12 of `FORMAT.md` in keepstone-format.
//!
//! # Features
//!
//! - `redb`: entities in a redb database, one file that a single process has open.
#![forbid(unsafe_code)]

#[cfg(feature = "redb")]
pub mod redb;

/// The example of the README is a test.
#[cfg(all(doctest, feature = "redb"))]
#[doc = include_str!("../README.md")]
struct Readme;
