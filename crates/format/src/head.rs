use crate::metadata::{HEAD, Metadata};
use crate::wire::Input;
use crate::{Error, Header};

/// Header and head metadata: all that a list of files needs of each.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The header.
    pub header: Header,
    /// What was known before the body was written. It says nothing about the body.
    pub metadata: Metadata,
}

impl Head {
    /// As many first bytes of a file as a head can need.
    pub const LEN_MAX: usize = 4168;

    /// Reads a head from the first bytes of a file. [`Head::LEN_MAX`] bytes, or the whole file if it is
    /// shorter, are always enough.
    ///
    /// # Errors
    ///
    /// Those of [`Header::read`], and [`Error::Truncated`], [`Error::Checksum`] or [`Error::Invalid`] for
    /// the metadata.
    pub fn read(first_bytes: &[u8]) -> Result<Self, Error> {
        let header = Header::read(first_bytes)?;
        let mut input = Input::new("container head", first_bytes);
        let metadata_end = Header::LEN + usize::try_from(header.head_len).unwrap_or(usize::MAX);
        let covered = input.take(metadata_end)?;
        let expected = input.u32()?;
        let found = head_crc(covered);
        if found != expected {
            let (expected, found) = (expected.into(), found.into());
            return Err(Error::Checksum { what: "container head", offset: 0, expected, found });
        }
        let padding = header.body_offset().saturating_sub(input.offset());
        input.zeros(usize::try_from(padding).unwrap_or(usize::MAX))?;
        let metadata = covered.get(Header::LEN..).unwrap_or_default();
        let metadata = Metadata::decode(metadata, HEAD, Header::LEN as u64)?;
        Ok(Self { header, metadata })
    }

    /// Encodes header, head metadata, checksum and padding: the bytes before the first section.
    pub(crate) fn encode(mut header: Header, metadata: &Metadata) -> Result<Vec<u8>, Error> {
        let metadata = metadata.encode(HEAD)?;
        header.head_len = u32::try_from(metadata.len()).unwrap_or(u32::MAX);
        header.check_head_len()?;
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(&metadata);
        bytes.extend_from_slice(&head_crc(&bytes).to_le_bytes());
        bytes.resize(usize::try_from(header.body_offset()).unwrap_or(usize::MAX), 0);
        Ok(bytes)
    }
}

/// Computes the CRC-32 of header and head metadata, which `bytes` are. It leaves out the header's own CRC:
/// behind a checksum of what is before it every CRC-32 stands at the same value.
fn head_crc(bytes: &[u8]) -> u32 {
    let (header, metadata) = bytes.split_at_checked(Header::LEN).unwrap_or((bytes, &[]));
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header.get(..Header::CRC_AT).unwrap_or(header));
    hasher.update(metadata);
    hasher.finalize()
}
