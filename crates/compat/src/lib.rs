#![forbid(unsafe_code)]
#![doc = "Reads the files of other save systems, and writes some."]
//!
//! Every reader is a pure codec: it takes bytes and gives values, opens no file and reads no clock.
//! It accepts what the original program accepts; what a file should not have and
//! the original overlooks comes back as a warning. It never trusts a length: see
//! [`Limits`](keepstone_format::Limits).
//!
//! | module | files | versions |
//! |---|---|---|
//! | [`awsv`] | `.awsv` saves of aw-save (AstraWeave), read and written | 1 and 2, uncompressed or LZ4; 2 is written |
//! | [`awsv`] | names of these in a directory, and its `index.json` | as aw-save writes them |
//! | [`awsv`] | `.keep` files made from those | 1 |
//! | [`pecs`] | `.pecs` worlds of PECS, read and written | 1, binary |
//! | [`edgevec`] | `.evec` snapshots of EdgeVec | 0.1 and later; 0.4 is what EdgeVec 0.9 writes |
//! | [`edgevec`] | write-ahead logs of EdgeVec | those of 0.9 |
#![cfg_attr(
    feature = "forge",
    doc = "| [`forge`] | JSON exports of forge's checkpoints | 1.0, and those of all sessions, which have no version |"
)]
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "lz4")] {
//! use keepstone_compat::{Error, awsv};
//! use keepstone_format::Limits;
//!
//! let bytes = include_bytes!(concat!(
//!     env!("CARGO_MANIFEST_DIR"),
//!     "/tests/fixtures/awsv/slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv",
//! ));
//! let limits = Limits::for_file_len(249);
//! let file = awsv::File::read(bytes, &limits)?;
//! assert_eq!(file.bundle.player_id, "test_player");
//! assert_eq!(file.bundle.inventory.credits, 9999);
//! assert_eq!(file.bundle.created_at, 1_773_391_525_443_021_700);
//! assert!(file.warnings.is_empty());
//!
//! let damaged = awsv::verify(&bytes[..248], &limits);
//! assert!(matches!(
//!     damaged,
//!     Err(Error::Truncated { needs: 249, found: 248, .. })
//! ));
//! # }
//! # Ok::<(), keepstone_compat::Error>(())
//! ```
//!
//! # Features
//!
//! - `lz4` (default): LZ4-compressed `.awsv` files, which is every file that aw-save writes, and worlds of PECS coded so.
//! - `forge` (default): exports of forge.
//! - `zstd` (default): worlds of PECS coded with zstd.

pub mod awsv;
pub mod edgevec;
mod error;
#[cfg(feature = "forge")]
pub mod forge;
mod header;
pub mod pecs;
mod reserve;

pub use error::Error;
