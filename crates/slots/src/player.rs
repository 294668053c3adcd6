mod base32;

use std::{ffi::OsStr, fmt, sync::Arc};

use crate::Error;

/// Bytes of a name at most.
const NAME_LEN_MAX: usize = 128;
const DIR_PREFIX: &str = "p-";

/// The name of a player: 1 to 128 bytes of any text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Player(Arc<str>);

impl Player {
    /// Takes a text as a name.
    ///
    /// # Errors
    /// [`Error::PlayerName`] if it is empty or has more than 128 bytes.
    pub fn new(name: &str) -> Result<Self, Error> {
        match name.len() {
            1..=NAME_LEN_MAX => Ok(Self(name.into())),
            len => Err(Error::PlayerName { len }),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the directory that the player's saves are in.
    pub fn dir_name(&self) -> String {
        let mut name = DIR_PREFIX.to_owned();
        base32::encode(self.0.as_bytes(), &mut name);
        name
    }

    /// The player whose directory has a name; none if no player's has.
    pub fn from_dir_name(name: &OsStr) -> Option<Self> {
        let name = base32::decode(name.to_str()?.strip_prefix(DIR_PREFIX)?)?;
        Self::new(str::from_utf8(&name).ok()?).ok()
    }
}

impl TryFrom<&str> for Player {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self, Error> {
        Self::new(name)
    }
}

impl fmt::Display for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Player({:?})", self.as_str())
    }
}

#[cfg(test)]
mod tests;
