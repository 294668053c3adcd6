use std::sync::Arc;

use crate::content::{SECTOR_LEN, Sector, is_zero, sector_sum};

/// A sector written since the last sync. A disk holds it as it was at that sync or after one of the
/// writes, since it is written from the page cache as it is at some moment.
#[derive(Debug, Clone)]
pub(super) struct Dirty {
    /// The hash of this sector in the durable content.
    pub(super) base: u128,
    /// Distinct contents.
    pub(super) versions: Vec<(Arc<Sector>, u128)>,
    /// Steps and the versions they made; the first is what is left without any.
    pub(super) moments: Vec<(u64, u16)>,
    /// A sync has failed since the last write, so that later ones may pass the sector over.
    pub(super) given_up: bool,
}

/// What a dirty sector may be in a file of some length.
pub(super) struct Options<'a> {
    pub(super) dirty: &'a Dirty,
    /// Of each version, cut at the length.
    pub(super) sums: Vec<u128>,
    /// One of each group of versions that are equal so.
    pub(super) distinct: Vec<u16>,
}

impl Dirty {
    pub(super) fn new(index: usize, sector: &Sector) -> Self {
        let base = sector_sum(index, sector);
        Self { base, versions: vec![(Arc::new(*sector), base)], moments: vec![(0, 0)], given_up: false }
    }

    pub(super) fn push(&mut self, step: u64, index: usize, sector: &Sector) {
        self.given_up = false;
        let known = self.versions.iter().position(|(version, _)| **version == *sector);
        let version = known.unwrap_or_else(|| {
            self.versions.push((Arc::new(*sector), sector_sum(index, sector)));
            self.versions.len() - 1
        });
        self.moments.push((step, u16::try_from(version).expect("a sector is written less often")));
    }

    pub(super) fn latest(&self) -> u128 {
        let version = self.moments.last().and_then(|(_, version)| self.versions.get(usize::from(*version)));
        version.map_or(self.base, |(_, sum)| *sum)
    }

    /// Forgets all but the latest version.
    pub(super) fn settle(&mut self) {
        let latest = self.moments.last().map_or(0, |(_, version)| usize::from(*version));
        if latest < self.versions.len() {
            self.versions.swap(0, latest);
            self.versions.truncate(1);
        }
        self.moments = vec![(0, 0)];
    }

    pub(super) fn options(&self, index: usize, len: usize) -> Options<'_> {
        let cut_at = len.saturating_sub(index * SECTOR_LEN);
        let sums: Vec<u128> =
            self.versions.iter().map(|(sector, sum)| cut_sum(index, sector, *sum, cut_at)).collect();
        let first = |(at, sum): (usize, &u128)| !sums.iter().take(at).any(|earlier| earlier == sum);
        let distinct = sums.iter().enumerate().filter(|seen| first(*seen));
        let distinct = distinct.filter_map(|(at, _)| u16::try_from(at).ok()).collect();
        Options { dirty: self, sums, distinct }
    }
}

/// The sum of a sector of which only the first bytes are in the file.
fn cut_sum(index: usize, sector: &Sector, sum: u128, cut_at: usize) -> u128 {
    if sector.get(cut_at..).is_none_or(is_zero) {
        return sum;
    }
    let mut cut = *sector;
    cut.iter_mut().skip(cut_at).for_each(|byte| *byte = 0);
    sector_sum(index, &cut)
}
