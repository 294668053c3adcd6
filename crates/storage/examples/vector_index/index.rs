//! The index: a snapshot that is searched where it lies in memory, a log of what came after it, and
//! what both together say.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "the arrays of a snapshot have as many rows each, and are in memory"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use keepstone_format::Metadata;
use keepstone_storage::{
    Durability, Error, Lsn, OsFiles, Snapshot, Wal, WalOptions,
    snapshot::{self, Array},
};

use super::record::Record;

/// A vector that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hit {
    pub(crate) id: u64,
    /// Squared distance.
    pub(crate) distance: f32,
    pub(crate) text: String,
}

/// When the log is folded into a new snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Rows that came or went since the last one.
    pub(crate) changes_min: usize,
    /// The same, as a part of the rows of the snapshot.
    pub(crate) percent: usize,
}

/// Vectors of one dimension with a text each, found by their nearness.
///
/// What is inserted or deleted is in the log before the call returns. Of two threads, one writes.
pub(crate) struct Index {
    path: PathBuf,
    dimensions: u32,
    policy: Policy,
    wal: Wal,
    base: Option<Snapshot>,
    /// By row of the snapshot, 64 in a word: deleted, there or since.
    deleted: Vec<u64>,
    base_rows: usize,
    deleted_rows: usize,
    /// What was inserted since.
    recent: BTreeMap<u64, (Vec<f32>, String)>,
    changes: usize,
    next_id: u64,
    /// The last record that is in all of this.
    applied: Lsn,
}

impl Index {
    /// Opens the index in `dir`, or makes it: snapshot and log are recovered in one call, and the records behind
    /// the snapshot are applied.
    pub(crate) fn open(dir: &Path, dimensions: u32, policy: Policy) -> Result<Self, Error> {
        let path = dir.join("vectors.keep");
        let recovered = snapshot::recover(&path, dir.join("wal"), WalOptions::default())?;
        let mut tail = recovered.tail()?;
        let applied = recovered.applied();
        let mut index = Self {
            path,
            dimensions,
            policy,
            wal: recovered.wal,
            base: None,
            deleted: Vec::new(),
            base_rows: 0,
            deleted_rows: 0,
            recent: BTreeMap::new(),
            changes: 0,
            next_id: 1,
            applied,
        };
        if let Some(base) = recovered.snapshot {
            index.build_on(base)?;
        }
        while let Some(record) = tail.next()? {
            let lsn = record.lsn;
            // The log hands out what was appended, byte for byte; only another program's records would not do.
            let record = Record::decode(record.bytes).expect("a record of this program");
            index.apply(record);
            index.applied = lsn;
        }
        Ok(index)
    }

    /// Inserts a vector and returns its id.
    pub(crate) fn insert(
        &mut self,
        vector: &[f32],
        text: &str,
        durability: Durability,
    ) -> Result<u64, Error> {
        assert_eq!(vector.len(), self.dimensions as usize, "a vector of another dimension");
        let record = Record::Insert { id: self.next_id, vector: vector.to_vec(), text: text.to_owned() };
        let id = self.next_id;
        self.log(record, durability)?;
        Ok(id)
    }

    /// Deletes a vector, if it is there.
    pub(crate) fn delete(&mut self, id: u64, durability: Durability) -> Result<(), Error> {
        self.log(Record::Delete { id }, durability)
    }

    /// The `count` nearest vectors, nearest first.
    pub(crate) fn search(&self, query: &[f32], count: usize) -> Result<Vec<Hit>, Error> {
        let mut hits: Vec<(f32, u64)> = Vec::with_capacity(count + 1);
        let mut offer = |id: u64, vector: &[f32]| {
            let distance: f32 = vector.iter().zip(query).map(|(a, b)| (a - b) * (a - b)).sum();
            let at = hits.partition_point(|hit| hit.0 <= distance);
            if at < count {
                hits.truncate(count - 1);
                hits.insert(at, (distance, id));
            }
        };
        if let Some(base) = &self.base {
            // No copy: these are the bytes of the file.
            let ids = base.view::<u64>("ids")?;
            let vectors = base.view::<f32>("vectors")?;
            for (row, vector) in vectors.chunks_exact(self.dimensions as usize).enumerate() {
                if !self.is_deleted(row) {
                    offer(ids[row], vector);
                }
            }
        }
        for (id, (vector, _)) in &self.recent {
            offer(*id, vector);
        }
        let found =
            |(distance, id)| Ok(Hit { id, distance, text: self.text(id)?.unwrap_or_default().to_owned() });
        hits.into_iter().map(found).collect()
    }

    /// The vector of an id.
    pub(crate) fn vector(&self, id: u64) -> Result<Option<&[f32]>, Error> {
        if let Some((vector, _)) = self.recent.get(&id) {
            return Ok(Some(vector));
        }
        let Some((base, row)) = self.base_row(id)? else { return Ok(None) };
        base.array("vectors")?.view_rows(row as u64..row as u64 + 1).map(Some)
    }

    /// The text of an id.
    pub(crate) fn text(&self, id: u64) -> Result<Option<&str>, Error> {
        if let Some((_, text)) = self.recent.get(&id) {
            return Ok(Some(text));
        }
        let Some((base, row)) = self.base_row(id)? else { return Ok(None) };
        let ends = base.view::<u64>("text.ends")?;
        let start = if row == 0 { 0 } else { ends[row - 1] };
        let bytes = base.array("text")?.view_rows::<u8>(start..ends[row])?;
        Ok(std::str::from_utf8(bytes).ok())
    }

    /// How many vectors there are.
    pub(crate) fn len(&self) -> usize {
        self.base_rows - self.deleted_rows + self.recent.len()
    }

    /// The last record that is in the index.
    pub(crate) fn applied(&self) -> Lsn {
        self.applied
    }

    /// How many vectors came or went since the snapshot.
    pub(crate) fn changes(&self) -> usize {
        self.changes
    }

    /// Makes all that was inserted and deleted durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.wal.sync()
    }

    /// Writes a new snapshot without what is deleted, and gives up the log that is in it.
    ///
    /// A crash at any moment leaves the old snapshot with the whole log, the new one with it, or the new one with what
    /// is left of it: all three hold the same vectors.
    pub(crate) fn compact(&mut self) -> Result<(), Error> {
        let mut head = Metadata::new();
        head.set_application("vector_index example").set_log_position(self.wal.position(self.applied)?);
        let mut writer = snapshot::Writer::create(&OsFiles, &self.path, head)?;
        let live: Vec<usize> = (0..self.base_rows).filter(|row| !self.is_deleted(*row)).collect();
        let rows = (live.len() + self.recent.len()) as u64;
        let old = self.base.as_ref();
        let old_vectors: &[f32] = old.map_or(Ok(&[][..]), |base| base.view("vectors"))?;
        let old_ids: &[u64] = old.map_or(Ok(&[][..]), |base| base.view("ids"))?;
        let old_ends: &[u64] = old.map_or(Ok(&[][..]), |base| base.view("text.ends"))?;
        let old_text: &[u8] = old.map_or(Ok(&[][..]), |base| base.view("text"))?;
        let old_text_of = |row: usize| {
            let start = if row == 0 { 0 } else { old_ends[row - 1] };
            &old_text[start as usize..old_ends[row] as usize]
        };

        let width = self.dimensions as usize;
        let mut vectors = writer.stream::<f32>("vectors", self.dimensions, rows)?;
        // Rows that follow each other go in one piece.
        for run in live.chunk_by(|a, b| a + 1 == *b) {
            vectors.append(&old_vectors[run[0] * width..(run[run.len() - 1] + 1) * width])?;
        }
        for (vector, _) in self.recent.values() {
            vectors.append(vector)?;
        }
        vectors.finish()?;

        let ids: Vec<u64> = live.iter().map(|row| old_ids[*row]).chain(self.recent.keys().copied()).collect();
        writer.array("ids", &ids)?;
        let texts = live.iter().map(|row| old_text_of(*row));
        let texts = texts.chain(self.recent.values().map(|(_, text)| text.as_bytes()));
        let (mut ends, mut text) = (Vec::with_capacity(ids.len()), Vec::new());
        for part in texts {
            text.extend_from_slice(part);
            ends.push(text.len() as u64);
        }
        writer.array("text.ends", &ends)?;
        writer.array("text", &text)?;
        writer.array("next_id", &[self.next_id])?;
        writer.commit()?;

        // Only now is anything given up: the snapshot is on the disk.
        let covered = self.applied;
        let base = Snapshot::open(&self.path)?;
        self.build_on(base)?;
        self.recent.clear();
        self.changes = 0;
        self.wal.truncate(covered.next())
    }

    fn log(&mut self, record: Record, durability: Durability) -> Result<(), Error> {
        self.applied = self.wal.append(&record.encode(), durability)?;
        self.apply(record);
        let due = self.policy.changes_min.max(self.base_rows / 100 * self.policy.percent);
        if self.changes >= due { self.compact() } else { Ok(()) }
    }

    fn apply(&mut self, record: Record) {
        self.changes += 1;
        match record {
            Record::Insert { id, vector, text } => {
                self.next_id = id + 1;
                self.recent.insert(id, (vector, text));
            }
            Record::Delete { id } => {
                if self.recent.remove(&id).is_none()
                    && let Ok(Some((_, row))) = self.base_row(id)
                {
                    self.deleted[row / 64] |= 1 << (row % 64);
                    self.deleted_rows += 1;
                }
            }
        }
    }

    fn build_on(&mut self, base: Snapshot) -> Result<(), Error> {
        let vectors = base.array("vectors")?;
        assert_eq!(vectors.width(), self.dimensions, "the index in this directory has another dimension");
        self.base_rows = rows(&vectors);
        self.deleted = vec![0; self.base_rows.div_ceil(64)];
        self.deleted_rows = 0;
        self.next_id = base.view::<u64>("next_id")?[0];
        self.base = Some(base);
        Ok(())
    }

    /// The row of an id in the snapshot, unless it was deleted.
    fn base_row(&self, id: u64) -> Result<Option<(&Snapshot, usize)>, Error> {
        let Some(base) = &self.base else { return Ok(None) };
        let row = base.view::<u64>("ids")?.binary_search(&id).ok();
        Ok(row.filter(|row| !self.is_deleted(*row)).map(|row| (base, row)))
    }

    fn is_deleted(&self, row: usize) -> bool {
        self.deleted[row / 64] & 1 << (row % 64) != 0
    }
}

fn rows(array: &Array<'_>) -> usize {
    usize::try_from(array.rows()).expect("the array is in memory")
}
