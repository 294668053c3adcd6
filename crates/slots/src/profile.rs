use keepstone_store::{FromPayload, Payload};

use crate::{Error, Loaded, Migrations, Saved, entry::SaveEntry, manager::SaveManager, request::SaveRequest};

/// Profiles: what a player has whatever slot is loaded, such as settings, key bindings and what was unlocked.
///
/// A profile is a save without a slot. Several are kept, as [`Keep::profile`](crate::Keep) says, and its type is [`SaveOptions::profile_schema`](crate::SaveOptions::profile_schema).
impl SaveManager {
    /// Saves the profile of a player, durably.
    ///
    /// When it returns `Ok` the profile is on the disk and is what [`SaveManager::load_profile`] returns. A crash half-way leaves the profiles before
    /// it, or this one as well, whole.
    ///
    /// # Errors
    /// Those of [`SaveManager::save_with`].
    #[doc(alias = "save_player_profile")]
    pub fn save_profile<P: Payload + ?Sized>(&self, player: &str, profile: &P) -> Result<Saved, Error> {
        self.save_profile_with(player, profile, &SaveRequest::default())
    }

    /// As [`SaveManager::save_profile`], as a request says. Its kind is that of a profile whatever the request has.
    ///
    /// # Errors
    /// Those of [`SaveManager::save_with`].
    pub fn save_profile_with<P: Payload + ?Sized>(
        &self,
        player: &str,
        profile: &P,
        request: &SaveRequest,
    ) -> Result<Saved, Error> {
        let saved = self.shared().save(player, None, profile, request);
        self.keep_up(player);
        saved
    }

    /// Loads the profile of a player, or, where the latest is damaged, the latest that is not; then [`Loaded::recovered`] says what was lost, and damaged files are
    /// set aside. It is never replaced by a default: that is up to the program, and to be told to the player.
    ///
    /// # Errors
    /// [`Error::NoProfile`] if there is none; [`Error::Damaged`] if all are damaged, which are then left where they are; else as [`SaveManager::load_latest`].
    #[doc(alias = "load_player_profile")]
    pub fn load_profile<T: FromPayload>(&self, player: &str) -> Result<Loaded<T>, Error> {
        let shared = self.shared();
        shared.load_latest(player, None, &|entry, reader| shared.read(entry, reader))
    }

    /// As [`SaveManager::load_profile`], and brings profiles of earlier versions to that of the program.
    ///
    /// # Errors
    /// As there, and those of the steps.
    pub fn load_profile_migrated<T: FromPayload + 'static>(
        &self,
        player: &str,
        migrations: &Migrations<T>,
    ) -> Result<Loaded<T>, Error> {
        self.shared()
            .load_latest(player, None, &|entry, reader| migrations.read(entry, reader, &self.shared().shapes))
    }

    /// Lists the profiles of a player that are kept, the newest first: damaged ones too.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn list_profiles(&self, player: &str) -> Result<Vec<SaveEntry>, Error> {
        let mut saves = self.list(player)?;
        saves.retain(|save| save.slot().is_none());
        Ok(saves)
    }
}
