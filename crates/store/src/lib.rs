#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod queue;
mod ticket;
mod unclaimed;
mod worker;

pub use error::Error;
pub use ticket::Ticket;
pub use unclaimed::Unclaimed;
pub use worker::{Worker, WorkerOptions};
