use std::sync::mpsc::{Sender, channel};

use keepstone_store::{Error, Ticket, Worker, WorkerOptions};

/// What the jobs of these tests fail with.
#[derive(Debug)]
pub(crate) enum Failed {
    Worker(Error),
    Job(u32),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Worker(error)
    }
}

pub(crate) fn worker(queue_max: usize) -> Worker<Failed> {
    Worker::spawn(&WorkerOptions::default().queue_max(queue_max)).unwrap()
}

/// Keeps a worker busy until the sender is used or dropped. Returns once the job runs.
pub(crate) fn occupy(worker: &Worker<Failed>) -> (Sender<()>, Ticket<(), Failed>) {
    let (release, released) = channel::<()>();
    let (begin, running) = channel();
    let ticket = worker.submit(move || {
        begin.send(()).unwrap();
        released.recv().ok();
        Ok(())
    });
    running.recv().unwrap();
    (release, ticket)
}
