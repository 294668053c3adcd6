use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::batch::CodedSection;
use super::job::{Job, Jobs, Tools};
use super::pieces::Pieces;
use crate::Error;
use crate::chunk::ChunkHeader;

/// Returns how many threads are worth their start: each has as much to encode as a chunk has at least. Chunks that are only summed and handed on count for
/// nothing: measured with two threads, they were written no faster.
pub(super) fn threads_for(sections: &[CodedSection<'_>], allowed: NonZeroUsize) -> usize {
    if allowed == NonZeroUsize::MIN {
        return 1;
    }
    let is_encoded = |section: &&CodedSection<'_>| !section.options.is_verbatim();
    let encoded = || sections.iter().filter(is_encoded);
    let Some(chunk_len) = encoded().map(|section| section.options.chunk_len.max(1)).min() else { return 1 };
    let lens = encoded().map(|section| Pieces::new(section.pieces).len());
    let paid = lens.fold(0, u64::saturating_add) / u64::from(chunk_len);
    usize::try_from(paid).unwrap_or(usize::MAX).clamp(1, allowed.get())
}

/// Memory that waits for the next chunk.
#[derive(Default)]
pub(super) struct Idle {
    /// What a thread that is alone has: a container of short sections needs no lists.
    alone: Option<(Tools, Vec<u8>)>,
    tools: Vec<Tools>,
    buffers: Vec<Vec<u8>>,
}

impl Idle {
    pub(super) fn take(&mut self) -> (Tools, Vec<u8>) {
        self.alone.take().unwrap_or_else(|| (self.take_tools(), self.take_buffer()))
    }

    pub(super) fn put_back(&mut self, tools: Tools, buffer: Vec<u8>) {
        self.alone = Some((tools, buffer));
    }

    fn take_tools(&mut self) -> Tools {
        if let Some((tools, buffer)) = self.alone.take() {
            self.buffers.push(buffer);
            return tools;
        }
        self.tools.pop().unwrap_or_default()
    }

    fn take_buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }
}

/// Threads that encode chunks, of which one writes them in order.
pub(super) struct Crew<'a> {
    state: Mutex<State<'a>>,
    /// Rung when the chunk that is to be written next may be there, and when there may be something to do.
    bell: Condvar,
    epoch: u64,
    /// Most chunks that are being encoded or wait to be written; beside them one is being written.
    in_flight_max: usize,
}

struct State<'a> {
    jobs: Jobs<'a>,
    /// Whether there are no more jobs.
    is_out_of_jobs: bool,
    /// Chunks that were taken and not written, in order; those that are encoded are there.
    in_flight: VecDeque<Option<Done<'a>>>,
    /// The number of the first of them.
    first: u64,
    idle: Idle,
    /// Whether nobody wants what is encoded any more.
    is_over: bool,
}

struct Done<'a> {
    job: Job<'a>,
    header: Result<ChunkHeader, Error>,
    buffer: Vec<u8>,
}

/// What the one who writes does next.
enum Next<'a> {
    Write(Done<'a>),
    Encode(Taken<'a>),
    End,
}

struct Taken<'a> {
    number: u64,
    job: Job<'a>,
    buffer: Vec<u8>,
}

impl<'a> Crew<'a> {
    pub(super) fn new(sections: &'a [CodedSection<'a>], epoch: u64, threads: usize, idle: Idle) -> Self {
        let state = State {
            jobs: Jobs::new(sections),
            is_out_of_jobs: false,
            in_flight: VecDeque::new(),
            first: 0,
            idle,
            is_over: false,
        };
        Self {
            state: Mutex::new(state),
            bell: Condvar::new(),
            epoch,
            in_flight_max: threads.saturating_add(1),
        }
    }

    /// Encodes all chunks, and calls `write` for each in order, on this thread, until it fails.
    pub(super) fn work(
        &self,
        threads: usize,
        mut write: impl FnMut(&Job<'a>, Result<ChunkHeader, Error>, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        thread::scope(|scope| {
            // Whether it returns or panics, nobody goes on behind it.
            let _end = End { crew: self, is_always: true };
            for _ in 1..threads {
                if thread::Builder::new().spawn_scoped(scope, || self.encode_all()).is_err() {
                    break;
                }
            }
            let mut tools = self.lock().idle.take_tools();
            loop {
                match self.next() {
                    Next::Write(Done { job, header, buffer }) => {
                        write(&job, header, &buffer)?;
                        self.lock().idle.buffers.push(buffer);
                    }
                    Next::Encode(taken) => self.encode(taken, &mut tools),
                    Next::End => break,
                }
            }
            self.lock().idle.tools.push(tools);
            Ok(())
        })
    }

    pub(super) fn into_idle(self) -> Idle {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).idle
    }

    /// Encodes chunks until there are none.
    fn encode_all(&self) {
        let _end = End { crew: self, is_always: false };
        let mut tools = self.lock().idle.take_tools();
        while let Some(taken) = self.wait_for_job() {
            self.encode(taken, &mut tools);
        }
        self.lock().idle.tools.push(tools);
    }

    fn encode(&self, taken: Taken<'a>, tools: &mut Tools) {
        let Taken { number, job, mut buffer } = taken;
        let header = job.encode(self.epoch, tools, &mut buffer);
        let mut state = self.lock();
        let place = usize::try_from(number - state.first).unwrap_or(usize::MAX);
        if let Some(slot) = state.in_flight.get_mut(place) {
            *slot = Some(Done { job, header, buffer });
        }
        drop(state);
        if place == 0 {
            self.bell.notify_all();
        }
    }

    /// Waits until there is a chunk to write or one to encode; writing comes first, since it makes room.
    fn next(&self) -> Next<'a> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return Next::End;
            }
            if let Some(Some(_)) = state.in_flight.front()
                && let Some(Some(done)) = state.in_flight.pop_front()
            {
                state.first += 1;
                drop(state);
                self.bell.notify_all();
                return Next::Write(done);
            }
            if let Some(taken) = state.take(self.in_flight_max) {
                return Next::Encode(taken);
            }
            if state.in_flight.is_empty() {
                return Next::End;
            }
            state = self.wait(state);
        }
    }

    fn wait_for_job(&self) -> Option<Taken<'a>> {
        let mut state = self.lock();
        loop {
            if state.is_over || state.is_out_of_jobs {
                return None;
            }
            if let Some(taken) = state.take(self.in_flight_max) {
                return Some(taken);
            }
            if state.is_out_of_jobs {
                return None;
            }
            state = self.wait(state);
        }
    }

    // Nothing that can panic is done under the lock.
    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State<'a>>) -> MutexGuard<'g, State<'a>> {
        self.bell.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> State<'a> {
    fn take(&mut self, in_flight_max: usize) -> Option<Taken<'a>> {
        if self.in_flight.len() >= in_flight_max {
            return None;
        }
        let Some(job) = self.jobs.next() else {
            self.is_out_of_jobs = true;
            return None;
        };
        let number = self.first + self.in_flight.len() as u64;
        self.in_flight.push_back(None);
        Some(Taken { number, job, buffer: self.idle.take_buffer() })
    }
}

/// Ends the work of the others when its thread panics, or always.
struct End<'c, 'a> {
    crew: &'c Crew<'a>,
    is_always: bool,
}

impl Drop for End<'_, '_> {
    fn drop(&mut self) {
        if self.is_always || thread::panicking() {
            self.crew.lock().is_over = true;
            self.crew.bell.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Filter, SectionId, SectionOptions};

    #[test]
    fn a_slow_writer_holds_the_others_up() {
        let data = vec![7; 8 << 20];
        let pieces: [&[u8]; 1] = [&data];
        let options = SectionOptions::new(Codec::None).filter(Filter::Shuffle { width: 2 });
        let sections = [CodedSection::new(SectionId::BYTES, 0, &pieces, options)];
        assert_eq!(threads_for(&sections, NonZeroUsize::new(3).unwrap()), 3);
        let crew = Crew::new(&sections, 0, 3, Idle::default());
        let (mut indexes, mut most) = (Vec::new(), 0);
        crew.work(3, |job, header, _| {
            assert_eq!(header?.index, job.index);
            indexes.push(job.index);
            for _ in 0..100 {
                most = most.max(crew.lock().in_flight.len());
                thread::yield_now();
            }
            Ok(())
        })
        .unwrap();
        assert!(indexes.into_iter().eq(0..8), "they are written in order");
        assert!((1..=4).contains(&most), "{most}");
        assert!(crew.into_idle().buffers.len() <= 5);
    }
}
