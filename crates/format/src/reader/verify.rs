use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::Reader;
use super::chunks::{Buffers, Chunks, Unit};
use crate::section::{Section, SectionLayout};
use crate::{Error, ReadAt};

/// Bytes after which a unit of work ends: large enough that handing it over costs nothing, small enough
/// that the threads end together.
const UNIT_LEN: u64 = 4 << 20;

/// What [`Reader::verify`] went through.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyReport {
    /// Bytes of the container, all of which were checked.
    pub bytes: u64,
    /// Chunks and pieces.
    pub chunks: u64,
    /// Sections.
    pub sections: u32,
    /// Places that are damaged; each was reported.
    pub damaged: u64,
    /// Chunks whose checksums hold but which this build can't decode.
    pub undecoded: u64,
}

/// What was found in one unit of work, or why the work can't go on.
type Found = Result<UnitReport, Error>;

#[derive(Debug, Default)]
struct UnitReport {
    damage: Vec<Error>,
    undecoded: u64,
}

impl<R: ReadAt> Reader<R> {
    /// Checks every byte that opening did not: headers, payloads and padding of all sections. Calls
    /// `on_damage` for each damaged chunk and goes on behind it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the source fails; damage is no error.
    pub fn verify(&self, on_damage: &mut dyn FnMut(Error)) -> Result<VerifyReport, Error> {
        let (mut report, mut buffers) = (self.verify_report(), Buffers::default());
        for section in self.sections() {
            for unit in self.units(section) {
                let found = self.verify_unit(&unit, &mut buffers)?;
                report.add(found, on_damage);
            }
        }
        Ok(report)
    }

    /// Does the same as [`Reader::verify`] on several threads, and reports the same damage in the same
    /// order. Threads that can't be had are done without.
    ///
    /// # Errors
    ///
    /// Those of [`Reader::verify`].
    pub fn verify_with(
        &self,
        threads: NonZeroUsize,
        on_damage: &mut dyn FnMut(Error),
    ) -> Result<VerifyReport, Error>
    where
        R: Sync,
    {
        let units: Vec<Unit> = self.sections().iter().flat_map(|section| self.units(section)).collect();
        let threads = threads.get().min(units.len());
        if threads <= 1 {
            return self.verify(on_damage);
        }
        let (units, next) = (units.as_slice(), &AtomicUsize::new(0));
        thread::scope(|scope| {
            let (send, receive) = sync_channel(2 * threads);
            let spawn = |_| {
                let send = send.clone();
                let work = move || self.verify_units(units, next, &send);
                usize::from(thread::Builder::new().spawn_scoped(scope, work).is_ok())
            };
            let spawned: usize = (0..threads).map(spawn).sum();
            drop(send);
            if spawned == 0 {
                return self.verify(on_damage);
            }
            self.collect(&receive, on_damage)
        })
    }

    /// Brings what the threads found into the order of the file.
    fn collect(
        &self,
        receive: &Receiver<(usize, Found)>,
        on_damage: &mut dyn FnMut(Error),
    ) -> Result<VerifyReport, Error> {
        let (mut report, mut next) = (self.verify_report(), 0);
        let mut early = std::collections::BTreeMap::new();
        for (index, found) in receive {
            early.insert(index, found);
            while let Some(found) = early.remove(&next) {
                report.add(found?, on_damage);
                next += 1;
            }
        }
        Ok(report)
    }

    /// Verifies units that no other thread has taken, until there are none or nobody wants to know.
    fn verify_units(&self, units: &[Unit], next: &AtomicUsize, send: &SyncSender<(usize, Found)>) {
        let mut buffers = Buffers::default();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(unit) = units.get(index) else { return };
            if send.send((index, self.verify_unit(unit, &mut buffers))).is_err() {
                return;
            }
        }
    }

    fn verify_unit(&self, unit: &Unit, buffers: &mut Buffers) -> Found {
        let mut report = UnitReport::default();
        let mut chunks = Chunks::of_unit(self, unit, std::mem::take(buffers));
        while let Some(result) = chunks.verify_next() {
            match result {
                Ok(()) => {}
                Err(error @ (Error::Io { .. } | Error::OutOfMemory { .. })) => return Err(error),
                Err(error) if error.is_of_build() => report.undecoded += 1,
                Err(error) => report.damage.push(error),
            }
        }
        *buffers = chunks.into_buffers();
        Ok(report)
    }

    /// Cuts a section into units.
    fn units(&self, section: &Section) -> impl Iterator<Item = Unit> {
        self.units_of(section, UNIT_LEN)
    }

    /// Cuts a section into units of at least `unit_len` bytes, but for the last.
    pub(super) fn units_of(&self, section: &Section, unit_len: u64) -> impl Iterator<Item = Unit> {
        let (section, entries) = (*section, self.chunk_entries(section));
        let spans = entries.iter().map(move |entry| match section.layout {
            SectionLayout::Coded => entry.span(),
            SectionLayout::Raw => entry.stored_len.into(),
        });
        let mut spans = (1..).zip(spans).peekable();
        let mut begun = Some((0, section.offset));
        std::iter::from_fn(move || {
            let (start, offset) = begun.take()?;
            // The pieces of a raw section begin behind its header.
            let mut end_offset = match section.layout {
                SectionLayout::Raw if start == 0 => section.raw_payload_offset(),
                _ => offset,
            };
            let (first, mut end) = (end_offset, start);
            while end_offset - first < unit_len
                && let Some((behind, span)) = spans.next()
            {
                (end, end_offset) = (behind, end_offset + span);
            }
            if spans.peek().is_some() {
                begun = Some((end, end_offset));
            }
            let chunks: Range<u32> = start..end;
            Some(Unit { section, chunks, offset })
        })
    }

    fn verify_report(&self) -> VerifyReport {
        let sections = self.sections();
        VerifyReport {
            bytes: self.bytes(),
            chunks: sections.iter().map(|section| u64::from(section.chunk_count)).sum(),
            sections: u32::try_from(sections.len()).unwrap_or(u32::MAX),
            ..VerifyReport::default()
        }
    }
}

impl VerifyReport {
    fn add(&mut self, found: UnitReport, on_damage: &mut dyn FnMut(Error)) {
        self.undecoded += found.undecoded;
        self.damaged += found.damage.len() as u64;
        found.damage.into_iter().for_each(on_damage);
    }
}
