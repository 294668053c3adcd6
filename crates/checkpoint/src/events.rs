//! What happens to a store, told to whoever asks.

mod event;
mod failure;
mod feed;
mod health;
mod hold;
mod pulse;
mod ring;
mod seen;
#[cfg(feature = "async")]
mod stream;

pub use event::{Event, Work};
pub use failure::Failure;
pub(crate) use feed::Feed;
pub use health::{Health, Status};
pub(crate) use hold::Hold;
pub(crate) use pulse::{Counter, Pulse};
pub use ring::Events;
pub(crate) use seen::Seen;
