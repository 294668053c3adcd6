use std::borrow::Cow;
use std::num::NonZeroUsize;

use super::Reader;
use super::chunks::{Chunks, Unit};
use super::load::work_through;
use crate::section::Section;
use crate::{Error, ReadAt};

/// Bytes to decode that pay for one more thread.
const DECODED_PER_THREAD: u64 = 1 << 20;
/// Bytes to check, which is faster, that pay for one more thread.
const CHECKED_PER_THREAD: u64 = 8 << 20;

/// A chunk that is to be read, and where it goes.
struct Task<'r, 't> {
    unit: Unit,
    dest: &'t mut Cow<'r, [u8]>,
}

impl<R: ReadAt> Reader<R> {
    /// Reads several sections, checking and decoding their chunks on at most so many threads, and returns the
    /// chunks of each, in the order of `sections`. Put one behind the other, the chunks of a section are what
    /// [`Reader::read`] returns.
    ///
    /// What is stored as it is and lent by the source is borrowed. The calling thread decodes as well;
    /// threads that there is no work for, or that can't be had, are done without. Beside what is returned
    /// each thread has memory for one chunk.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] when the sections together decode to more than [`Limits::decoded_max`](crate::Limits::decoded_max), before
    /// anything is read; else the error of the first chunk that has one, in the order of `sections`, whatever the number of threads:
    /// those of [`Reader::read_into`]. [`Error::Misuse`] for a section of another container.
    pub fn read_many(
        &self,
        sections: &[&Section],
        threads: NonZeroUsize,
    ) -> Result<Vec<Vec<Cow<'_, [u8]>>>, Error>
    where
        R: Sync,
    {
        self.check_decoded_lens(sections)?;
        let chunks_of = |section: &&Section| vec![Cow::default(); self.chunk_entries(section).len()];
        let mut chunks: Vec<Vec<Cow<'_, [u8]>>> = sections.iter().map(chunks_of).collect();
        let mut tasks = Vec::new();
        let mut frames: Vec<Cow<'_, [u8]>> = vec![Cow::default(); sections.len()];
        for ((section, chunks), frame) in sections.iter().zip(&mut chunks).zip(&mut frames) {
            let units = self.units_within(section, 0..section.chunk_count)?;
            // An empty raw section has a unit and no chunk.
            let dests = chunks.iter_mut().chain([frame]);
            tasks.extend(units.into_iter().zip(dests).map(|(unit, dest)| Task { unit, dest }));
        }
        let threads = self.threads_for(sections, threads).min(tasks.len());
        work_through(tasks, threads, |Task { unit, dest }, buffers| {
            let mut next = Chunks::of_unit(self, &unit, std::mem::take(buffers));
            let result = next.next();
            *buffers = next.into_buffers();
            if let Some(chunk) = result.transpose()? {
                *dest = chunk;
            }
            Ok(())
        })?;
        Ok(chunks)
    }

    /// Checks that the sections are of this container and within the limit.
    fn check_decoded_lens(&self, sections: &[&Section]) -> Result<(), Error> {
        let (mut needs, allowed) = (0_u64, self.limits.decoded_max);
        for section in sections {
            self.check_own(section)?;
            needs = needs.saturating_add(section.decoded_len);
        }
        if needs <= allowed {
            return Ok(());
        }
        let what = "bytes of decoded sections (raise Limits::decoded_max if the source is trusted)";
        Err(Error::Limit { what, needs, allowed })
    }

    /// Returns how many threads are worth their start.
    fn threads_for(&self, sections: &[&Section], allowed: NonZeroUsize) -> usize {
        let (mut decoded, mut checked) = (0, 0);
        for entry in sections.iter().flat_map(|section| self.chunk_entries(section)) {
            let len = if entry.is_verbatim() { &mut checked } else { &mut decoded };
            *len += u64::from(entry.decoded_len);
        }
        let paid = decoded / DECODED_PER_THREAD + checked / CHECKED_PER_THREAD;
        usize::try_from(paid).unwrap_or(usize::MAX).clamp(1, allowed.get())
    }
}
