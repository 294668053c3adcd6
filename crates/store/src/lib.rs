#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod payload;
mod queue;
mod shapes;
mod ticket;
mod unclaimed;
mod worker;

pub use error::Error;
pub use payload::{Bytes, Dynamic, FromPayload, Payload, PayloadError, Prepared};
pub use shapes::Shapes;
pub use ticket::Ticket;
pub use unclaimed::Unclaimed;
pub use worker::{Worker, WorkerOptions};
