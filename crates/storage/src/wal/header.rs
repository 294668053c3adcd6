//! Segment headers, FORMAT.md section 6.1.

use super::planted::{self, Plant};

/// Length of both copies of the header: frames start here.
pub(super) const PAGE_LEN: usize = 8192;
/// The same as an offset.
pub(super) const FRAMES_AT: u64 = PAGE_LEN as u64;
/// The longest segment, so that `offset / 8` fits the seed of a frame.
pub(super) const SEGMENT_LEN_MAX: u64 = 1 << 34;
/// LSNs never get here, so that counting on needs no check.
pub(super) const LSN_MAX: u64 = 1 << 63;

const MAGIC: [u8; 8] = *b"\x89KLOG\r\n\x1a";
const MAJOR: u16 = 1;
const COPY_LEN: usize = 4096;
const HEADER_LEN: usize = 128;

const MAGIC_AT: usize = 0;
const MAJOR_AT: usize = MAGIC_AT + 8;
const MINOR_AT: usize = MAJOR_AT + 2;
const RESERVED_AT: usize = MINOR_AT + 2;
const REQUIRED_AT: usize = RESERVED_AT + 4;
const OPTIONAL_AT: usize = REQUIRED_AT + 8;
const LOG_ID_AT: usize = OPTIONAL_AT + 8;
const EPOCH_AT: usize = LOG_ID_AT + 16;
const FIRST_LSN_AT: usize = EPOCH_AT + 8;
const START_AT: usize = FIRST_LSN_AT + 8;
const BEFORE_EPOCH_AT: usize = START_AT + 8;
const BEFORE_END_AT: usize = BEFORE_EPOCH_AT + 8;
const SEGMENT_LEN_AT: usize = BEFORE_END_AT + 8;
const REST_AT: usize = SEGMENT_LEN_AT + 8;
const CRC_AT: usize = HEADER_LEN - 4;
const _: () = assert!(REST_AT + 28 == CRC_AT && COPY_LEN * 2 == PAGE_LEN);

/// The header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) log_id: [u8; 16],
    pub(super) epoch: u64,
    pub(super) first_lsn: u64,
    pub(super) start_lsn: u64,
    pub(super) before: Before,
    pub(super) segment_len: u64,
}

/// What a header says of the segment before it; all zero if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Before {
    pub(super) epoch: u64,
    pub(super) end: u64,
}

/// What a header page is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// All zero.
    Unused,
    /// At least one copy is valid.
    Valid {
        header: Header,
        /// Whether the other copy is as well.
        both: bool,
    },
    /// Neither copy is valid.
    Damaged,
    /// Written by a newer version.
    Newer { what: &'static str, found: u64, known: u64 },
}

impl Header {
    /// The header page with both copies.
    pub(super) fn encode(&self) -> [u8; PAGE_LEN] {
        let mut copy = Vec::with_capacity(PAGE_LEN);
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&MAJOR.to_le_bytes());
        copy.resize(LOG_ID_AT, 0);
        copy.extend_from_slice(&self.log_id);
        let Before { epoch, end } = self.before;
        for field in [self.epoch, self.first_lsn, self.start_lsn, epoch, end, self.segment_len] {
            copy.extend_from_slice(&field.to_le_bytes());
        }
        copy.resize(CRC_AT, 0);
        let crc = crc32fast::hash(&copy);
        copy.extend_from_slice(&crc.to_le_bytes());
        copy.resize(COPY_LEN, 0);
        copy.extend_from_within(..);
        let mut page = [0; PAGE_LEN];
        page.copy_from_slice(&copy);
        page
    }

    /// What the page of a segment named after `epoch` says.
    pub(super) fn decode(page: &[u8; PAGE_LEN], epoch: u64) -> Page {
        if page.iter().all(|&byte| byte == 0) {
            return Page::Unused;
        }
        let (first, second) = page.split_at(COPY_LEN);
        match (decode_copy(first, epoch), decode_copy(second, epoch)) {
            (Copy::Newer(newer), _) | (_, Copy::Newer(newer)) => newer,
            (Copy::Valid(one), Copy::Valid(other)) if one == other => Page::Valid { header: one, both: true },
            (Copy::Valid(header), Copy::Invalid) | (Copy::Invalid, Copy::Valid(header)) => {
                Page::Valid { header, both: false }
            }
            _ => Page::Damaged,
        }
    }

    fn keeps_the_rules(&self) -> bool {
        let Before { epoch, end } = self.before;
        let before = if epoch == 0 {
            end == 0
        } else {
            epoch < self.epoch && (FRAMES_AT..=SEGMENT_LEN_MAX).contains(&end) && end.is_multiple_of(8)
        };
        let len = self.segment_len;
        before
            && (1..=LSN_MAX).contains(&self.first_lsn)
            && (1..=self.first_lsn).contains(&self.start_lsn)
            && (FRAMES_AT..=SEGMENT_LEN_MAX).contains(&len)
            && len.is_multiple_of(8)
    }
}

enum Copy {
    Valid(Header),
    Newer(Page),
    Invalid,
}

fn decode_copy(copy: &[u8], epoch: u64) -> Copy {
    let Some((header, rest)) = copy.split_first_chunk::<HEADER_LEN>() else {
        return Copy::Invalid;
    };
    let (body, crc) = header.split_at(CRC_AT);
    let sound = crc32fast::hash(body).to_le_bytes() == *crc || planted::is(Plant::UncoveredHeader);
    if !header.starts_with(&MAGIC) || !sound {
        return Copy::Invalid;
    }
    let major = body.get(MAJOR_AT..).and_then(|rest| rest.first_chunk());
    let major = major.map_or(0, |bytes| u16::from_le_bytes(*bytes));
    if major > MAJOR {
        return Copy::Newer(Page::Newer { what: "major version", found: major.into(), known: MAJOR.into() });
    }
    let required = u64_at(body, REQUIRED_AT);
    if required != 0 {
        return Copy::Newer(Page::Newer { what: "required features", found: required, known: 0 });
    }
    let reserved = [body.get(RESERVED_AT..REQUIRED_AT), body.get(REST_AT..CRC_AT), Some(rest)];
    let zero = reserved.into_iter().flatten().flatten().all(|&byte| byte == 0);
    let header = Header {
        log_id: body.get(LOG_ID_AT..EPOCH_AT).and_then(|b| b.first_chunk()).copied().unwrap_or_default(),
        epoch: u64_at(body, EPOCH_AT),
        first_lsn: u64_at(body, FIRST_LSN_AT),
        start_lsn: u64_at(body, START_AT),
        before: Before { epoch: u64_at(body, BEFORE_EPOCH_AT), end: u64_at(body, BEFORE_END_AT) },
        segment_len: u64_at(body, SEGMENT_LEN_AT),
    };
    if zero && major == MAJOR && header.epoch == epoch && header.keeps_the_rules() {
        Copy::Valid(header)
    } else {
        Copy::Invalid
    }
}

/// The field at `at`, which every caller names below the length of a copy.
fn u64_at(body: &[u8], at: usize) -> u64 {
    let bytes = body.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let before = Before { epoch: 2, end: 9000 };
        Header {
            log_id: *b"0123456789abcdef",
            epoch: 3,
            first_lsn: 17,
            start_lsn: 4,
            before,
            segment_len: 1 << 20,
        }
    }

    #[test]
    fn a_header_page_reads_back() {
        assert_eq!(Header::decode(&header().encode(), 3), Page::Valid { header: header(), both: true });
        assert_eq!(Header::decode(&[0; PAGE_LEN], 3), Page::Unused);
        assert_eq!(Header::decode(&header().encode(), 4), Page::Damaged);
    }

    #[test]
    fn any_flipped_bit_costs_one_copy_and_no_more() {
        let page = header().encode();
        for bit in 0..PAGE_LEN * 8 {
            let mut flipped = page;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                Header::decode(&flipped, 3),
                Page::Valid { header: header(), both: false },
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_newer_major_is_told_apart_from_damage() {
        let mut page = header().encode();
        for copy in page.chunks_exact_mut(COPY_LEN) {
            copy[MAJOR_AT] = 2;
            let crc = crc32fast::hash(&copy[..CRC_AT]);
            copy[CRC_AT..HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
        }
        let newer = Page::Newer { what: "major version", found: 2, known: 1 };
        assert_eq!(Header::decode(&page, 3), newer);
    }
}
