use std::collections::BTreeSet;
use std::io::Write;

use super::Writer;
use super::crew::{self, Crew};
use super::job::{Job, Jobs};
use crate::chunk::ChunkHeader;
use crate::limits::SECTIONS_MAX;
use crate::section::SectionLayout;
use crate::{Error, SectionId, SectionOptions};

/// A coded section that is there as a whole, for [`Writer::coded_all`].
#[derive(Debug, Clone, Copy)]
pub struct CodedSection<'a> {
    pub(super) id: SectionId,
    pub(super) instance: u32,
    pub(super) pieces: &'a [&'a [u8]],
    pub(super) options: SectionOptions,
}

impl<'a> CodedSection<'a> {
    /// A section whose bytes are those of `pieces`, one behind the other.
    pub fn new(id: SectionId, instance: u32, pieces: &'a [&'a [u8]], options: SectionOptions) -> Self {
        Self { id, instance, pieces, options }
    }
}

impl<W: Write> Writer<W> {
    /// Writes coded sections, one behind the other, and encodes their chunks on as many threads as
    /// [`WriterOptions::threads`](crate::WriterOptions::threads) says. The bytes are the same for any number
    /// of threads, and the same as those of one call of [`Writer::coded_from_with`] for each section.
    ///
    /// The calling thread encodes as well and is the only one that writes. Besides it there are at most
    /// as many threads as there is work for; threads that can't be had are done without. Beside the pieces there
    /// is memory for two encoded chunks more than there are threads, and for what each thread prepares one of.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateSection`], [`Error::Limit`] for more sections than a container may have,
    /// [`Error::CodecNotBuilt`], and [`Error::Misuse`] for options that nothing can be written with: after
    /// these the writer goes on as if it had not been asked. [`Error::Poisoned`], [`Error::Limit`] for more
    /// chunks than a container may have, [`Error::OutOfMemory`], [`Error::Io`].
    pub fn coded_all(&mut self, sections: &[CodedSection<'_>]) -> Result<(), Error> {
        self.check_ready()?;
        self.check_all(sections)?;
        let threads = crew::threads_for(sections, self.threads);
        if threads > 1 {
            return self.put_together(sections, threads);
        }
        Jobs::new(sections).try_for_each(|job| {
            self.open_for(&job)?;
            self.put_alone(&job)
        })
    }

    /// Checks what can be known before anything is written.
    fn check_all(&self, sections: &[CodedSection<'_>]) -> Result<(), Error> {
        let mut new = BTreeSet::new();
        for (place, section) in (1..).zip(sections) {
            section.options.check()?;
            let (needs, allowed) = (self.tables.sections.len() as u64 + place, SECTIONS_MAX.into());
            if needs > allowed {
                return Err(Error::Limit { what: "sections of a container", needs, allowed });
            }
            let (id, instance) = (section.id, section.instance);
            if self.seen.contains(&(id, instance)) || (sections.len() > 1 && !new.insert((id, instance))) {
                return Err(Error::DuplicateSection { id, instance });
            }
        }
        Ok(())
    }

    /// Encodes chunks on several threads and writes them in order.
    fn put_together(&mut self, sections: &[CodedSection<'_>], threads: usize) -> Result<(), Error> {
        let crew = Crew::new(sections, self.epoch, threads, std::mem::take(&mut self.idle));
        let result = crew.work(threads, |job, header, buffer| {
            // A chunk that could not be encoded leaves its section unfinished.
            self.open_for(job)?;
            self.put_encoded(job, header?, buffer)
        });
        self.idle = crew.into_idle();
        result
    }

    /// Opens the section that a job is the first of.
    fn open_for(&mut self, job: &Job<'_>) -> Result<(), Error> {
        if job.index == 0 { self.open_section(job.id, job.instance, SectionLayout::Coded) } else { Ok(()) }
    }

    /// Encodes and writes one chunk of the section that is open.
    pub(super) fn put_alone(&mut self, job: &Job<'_>) -> Result<(), Error> {
        let (mut tools, mut buffer) = self.idle.take();
        let header = job.encode(self.epoch, &mut tools, &mut buffer);
        let result = header.and_then(|header| self.put_encoded(job, header, &buffer));
        self.idle.put_back(tools, buffer);
        result
    }

    /// Writes a chunk that was encoded, and with the last one closes the section.
    fn put_encoded(&mut self, job: &Job<'_>, header: ChunkHeader, buffer: &[u8]) -> Result<(), Error> {
        self.out.put(&header.encode(self.epoch))?;
        if header.entry.is_verbatim() {
            job.pieces.clone().take(job.len, |slice| self.out.put(slice))?;
        } else {
            self.out.put(buffer.get(..header.entry.stored_len()).unwrap_or_default())?;
        }
        self.out.pad(8)?;
        self.push_chunk(header.entry)?;
        if job.is_last {
            self.close_section();
        }
        Ok(())
    }
}
