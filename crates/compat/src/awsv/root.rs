mod warning;

use keepstone_format::Limits;

use crate::awsv::{File, FileName, Index, IndexEntry, SaveBundle, SaveId, Warning};
use crate::error::Error;

pub use warning::RootWarning;

/// The name of the index beside the saves.
pub const INDEX_NAME: &str = "index.json";

/// The saves of a directory of aw-save, without the bytes of the engine.
///
/// What is in the files counts. Neither their names nor `index.json` are believed; where they say something else there
/// is a [warning](Self::warnings).
#[derive(Debug, Default)]
pub struct Root {
    saves: Vec<RootSave>,
    unreadable: Vec<Unreadable>,
    others: Vec<String>,
    index: Option<Result<Index, Error>>,
}

/// One save of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSave {
    /// The name of the file.
    pub file: String,
    /// The version of the file, 1 or 2.
    pub version: u16,
    /// The identity of the save; for one of version 1 [`SaveId::derived`].
    pub save_id: SaveId,
    /// The schema number.
    pub schema: u16,
    /// When the save was made, in nanoseconds since 1970-01-01 00:00:00 UTC.
    pub created_at: i64,
    /// How many seconds the clock of `created_at` was ahead of UTC.
    pub created_at_offset_seconds: i32,
    /// Who saved.
    pub player_id: String,
    /// The slot.
    pub slot: u8,
    /// The simulation step.
    pub tick: u64,
    /// What was odd about the file.
    pub warnings: Vec<Warning>,
}

/// A file that is named as a save is, and can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// The name of the file.
    pub file: String,
    /// Why.
    pub error: Error,
}

impl Root {
    /// Reads the files of one directory, each as its name and its bytes: those that end in `.awsv`, and
    /// [`INDEX_NAME`]. Each is dropped before the next is asked for, so an iterator that opens them as it goes keeps
    /// one at a time. Every save may take what `limits` allow.
    ///
    /// A file that can't be read doesn't keep the others from being read: it is [unreadable](Self::unreadable).
    ///
    /// ```
    /// # #[cfg(feature = "lz4")] {
    /// use keepstone_compat::awsv::Root;
    /// use keepstone_format::Limits;
    ///
    /// # const SAVE: &[u8] = include_bytes!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"),
    /// #     "/tests/fixtures/awsv/slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv",
    /// # ));
    /// // `SAVE` is the content of an .awsv file.
    /// let files = [("slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv", SAVE)];
    /// let root = Root::read(files, &Limits::default());
    /// let latest = root.latest("test_player", 5).unwrap();
    /// assert_eq!((latest.file.as_str(), latest.tick), (files[0].0, 12345));
    /// assert!(root.unreadable().is_empty() && root.warnings().is_empty());
    /// # }
    /// ```
    pub fn read<N: AsRef<str>, B: AsRef<[u8]>>(
        files: impl IntoIterator<Item = (N, B)>,
        limits: &Limits,
    ) -> Self {
        let mut root = Self::default();
        for (name, bytes) in files {
            let (name, bytes) = (name.as_ref(), bytes.as_ref());
            if name == INDEX_NAME {
                root.index = Some(Index::read(bytes, limits));
            } else if !is_save(name) {
                root.others.push(name.to_owned());
            } else {
                match File::read(bytes, limits) {
                    Ok(file) => root.saves.push(RootSave::new(name, file, bytes)),
                    Err(error) => root.unreadable.push(Unreadable { file: name.to_owned(), error }),
                }
            }
        }
        root.saves.sort_by(|a, b| a.order().cmp(&b.order()));
        root.unreadable.sort_by(|a, b| a.file.cmp(&b.file));
        root.others.sort_unstable();
        root
    }

    /// Returns all saves by player, slot, time of creation and name of the file, in this order: the last of a slot
    /// is its latest.
    pub fn saves(&self) -> &[RootSave] {
        &self.saves
    }

    /// Returns the saves of a slot, the latest last.
    #[doc(alias = "list_saves")]
    pub fn slot(&self, player_id: &str, slot: u8) -> &[RootSave] {
        let key = (player_id, slot);
        let start = self.saves.partition_point(|save| save.slot_key() < key);
        let end = self.saves.partition_point(|save| save.slot_key() <= key);
        self.saves.get(start..end).unwrap_or_default()
    }

    /// Returns the save of a slot that was made last. One that can't be read may be later: see
    /// [`unreadable`](Self::unreadable).
    #[doc(alias = "load_latest_slot")]
    pub fn latest(&self, player_id: &str, slot: u8) -> Option<&RootSave> {
        self.slot(player_id, slot).last()
    }

    /// Returns the files that are named as saves are and can't be read, by name.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Returns the names of the files that are neither saves nor the index, such as the temporary file of a save that
    /// was interrupted.
    pub fn others(&self) -> &[String] {
        &self.others
    }

    /// Returns the index as it is in the directory, or why it can't be read; none if there is none.
    pub fn index(&self) -> Option<Result<&Index, &Error>> {
        self.index.as_ref().map(Result::as_ref)
    }

    /// Returns where names, index and saves disagree.
    pub fn warnings(&self) -> Vec<RootWarning> {
        let mut warnings = warning::of_names(&self.saves);
        match &self.index {
            None => {}
            Some(Err(_)) => warnings.push(RootWarning::IndexUnreadable),
            Some(Ok(index)) => {
                let unreadable = self.unreadable.iter().map(|unreadable| unreadable.file.as_str());
                warning::of_index(index, &self.saves, unreadable, &mut warnings);
            }
        }
        warnings
    }

    /// Gives the index that the saves of the directory should have, in aw-save's order.
    pub fn to_index(&self) -> Index {
        let mut index = Index { entries: self.saves.iter().map(IndexEntry::from).collect(), unreadable: 0 };
        index.sort();
        index
    }
}

impl RootSave {
    fn new(name: &str, file: File, bytes: &[u8]) -> Self {
        let File { bundle, warnings, .. } = file;
        let save_id = bundle.save_id_or_derived(bytes);
        let SaveBundle { version, schema, created_at, created_at_offset_seconds, player_id, slot, .. } =
            bundle;
        let (file, tick) = (name.to_owned(), bundle.world.tick);
        Self {
            file,
            version,
            save_id,
            schema,
            created_at,
            created_at_offset_seconds,
            player_id,
            slot,
            tick,
            warnings,
        }
    }

    fn slot_key(&self) -> (&str, u8) {
        (&self.player_id, self.slot)
    }

    fn order(&self) -> (&str, u8, i64, &str) {
        (&self.player_id, self.slot, self.created_at, &self.file)
    }
}

impl From<&RootSave> for IndexEntry {
    fn from(save: &RootSave) -> Self {
        Self {
            save_id: save.save_id,
            file: save.file.clone(),
            created_at: save.created_at,
            created_at_offset_seconds: save.created_at_offset_seconds,
            player_id: save.player_id.clone(),
            slot: save.slot,
            schema: save.schema,
        }
    }
}

/// As aw-save tells one: by the extension, in lower case.
fn is_save(name: &str) -> bool {
    name.strip_suffix(".awsv").is_some_and(|stem| !stem.is_empty())
}
