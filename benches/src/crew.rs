use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// What one thread does over and over.
pub type Job = Box<dyn FnMut() -> Result<()> + Send>;

/// Threads that work at the same time whenever they are asked to.
///
/// They stay between two calls, so that no call pays for starting them.
#[derive(Debug)]
pub struct Crew {
    orders: Vec<Sender<u32>>,
    answers: Receiver<Result<Duration>>,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    /// Starts `count` threads; `job` makes what each of them does.
    ///
    /// # Errors
    /// That of the first job that can't be made.
    pub fn new(count: usize, mut job: impl FnMut() -> Result<Job>) -> Result<Self> {
        let (answer, answers) = channel();
        let (mut orders, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (order, received) = channel();
            let (mut job, answer) = (job()?, answer.clone());
            orders.push(order);
            threads.push(thread::spawn(move || {
                for times in received {
                    if answer.send(repeat(&mut job, times)).is_err() {
                        return;
                    }
                }
            }));
        }
        Ok(Self { orders, answers, threads })
    }

    /// Lets each thread do its job `times` times, and returns how long the longest took.
    ///
    /// # Errors
    /// That of the first job that fails.
    pub fn run(&self, times: u32) -> Result<Duration> {
        for order in &self.orders {
            order.send(times).ok().context("a thread has ended")?;
        }
        let mut longest = Duration::ZERO;
        for _ in &self.orders {
            longest = longest.max(self.answers.recv()??);
        }
        Ok(longest)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.orders.clear();
        for thread in self.threads.drain(..) {
            // One that panicked was missed by `run`.
            let _ = thread.join();
        }
    }
}

/// Does a job so many times and returns how long the longest took.
///
/// # Errors
/// That of the first that fails.
pub fn repeat(job: &mut impl FnMut() -> Result<()>, times: u32) -> Result<Duration> {
    let mut longest = Duration::ZERO;
    for _ in 0..times {
        let start = Instant::now();
        job()?;
        longest = longest.max(start.elapsed());
    }
    Ok(longest)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    };

    use anyhow::bail;

    use super::*;

    #[test]
    fn every_thread_does_its_job_as_often_as_it_is_asked_to() {
        let done = Arc::new(AtomicU32::new(0));
        let crew = Crew::new(3, || {
            let done = Arc::clone(&done);
            Ok(Box::new(move || {
                done.fetch_add(1, Relaxed);
                Ok(())
            }))
        })
        .unwrap();
        crew.run(4).unwrap();
        assert_eq!(done.load(Relaxed), 12);
        crew.run(1).unwrap();
        assert_eq!(done.load(Relaxed), 15);
    }

    #[test]
    fn an_error_of_a_thread_is_that_of_the_call() {
        let crew = Crew::new(2, || Ok(Box::new(|| bail!("no disk")))).unwrap();
        assert_eq!(crew.run(1).unwrap_err().to_string(), "no disk");
    }
}
