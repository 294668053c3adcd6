use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use keepstone_format::{Error as FormatError, FileKind, Kind, Limits, Metadata, Reader, tag};

use super::{
    counted::Counted,
    file,
    history::Version,
    manifest::{Listed, Manifest},
    moved::keeps,
    name::Names,
    options::SyncOptions,
    report::DamagedRemote,
};
use crate::{Error, id::SaveId, manager::verify_container, player::Player, stem::Stem};

/// Bytes of fetched files that are kept until they are taken in.
const HELD_MAX: usize = 64 << 20;
/// Bytes of a list of heads: that it decodes to no more than that, and what is around it.
const MANIFEST_LEN_MAX: u64 = file::BODY_LEN_MAX + (1 << 20);

/// What is known of a player's files on the other side.
pub(super) struct Remote<'t> {
    target: &'t Counted<'t>,
    player: Player,
    names: Names,
    object_len_max: u64,
    /// The saves whose heads are known.
    known: BTreeMap<Stem, Known>,
    /// Those that a known one follows: nobody has to look at them.
    passed: Vec<Stem>,
    /// Those that could not be fetched, so that nothing is known of their slots.
    failed: BTreeMap<Option<u8>, Error>,
    damaged: Vec<(Stem, Error)>,
    held: HashMap<Stem, Vec<u8>>,
    held_len: usize,
    /// The list of heads as it was read.
    listed: Manifest,
}

struct Known {
    listed: Listed,
    version: Version,
    /// Whether every byte of the file was seen, and not only the list.
    is_seen: bool,
}

impl Known {
    fn new(stem: Stem, len: u64, head: Metadata, is_seen: bool) -> Self {
        let version = Version::of_head(stem, &head);
        Self { listed: Listed { len, head }, version, is_seen }
    }
}

/// A remote save that was checked wholly.
pub(super) struct Obtained {
    pub(super) stem: Stem,
    pub(super) head: Metadata,
    pub(super) bytes: Vec<u8>,
}

impl<'t> Remote<'t> {
    /// Finds out what is there. Files of saves are fetched only where the list of heads doesn't tell of them, and nothing that is known follows them.
    pub(super) fn learn(
        target: &'t Counted<'t>,
        player: &Player,
        options: &SyncOptions,
    ) -> Result<Self, Error> {
        let names = Names::of(player);
        let manifest_name = names.manifest();
        let mut lens: BTreeMap<Stem, u64> = BTreeMap::new();
        let mut manifest_len = None;
        for (name, len) in target.list(names.prefix())? {
            match names.stem(&name) {
                Some(stem) => drop(lens.insert(stem, len)),
                None if name == manifest_name => manifest_len = Some(len),
                None => {}
            }
        }
        let mut remote = Self {
            target,
            player: player.clone(),
            names,
            object_len_max: options.object_len_max,
            known: BTreeMap::new(),
            passed: Vec::new(),
            failed: BTreeMap::new(),
            damaged: Vec::new(),
            held: HashMap::new(),
            held_len: 0,
            listed: Manifest::default(),
        };
        if manifest_len.is_some_and(|len| len <= MANIFEST_LEN_MAX) {
            let bytes = target.get(&manifest_name)?.filter(|bytes| bytes.len() as u64 <= MANIFEST_LEN_MAX);
            // One that is damaged is made anew.
            remote.listed = bytes.and_then(|bytes| Manifest::decode(&bytes, player)).unwrap_or_default();
        }
        let mut unknown = Vec::new();
        for (stem, len) in lens {
            match remote.listed.entries.get(&stem).filter(|listed| listed.len == len) {
                Some(listed) if is_of(&listed.head, player) => {
                    remote.known.insert(stem, Known::new(stem, len, listed.head.clone(), false));
                }
                _ => unknown.push((stem, len)),
            }
        }
        // The newest first: what it follows need not be fetched.
        for (stem, len) in unknown.into_iter().rev() {
            remote.look_at(stem, len);
        }
        Ok(remote)
    }

    fn look_at(&mut self, stem: Stem, len: u64) {
        if self.in_slot(stem.slot).any(|known| known.version.follows(stem.id)) {
            self.passed.push(stem);
            return;
        }
        match self.fetch(&stem, len) {
            Ok(Some(obtained)) => {
                let len = obtained.bytes.len() as u64;
                self.known.insert(stem, Known::new(stem, len, obtained.head, true));
                if self.held_len.saturating_add(obtained.bytes.len()) <= HELD_MAX {
                    self.held_len += obtained.bytes.len();
                    self.held.insert(stem, obtained.bytes);
                }
            }
            Ok(None) => {}
            Err(err) if is_damage(&err) => self.damaged.push((stem, err)),
            Err(err) => drop(self.failed.insert(stem.slot, err)),
        }
    }

    /// Fetches a file and checks every byte of it; none if it is gone.
    fn fetch(&self, stem: &Stem, len: u64) -> Result<Option<Obtained>, Error> {
        let too_long = |needs| Error::TooLong { what: "remote file", needs, allowed: self.object_len_max };
        if len > self.object_len_max {
            return Err(too_long(len));
        }
        let name = self.names.object(stem);
        let Some(bytes) = self.target.get(&name)? else { return Ok(None) };
        if bytes.len() as u64 > self.object_len_max {
            return Err(too_long(bytes.len() as u64));
        }
        let head =
            checked(&bytes, stem, &self.player).map_err(|source| Error::format(Path::new(&name), source))?;
        Ok(Some(Obtained { stem: *stem, head, bytes }))
    }

    /// Gets a save whole. None if what is known of its slot was wrong: judge anew.
    pub(super) fn obtain(&mut self, slot: Option<u8>, id: SaveId) -> Result<Option<Obtained>, Error> {
        let found = self.known.iter().rfind(|(stem, _)| stem.slot == slot && stem.id == id);
        let Some((&stem, known)) = found else { return Ok(None) };
        if let Some(bytes) = self.held.remove(&stem) {
            self.held_len -= bytes.len();
            return Ok(Some(Obtained { stem, head: known.listed.head.clone(), bytes }));
        }
        match self.fetch(&stem, known.listed.len) {
            Ok(Some(obtained)) => {
                let len = obtained.bytes.len() as u64;
                let now = Known::new(stem, len, obtained.head.clone(), true);
                let before = self.known.insert(stem, now);
                let was_right = before.is_some_and(|before| {
                    before.version.ancestors == Version::of_head(stem, &obtained.head).ancestors
                });
                Ok(was_right.then_some(obtained))
            }
            Ok(None) => {
                self.known.remove(&stem);
                Ok(None)
            }
            Err(err) if is_damage(&err) => {
                self.known.remove(&stem);
                self.damaged.push((stem, err));
                Ok(None)
            }
            Err(err) => Err(err),
        }
    }

    /// Puts the file of a save there.
    pub(super) fn put(&mut self, stem: Stem, head: Metadata, bytes: &[u8]) -> Result<(), Error> {
        let (needs, allowed) = (bytes.len() as u64, self.object_len_max);
        if needs > allowed {
            return Err(Error::TooLong { what: "file for the other side", needs, allowed });
        }
        self.target.put(&self.names.object(&stem), bytes)?;
        self.damaged.retain(|(damaged, _)| *damaged != stem);
        self.known.insert(stem, Known::new(stem, needs, head, true));
        Ok(())
    }

    /// All saves of a slot that are known, each id once.
    pub(super) fn there(&self, slot: Option<u8>) -> Vec<Version> {
        let mut versions: BTreeMap<SaveId, Version> = BTreeMap::new();
        for known in self.in_slot(slot) {
            versions.insert(known.version.id(), known.version.clone());
        }
        versions.into_values().collect()
    }

    fn in_slot(&self, slot: Option<u8>) -> impl Iterator<Item = &Known> {
        self.known.iter().filter(move |(stem, _)| stem.slot == slot).map(|(_, known)| known)
    }

    /// Whether a save is there.
    pub(super) fn has(&self, slot: Option<u8>, id: SaveId) -> bool {
        self.in_slot(slot).any(|known| known.version.id() == id)
    }

    /// Whether another slot has what became of a save when it was moved.
    pub(super) fn keeps_elsewhere(&self, slot: Option<u8>, id: SaveId) -> bool {
        self.known.values().any(|known| known.version.stem.slot != slot && keeps(&known.version, id))
    }

    /// The slots of all files, whatever is known of them.
    pub(super) fn slots(&self) -> impl Iterator<Item = Option<u8>> {
        let damaged = self.damaged.iter().map(|(stem, _)| stem.slot);
        let stems = self.known.keys().chain(&self.passed).map(|stem| stem.slot);
        stems.chain(damaged).chain(self.failed.keys().copied())
    }

    /// Why nothing is known of a slot.
    pub(super) fn take_failure(&mut self, slot: Option<u8>) -> Option<Error> {
        self.failed.remove(&slot)
    }

    /// The id of the list of heads; zero without one.
    pub(super) fn manifest_id(&self) -> [u8; 16] {
        self.listed.id
    }

    /// The files that one of `here` has superseded: the newest saves here, which are there as well. The only head of a slot is not among them.
    ///
    /// What only the list of heads says is no reason to delete a file.
    pub(super) fn superseded(&self, here: &[Version]) -> Vec<Stem> {
        // The copy there may name more than the save here does.
        let seen = here.iter().flat_map(|here| {
            self.in_slot(here.stem.slot).filter(|known| known.is_seen && known.version.id() == here.id())
        });
        let followers: Vec<&Version> = here.iter().chain(seen.map(|known| &known.version)).collect();
        let is_superseded = |stem: &&Stem| {
            let has_own = here.iter().any(|own| own.stem.slot == stem.slot && own.id() != stem.id);
            let is_newest = here.iter().any(|own| own.id() == stem.id);
            let mut followers = followers.iter();
            !is_newest
                && followers.any(|version| {
                    let is_same = version.stem.slot == stem.slot;
                    is_same && version.follows(stem.id) || !is_same && has_own && keeps(version, stem.id)
                })
        };
        self.known.keys().chain(&self.passed).filter(is_superseded).copied().collect()
    }

    /// Writes the list of heads, if it isn't right any longer. Files that are about to be deleted don't stand in it.
    pub(super) fn write_manifest(&mut self, without: &[Stem], options: &SyncOptions) -> Result<(), Error> {
        let kept = self.known.iter().filter(|(stem, _)| !without.contains(stem));
        let entries: BTreeMap<Stem, Listed> =
            kept.map(|(stem, known)| (*stem, known.listed.clone())).collect();
        if entries == self.listed.entries {
            return Ok(());
        }
        let mut manifest = Manifest { id: self.listed.id, entries };
        manifest.identify();
        let name = self.names.manifest();
        let encoded = manifest.encode(&self.player, options.compression);
        let bytes = encoded.map_err(|source| Error::format(Path::new(&name), source))?;
        self.target.put(&name, &bytes)?;
        self.listed = manifest;
        Ok(())
    }

    /// Deletes the file of a save, and returns its name.
    pub(super) fn delete(&mut self, stem: &Stem) -> Result<String, Error> {
        let name = self.names.object(stem);
        self.target.delete(&name)?;
        self.known.remove(stem);
        Ok(name)
    }

    /// The files that are damaged.
    pub(super) fn into_damaged(self) -> Vec<DamagedRemote> {
        let Self { names, damaged, .. } = self;
        let report = |(stem, error): (Stem, Error)| DamagedRemote {
            name: names.object(&stem),
            id: stem.id,
            slot: stem.slot,
            error,
        };
        damaged.into_iter().map(report).collect()
    }
}

/// Whether a file is at fault, and not the way to it: a newer one is not.
fn is_damage(err: &Error) -> bool {
    matches!(err, Error::Format { .. }) && err.kind() != Kind::Newer
}

fn is_of(head: &Metadata, player: &Player) -> bool {
    head.get(tag::PLAYER) == Some(player.as_str().as_bytes())
}

/// Checks every byte of a save that came from somewhere else, and that it is the one that its name tells of.
fn checked(bytes: &[u8], stem: &Stem, player: &Player) -> Result<Metadata, FormatError> {
    let invalid = |rule| FormatError::Invalid { what: "remote save", rule, offset: 0 };
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64))?;
    if reader.header().kind != FileKind::SAVE || reader.header().epoch != 0 {
        return Err(invalid("it is no container of kind save with epoch 0"));
    }
    if Stem::of_head(reader.head()) != Some(*stem) || !is_of(reader.head(), player) {
        return Err(invalid("it is not the save that its name tells of"));
    }
    verify_container(&reader)?;
    Ok(reader.head().clone())
}
