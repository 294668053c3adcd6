//! What a world holds as 16 bytes, whatever the order in which it holds it.

mod feed;
mod nameless;
mod rows;

use std::{collections::HashMap, fmt};

use keepstone_format::plain;

use crate::{
    doc::{Column, NONE, WorldDoc},
    error::Error,
    gather::{Ids, Index, refuse_twice},
    hash::{feed::Feed, rows::Rows},
    identity::IdSource,
    schema::Schema,
};

const WORLD: &str = "keepstone 2026 world";
const IDS: &str = "keepstone 2026 entities of a component";
const COMPONENT: &str = "keepstone 2026 component of a world";

/// The hash of what a world holds: see [`WorldDoc::hash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorldHash(pub [u8; 16]);

/// Hashes by the name of a component or resource.
pub type ComponentHashes = Vec<(String, WorldHash)>;

impl fmt::Display for WorldHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl WorldDoc<'_> {
    /// The hash of the entities, their values and the resources, which doesn't depend on their order, on how they are split into tables, on
    /// the run, the process or the host. For comparing worlds, and for finding out that two simulations have drifted apart.
    ///
    /// It is the BLAKE3-128 of each component's values in the order of their entities' [`PersistId`](crate::PersistId)s, which also stand
    /// for entities in references; no sum of hashes stands in between, so two worlds with one hash are as hard to find, on purpose too, as
    /// BLAKE3 at 128 bits makes it (2^64 tries). Components that a program doesn't know are part of it.
    ///
    /// Not part of it: name and metadata, foreign ids, and the [`IdSource`](crate::IdSource), which a restore doesn't turn back. As in
    /// [`WorldDoc::canonical`], serde rows are what they are: the order of a `HashSet` counts, and so does what the rows of a column have in
    /// common.
    ///
    /// If no entity has an id, entities are a multiset of what they look like, each with its values and with the values of those that it refers to;
    /// what these in turn refer to is not told apart. So equal worlds have equal hashes, and worlds that differ by more than who of several
    /// lookalikes refers to whom have different ones.
    ///
    /// 100,000 entities with 4 MB of plain values take a few milliseconds, and three times as long where they don't stand in the order of
    /// their ids; without ids, ten times as long.
    ///
    /// ```
    /// use keepstone_ecs_persist::WorldDoc;
    ///
    /// assert_eq!(WorldDoc::default().hash()?.to_string().len(), 32);
    /// # Ok::<(), keepstone_ecs_persist::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoPersistId`] when some entities have an id and others have none, or when none has one and maps have entities as keys;
    /// [`Error::DuplicateId`], [`Error::Mismatch`] when ids are no plain u64, [`Error::Value`] when a serde row can't be read; as [`WorldDoc::check`].
    #[doc(alias = "checksum")]
    #[doc(alias = "state_hash")]
    pub fn hash(&self) -> Result<WorldHash, Error> {
        Ok(self.hash_parts(false)?.1)
    }

    /// A hash for each component and resource, ascending by name, so that two worlds whose hashes differ can tell where they do. Each is over
    /// values and the entities that have them; components that no entity has are left out.
    ///
    /// # Errors
    /// As [`WorldDoc::hash`].
    pub fn component_hashes(&self) -> Result<ComponentHashes, Error> {
        Ok(self.hashes()?.0)
    }

    /// The hashes of [`WorldDoc::component_hashes`] and [`WorldDoc::hash`], for the price of the former.
    ///
    /// # Errors
    /// As [`WorldDoc::hash`].
    pub fn hashes(&self) -> Result<(ComponentHashes, WorldHash), Error> {
        self.hash_parts(true)
    }

    fn hash_parts(&self, each: bool) -> Result<(ComponentHashes, WorldHash), Error> {
        self.check()?;
        let index = Index::of(self);
        let ids = Ids::of(self, &index)?;
        let named = !ids.is_nobodys();
        let (components, entities) =
            if named { self.named_hashes(&index, &ids)? } else { nameless::hashes(self, &index, each)? };
        let mut feed = Feed::new(WORLD);
        feed.number(u64::from(named));
        feed.number(index.entities().into());
        feed.put(&entities.0);
        let is_resource = |name: &str| self.column(name).is_some_and(|column| column.schema.resource);
        for (name, hash) in &components {
            // Without ids, what the entities have is in their own hash.
            if named || is_resource(name) {
                feed.counted(name.as_bytes());
                feed.put(&hash.0);
            }
        }
        Ok((components, WorldHash(feed.finish())))
    }

    fn named_hashes(&self, index: &Index, ids: &Ids) -> Result<(ComponentHashes, WorldHash), Error> {
        let id_of = ids.of_all("a hash of a world in which some entities have it")?;
        let sorted = ids.sorted();
        refuse_twice(&sorted)?;
        let mut ranks = vec![0_u32; sorted.len()];
        for (rank, &(_, ordinal)) in (0_u32..).zip(&sorted) {
            if let Some(slot) = ranks.get_mut(ordinal as usize) {
                *slot = rank;
            }
        }
        let names = Names { id_of, ranks };
        let mut scratch = vec![NONE; sorted.len()];
        // Components of the same tables have the same holders.
        let mut known: HashMap<&[(u32, u32)], Holders> = HashMap::new();
        let mut components = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let tables = index.places(at);
            let is_source = column.schema.name == IdSource::RESOURCE;
            if is_source || (tables.is_empty() && !column.schema.resource) {
                continue;
            }
            let holders = known
                .entry(tables)
                .or_insert_with(|| names.holders(&index.holders(at).collect::<Vec<u32>>(), &mut scratch));
            components.push((column.schema.name.clone(), names.column(column, holders)?));
        }
        Ok((components, WorldHash(hash_ids(sorted.iter().map(|(id, _)| *id)))))
    }
}

fn schema_bytes(column: &Column<'_>) -> Result<Vec<u8>, Error> {
    Schema::new(vec![column.schema.clone()]).encode()
}

/// What entities are called, and their places in the order of that.
struct Names {
    id_of: Vec<u64>,
    ranks: Vec<u32>,
}

/// The entities that have a component.
struct Holders {
    count: u32,
    /// The rows in the order of the ids; nothing if they stand in it.
    order: Option<Vec<u32>>,
    /// The hash of the ids in order.
    hash: [u8; 16],
}

impl Names {
    fn id(&self, ordinal: u32) -> Option<u64> {
        self.id_of.get(ordinal as usize).copied()
    }

    fn rank(&self, ordinal: u32) -> u32 {
        self.ranks.get(ordinal as usize).copied().unwrap_or(NONE)
    }

    /// The holders of these ordinals; `scratch` has a slot for each entity and is clean before and after.
    fn holders(&self, ordinals: &[u32], scratch: &mut [u32]) -> Holders {
        let count = u32::try_from(ordinals.len()).unwrap_or(u32::MAX);
        if ordinals.is_sorted_by_key(|&ordinal| self.rank(ordinal)) {
            let hash = hash_ids(ordinals.iter().filter_map(|&ordinal| self.id(ordinal)));
            return Holders { count, order: None, hash };
        }
        let order: Vec<u32> = if ordinals.len() * 8 < scratch.len() {
            let mut pairs: Vec<(u32, u32)> = ordinals.iter().map(|&o| self.rank(o)).zip(0..).collect();
            pairs.sort_unstable();
            pairs.into_iter().map(|(_, row)| row).collect()
        } else {
            for (row, &ordinal) in (0_u32..).zip(ordinals) {
                if let Some(slot) = scratch.get_mut(self.rank(ordinal) as usize) {
                    *slot = row;
                }
            }
            let order = scratch.iter().copied().filter(|&row| row != NONE).collect();
            scratch.fill(NONE);
            order
        };
        let hash = hash_ids(order.iter().filter_map(|&row| self.id(*ordinals.get(row as usize)?)));
        Holders { count, order: Some(order), hash }
    }

    fn column(&self, column: &Column<'_>, holders: &Holders) -> Result<WorldHash, Error> {
        let entities = u32::try_from(self.id_of.len()).unwrap_or(u32::MAX);
        let rows = Rows::of(column, entities, &|target| self.id(target))?;
        let mut feed = Feed::new(COMPONENT);
        feed.counted(&schema_bytes(column)?);
        feed.number(holders.count.into());
        feed.put(&holders.hash);
        feed.number(u64::from(rows.is_even()));
        if let Some(order) = &holders.order {
            feed_values(&rows, order.iter().copied(), &mut feed);
            self.feed_references(&rows, order.iter().copied(), &mut feed);
        } else {
            let count = holders.count.max(u32::from(column.schema.resource));
            if rows.is_even() {
                feed.put(rows.all_bytes());
            } else {
                feed_values(&rows, 0..count, &mut feed);
            }
            self.feed_references(&rows, 0..count, &mut feed);
        }
        Ok(WorldHash(feed.finish()))
    }

    fn feed_references(&self, rows: &Rows<'_>, order: impl Iterator<Item = u32>, feed: &mut Feed) {
        if !rows.names() {
            return;
        }
        for row in order {
            for &target in rows.targets(row) {
                // Nine bytes: whether it leads somewhere, and where.
                let id = self.id(target);
                let mut named = [0; 9];
                if let (Some(id), Some((leads, rest))) = (id, named.split_first_mut()) {
                    *leads = 1;
                    rest.copy_from_slice(&id.to_le_bytes());
                }
                feed.put(&named);
            }
            if let Some(rank) = rows.rank(row) {
                feed.put(&rank.to_le_bytes());
            }
        }
    }
}

fn hash_ids(ids: impl Iterator<Item = u64>) -> [u8; 16] {
    let ids: Vec<u64> = ids.collect();
    let mut feed = Feed::new(IDS);
    feed.put(&plain::to_le_bytes_cow(&ids));
    feed.finish()
}

fn feed_values(rows: &Rows<'_>, order: impl Iterator<Item = u32>, feed: &mut Feed) {
    if rows.is_even() {
        order.for_each(|row| feed.put(rows.bytes(row)));
    } else {
        order.for_each(|row| feed.counted(rows.bytes(row)));
    }
}
