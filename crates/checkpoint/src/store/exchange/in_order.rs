//! Work on several threads whose results come in the order of the work.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

use crate::Error;

/// How many pieces are in flight at most: each has a place in a list.
const COUNT_MAX: usize = 256;

/// A piece that comes next.
pub(super) enum Next<J, T> {
    /// A result, without work.
    Done(T),
    /// Work for any thread.
    Work(J),
}

/// How much may be done at the same time: another piece is begun while fewer bytes are in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) threads: NonZeroUsize,
    pub(super) bytes_max: u64,
    /// Bytes of work that the caller does before the first thread is started: little is done sooner than a thread begins.
    pub(super) alone: u64,
}

type Sent<J, T> = (J, SyncSender<Result<T, Error>>);

/// A result, or where it will be.
enum Slot<T> {
    Done(Result<T, Error>),
    Waits(Receiver<Result<T, Error>>),
}

impl<T> Slot<T> {
    fn wait(self) -> Result<T, Error> {
        match self {
            Self::Done(result) => result,
            Self::Waits(result) => result.recv().unwrap_or(Err(ENDED)),
        }
    }
}

/// Does work on threads that end with the call, and hands on the results in its order. `next` and `take` are called by the thread that calls this. Each piece comes with its bytes, which count until `take` has had its
/// result. The caller does the first of it, and all of it with one thread allowed: without much work no thread is started.
///
/// # Errors
/// The first error in the order of the pieces, of any of the three.
pub(super) fn in_order<J: Send, T: Send>(
    window: Window,
    mut next: impl FnMut() -> Result<Option<(u64, Next<J, T>)>, Error>,
    work: impl Fn(J) -> Result<T, Error> + Sync,
    mut take: impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error> {
    let (jobs, queue) = mpsc::channel::<Sent<J, T>>();
    let (queue, work) = (&Mutex::new(queue), &work);
    thread::scope(|scope| {
        // Threads end when it is dropped and what is in it is done.
        let jobs = jobs;
        let (mut crew, mut alone) = (0, 0_u64);
        let mut pending: VecDeque<(u64, Slot<T>)> = VecDeque::new();
        let (mut bytes, mut is_over) = (0_u64, false);
        loop {
            let has_room = pending.is_empty() || (bytes < window.bytes_max && pending.len() < COUNT_MAX);
            if !is_over && has_room {
                let (cost, slot) = match next() {
                    Ok(None) => {
                        is_over = true;
                        continue;
                    }
                    // Those before it may have failed as well, and come first.
                    Err(err) => {
                        is_over = true;
                        (0, Slot::Done(Err(err)))
                    }
                    Ok(Some((cost, Next::Done(result)))) => (cost, Slot::Done(Ok(result))),
                    Ok(Some((cost, Next::Work(job)))) => {
                        let is_much = alone >= window.alone && window.threads > NonZeroUsize::MIN;
                        if is_much && crew < window.threads.get() {
                            let thread = move || help(queue, work);
                            crew += usize::from(thread::Builder::new().spawn_scoped(scope, thread).is_ok());
                        }
                        if crew == 0 {
                            alone = alone.saturating_add(cost);
                            (cost, Slot::Done(work(job)))
                        } else {
                            let (result, slot) = mpsc::sync_channel(1);
                            jobs.send((job, result)).map_err(|_| ENDED)?;
                            (cost, Slot::Waits(slot))
                        }
                    }
                };
                bytes = bytes.saturating_add(cost);
                pending.push_back((cost, slot));
            } else if let Some((cost, slot)) = pending.pop_front() {
                take(slot.wait()?)?;
                bytes = bytes.saturating_sub(cost);
            } else {
                return Ok(());
            }
        }
    })
}

/// Does what is to be done, until there is nothing more.
fn help<J, T>(queue: &Mutex<Receiver<Sent<J, T>>>, work: &impl Fn(J) -> Result<T, Error>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((job, result)) = next else { return };
        // Nobody waits for it any more after an error.
        drop(result.send(work(job)));
    }
}

/// What is seen if a thread has panicked, which the caller does as well then.
const ENDED: Error = Error::Misuse { what: "a thread that encodes has ended" };

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const PIECES: u64 = 500;

    fn window(threads: usize, bytes_max: u64) -> Window {
        Window { threads: NonZeroUsize::new(threads).unwrap(), bytes_max, alone: 0 }
    }

    /// Pieces of 1 to 7 bytes, each fourth of them without work; answers the most bytes that were in flight.
    fn most_in_flight(threads: usize, bytes_max: u64) -> u64 {
        let (flying, most) = (Cell::new(0_u64), Cell::new(0_u64));
        let (mut made, mut taken) = (0_u64, 0_u64);
        let cost = |piece: u64| piece % 7 + 1;
        in_order(
            window(threads, bytes_max),
            || {
                if made == PIECES {
                    return Ok(None);
                }
                made += 1;
                flying.set(flying.get() + cost(made));
                most.set(most.get().max(flying.get()));
                let next = if made % 4 == 0 { Next::Done(made * 2) } else { Next::Work(made) };
                Ok(Some((cost(made), next)))
            },
            |piece| {
                // Some take longer than those behind them.
                (0..piece % 5).for_each(|_| thread::yield_now());
                Ok(piece * 2)
            },
            |result| {
                taken += 1;
                assert_eq!(result, taken * 2);
                flying.set(flying.get() - cost(taken));
                Ok(())
            },
        )
        .unwrap();
        assert_eq!((taken, flying.get()), (PIECES, 0));
        most.get()
    }

    #[test]
    fn results_come_in_order_and_no_more_bytes_are_in_flight_than_the_window_and_one_piece() {
        for threads in [1, 2, 5] {
            for bytes_max in [0, 1, 20, 100] {
                let most = most_in_flight(threads, bytes_max);
                assert!(most <= bytes_max + 7, "{threads} threads, {bytes_max}: {most}");
                assert!(most >= bytes_max, "{threads} threads, {bytes_max}: {most}");
            }
        }
    }

    #[test]
    fn no_more_pieces_are_in_flight_than_the_list_has_places() {
        assert!(most_in_flight(3, u64::MAX) <= COUNT_MAX as u64 * 7);
    }

    #[test]
    fn the_caller_does_what_is_little() {
        let caller = thread::current().id();
        let by_others = |alone: u64| {
            let (mut made, mut others) = (0, 0);
            in_order(
                Window { alone, ..window(2, 1000) },
                || {
                    made += 1;
                    Ok((made <= 20).then_some((10, Next::Work(()))))
                },
                |()| Ok(thread::current().id() != caller),
                |is_other| {
                    others += u64::from(is_other);
                    Ok(())
                },
            )
            .unwrap();
            others
        };
        assert_eq!([0, 95, 200].map(by_others), [20, 10, 0]);
    }

    #[test]
    fn the_first_error_in_the_order_ends_it() {
        for threads in [1, 3] {
            let mut made = 0_u64;
            let mut taken = Vec::new();
            let done = in_order(
                window(threads, 1000),
                || {
                    made += 1;
                    Ok((made < 50).then_some((1, Next::Work(made))))
                },
                |piece| match piece {
                    7 => Err(Error::Misuse { what: "seven" }),
                    30 => Err(Error::Misuse { what: "thirty" }),
                    piece => Ok(piece),
                },
                |piece| {
                    taken.push(piece);
                    Ok(())
                },
            );
            assert!(matches!(done, Err(Error::Misuse { what: "seven" })), "{threads} threads");
            assert!(taken.iter().copied().eq(1..=taken.len() as u64) && taken.len() < 7, "{taken:?}");
        }
    }
}
