use std::io;

use keepstone_format::Kind;

/// Why a worker did not do what it was given.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The queue is full, and the caller did not want to wait.
    #[error(
        "{queued} jobs are waiting already, and the queue holds {queue_max}; try again later, or wait with submit"
    )]
    Busy {
        /// Jobs that wait.
        queued: usize,
        /// Jobs that may wait.
        queue_max: usize,
    },

    /// A later job with the same key took the place of this one before it had begun.
    #[error(
        "a later job for {key} took the place of this one before it had begun; its ticket has the result"
    )]
    Superseded {
        /// The key.
        key: String,
    },

    /// A job panicked. The worker goes on with the next one.
    #[error("the job panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },

    /// The worker went away without running a job.
    #[error("the worker ended without running the job")]
    Lost,

    /// A job waits for another one of its own worker, which would be for ever.
    #[error("a job can't wait for a job of its own worker; hand the ticket on, or use another worker")]
    OwnWorker,

    /// The result was handed out already: a future was polled again after it was ready.
    #[error("the result of this ticket has been taken already")]
    Taken,

    /// The system gave no thread.
    #[error("the system gave no thread for a worker")]
    Thread {
        /// What it said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Busy { .. } | Self::Superseded { .. } => Kind::Busy,
            Self::Panicked { .. } | Self::OwnWorker | Self::Taken => Kind::Misuse,
            Self::Lost | Self::Thread { .. } => Kind::Io,
        }
    }
}
