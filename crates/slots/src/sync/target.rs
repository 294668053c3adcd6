use keepstone_format::Kind;

/// Files somewhere else, as the clouds of game platforms have them: whole files under names, no order, no locks, no conditional writes.
///
/// # Names
///
/// `<directory of the player>/<stem>.keep` and `<directory of the player>/heads`, where the directory is that of [`Player::dir_name`](crate::Player::dir_name): small letters,
/// digits, `-`, `.` and one `/`, so that it doesn't matter whether the other side tells capitals from small letters. They have up to 280 bytes; 100 with a player's name of up to 18. A platform with
/// shorter names, or one whose storage is that of one player alone, may be given others by its adapter, as long as [`SyncTarget::list`] answers with these.
///
/// # What it has to do
///
/// No more than these platforms do. A `put` need not be atomic: what a failed or interrupted one leaves is noticed as damaged, and the next synchronization puts the file again. Files that come up late, or out of order,
/// or that another machine has put at the same time, are no harm: no file of a save is ever put by two machines, except the list of heads, which is a hint. What `list` doesn't tell
/// of isn't there, so where a platform synchronizes in the background, let it finish first.
///
/// | here | Steam Remote Storage | Epic Player Data Storage | a directory |
/// |---|---|---|---|
/// | `put` | `FileWrite` of the whole file, up to 100 MB; never empty. It returns when the file is on this machine; the upload follows, mostly when the program ends | `WriteFile`, done when its callback reports completion | [`DirTarget`](super::DirTarget) |
/// | `get` | `FileRead`, `GetFileSize` | `ReadFile` | |
/// | `list` | `GetFileCount`, `GetFileNameAndSize` | `QueryFileList`, `CopyFileMetadataAtIndex` | |
/// | `delete` | `FileDelete`; not `FileForget`, which leaves the file here | `DeleteFile` | |
/// | no room | bytes and files as set for the application, `GetQuota`: `NoSpace` | a quota for each player: `NoSpace` | |
///
/// Errors say with their [`Kind`] what the caller should do.
pub trait SyncTarget: Send + Sync {
    /// What it calls itself, in messages and to tell targets apart: what was last seen in common is kept for each name. It stays the same, and differs between accounts.
    fn name(&self) -> &str;

    /// Puts a file under a name, in the place of one that is there.
    ///
    /// # Errors
    /// [`TargetError`]; then the file that was there may or may not be replaced.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), TargetError>;

    /// Returns a file, or none if there is no such name.
    ///
    /// # Errors
    /// [`TargetError`].
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, TargetError>;

    /// Lists all names that begin so, in no order, with the length of each file.
    ///
    /// # Errors
    /// [`TargetError`]; never a part of the names.
    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, TargetError>;

    /// Deletes a file; one that isn't there is no error.
    ///
    /// # Errors
    /// [`TargetError`]; then it may be there or not.
    fn delete(&self, name: &str) -> Result<(), TargetError>;
}

/// Why the other side did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TargetError {
    /// What the caller should do: `NoSpace` for a quota, `Busy` for a rate, `Denied`, `Io`.
    pub kind: Kind,
    /// What happened, for people.
    pub message: String,
}

impl TargetError {
    /// Puts one together.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}
