//! The keepstone container: bytes that say what they are, and notice when they are not what was written.
//!
//! A container is a header, sections and a footer. Every byte is covered by a checksum or must be zero;
//! every length is checked before memory is reserved for it. It is written front to back by [`Writer`] to
//! anything that takes bytes and read by [`Reader`] from anything that can be read anywhere, or by
//! [`StreamReader`] as it comes; [`salvage`](salvage()) keeps what is left of a damaged one.
//! [`Writer::coded_all`] and [`Reader::read_many`] do so on several threads where asked. What the
//! sections hold is the matter of other crates; so are files, clocks and schemas: this crate opens no file.
//!
//! The bytes are specified in [`FORMAT.md`](https://github.com/keepstone-rs/keepstone/blob/main/crates/format/FORMAT.md);
//! this crate builds its parts 1, 2 and 8, the layouts of part 3 and the heads of part 10.
//!
//! # Limits
//!
//! At most 65,535 sections, 4096 bytes of head metadata and 64 KiB of tail metadata; a chunk decodes to
//! 16 MiB at most. What a reader may allocate is bounded by [`Limits`].
//!
//! # Example
//!
//! ```
//! use keepstone_format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};
//!
//! let mut head = Metadata::new();
//! head.set_name("Before the bridge");
//! let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None).head(head);
//!
//! let mut writer = Writer::new(Vec::new(), options)?;
//! writer.coded_from(SectionId::BYTES, 0, &[b"hello"])?;
//! let (bytes, _) = writer.finish(Metadata::new())?;
//!
//! let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64))?;
//! assert_eq!(reader.head().name(), Some("Before the bridge"));
//! assert_eq!(&*reader.read(reader.find(SectionId::BYTES, 0)?)?, b"hello");
//! # Ok::<(), keepstone_format::Error>(())
//! ```
//!
//! # Features
//!
//! - `lz4` (default): the LZ4 codec. Without it, writing with [`Codec::Lz4`] and reading an LZ4 chunk is
//!   [`Error::CodecNotBuilt`].
//! - `zstd` (default): the zstd codec, which needs a C compiler to build. Without it, and on wasm32 whatever
//!   the features, [`Codec::Zstd`] is the same error.
#![deny(unsafe_code)]

pub mod array;
mod checksum;
mod chunk;
mod codec;
mod detect;
mod error;
mod filter;
mod head;
mod header;
mod id;
mod kind;
mod layout;
pub mod limits;
mod metadata;
mod options;
pub mod plain;
mod read_at;
mod reader;
mod salvage;
mod section;
mod stream;
mod trailer;
pub mod wire;
mod writer;

pub use array::ArrayHead;
pub use checksum::{CrcReader, CrcWriter, crc32, crc64};
pub use chunk::ChunkEntry;
pub use codec::Codec;
pub use detect::{Format, detect};
pub use error::{Error, FirstBytes};
pub use filter::Filter;
pub use head::Head;
pub use header::{Header, MAGIC, MAJOR, MINOR};
pub use id::{FileKind, SectionId};
pub use kind::Kind;
pub use limits::Limits;
pub use metadata::{LogPosition, Metadata, tag};
pub use options::SectionOptions;
pub use read_at::{ReadAt, Seeking};
pub use reader::{Chunks, Reader, VerifyReport};
pub use salvage::{SalvageReport, Salvaged, SalvagedSection, salvage};
pub use section::{Section, SectionLayout};
pub use stream::{StreamPart, StreamReader};
pub use writer::{CodedSection, CodedWriter, Memory, RawWriter, Writer, WriterOptions, Written};

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
