mod head;

use std::{
    io::Write,
    sync::{Arc, PoisonError},
};

use keepstone_format::{FileKind, Metadata, SectionId, SectionOptions, Writer, WriterOptions, Written, tag};
use keepstone_storage::{Durability, spare::Sealed};
use keepstone_store::{Payload, PayloadError, Prepared};

use super::{
    SaveManager, Shared,
    folder::{Folder, State},
    results::{Quota, Saved},
};
use crate::{
    Codec, Error,
    entry::{Mod, SaveEntry},
    id::SaveId,
    kind::SaveKind,
    options::Schema,
    planted::{self, Plant},
    player::Player,
    request::{OURS, Overwrite, SaveRequest, check_head},
    stem::{Name, Stem},
};

/// What stands around a payload in a file, as far as it is not known yet.
const AROUND: u64 = 8 << 10;
/// LZ4 takes longer for so many bytes than the disk for those that it would spare: files are whole pages.
const UNCODED_MAX: u64 = 16 << 10;
/// Bytes of a chunk with LZ4: payloads of two are compressed by two threads.
const CHUNK_LEN: u32 = 128 << 10;
/// How often memory for compressing waits for the next save.
const MEMORY_MAX: usize = 2;
const PNG: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

impl SaveManager {
    /// Saves a payload to a slot, durably.
    ///
    /// When it returns `Ok` the save is on the disk and is what [`SaveManager::load_latest`] returns. A crash half-way leaves the saves before
    /// it, or this one as well, whole.
    ///
    /// # Errors
    /// Those of [`SaveManager::save_with`].
    pub fn save<P: Payload + ?Sized>(&self, player: &str, slot: u8, payload: &P) -> Result<Saved, Error> {
        self.save_with(player, slot, payload, &SaveRequest::default())
    }

    /// Saves a payload to a slot as a request says.
    ///
    /// When it returns `Ok` the save is on the disk, unless the request says [`Durability::Buffered`]: then it survives the death of the process, and a power cut may take it, but
    /// none of the saves before it. A crash half-way leaves the saves before it, or this one as well, whole.
    ///
    /// # Errors
    /// [`Error::Payload`] if it can't be encoded; [`Error::SlotTaken`], [`Error::Quota`], [`Error::TooLong`], [`Error::PlayerName`]; [`Error::Storage`], of the kind `NoSpace` when the disk
    /// is full. All earlier saves are as they were.
    pub fn save_with<P: Payload + ?Sized>(
        &self,
        player: &str,
        slot: u8,
        payload: &P,
        request: &SaveRequest,
    ) -> Result<Saved, Error> {
        let saved = self.shared.save(player, Some(slot), payload, request);
        self.keep_up(player);
        saved
    }

    /// Saves to the automatic slot whose turn it is: an empty one, else that with the oldest save.
    ///
    /// # Errors
    /// As [`SaveManager::save_with`]; [`Error::Misuse`] if the layout has no automatic slot.
    pub fn autosave<P: Payload + ?Sized>(
        &self,
        player: &str,
        payload: &P,
        request: &SaveRequest,
    ) -> Result<Saved, Error> {
        let saved = self.shared.autosave(player, payload, request);
        self.keep_up(player);
        saved
    }

    /// Saves to the slot for quick saves.
    ///
    /// # Errors
    /// As [`SaveManager::save_with`].
    pub fn quicksave<P: Payload + ?Sized>(
        &self,
        player: &str,
        payload: &P,
        request: &SaveRequest,
    ) -> Result<Saved, Error> {
        self.save_with(player, self.shared.options.layout.quick, payload, request)
    }
}

/// A save on its way.
pub(super) struct Begun<'r> {
    pub(super) folder: Arc<Folder>,
    request: &'r SaveRequest,
    stem: Stem,
    kind: SaveKind,
    head: Metadata,
    sealed: Sealed,
    bytes: u64,
}

/// What a save is beside its payload.
pub(super) enum Identity<'o> {
    New,
    /// A new save with what another says about itself.
    Copy(&'o Origin),
    /// A save of another root, with its id, and a place in the order of this one.
    Same(&'o Origin),
    /// The next revision of a save, as a payload of another version.
    Revision(&'o Origin, &'o Schema),
}

/// A save that another is made of.
pub(super) struct Origin {
    pub(super) head: Metadata,
    /// Its place; none if it isn't one of ours.
    stem: Option<Stem>,
    kind: Option<SaveKind>,
    /// The name that is displayed.
    name: Option<String>,
}

impl Origin {
    pub(super) fn of(entry: &SaveEntry) -> Self {
        let name = entry.name().map(str::to_owned);
        Self { head: entry.head(), stem: Some(entry.stem()), kind: entry.kind(), name }
    }

    /// Of a container from somewhere else.
    pub(super) fn of_head(head: &Metadata) -> Self {
        let kind = head.get(tag::SAVE_KIND).and_then(|kind| SaveKind::of(*kind.first()?));
        let name = head.name().map(str::to_owned);
        Self { head: head.clone(), stem: Stem::of_head(head), kind, name }
    }

    pub(super) fn id(&self) -> Option<SaveId> {
        self.stem.map(|stem| stem.id)
    }
}

impl<'o> Identity<'o> {
    /// The save that this one is made of.
    fn origin(&self) -> Option<&'o Origin> {
        match *self {
            Self::New => None,
            Self::Copy(of) | Self::Same(of) | Self::Revision(of, _) => Some(of),
        }
    }

    /// Whether the player asks for a save that the slot hasn't had.
    fn follows(&self) -> bool {
        matches!(self, Self::New | Self::Copy(_))
    }

    /// Which save it is.
    fn stem(&self, slot: Option<u8>, state: &mut State) -> Result<Stem, Error> {
        let mut new = |id| Ok(Stem { slot, sequence: state.take_sequence()?, revision: 0, id });
        match self.origin().and_then(|origin| origin.stem) {
            Some(stem) if matches!(self, Self::Revision(..)) => stem.next_revision(),
            Some(stem) if matches!(self, Self::Same(_)) => new(stem.id),
            _ => new(SaveId::random()),
        }
    }
}

impl Shared {
    pub(super) fn auto_slot(&self, player: &str) -> Result<u8, Error> {
        let slots = &self.options.layout.auto;
        let none = Error::Misuse { what: "the layout has no automatic slot; add one" };
        let Some(&first) = slots.first() else { return Err(none) };
        let name = Player::new(player)?;
        let Some(folder) = self.folder_if_there(player)? else {
            let on_its_way = |slot: &u8| self.pending.order(&name, *slot);
            return Ok(slots.iter().copied().min_by_key(on_its_way).unwrap_or(first));
        };
        let state = folder.refreshed(self)?;
        Ok(self.auto_slot_of(&folder, &state).unwrap_or(first))
    }

    /// The automatic slot that is empty, else that with the oldest save; none if the layout has no automatic slot.
    fn auto_slot_of(&self, folder: &Folder, state: &State) -> Option<u8> {
        // A save that is on its way will be newer than all that are there.
        let newest = |slot: u8| {
            let saved = state.listing.of_slot(Some(slot)).next().map_or(0, SaveEntry::sequence);
            (self.pending.order(&folder.player, slot), saved)
        };
        self.options.layout.auto.iter().copied().min_by_key(|slot| newest(*slot))
    }

    /// Saves to the automatic slot whose turn it is.
    fn autosave<P: Payload + ?Sized>(
        &self,
        player: &str,
        payload: &P,
        request: &SaveRequest,
    ) -> Result<Saved, Error> {
        let none = Error::Misuse { what: "the layout has no automatic slot; add one" };
        if self.options.layout.auto.is_empty() {
            return Err(none);
        }
        let folder = self.folder(player)?;
        let slot = self.auto_slot_of(&folder, &*folder.refreshed_for_save(self)?).ok_or(none)?;
        self.save_in(&folder, Some(slot), payload, request, true)
    }

    /// Saves, and tries again as often as the request says.
    pub(crate) fn save<P: Payload + ?Sized>(
        &self,
        player: &str,
        slot: Option<u8>,
        payload: &P,
        request: &SaveRequest,
    ) -> Result<Saved, Error> {
        self.save_in(&self.folder(player)?, slot, payload, request, false)
    }

    /// The same in a directory that was compared with what is known just now, or was not.
    fn save_in<P: Payload + ?Sized>(
        &self,
        folder: &Arc<Folder>,
        slot: Option<u8>,
        payload: &P,
        request: &SaveRequest,
        is_fresh: bool,
    ) -> Result<Saved, Error> {
        let player = folder.player.as_str();
        let turn = folder.turn(slot);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut retries = 0;
        loop {
            let prepared = payload.prepare_with(&self.shapes);
            let prepared = prepared.map_err(|source| Error::payload(player, slot, source))?;
            let begun = if is_fresh && retries == 0 {
                self.begin_known(folder, slot, prepared, request, &Identity::New)
            } else {
                self.begin(folder, slot, prepared, request, &Identity::New)
            };
            match begun.and_then(|begun| self.complete(begun)) {
                Ok(saved) => return Ok(Saved { retries, ..saved }),
                Err(err) if retries < request.retries && err.may_pass() => retries += 1,
                Err(err) => return Err(err),
            }
        }
    }

    /// Writes a save anew under the next revision, and lets go of the old file once the new one is durable. The turn of the slot has to be held.
    pub(crate) fn rewrite(
        &self,
        folder: &Arc<Folder>,
        old: &SaveEntry,
        prepared: Prepared<'_>,
        request: &SaveRequest,
        schema: &Schema,
    ) -> Result<Saved, Error> {
        let files = &*self.options.files;
        let origin = Origin::of(old);
        // A note goes by the name of its file. It is there before the save, which may be on the disk without a name whatever fails
        // from here on, so that a locked one is locked at any moment.
        let note = folder.carry_note(&self.options, old)?;
        let begun =
            self.begin(folder, old.slot(), prepared, request, &Identity::Revision(&origin, schema))?;
        let saved = self.complete(begun)?;
        let mut state = folder.state();
        let save = saved.save.with_note(note);
        state.listing.insert(save.clone());
        // An earlier revision that stays is loaded only if this one is damaged; the next opening lets go of it.
        drop(state.retire(files, &folder.spares, &folder.dir, std::slice::from_ref(old)));
        if let Some(number) = old.note_number() {
            drop(files.remove(&folder.path_of(&Name::Note(old.stem(), number).to_string())));
        }
        Ok(Saved { save, ..saved })
    }

    /// Writes a save to a file, without a sync. The turn of the slot has to be held.
    pub(super) fn begin<'r>(
        &self,
        folder: &Arc<Folder>,
        slot: Option<u8>,
        prepared: Prepared<'_>,
        request: &'r SaveRequest,
        identity: &Identity<'_>,
    ) -> Result<Begun<'r>, Error> {
        drop(folder.refreshed_for_save(self)?);
        self.begin_known(folder, slot, prepared, request, identity)
    }

    /// The same without another look at the directory.
    fn begin_known<'r>(
        &self,
        folder: &Arc<Folder>,
        slot: Option<u8>,
        prepared: Prepared<'_>,
        request: &'r SaveRequest,
        identity: &Identity<'_>,
    ) -> Result<Begun<'r>, Error> {
        if !matches!(identity, Identity::Revision(..)) {
            self.check(request)?;
        }
        let kind = match (slot, identity) {
            (None, _) => SaveKind::Profile,
            (Some(slot), Identity::New | Identity::Copy(_)) => {
                request.kind.unwrap_or_else(|| self.options.layout.kind_of(slot))
            }
            (Some(slot), Identity::Same(of) | Identity::Revision(of, _)) => {
                let kind = of.kind.filter(|kind| *kind != SaveKind::Profile);
                kind.unwrap_or_else(|| self.options.layout.kind_of(slot))
            }
        };
        let compression = request.compression.unwrap_or_else(|| self.options.compression_for(kind));
        // What a save asks for it gets; the head says what was chosen, and each chunk how it is kept.
        let is_default = request.compression.is_none() && compression.codec == Codec::Lz4;
        let is_uncoded = is_default && (1..=UNCODED_MAX).contains(&prepared.len);
        let codec = if is_uncoded { Codec::None } else { compression.codec };
        let (stem, head, len_hint) = {
            let mut state = folder.state();
            let latest = state.listing.latest(slot);
            if let (Overwrite::Refuse, Some(slot), Some(latest), true) =
                (request.overwrite, slot, &latest, identity.follows())
            {
                return Err(Error::taken(folder.player.as_str(), slot, latest.id()));
            }
            let stem = identity.stem(slot, &mut state)?;
            let mut head = self.head(folder, &stem, kind, request, latest.as_ref(), identity);
            for (tag, value) in prepared.head.tags().filter(|(tag, _)| !OURS.contains(tag)) {
                head.set(tag, value);
            }
            head.set(tag::PAYLOAD_LEN, &prepared.len.to_le_bytes());
            head.set(tag::CODEC, &[compression.codec.id()]);
            check_head(&head)?;
            let last = latest.map_or(0, |latest| latest.bytes() + latest.bytes() / 8);
            let room = if last == 0 || codec == Codec::None { prepared.len } else { last.min(prepared.len) };
            (stem, head, room + AROUND)
        };
        let mut draft = folder.spares.begin(stem.sequence, len_hint)?;
        let options = WriterOptions::new(FileKind::SAVE)
            .store(self.root_id, stem.sequence)
            .head(head.clone())
            .codec(codec)
            .zstd_level(compression.level)
            .threads(self.options.threads);
        // zstd finds more in longer ones.
        let options = if codec == Codec::Lz4 { options.chunk_len(CHUNK_LEN) } else { options };
        let written = self
            .write(&mut draft, options, prepared, request.thumbnail.as_deref())
            .map_err(|source| Error::writing(folder.player.as_str(), slot, source))?;
        let bytes = written.bytes;
        let sealed = draft.seal(written)?;
        Ok(Begun { folder: Arc::clone(folder), request, stem, kind, head, sealed, bytes })
    }

    /// Writes a container with a payload, and a thumbnail before it.
    fn write(
        &self,
        out: &mut dyn Write,
        options: WriterOptions,
        prepared: Prepared<'_>,
        thumbnail: Option<&[u8]>,
    ) -> Result<Written, PayloadError> {
        // That of zstd may be large, and it is for saves that may take their time.
        let is_kept = options.codec == Codec::Lz4;
        let memory = || self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = if is_kept { memory().pop() } else { None };
        let mut writer = Writer::new(out, options)?.memory(kept.unwrap_or_default());
        if let Some(thumbnail) = thumbnail {
            let plain = SectionOptions::new(Codec::None);
            writer.coded_from_with(SectionId::THUMBNAIL, 0, &[thumbnail], plain)?;
        }
        let tail = prepared.write(&mut writer)?;
        let used = writer.take_memory();
        let (_, written) = writer.finish(tail)?;
        let mut memory = memory();
        if is_kept && memory.len() < MEMORY_MAX {
            memory.push(used);
        }
        Ok(written)
    }

    /// Makes a save that was written durable, if that is asked for, and visible.
    pub(super) fn complete(&self, begun: Begun<'_>) -> Result<Saved, Error> {
        let Begun { folder, request, stem, kind, head, sealed, bytes } = begun;
        let durable = request.durability == Durability::Durable;
        let beyond = {
            let state = folder.state();
            // Another save of the same batch.
            if let (Overwrite::Refuse, Some(slot), Some(latest)) =
                (request.overwrite, stem.slot, state.listing.latest(stem.slot))
            {
                return Err(Error::taken(folder.player.as_str(), slot, latest.id()));
            }
            self.check_quota(&state, &folder, &stem, (kind, durable), bytes)?
        };
        if planted::is(Plant::RotatedFirst) {
            folder.state().retire(&*self.options.files, &folder.spares, &folder.dir, &beyond)?;
            folder.spares.recycle(1)?;
        }
        let waits = durable && !planted::is(Plant::UnsyncedSave);
        let synced = if waits { sealed.sync()? } else { sealed.leave() };
        let name = Name::Save(stem).to_string();
        let mut state = folder.state();
        let committed = synced.publish(name.as_ref())?;
        // It is durable, and this handle would not find it: the next opening does, as a save before those to come.
        if let Some(unnamed) = committed.unnamed {
            return Err(unnamed.into());
        }
        let entry = SaveEntry::of_head(stem, &name, bytes, &head)?;
        state.listing.insert(entry.clone());
        state.unindexed += 1;
        state.spare_len = state.spare_len.max(bytes);
        if !durable {
            state.unsynced.insert(name);
        }
        // What is not on the disk yet takes nobody's place.
        let rotated_out = if durable {
            state.retire(&*self.options.files, &folder.spares, &folder.dir, &beyond)
        } else {
            Ok(Vec::new())
        };
        let allowed = self.options.quota;
        Ok(Saved {
            save: entry,
            durability: request.durability,
            recycled: committed.recycled,
            // A file that stays is one more backup; the next save tries again.
            rotated_out: rotated_out.unwrap_or_default(),
            quota: allowed.map(|allowed| Quota { used: state.listing.bytes(), allowed }),
            retries: 0,
        })
    }

    /// The saves that a new one rotates out, unless the quota forbids it.
    fn check_quota(
        &self,
        state: &State,
        folder: &Folder,
        stem: &Stem,
        (kind, durable): (SaveKind, bool),
        bytes: u64,
    ) -> Result<Vec<SaveEntry>, Error> {
        // What is not on the disk yet takes nobody's place.
        let keep = self.options.keep.of(kind) - u32::from(durable);
        let beyond = if stem.revision > 0 { Vec::new() } else { state.beyond(stem.slot, kind, keep) };
        let Some(allowed) = self.options.quota else { return Ok(beyond) };
        let gone: u64 = match state.listing.get(stem.id).filter(|_| stem.revision > 0) {
            Some(old) => old.bytes(),
            None => beyond.iter().map(SaveEntry::bytes).sum(),
        };
        let needs = state.listing.bytes().saturating_sub(gone).saturating_add(bytes);
        if needs > allowed {
            return Err(Error::Quota { player: folder.player.as_str().to_owned(), needs, allowed });
        }
        Ok(beyond)
    }

    /// Whether a request can be served.
    fn check(&self, request: &SaveRequest) -> Result<(), Error> {
        if request.kind == Some(SaveKind::Profile) {
            return Err(Error::Misuse { what: "a profile is no save of a slot; use save_profile" });
        }
        Mod::check_all(&request.mods)?;
        let Some(thumbnail) = &request.thumbnail else { return Ok(()) };
        if !thumbnail.starts_with(&PNG) {
            return Err(Error::Misuse { what: "a thumbnail has to be a PNG file; encode it as one" });
        }
        let (needs, allowed) = (thumbnail.len() as u64, self.options.thumbnail_max.into());
        if needs > allowed {
            return Err(Error::TooLong { what: "thumbnail", needs, allowed });
        }
        Ok(())
    }
}
