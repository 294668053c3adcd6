use std::fmt;

/// Why a save was made. Saves of different kinds in one slot rotate apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SaveKind {
    /// The player asked for it.
    Manual,
    /// The player pressed the key for it.
    Quick,
    /// The program made it by itself.
    Auto,
    /// The program made it at a certain point of the game.
    Checkpoint,
    /// The profile of a player, which is in no slot.
    Profile,
}

impl SaveKind {
    /// All kinds that saves of slots have.
    pub const OF_SLOTS: [Self; 4] = [Self::Manual, Self::Quick, Self::Auto, Self::Checkpoint];

    /// The number in files.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Manual => 1,
            Self::Quick => 2,
            Self::Auto => 3,
            Self::Checkpoint => 4,
            Self::Profile => 5,
        }
    }

    /// The kind of a number in a file.
    pub(crate) fn of(number: u8) -> Option<Self> {
        let [manual, quick, auto, checkpoint] = Self::OF_SLOTS;
        let all = [manual, quick, auto, checkpoint, Self::Profile];
        all.into_iter().find(|kind| kind.number() == number)
    }

    /// Its name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Quick => "quick",
            Self::Auto => "auto",
            Self::Checkpoint => "checkpoint",
            Self::Profile => "profile",
        }
    }
}

impl fmt::Display for SaveKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
