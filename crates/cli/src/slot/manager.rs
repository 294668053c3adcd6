use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use keepstone::slots::{SaveManager, SaveOptions};

use crate::error::Error;
use crate::saves;

/// Opens saves for writing, to do one thing with them.
///
/// A program keeps deleted saves for as long as it likes, so none goes here by the way, and files that are made ready ahead would be removed by the next opening.
pub(crate) fn open(root: &Path, options: SaveOptions) -> Result<SaveManager, Error> {
    let options = options.clock(now).grace(Duration::MAX).spares(0).background(false);
    Ok(SaveManager::open(root, options)?)
}

/// As [`open`], where there have to be saves.
pub(super) fn open_existing(root: &Path, options: SaveOptions) -> Result<SaveManager, Error> {
    saves::named(root)?;
    open(root, options)
}

/// As [`open_existing`], to remove deleted saves after so long.
pub(super) fn open_with_grace(root: &Path, grace: Duration) -> Result<SaveManager, Error> {
    saves::named(root)?;
    let options = SaveOptions::default().clock(now).grace(grace).spares(0).background(false);
    Ok(SaveManager::open(root, options)?)
}

/// Nanoseconds UTC since 1970.
#[expect(clippy::disallowed_methods, reason = "a command is told no time, and saves are listed with theirs")]
pub(crate) fn now() -> i64 {
    let nanos = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()),
        Err(before) => i64::try_from(before.duration().as_nanos()).map(|nanos| -nanos),
    };
    nanos.unwrap_or(i64::MAX)
}
