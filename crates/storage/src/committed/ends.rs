use keepstone_format::{Header, Written};

const LEN: usize = 64;
/// Where container length, epoch and container CRC stand in the trailer, FORMAT.md section 2.5.
const TAIL_AT: usize = 24;

/// The first and last bytes of what passes: what a container says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    first: [u8; LEN],
    last: [u8; LEN],
    pub(crate) len: u64,
}

impl Ends {
    pub(crate) fn new() -> Self {
        Self { first: [0; LEN], last: [0; LEN], len: 0 }
    }

    pub(crate) fn pass(&mut self, data: &[u8]) {
        let before = usize::try_from(self.len).unwrap_or(LEN).min(LEN);
        for (to, from) in self.first.iter_mut().skip(before).zip(data) {
            *to = *from;
        }
        let fresh = data.get(data.len().saturating_sub(LEN)..).unwrap_or_default();
        self.last.rotate_left(fresh.len());
        for (to, from) in self.last.iter_mut().rev().zip(fresh.iter().rev()) {
            *to = *from;
        }
        self.len += data.len() as u64;
    }

    /// Whether what has passed begins and ends as the container of `epoch` that `written` tells of.
    pub(crate) fn are_of(&self, epoch: u64, written: &Written) -> bool {
        let says = [written.bytes, epoch, written.container_crc].map(u64::to_le_bytes);
        self.len == written.bytes
            && Header::read(&self.first).is_ok_and(|header| header.epoch == epoch)
            && self.last.get(TAIL_AT..).is_some_and(|tail| tail.starts_with(says.as_flattened()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_the_same_in_whatever_pieces_they_pass() {
        let data: Vec<u8> = (0..=255).collect();
        for len in [0, 1, 63, 64, 65, 128, 200, 256] {
            for piece in [1, 7, 63, 64, 65, 256] {
                let mut ends = Ends::new();
                data[..len].chunks(piece).for_each(|piece| ends.pass(piece));
                let count = len.min(LEN);
                assert_eq!(ends.first[..count], data[..count], "{len} by {piece}");
                assert_eq!(ends.last[LEN - count..], data[len - count..len], "{len} by {piece}");
                assert_eq!(ends.len, len as u64);
            }
        }
    }
}
