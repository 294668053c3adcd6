//! The names of spares and of files that were given up.

use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

use crate::Error;

/// The name of a file that is no save's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// `<n>.spare`.
    Spare(u32),
    /// `<n>.old`.
    Old(u32),
}

impl Name {
    pub(super) fn parse(name: &OsStr) -> Option<Self> {
        let (digits, extension) = name.to_str()?.rsplit_once('.')?;
        let canonical =
            digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        let number = if canonical { digits.parse().ok()? } else { return None };
        match extension {
            "spare" => Some(Self::Spare(number)),
            "old" => Some(Self::Old(number)),
            _ => None,
        }
    }

    pub(super) fn number(self) -> u32 {
        match self {
            Self::Spare(number) | Self::Old(number) => number,
        }
    }

    pub(super) fn path(self, dir: &Path) -> PathBuf {
        match self {
            Self::Spare(number) => dir.join(format!("{number}.spare")),
            Self::Old(number) => dir.join(format!("{number}.old")),
        }
    }
}

/// The path of `name` in `dir`, if it is one name and not that of a spare.
pub(super) fn path_of(dir: &Path, name: &OsStr) -> Result<PathBuf, Error> {
    let mut parts = Path::new(name).components();
    let is_one = matches!(parts.next(), Some(Component::Normal(part)) if part == name);
    if !is_one || parts.next().is_some() {
        return Err(Error::NoFileName { path: dir.join(name) });
    }
    if Name::parse(name).is_some() {
        let what = "a save can't have the name of a spare; give it another";
        return Err(Error::Options { path: dir.join(name), what });
    }
    Ok(dir.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_numbers_and_nothing_else_does() {
        for number in [0, 1, 10, u32::MAX] {
            for name in [Name::Spare(number), Name::Old(number)] {
                let path = name.path(Path::new("saves"));
                assert_eq!(Name::parse(path.file_name().unwrap()), Some(name));
            }
        }
        for name in [
            "LOCK",
            ".spare",
            ".old",
            "01.spare",
            "00.old",
            "4294967296.spare",
            "+1.spare",
            "1.spare.tmp",
            "1.SPARE",
            "a.old",
            "1.save",
        ] {
            assert_eq!(Name::parse(OsStr::new(name)), None, "{name}");
        }
    }

    #[test]
    fn saves_have_one_name_that_is_no_spares() {
        let dir = Path::new("saves");
        assert_eq!(path_of(dir, OsStr::new("a.save")).unwrap(), dir.join("a.save"));
        for name in ["", ".", "..", "a/b", "/a", "a/", "../a"] {
            assert!(matches!(path_of(dir, OsStr::new(name)), Err(Error::NoFileName { .. })), "{name}");
        }
        for name in ["3.spare", "0.old"] {
            assert!(matches!(path_of(dir, OsStr::new(name)), Err(Error::Options { .. })), "{name}");
        }
    }
}
