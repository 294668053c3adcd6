//! What commands there are.

use std::env;

/// Whether a command can be called by its name.
pub(crate) fn is_command(name: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}
