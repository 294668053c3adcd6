use std::{collections::BTreeMap, fmt};

use super::{FileName, Index, IndexEntry, RootSave};
use crate::awsv::SaveId;

/// Something that names, index and saves of a directory disagree about; the saves count.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootWarning {
    /// The name of a file is none that aw-save makes.
    Name {
        /// The name.
        file: String,
    },
    /// The name of a file says something else than the save in it. aw-save looks for a slot by the name.
    NameDisagrees {
        /// The name.
        file: String,
        /// What it says otherwise: `slot` or `save_id`.
        field: &'static str,
    },
    /// Two saves have the same identity.
    SameSaveId {
        /// The identity.
        save_id: SaveId,
        /// The name of the first file, by name.
        first: String,
        /// The name of the next.
        second: String,
    },
    /// `index.json` is there and can't be read.
    IndexUnreadable,
    /// Entries of the index lack a field, or have one of another type.
    IndexEntries {
        /// How many.
        count: u64,
    },
    /// The index has an entry for a file that isn't there.
    FileMissing {
        /// The name in the index.
        file: String,
    },
    /// The index has no entry for a file that is there.
    NotInIndex {
        /// The name of the file.
        file: String,
    },
    /// The index has more than one entry for a file.
    IndexRepeats {
        /// The name of the file.
        file: String,
    },
    /// An entry of the index says something else than the save.
    IndexDisagrees {
        /// The name of the file.
        file: String,
        /// What it says otherwise, by the names of aw-save.
        fields: Vec<&'static str>,
    },
}

impl fmt::Display for RootWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { file } => write!(f, "{file}: is no name that aw-save makes"),
            Self::NameDisagrees { file, field } => {
                write!(f, "{file}: the name has another {field} than the save")
            }
            Self::SameSaveId { save_id, first, second } => {
                write!(f, "{first} and {second} have the same save_id, {save_id}")
            }
            Self::IndexUnreadable => f.write_str("index.json cannot be read; the saves count"),
            Self::IndexEntries { count } => write!(f, "index.json: {count} entries cannot be read"),
            Self::FileMissing { file } => write!(f, "index.json: {file} is not in the directory"),
            Self::NotInIndex { file } => write!(f, "index.json: {file} is not in it"),
            Self::IndexRepeats { file } => write!(f, "index.json: {file} is in it more than once"),
            Self::IndexDisagrees { file, fields } => {
                write!(f, "index.json: {file} has another {} than the save", fields.join(", "))
            }
        }
    }
}

/// What is odd about the names, and about saves beside each other.
pub(super) fn of_names(saves: &[RootSave]) -> Vec<RootWarning> {
    let mut warnings = Vec::new();
    let mut by_name: Vec<&RootSave> = saves.iter().collect();
    by_name.sort_by(|a, b| a.file.cmp(&b.file));
    let mut seen: BTreeMap<SaveId, &str> = BTreeMap::new();
    for save in by_name {
        let file = || save.file.clone();
        match FileName::parse(&save.file) {
            None => warnings.push(RootWarning::Name { file: file() }),
            Some(name) => {
                if name.slot != save.slot {
                    warnings.push(RootWarning::NameDisagrees { file: file(), field: "slot" });
                }
                // A save of version 1 has none, and aw-save names the file by one that it made up.
                if name.save_id != save.save_id && save.version != 1 {
                    warnings.push(RootWarning::NameDisagrees { file: file(), field: "save_id" });
                }
            }
        }
        if let Some(first) = seen.get(&save.save_id) {
            let (save_id, first) = (save.save_id, (*first).to_owned());
            warnings.push(RootWarning::SameSaveId { save_id, first, second: file() });
        }
        seen.insert(save.save_id, &save.file);
    }
    warnings
}

/// Where the index and the directory differ.
pub(super) fn of_index<'a>(
    index: &'a Index,
    saves: &'a [RootSave],
    unreadable: impl Iterator<Item = &'a str>,
    warnings: &mut Vec<RootWarning>,
) {
    if index.unreadable > 0 {
        warnings.push(RootWarning::IndexEntries { count: index.unreadable });
    }
    // What is unreadable has a name and nothing to compare.
    let mut files: BTreeMap<&str, (Option<&RootSave>, u64)> =
        unreadable.map(|file| (file, (None, 0))).collect();
    files.extend(saves.iter().map(|save| (save.file.as_str(), (Some(save), 0))));
    for entry in &index.entries {
        let file = || entry.file.clone();
        let Some((save, count)) = files.get_mut(entry.file.as_str()) else {
            warnings.push(RootWarning::FileMissing { file: file() });
            continue;
        };
        *count += 1;
        if *count == 2 {
            warnings.push(RootWarning::IndexRepeats { file: file() });
        }
        let fields = save.map(|save| differing(entry, save)).unwrap_or_default();
        if !fields.is_empty() {
            warnings.push(RootWarning::IndexDisagrees { file: file(), fields });
        }
    }
    let unlisted = files.into_iter().filter(|(_, (_, count))| *count == 0);
    warnings.extend(unlisted.map(|(file, _)| RootWarning::NotInIndex { file: file.to_owned() }));
}

fn differing(entry: &IndexEntry, save: &RootSave) -> Vec<&'static str> {
    let IndexEntry { save_id, file: _, created_at, created_at_offset_seconds: _, player_id, slot, schema } =
        entry;
    let fields = [
        // aw-save makes up another id at each read of a file of version 1.
        ("save_id", *save_id != save.save_id && save.version != 1),
        ("created_at", *created_at != save.created_at),
        ("player_id", *player_id != save.player_id),
        ("slot", *slot != save.slot),
        ("schema", *schema != save.schema),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
}
