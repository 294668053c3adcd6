use crate::{player::Player, stem::Stem};

const MANIFEST: &str = "heads";
const EXTENSION: &str = ".keep";

/// The names of a player's files on the other side, FORMAT.md section 13.6.
pub(super) struct Names {
    prefix: String,
}

impl Names {
    pub(super) fn of(player: &Player) -> Self {
        Self { prefix: player.dir_name() + "/" }
    }

    /// What all of them begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The file that lists the heads.
    pub(super) fn manifest(&self) -> String {
        format!("{}{MANIFEST}", self.prefix)
    }

    /// The file of a save.
    pub(super) fn object(&self, stem: &Stem) -> String {
        format!("{}{stem}{EXTENSION}", self.prefix)
    }

    /// The save whose file has a name; none if that is no save's.
    pub(super) fn stem(&self, name: &str) -> Option<Stem> {
        let stem = name.strip_prefix(&self.prefix)?.strip_suffix(EXTENSION)?;
        Stem::parse(stem.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SaveId;

    #[test]
    fn a_name_says_which_save_it_is_and_no_other_name_does() {
        let names = Names::of(&Player::new("Ada").unwrap());
        for slot in [None, Some(7)] {
            let stem = Stem { slot, sequence: 9, revision: 1, id: SaveId::random() };
            let name = names.object(&stem);
            assert_eq!(names.stem(&name), Some(stem));
            assert_eq!(Names::of(&Player::new("Bob").unwrap()).stem(&name), None);
            for other in
                [format!("{name}x"), format!("x{name}"), name.replace(".keep", ".save"), name.to_uppercase()]
            {
                assert_eq!(names.stem(&other), None, "{other}");
            }
        }
        assert_eq!(names.stem(&names.manifest()), None);
    }

    #[test]
    fn the_longest_names_are_as_long_as_the_documentation_says() {
        let stem = Stem { slot: None, sequence: 1, revision: 0, id: SaveId::random() };
        let len = |player: usize| Names::of(&Player::new(&"x".repeat(player)).unwrap()).object(&stem).len();
        assert!(len(128) <= 280 && len(18) <= 100, "{} {}", len(128), len(18));
    }
}
