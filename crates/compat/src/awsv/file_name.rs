use std::fmt;

use crate::awsv::{SaveId, stamp};

/// The name of a save's file, as aw-save makes it: `slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv`.
///
/// aw-save takes the last name of a slot for its latest save, and has put the time of its clock there, which need not
/// be [`created_at`](crate::awsv::SaveBundle::created_at).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileName {
    /// The slot, of two digits or, from 100 on, three.
    pub slot: u8,
    /// The time in the name, in nanoseconds since 1970-01-01 00:00:00 UTC. Names that are written have whole seconds;
    /// a time beyond 64 bits is read as the nearest that they hold.
    pub stamp: i64,
    /// The identity of the save.
    pub save_id: SaveId,
}

impl FileName {
    /// Reads a name, without a path, that aw-save or [`file_name`] has made, or one as the README of aw-save shows
    /// it, with `:` in the time and nanoseconds.
    ///
    /// ```
    /// use keepstone_compat::awsv::FileName;
    ///
    /// let id = "6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd";
    /// let name = FileName::parse(&format!("slot05_2026-03-13T08-45-25Z_{id}.awsv")).unwrap();
    /// assert_eq!((name.slot, name.stamp), (5, 1_773_391_525_000_000_000));
    /// assert_eq!(name.save_id.to_string(), id);
    ///
    /// let name = FileName::parse(&format!("slot255_2026-03-13T08:45:25.443021700Z_{id}.awsv")).unwrap();
    /// assert_eq!((name.slot, name.stamp), (255, 1_773_391_525_443_021_700));
    /// assert_eq!(FileName::parse(&format!("slot5_2026-03-13T08-45-25Z_{id}.awsv")), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix("slot")?.strip_suffix(".awsv")?.split('_');
        let (Some(slot), Some(stamp), Some(save_id), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let number = slot.parse().ok()?;
        // One name for each slot: neither a sign nor other zeros.
        if format!("{number:02}") != slot {
            return None;
        }
        Some(Self { slot: number, stamp: stamp::read_name(stamp)?, save_id: SaveId::parse(save_id)? })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, stamp, save_id } = self;
        write!(f, "slot{slot:02}_{}_{save_id}.awsv", stamp::of_name(*stamp))
    }
}

/// Gives the name under which aw-save finds a save that was made at `created_at`, in nanoseconds since 1970.
///
/// ```
/// use keepstone_compat::awsv::{SaveId, file_name};
///
/// let id = SaveId::parse("6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd").unwrap();
/// assert_eq!(
///     file_name(5, 1_773_391_525_443_021_700, id),
///     "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv",
/// );
/// ```
pub fn file_name(slot: u8, created_at: i64, save_id: SaveId) -> String {
    FileName { slot, stamp: created_at, save_id }.to_string()
}

/// Reads the name of a save's file: see [`FileName::parse`].
pub fn parse_file_name(name: &str) -> Option<FileName> {
    FileName::parse(name)
}

/// Gives the name of the directory in which aw-save keeps the saves of a player: what isn't a letter or digit of
/// ASCII, `-` or `_` becomes `_`, so several players can share one.
///
/// ```
/// # use keepstone_compat::awsv::player_dir;
/// assert_eq!(player_dir("legacy_\u{e9}/1"), "legacy___1");
/// ```
pub fn player_dir(player_id: &str) -> String {
    let is_kept = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    player_id.chars().map(|letter| Some(letter).filter(is_kept).unwrap_or('_')).collect()
}
