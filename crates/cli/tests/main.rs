//! The command as a script sees it: exit codes, standard output, standard error.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a helper that is wrong fails its test, and tests make files of their own"
)]

mod arrays;
mod awsv;
mod checkpoints;
mod convert;
mod converted_save;
mod damage;
mod delta;
mod demo;
mod diff;
mod edgevec;
mod formats;
mod generations;
mod guide;
mod hostile;
mod inspect;
mod lossy;
mod misuse;
mod parts;
mod pecs;
mod repair;
mod slots;
mod support;
mod to_awsv;
mod vectors;
mod verify;
mod wal;
mod worlds;
