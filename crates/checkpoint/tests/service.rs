//! Checkpoints as a service.

mod asynchronous;
mod commands;
mod events;
mod health;
mod listeners;
mod metrics;
mod planted;
mod transport;
mod wakers;
