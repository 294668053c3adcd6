use std::{fmt, sync::Arc};

use crate::hash;

/// What a disk writes whole or not at all.
pub(crate) const SECTOR_LEN: usize = 512;

const PAGE_LEN: usize = 8 * SECTOR_LEN;

pub(crate) type Sector = [u8; SECTOR_LEN];

static ZEROS: Sector = [0; SECTOR_LEN];

/// The bytes of a file. Clones share them page by page until one is written to.
#[derive(Clone, Default)]
pub(crate) struct Content {
    len: usize,
    /// A missing page is all zeros, and so is what a page has beyond the length.
    pages: Arc<Vec<Option<Arc<[u8; PAGE_LEN]>>>>,
}

impl Content {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Fills `buf` from `offset` on, as far as the file goes, and answers the count.
    pub(crate) fn read(&self, buf: &mut [u8], offset: usize) -> usize {
        let count = self.len.saturating_sub(offset).min(buf.len());
        let mut rest = buf.get_mut(..count).unwrap_or_default();
        let mut at = offset;
        while !rest.is_empty() {
            let within = at % PAGE_LEN;
            let part = rest.len().min(PAGE_LEN - within);
            let (now, later) = rest.split_at_mut(part);
            match self.page(at / PAGE_LEN).and_then(|page| page.get(within..within + part)) {
                Some(from) => now.copy_from_slice(from),
                None => now.fill(0),
            }
            rest = later;
            at += part;
        }
        count
    }

    /// Writes, and makes the file longer where that is needed.
    pub(crate) fn write(&mut self, data: &[u8], offset: usize) {
        self.grow(offset + data.len());
        let pages = Arc::make_mut(&mut self.pages);
        let mut rest = data;
        let mut at = offset;
        while !rest.is_empty() {
            let within = at % PAGE_LEN;
            let (now, later) = rest.split_at(rest.len().min(PAGE_LEN - within));
            if let Some(page) = pages.get_mut(at / PAGE_LEN)
                && (page.is_some() || !is_zero(now))
            {
                let page = Arc::make_mut(page.get_or_insert_with(|| Arc::new([0; PAGE_LEN])));
                if let Some(to) = page.get_mut(within..within + now.len()) {
                    to.copy_from_slice(now);
                }
            }
            rest = later;
            at += now.len();
        }
    }

    /// Makes the file longer, by zeros. A smaller length changes nothing.
    pub(crate) fn grow(&mut self, len: usize) {
        self.len = self.len.max(len);
        let pages = self.len.div_ceil(PAGE_LEN);
        if self.pages.len() < pages {
            Arc::make_mut(&mut self.pages).resize(pages, None);
        }
    }

    /// Sets what of a sector lies below the length.
    pub(crate) fn set_sector(&mut self, index: usize, sector: &Sector) {
        let start = index * SECTOR_LEN;
        let part = self.len.saturating_sub(start).min(SECTOR_LEN);
        self.write(sector.get(..part).unwrap_or_default(), start.min(self.len));
    }

    /// A sector, with zeros where the file has ended.
    pub(crate) fn sector(&self, index: usize) -> &Sector {
        let at = index * SECTOR_LEN;
        let page = self.page(at / PAGE_LEN).and_then(|page| page.get(at % PAGE_LEN..));
        page.and_then(|page| page.first_chunk()).unwrap_or(&ZEROS)
    }

    /// The sum of the hashes of all sectors.
    pub(crate) fn sum(&self) -> u128 {
        let held = self.pages.iter().enumerate().filter(|(_, page)| page.is_some());
        let sectors =
            held.flat_map(|(page, _)| page * PAGE_LEN / SECTOR_LEN..(page + 1) * PAGE_LEN / SECTOR_LEN);
        sectors.map(|index| sector_sum(index, self.sector(index))).fold(0, u128::wrapping_add)
    }

    fn page(&self, index: usize) -> Option<&[u8; PAGE_LEN]> {
        self.pages.get(index)?.as_deref()
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        let sectors = self.len.div_ceil(SECTOR_LEN);
        self.len == other.len && (0..sectors).all(|index| self.sector(index) == other.sector(index))
    }
}

impl Eq for Content {}

/// Shows the length and the first bytes.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes ", self.len)?;
        let first = self.sector(0).iter().take(self.len.min(16));
        first.clone().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The hash of a sector in its place; 0 for zeros, so that what is not there needs none.
pub(crate) fn sector_sum(index: usize, sector: &Sector) -> u128 {
    if is_zero(sector) { 0 } else { hash::bytes(index as u128 + 1, sector) }
}

pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (sectors, rest) = bytes.as_chunks::<SECTOR_LEN>();
    sectors.iter().all(|sector| *sector == ZEROS) && ZEROS.get(..rest.len()) == Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &Content) -> Vec<u8> {
        let mut bytes = vec![9; content.len() + 3];
        assert_eq!(content.read(&mut bytes, 0), content.len());
        bytes.truncate(content.len());
        bytes
    }

    #[test]
    fn a_clone_keeps_what_the_other_writes_over() {
        let mut first = Content::default();
        first.write(&[1; 5000], 0);
        let second = first.clone();
        first.write(&[2; 5000], 4000);
        assert_eq!(read(&second), [1; 5000]);
        assert_eq!(read(&first), [vec![1; 4000], vec![2; 5000]].concat());
        assert_ne!(first.sum(), second.sum());
    }

    #[test]
    fn zeros_take_no_pages_and_read_as_zeros() {
        let mut content = Content::default();
        content.write(&vec![0; 1 << 16], 100);
        assert!(content.pages.iter().all(Option::is_none));
        assert_eq!((read(&content), content.sum()), (vec![0; 100 + (1 << 16)], 0));
    }

    #[test]
    fn a_sector_is_cut_at_the_end_of_the_file() {
        let mut content = Content::default();
        content.grow(600);
        content.set_sector(1, &[7; SECTOR_LEN]);
        content.set_sector(2, &[7; SECTOR_LEN]);
        assert_eq!(read(&content), [vec![0; 512], vec![7; 88]].concat());
        content.grow(700);
        assert_eq!(read(&content)[600..], [0; 100]);
    }
}
