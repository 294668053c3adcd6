use keepstone_format::FirstBytes;

use crate::error::Error;

/// What every file of a format begins with: its magic, then fields up to a fixed length, a version among them.
pub(crate) struct Start {
    pub(crate) format: &'static str,
    pub(crate) magic: [u8; 4],
    pub(crate) oldest: u32,
    pub(crate) newest: u32,
}

impl Start {
    /// Takes the first `LEN` bytes of a file. A file that is shorter than the magic counts by what there is of it.
    pub(crate) fn take<const LEN: usize>(&self, bytes: &[u8]) -> Result<[u8; LEN], Error> {
        let begins_as_ours = self.magic.iter().zip(bytes).all(|(ours, found)| ours == found);
        if bytes.is_empty() || !begins_as_ours {
            return Err(Error::NotThisFormat { format: self.format, found: FirstBytes::of(bytes) });
        }
        bytes.first_chunk().copied().ok_or(Error::Truncated {
            part: "the header",
            needs: LEN as u64,
            found: bytes.len() as u64,
        })
    }

    /// Refuses a version whose other fields may mean something else.
    pub(crate) fn check_version(&self, found: u32) -> Result<(), Error> {
        let &Self { format, oldest, newest, .. } = self;
        if (oldest..=newest).contains(&found) {
            return Ok(());
        }
        Err(Error::Version { format, found, oldest, newest })
    }
}
