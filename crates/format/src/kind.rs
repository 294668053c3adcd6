/// What the caller of a failed operation should do.
///
/// Every keepstone error answers `kind()` with one of these, so that a program decides on a few cases
/// and still prints the whole error.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The file, section or component does not exist: create it or choose another.
    NotFound,
    /// The bytes are not what was written: fall back to another copy or repair.
    Damaged,
    /// The bytes were written by a newer build: update the program, leave the file alone.
    Newer,
    /// Somebody else holds the resource: try again later.
    Busy,
    /// A limit of the caller would be exceeded: raise it if the source is trusted.
    Limit,
    /// The disk is full: free space and repeat.
    NoSpace,
    /// The operating system refuses access: mend permissions.
    Denied,
    /// An earlier failure made the handle unusable: reopen.
    Poisoned,
    /// The call is wrong: change the program.
    Misuse,
    /// The operating system failed in another way: look at the source error.
    Io,
}
