//! Exports of forge.

mod damage;
pub(crate) mod files;
mod hostile;
mod listing;
mod secrets;
