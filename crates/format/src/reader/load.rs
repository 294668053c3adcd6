use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Reader;
use super::chunks::{Buffers, Chunks, Unit, Window};
use crate::limits::CHUNK_LEN;
use crate::section::{Section, SectionLayout};
use crate::{Error, ReadAt};

/// Bytes that are read, and checked while they are in the cache of the processor.
const REGION_LEN: u64 = 1 << 20;

/// Bytes that follow each other, with the chunks among them.
struct Region<'d> {
    /// The head has no chunks.
    unit: Option<Unit>,
    offset: u64,
    dest: &'d mut [u8],
}

impl<R: ReadAt> Reader<R> {
    /// Reads the whole container into `dest`, which is as long as it, and checks the checksums of all
    /// sections on the way, on several threads. Threads that can't be had are done without.
    ///
    /// Coded sections are not decoded. Behind [`Reader::with_source`] the sections are found in `dest`.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] when `dest` has another length; the first damage, in the order of the file; [`Error::Io`]. Then `dest`
    /// holds anything.
    pub fn load(&self, dest: &mut [u8], threads: NonZeroUsize) -> Result<(), Error>
    where
        R: Sync,
    {
        if dest.len() as u64 != self.bytes() {
            return Err(Error::Misuse { what: "the memory to load into is not as long as the container" });
        }
        let mut regions = Vec::new();
        let (mut rest, mut offset, mut begun) = (dest, 0, None);
        let units = self.sections().iter().flat_map(|section| self.units_of(section, REGION_LEN));
        for next in units.map(Some).chain([None]) {
            let end = next.as_ref().map_or(self.bytes(), |unit| unit.offset);
            let len = usize::try_from(end - offset).unwrap_or(usize::MAX);
            let (dest, behind) = rest.split_at_mut_checked(len).unwrap_or_default();
            regions.push(Region { unit: begun, offset, dest });
            (rest, offset, begun) = (behind, end, next);
        }
        let threads = threads.get().min(regions.len());
        work_through(regions, threads, |region, buffers| self.load_region(region, buffers))
    }

    /// Checks what stands around a section and some of its chunks or pieces, without decoding them, on
    /// several threads.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for a section of another container or chunks that it doesn't have; the first
    /// damage, in the order of the file; [`Error::Io`].
    pub fn check(&self, section: &Section, chunks: Range<u32>, threads: NonZeroUsize) -> Result<(), Error>
    where
        R: Sync,
    {
        self.check_own(section)?;
        let units = self.units_within(section, chunks)?;
        let threads = threads.get().min(units.len());
        work_through(units, threads, |unit, buffers| self.check_unit(&unit, Window::default(), buffers))
    }

    /// Checks what stands around all sections and all their chunks and pieces, without decoding them, on several threads.
    ///
    /// # Errors
    ///
    /// The first damage, in the order of the file; [`Error::Io`].
    pub fn check_all(&self, threads: NonZeroUsize) -> Result<(), Error>
    where
        R: Sync,
    {
        let units = self.sections().iter().flat_map(|section| self.units_of(section, REGION_LEN));
        let units: Vec<Unit> = units.collect();
        let threads = threads.get().min(units.len());
        work_through(units, threads, |unit, buffers| self.check_unit(&unit, Window::default(), buffers))
    }

    pub(super) fn units_within(&self, section: &Section, chunks: Range<u32>) -> Result<Vec<Unit>, Error> {
        let mut units = Vec::new();
        if chunks.end > section.chunk_count || chunks.start > chunks.end {
            return Err(Error::Misuse { what: "the section has fewer chunks than are to be checked" });
        }
        let entries = self.chunk_entries(section);
        let mut offset = match section.layout {
            SectionLayout::Raw => section.raw_payload_offset(),
            SectionLayout::Coded => section.offset,
        };
        for (index, entry) in (0..chunks.end).zip(entries) {
            let span = match section.layout {
                SectionLayout::Raw => entry.stored_len.into(),
                SectionLayout::Coded => entry.span(),
            };
            if index >= chunks.start {
                units.push(Unit { section: *section, chunks: index..index + 1, offset });
            }
            offset += span;
        }
        if units.is_empty() {
            // An empty raw section has a header all the same.
            units.push(Unit { section: *section, chunks: chunks.start..chunks.start, offset });
        }
        Ok(units)
    }

    fn load_region(&self, region: Region<'_>, buffers: &mut Buffers) -> Result<(), Error> {
        let Region { unit, offset, dest } = region;
        self.source
            .read_exact_at(offset, dest)
            .map_err(|source| Error::Io { op: "reading the container", source })?;
        match unit {
            Some(unit) => self.check_unit(&unit, Window { offset, bytes: dest }, buffers),
            None => Ok(()),
        }
    }

    fn check_unit(&self, unit: &Unit, window: Window<'_>, buffers: &mut Buffers) -> Result<(), Error> {
        let mut chunks = Chunks::of_unit(self, unit, std::mem::take(buffers)).with_window(window);
        while let Some(checked) = chunks.check_next() {
            checked?;
        }
        *buffers = chunks.into_buffers();
        Ok(())
    }
}

/// Does `work` for all items on several threads, until one fails; returns the error of the first that does.
pub(super) fn work_through<T: Send>(
    items: Vec<T>,
    threads: usize,
    work: impl Fn(T, &mut Buffers) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let items = Mutex::new(items.into_iter().enumerate());
    let failed = Mutex::new(None);
    // Items are taken in order, so one before the first that failed is done or in work.
    let first_failed = AtomicUsize::new(usize::MAX);
    let crew = || {
        let mut buffers = Buffers::default();
        loop {
            let next = items.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, item)) = next else { return };
            if index > first_failed.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = work(item, &mut buffers) {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if index < first_failed.fetch_min(index, Ordering::Relaxed) {
                    *failed = Some(error);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            if thread::Builder::new().spawn_scoped(scope, crew).is_err() {
                break;
            }
        }
        crew();
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

const _: () = assert!(REGION_LEN == CHUNK_LEN as u64);
