//! A commit page and the one container behind it, FORMAT.md sections 5.1 and 5.2: what the files of generations and
//! those of spares have in common.

mod body;
mod content;
mod ends;
mod look;
mod page;

pub(crate) use body::{Body, into_io, write_on, write_zeros};
pub use content::Content;
pub(crate) use look::{is_barred, is_unsupported, is_version, read_page, refusal};
pub(crate) use page::{CONTAINER_AT, CONTAINER_LEN_MAX, Commit, GENERATION_MAX, PAGE_LEN, Page};
