//! What a repair saves of a store some of whose bytes are lost.

mod backend;
mod crash;
mod dir;
mod elsewhere;
mod planted;
pub(crate) mod shadow;
