//! Snapshots.

mod damage;
mod files;
mod hostile;
mod keep;
mod listing;
mod oddities;
mod round_trip;
mod salvage;
