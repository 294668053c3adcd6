//! Commit pages, FORMAT.md section 5.1.

use crate::planted::{self, Plant};

/// Length of a commit page: the container starts behind it.
pub(crate) const PAGE_LEN: usize = 4096;
/// The same as an offset.
pub(crate) const CONTAINER_AT: u64 = PAGE_LEN as u64;
/// The shortest container there can be.
pub(crate) const CONTAINER_LEN_MIN: u64 = 144;
/// The longest that a page may speak of, so that offsets behind it need no check.
pub(crate) const CONTAINER_LEN_MAX: u64 = 1 << 62;
/// The highest generation, so that counting on needs no check.
pub(crate) const GENERATION_MAX: u64 = 1 << 63;
/// The major version that is written, and the only one that is read.
pub(crate) const MAJOR: u16 = 1;

const MAGIC: [u8; 4] = *b"KGEN";

const MAGIC_AT: usize = 0;
const MAJOR_AT: usize = MAGIC_AT + 4;
const MINOR_AT: usize = MAJOR_AT + 2;
const GENERATION_AT: usize = MINOR_AT + 2;
const CONTAINER_LEN_AT: usize = GENERATION_AT + 8;
const CONTAINER_CRC_AT: usize = CONTAINER_LEN_AT + 8;
const RESERVED_AT: usize = CONTAINER_CRC_AT + 8;
const CRC_AT: usize = RESERVED_AT + 4;
const END: usize = CRC_AT + 4;
const _: () = assert!(END == 40 && END <= 512);

/// What a commit page says of the container behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) generation: u64,
    pub(crate) container_len: u64,
    pub(crate) container_crc: u64,
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// Nothing is committed in the file.
    None,
    Committed(Commit),
    /// Sound, and of another major version.
    Version(u16),
    Damaged,
}

impl Commit {
    pub(crate) fn encode(&self) -> [u8; PAGE_LEN] {
        let mut fields = Vec::with_capacity(END);
        fields.extend_from_slice(&MAGIC);
        fields.extend_from_slice(&MAJOR.to_le_bytes());
        fields.resize(GENERATION_AT, 0);
        for field in [self.generation, self.container_len, self.container_crc] {
            fields.extend_from_slice(&field.to_le_bytes());
        }
        fields.resize(CRC_AT, 0);
        let crc = crc32fast::hash(&fields);
        fields.extend_from_slice(&crc.to_le_bytes());
        let mut page = [0; PAGE_LEN];
        for (to, from) in page.iter_mut().zip(fields) {
            *to = from;
        }
        debug_assert_eq!(Page::decode(&page), Page::Committed(*self), "a page is read as it was written");
        page
    }
}

impl Page {
    /// Tells what a file is of which `bytes` are the first [`PAGE_LEN`], or all.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        if bytes.iter().all(|&byte| byte == 0) {
            return Self::None;
        }
        Self::sound(bytes).unwrap_or(Self::Damaged)
    }

    /// What a page says whose magic and checksum hold.
    fn sound(bytes: &[u8]) -> Option<Self> {
        let sum: [u8; 4] = field(bytes, CRC_AT)?;
        let holds = crc32fast::hash(bytes.get(..CRC_AT)?).to_le_bytes() == sum;
        if field(bytes, MAGIC_AT) != Some(MAGIC) || !(holds || planted::is(Plant::BelievedPage)) {
            return None;
        }
        let major = u16::from_le_bytes(field(bytes, MAJOR_AT)?);
        if major != MAJOR {
            return Some(Self::Version(major));
        }
        let long = |at| field(bytes, at).map(u64::from_le_bytes);
        let commit = Commit {
            generation: long(GENERATION_AT)?,
            container_len: long(CONTAINER_LEN_AT)?,
            container_crc: long(CONTAINER_CRC_AT)?,
        };
        let zero = |part: Option<&[u8]>| part.is_some_and(|part| part.iter().all(|&byte| byte == 0));
        let is_bare = zero(bytes.get(RESERVED_AT..CRC_AT)) && zero(bytes.get(END..PAGE_LEN));
        let minor = u16::from_le_bytes(field(bytes, MINOR_AT)?);
        let keeps_the_rules = bytes.len() >= PAGE_LEN
            && (1..=GENERATION_MAX).contains(&commit.generation)
            && (CONTAINER_LEN_MIN..=CONTAINER_LEN_MAX).contains(&commit.container_len)
            && (is_bare || minor > 0);
        keeps_the_rules.then_some(Self::Committed(commit))
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: Commit = Commit { generation: 7, container_len: 200, container_crc: 0x0123_4567_89ab_cdef };

    /// The page with other bytes at `at`, and a checksum over them.
    fn changed(at: usize, bytes: &[u8]) -> Page {
        let mut page = COMMIT.encode();
        page[at..at + bytes.len()].copy_from_slice(bytes);
        let crc = crc32fast::hash(&page[..CRC_AT]);
        page[CRC_AT..END].copy_from_slice(&crc.to_le_bytes());
        Page::decode(&page)
    }

    #[test]
    fn pages_survive_and_stand_in_one_sector() {
        for number in [1, 255, 1 << 32, CONTAINER_LEN_MAX] {
            let (container_len, container_crc) = (number.max(CONTAINER_LEN_MIN), !number);
            let commit = Commit { generation: number, container_len, container_crc };
            let page = commit.encode();
            assert_eq!(Page::decode(&page), Page::Committed(commit));
            assert!(page[512..].iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn zeros_of_any_length_are_none_and_a_page_that_is_cut_is_damaged() {
        let page = COMMIT.encode();
        for len in 0..PAGE_LEN {
            assert_eq!(Page::decode(&[0; PAGE_LEN][..len]), Page::None);
            let expected = if len == 0 { Page::None } else { Page::Damaged };
            assert_eq!(Page::decode(&page[..len]), expected, "{len}");
        }
    }

    #[test]
    fn every_flipped_bit_of_a_page_damages_it() {
        for bit in 0..8 * PAGE_LEN {
            let mut page = COMMIT.encode();
            page[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Page::decode(&page), Page::Damaged, "bit {bit}");
        }
    }

    #[test]
    fn rules_hold_even_where_the_checksum_does() {
        assert_eq!(changed(MINOR_AT, &[9, 0]), Page::Committed(COMMIT));
        assert_eq!(changed(MAJOR_AT, &[2, 0]), Page::Version(2));
        assert_eq!(changed(MAJOR_AT, &[0, 0]), Page::Version(0));
        assert_eq!(changed(GENERATION_AT, &[0; 8]), Page::Damaged);
        assert_eq!(changed(GENERATION_AT, &(GENERATION_MAX + 1).to_le_bytes()), Page::Damaged);
        assert_eq!(changed(CONTAINER_LEN_AT, &(CONTAINER_LEN_MAX + 1).to_le_bytes()), Page::Damaged);
        assert_eq!(changed(CONTAINER_LEN_AT, &143_u64.to_le_bytes()), Page::Damaged);
        assert_eq!(changed(RESERVED_AT, &[1]), Page::Damaged);
        assert_eq!(changed(MAGIC_AT, b"KGEM"), Page::Damaged);
        // What a later minor version adds is not looked at.
        let mut later = COMMIT.encode();
        (later[MINOR_AT], later[RESERVED_AT], later[100]) = (1, 1, 1);
        let crc = crc32fast::hash(&later[..CRC_AT]);
        later[CRC_AT..END].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Page::decode(&later), Page::Committed(COMMIT));
        // A newer version may make its page shorter or fill it.
        let mut newer = COMMIT.encode();
        newer[MAJOR_AT] = 2;
        let crc = crc32fast::hash(&newer[..CRC_AT]);
        newer[CRC_AT..END].copy_from_slice(&crc.to_le_bytes());
        newer[100] = 1;
        assert_eq!(Page::decode(&newer), Page::Version(2));
        assert_eq!(Page::decode(&newer[..END]), Page::Version(2));
    }
}
