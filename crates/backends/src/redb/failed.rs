use std::io::ErrorKind;

use keepstone_ecs_persist::StoreError;
use keepstone_format::Kind;
use redb::Error;

/// Wraps an error of redb.
pub(super) fn failed(store: &str, what: &'static str, error: Error) -> StoreError {
    StoreError::backend(store, what, kind(&error), error)
}

/// What the caller should do.
fn kind(error: &Error) -> Kind {
    match error {
        Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch | Error::WouldBlock => Kind::Busy,
        Error::Corrupted(_) | Error::RepairAborted => Kind::Damaged,
        Error::UpgradeRequired(_) => Kind::Newer,
        Error::ValueTooLarge(_) => Kind::Limit,
        Error::PreviousIo | Error::DatabaseClosed | Error::LockPoisoned(_) => Kind::Poisoned,
        Error::Io(error) => match error.kind() {
            ErrorKind::NotFound => Kind::NotFound,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Kind::Denied,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Kind::NoSpace,
            // What redb answers where the file is no database.
            ErrorKind::InvalidData => Kind::Damaged,
            _ => Kind::Io,
        },
        _ => Kind::Misuse,
    }
}
