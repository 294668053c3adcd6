//! Reads and writes the binary `.pecs` files of PECS: version 1.
//!
//! # Layout
//!
//! All integers are little-endian, and nothing is padded.
//!
//! | size | field | rule |
//! |---|---|---|
//! | 4 | magic | `PECS` |
//! | 4 | version | 1 |
//! | 4 | flags | 1 zstd, 2 LZ4, 4 delta, 8 extended metadata: each set bit is a warning |
//! | 8 | number of entities | |
//! | 4 | number of component types | |
//! | | for each type | |
//! | 16 | type id | if it comes again, the last counts |
//! | 4 + n | length and bytes of the name | UTF-8, may be empty |
//! | 4 | version of the type | |
//! | | for each entity | |
//! | 16 | stable id | see [`DuplicateIds`] if it comes again |
//! | 4 | number of components | |
//! | | for each component of the entity | |
//! | 16 | type id | one that is not among the types is a warning |
//! | 4 + n | length and bytes of the data | |
//! | | at the end | |
//! | 8 | CRC-64/WE of all bytes before | `62ec59e3f1a4f00a` for `123456789` |
//! | .. | | more bytes are a warning |
//!
//! The flags are labels: PECS writes them and never compresses or leaves anything out, so the bytes
//! are read as they are. PECS itself writes neither types nor components, only stable ids; files with
//! components come from programs that use its format structs, and from [`PecsRows`], which says what
//! version 1 leaves open. Only in files of the latter flags mean something: see FORMAT.md of keepstone-format, section 9.5.
//!
//! # What is read that PECS refuses, and the other way round
//!
//! PECS refuses a type id that is not among the types and a stable id that comes again; here both
//! are warnings. It takes any version above 0 for version 1; here another version is
//! [`Error::Version`], since nobody knows what it will mean.
//!
//! # As a world
//!
//! [`File::to_world`] gives a [`WorldDoc`](keepstone_ecs_persist::WorldDoc): one column for each type,
//! whose rows are the components' bytes as they are. The column has the name of the type. If that is
//! empty, longer than 255 bytes or already that of an earlier type, or if the type is not among the
//! types of the file, the column is called `pecs:` and the 32 hexadecimal digits of the type id,
//! followed by `#2`, `#3` and so on if there is a type of that name.
//!
//! # What damage the format can show
//!
//! The checksum covers every byte before it, so each flipped bit and each cut is an error.
//! What follows the checksum is not covered and not used.
//!
//! # Memory
//!
//! Each count and length is checked against the bytes that are left for it before it is believed.
//! A file as long as [`Limits::decoded_max`] is read with at most 1.2 times its length on top of it
//! (8 bytes for each entity, and 16 while stable ids are compared), and a world takes at most about
//! twice the length, or four times if nearly every entity has another set of components. A file has at most 16,383 component types, those that only components name included.

mod checksum;
mod coded;
mod component_type;
mod counts;
mod entity;
mod header;
mod id;
mod input;
mod options;
mod rows;
mod scan;
mod warning;
mod world;

use std::collections::BTreeMap;

use keepstone_format::Limits;

use crate::error::Error;
use crate::pecs::scan::{Repeated, Scan};
use crate::reserve::reserve;

pub use checksum::crc64_we;
pub use coded::decoded;
pub use component_type::ComponentType;
pub use counts::Counts;
pub use entity::{Component, Entity};
pub use header::{Flag, Header};
pub use id::{Id, NoId};
pub use options::{DuplicateIds, ReadOptions};
pub use rows::{Loaded, PecsRows, type_id};
pub use warning::Warning;

/// The version of the layout.
const VERSION: u32 = 1;

/// A whole file, checked and read; the components stay in the bytes it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File<'a> {
    /// The header.
    pub header: Header,
    /// What was odd about the file; empty for a file as PECS writes it.
    pub warnings: Vec<Warning>,
    bytes: &'a [u8],
    types: Vec<ComponentType<'a>>,
    by_id: BTreeMap<u128, u16>,
    starts: Vec<u64>,
    repeated_count: u64,
    end: u64,
    block: Option<&'a [u8]>,
}

impl<'a> File<'a> {
    /// Reads a whole file of version 1 with the default options.
    ///
    /// # Errors
    ///
    /// As [`File::read_with`].
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        Self::read_with(bytes, limits, &ReadOptions::default())
    }

    /// Reads a whole file of version 1.
    ///
    /// # Errors
    ///
    /// All of [`Header::read`]; [`Error::Announced`], [`Error::Truncated`] or [`Error::TypeName`] for
    /// what does not fit together; [`Error::Checksum64`]; [`Error::Limit`] for more bytes, entities or
    /// types than are allowed, and [`Error::OutOfMemory`] if they are allowed and cannot be had;
    /// [`Error::RepeatedComponent`] and [`Error::DuplicateId`] if the options ask for them. For a file that keepstone coded
    /// [`Error::StillCoded`], for one that it extended [`Error::Extended`] and [`Error::Flags`].
    pub fn read_with(bytes: &'a [u8], limits: &Limits, options: &ReadOptions) -> Result<Self, Error> {
        let header = Header::read(bytes)?;
        if let Some(codec) = coded::codec_of(bytes)? {
            return Err(Error::StillCoded { codec: codec.name() });
        }
        let Scan { mut types, by_id, starts, repeated_count, first_repeated, end, .. } =
            Scan::new(bytes, &header, limits)?;
        if let Some(Repeated { entity, type_id, offset }) = first_repeated
            && options.strict
        {
            return Err(Error::RepeatedComponent { entity, type_id, offset });
        }
        let block = rows::find(bytes, end, &header, &types)?;
        let mut warnings: Vec<Warning> = header
            .named_flags()
            .filter(|flag| block.is_none() || *flag != Flag::ExtendedMetadata)
            .map(|flag| Warning::FlagIgnored { flag })
            .collect();
        let bits = header.unknown_flags();
        warnings.extend((bits != 0).then_some(Warning::UnknownFlags { bits }));
        warnings.extend(component_type::name_columns(&mut types, &by_id, |one| {
            block.is_some() && rows::is_block(&header, one)
        }));
        warnings.extend(first_repeated.map(|Repeated { entity, type_id, offset }| {
            Warning::RepeatedComponents { count: repeated_count, entity, type_id, offset }
        }));
        let mut file = Self { header, warnings, bytes, types, by_id, starts, repeated_count, end, block };
        let duplicates = file.duplicate_ids(options.duplicate_ids)?;
        file.warnings.extend(duplicates);
        let end = end + block.map_or(0, |block| block.len() as u64);
        let len = bytes.len() as u64 - end;
        file.warnings.extend((len != 0).then_some(Warning::TrailingBytes { offset: end, len }));
        Ok(file)
    }

    /// Returns the component types: those of the registry in file order, then those that only
    /// components name.
    pub fn types(&self) -> &[ComponentType<'a>] {
        &self.types
    }

    /// Returns the block that keepstone puts behind the checksum, its length first: FORMAT.md section 9.5.
    pub fn extended(&self) -> Option<&'a [u8]> {
        self.block
    }

    /// Where the checksum ends in the file.
    fn end(&self) -> u64 {
        self.end
    }

    /// Returns the entities in file order.
    pub fn entities(&self) -> impl Iterator<Item = Entity<'_>> {
        (0..=u32::MAX).zip(&self.starts).filter_map(|(ordinal, start)| self.entity_at(ordinal, *start))
    }

    /// Returns the entity in this place of the file.
    pub fn entity(&self, ordinal: u32) -> Option<Entity<'_>> {
        let start = self.starts.get(usize::try_from(ordinal).ok()?)?;
        self.entity_at(ordinal, *start)
    }

    fn entity_at(&self, ordinal: u32, start: u64) -> Option<Entity<'_>> {
        Entity::new(self, ordinal, self.bytes.get(usize::try_from(start).ok()?..)?)
    }

    /// Compares half as many bytes as the ids have: their halves are a seed and a count.
    fn ids_surely_differ(&self) -> Result<bool, Error> {
        let mut folded: Vec<u64> = reserve(self.starts.len())?;
        let half = u128::from(u64::MAX);
        folded.extend(self.entities().map(|entity| {
            let Id(id) = entity.id;
            u64::try_from((id >> 64) ^ (id & half)).expect("both sides have 64 bits")
        }));
        folded.sort_unstable();
        Ok(folded.is_sorted_by(|before, after| before < after))
    }

    fn duplicate_ids(&self, policy: DuplicateIds) -> Result<Option<Warning>, Error> {
        if self.ids_surely_differ()? {
            return Ok(None);
        }
        let mut sorted = reserve(self.starts.len())?;
        sorted.extend(self.entities().map(|entity| entity.id));
        sorted.sort_unstable();
        let mut repeated = sorted.windows(2).filter_map(|pair| match pair {
            [before, id] if before == id => Some(*id),
            _ => None,
        });
        let Some(id) = repeated.next() else { return Ok(None) };
        let count = 1 + repeated.count() as u64;
        if policy == DuplicateIds::Keep {
            return Ok(Some(Warning::DuplicateIds { count, id }));
        }
        let mut places = self.entities().filter(|entity| entity.id == id).map(|entity| entity.ordinal);
        let (first, second) = places.next().zip(places.next()).expect("found twice among the sorted");
        Err(Error::DuplicateId { id, first, second })
    }
}

/// Checks the checksum and the whole structure of a file and returns what is odd about it.
///
/// # Errors
///
/// As [`File::read`].
pub fn verify(bytes: &[u8], limits: &Limits) -> Result<Vec<Warning>, Error> {
    File::read(bytes, limits).map(|file| file.warnings)
}
