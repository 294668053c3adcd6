/// Whether a save can be used, as far as its name and head tell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryState {
    /// It can be loaded, unless what is behind its head is damaged.
    Good,
    /// It was deleted, and can be brought back.
    Deleted,
    /// It was found damaged and set aside; its head can be read.
    SetAside,
    /// Its head can't be read, or is not that of the save that its name tells of.
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
    /// It can't be read here, and nothing is known to be wrong with it: it is of a version that this build doesn't read, or the system refuses.
    Unreadable {
        /// Why, and what to do.
        reason: String,
    },
}
