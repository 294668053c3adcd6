use super::{SaveManager, Shared, folder::Folder, load, results::Lost};
use crate::{Error, entry::SaveEntry};

/// What a verification of saves found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Saves that are good, those that are deleted included.
    pub good: usize,
    /// Bytes of their containers, all of which were read.
    pub bytes: u64,
    /// Saves that are damaged. They are left where they are.
    pub damaged: Vec<Lost>,
    /// Saves that this build can't read, since a newer one has written them, and why.
    pub newer: Vec<(SaveEntry, String)>,
    /// Saves that the system refuses to read, of which nothing else is known to be wrong, and why.
    pub unreadable: Vec<(SaveEntry, String)>,
}

/// How one save was found.
#[derive(Debug, Clone)]
pub enum Verified {
    /// Every byte is as it was written: so many.
    Good(u64),
    /// It is damaged, and why.
    Damaged(String),
    /// A newer build has written it, and what of it.
    Newer(String),
}

impl SaveManager {
    /// Reads every byte of every save of a player, or of all players. Nothing is written.
    ///
    /// # Errors
    /// When a directory can't be read. Whatever is wrong with a save is in the report.
    pub fn verify(&self, player: Option<&str>) -> Result<VerifyReport, Error> {
        let mut report = VerifyReport::default();
        let players = match player {
            Some(player) => vec![crate::Player::new(player)?],
            None => self.players()?,
        };
        for player in players {
            let Some(folder) = self.shared.folder_if_there(player.as_str())? else { continue };
            let saves: Vec<SaveEntry> = {
                let state = folder.refreshed(&self.shared)?;
                [state.listing.newest_first(), state.listing.deleted()].concat()
            };
            for save in saves {
                match self.shared.verify(&folder, &save) {
                    Ok(verified) => report.add(&folder, &save, verified),
                    Err(err) => report.unreadable.push((save, load::reason(&err))),
                }
            }
        }
        Ok(report)
    }

    /// Reads every byte of one save.
    ///
    /// # Errors
    /// [`Error::NoSave`], or what keeps the file from being read, damage aside.
    pub fn verify_save(&self, id: crate::SaveId) -> Result<Verified, Error> {
        let (folder, save) = self.shared.found(id)?;
        self.shared.verify(&folder, &save)?.ok_or(Error::NoSave { id })
    }
}

impl Shared {
    /// How a save is; none if it is gone by now.
    fn verify(&self, folder: &Folder, save: &SaveEntry) -> Result<Option<Verified>, Error> {
        let verified = load::verify(&*self.options.files, &folder.dir, &folder.player, save);
        Ok(Some(match verified {
            Ok(bytes) => Verified::Good(bytes),
            Err(err) if load::is_gone(&err) => return Ok(None),
            Err(err) if load::is_damage(&err) => Verified::Damaged(load::reason(&err)),
            Err(err) if err.kind() == crate::Kind::Newer => Verified::Newer(load::reason(&err)),
            Err(err) => return Err(err),
        }))
    }
}

impl VerifyReport {
    fn add(&mut self, folder: &Folder, save: &SaveEntry, verified: Option<Verified>) {
        match verified {
            Some(Verified::Good(bytes)) => {
                self.good += 1;
                self.bytes += bytes;
            }
            Some(Verified::Damaged(reason)) => self.damaged.push(Lost {
                save: save.clone(),
                path: folder.path_of(save.file_name()),
                set_aside: save.is_set_aside(),
                reason,
            }),
            Some(Verified::Newer(reason)) => self.newer.push((save.clone(), reason)),
            None => {}
        }
    }
}
