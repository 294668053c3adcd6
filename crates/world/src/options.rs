//! How worlds are saved and loaded.

mod load;
mod save;

use std::sync::{Arc, LazyLock};

use keepstone_storage::{Files, OsFiles};

pub(crate) use self::save::unknown_format;
pub use self::{
    load::{LoadMode, LoadOptions},
    save::SaveOptions,
};

/// The operating system's files: the same for all options, so that two saves of a path are known to be of one file.
fn os_files() -> Arc<dyn Files> {
    static FILES: LazyLock<Arc<dyn Files>> = LazyLock::new(|| Arc::new(OsFiles));
    Arc::clone(&FILES)
}
