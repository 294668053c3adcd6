use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::image::Found;

/// What a disk writes whole or not at all.
const SECTOR_LEN: usize = 512;

type Sector = [u8; SECTOR_LEN];

/// A file of the simulated disk: what a reader sees, and what of it a crash may leave.
#[derive(Debug, Clone)]
pub(crate) struct Inode {
    visible: Vec<u8>,
    /// Of each sector written since the last sync: the content at that sync and after each write. A
    /// disk holds one of these, since a sector is written from the page cache as it is at some moment.
    dirty: BTreeMap<usize, Vec<Sector>>,
    /// The length at the last sync and every length since at which the file may have been cut.
    lens: BTreeSet<usize>,
    /// The mode at the last full sync and each since.
    modes: Vec<u32>,
}

impl Inode {
    pub(crate) fn new() -> Self {
        Self { visible: Vec::new(), dirty: BTreeMap::new(), lens: BTreeSet::from([0]), modes: vec![0o644] }
    }

    pub(crate) fn write(&mut self, data: &[u8], offset: usize) {
        let end = offset + data.len();
        let first = offset / SECTOR_LEN;
        let touched = first..end.div_ceil(SECTOR_LEN);
        for index in touched.clone() {
            let before = self.sector(index);
            self.dirty.entry(index).or_insert_with(|| vec![before]);
        }
        let old_len = self.visible.len();
        if old_len < end {
            // The length may grow without the data, and sector by sector.
            let bounds = (old_len / SECTOR_LEN + 1..=end / SECTOR_LEN).map(|i| i * SECTOR_LEN);
            self.lens.extend(bounds);
            self.lens.insert(end);
            self.visible.resize(end, 0);
        }
        if let Some(to) = self.visible.get_mut(offset..end) {
            to.copy_from_slice(data);
        }
        for index in touched {
            let after = self.sector(index);
            self.dirty.entry(index).or_default().push(after);
        }
    }

    pub(crate) fn set_mode(&mut self, mode: u32) {
        self.modes.push(mode);
    }

    pub(crate) fn sync_data(&mut self) {
        self.dirty.clear();
        self.lens = BTreeSet::from([self.visible.len()]);
    }

    pub(crate) fn sync_all(&mut self) {
        self.sync_data();
        let settled = self.modes.len().saturating_sub(1);
        self.modes.drain(..settled);
    }

    /// How many states [`states`](Self::states) goes through, equal ones counted apart.
    pub(crate) fn count(&self) -> u64 {
        let contents = self.lens.iter().map(|&len| {
            let choices = self.below(len).map(|(_, versions)| versions.len() as u64);
            choices.fold(1, u64::saturating_mul)
        });
        let contents = contents.fold(0, u64::saturating_add);
        contents.saturating_mul(self.modes.len() as u64)
    }

    /// Every distinct state that a crash may leave.
    pub(crate) fn states(&self) -> Vec<Found> {
        let mut contents = BTreeSet::new();
        for &len in &self.lens {
            let mut base = self.visible.clone();
            base.resize(len, 0);
            let mut partial = BTreeSet::from([base]);
            for (index, versions) in self.below(len) {
                partial = partial
                    .iter()
                    .flat_map(|bytes| versions.iter().map(|v| with_sector(bytes, index, v)))
                    .collect();
            }
            contents.append(&mut partial);
        }
        let contents: Vec<Arc<[u8]>> = contents.into_iter().map(Arc::from).collect();
        let modes: BTreeSet<u32> = self.modes.iter().copied().collect();
        let pairs =
            modes.iter().flat_map(|&mode| contents.iter().map(move |bytes| (mode, Arc::clone(bytes))));
        pairs.map(|(mode, bytes)| Found::File { bytes, mode }).collect()
    }

    /// The dirty sectors that a file of `len` bytes reaches into.
    fn below(&self, len: usize) -> impl Iterator<Item = (usize, &Vec<Sector>)> {
        let sectors = self.dirty.range(..len.div_ceil(SECTOR_LEN));
        sectors.map(|(&index, versions)| (index, versions))
    }

    fn sector(&self, index: usize) -> Sector {
        let start = index * SECTOR_LEN;
        let rest = self.visible.get(start..).unwrap_or_default();
        let mut sector = [0; SECTOR_LEN];
        for (to, from) in sector.iter_mut().zip(rest) {
            *to = *from;
        }
        sector
    }
}

fn with_sector(bytes: &[u8], index: usize, sector: &Sector) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let rest = changed.get_mut(index * SECTOR_LEN..).unwrap_or_default();
    for (to, from) in rest.iter_mut().zip(sector) {
        *to = *from;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(inode: &Inode) -> Vec<(usize, u8)> {
        let of = |found: &Found| match found {
            Found::File { bytes, .. } => (bytes.len(), bytes.iter().copied().max().unwrap_or(0)),
            Found::Dir => (0, 0),
        };
        let mut all: Vec<_> = inode.states().iter().map(of).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn a_new_sector_is_absent_zero_or_written() {
        let mut inode = Inode::new();
        inode.write(&[7; 100], 0);
        assert_eq!(lens(&inode), [(0, 0), (100, 0), (100, 7)]);
    }

    #[test]
    fn two_sectors_are_kept_lost_and_torn_apart() {
        let mut inode = Inode::new();
        inode.write(&[7; 1024], 0);
        // Nothing; one sector without and with data; two with each subset of the data.
        assert_eq!(inode.states().len(), 1 + 2 + 4);
        assert_eq!(inode.count(), 1 + 2 + 4);
        inode.sync_data();
        assert_eq!(lens(&inode), [(1024, 7)]);
    }

    #[test]
    fn a_sector_written_twice_is_one_of_its_moments() {
        let mut inode = Inode::new();
        inode.write(&[1; 512], 0);
        inode.sync_data();
        inode.write(&[2; 256], 0);
        inode.write(&[3; 256], 256);
        assert_eq!(lens(&inode), [(512, 1), (512, 2), (512, 3)]);
    }

    #[test]
    fn eight_sectors_are_511_states() {
        let mut inode = Inode::new();
        inode.write(&[1; 4096], 0);
        assert_eq!(inode.states().len(), 511);
    }

    #[test]
    fn a_data_sync_does_not_keep_the_mode_and_a_full_one_does() {
        let mut inode = Inode::new();
        inode.set_mode(0o600);
        inode.sync_data();
        assert_eq!(inode.states().len(), 2);
        inode.sync_all();
        let bytes = Arc::from([]);
        assert_eq!(inode.states(), [Found::File { bytes, mode: 0o600 }]);
    }
}
