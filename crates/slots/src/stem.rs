mod name;

use std::{cmp::Ordering, fmt};

use keepstone_format::{Metadata, tag};

pub use name::Name;

use crate::{Error, id::SaveId};

/// The highest sequence.
pub(crate) const SEQUENCE_MAX: u64 = 1 << 63;
const PROFILE: &str = "profile";

/// What the name of a save says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stem {
    /// None: the profile.
    pub slot: Option<u8>,
    /// The place in the order of all saves of the player, 1 to 2^63.
    pub sequence: u64,
    /// How often it was migrated. Of the revisions of a save the highest counts.
    pub revision: u16,
    /// Which save it is.
    pub id: SaveId,
}

impl Stem {
    /// Reads a stem as [`Display`](fmt::Display) writes it, and nothing else.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (slot, rest) = match text.strip_prefix(b"s") {
            Some(rest) => {
                let (digits, rest) = rest.split_first_chunk::<3>()?;
                (Some(decimal(*digits)?), rest)
            }
            None => (None, text.strip_prefix(PROFILE.as_bytes())?),
        };
        let (sequence, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<16>()?;
        let (revision, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<4>()?;
        let id: &[u8; 32] = rest.strip_prefix(b"-")?.try_into().ok()?;
        let sequence = u64::from_be_bytes(hexadecimal(sequence)?);
        if !(1..=SEQUENCE_MAX).contains(&sequence) {
            return None;
        }
        let revision = u16::from_be_bytes(hexadecimal(revision)?);
        Some(Self { slot, sequence, revision, id: SaveId::from_bytes(hexadecimal(id)?)? })
    }

    /// Tells what the head of a save says of its name; none if that is not enough for one.
    pub fn of_head(head: &Metadata) -> Option<Self> {
        let slot = match head.get(tag::SLOT) {
            Some(slot) => Some(u8::from_le_bytes(slot.try_into().ok()?)),
            None => None,
        };
        let sequence = u64::from_le_bytes(head.get(tag::SEQUENCE)?.try_into().ok()?);
        let revision = match head.get(tag::REVISION) {
            Some(revision) => u32::from_le_bytes(revision.try_into().ok()?),
            None => 0,
        };
        let id = SaveId::from_bytes(head.get(tag::SAVE_ID)?.try_into().ok()?)?;
        let is_valid = (1..=SEQUENCE_MAX).contains(&sequence);
        is_valid.then_some(Self { slot, sequence, revision: u16::try_from(revision).ok()?, id })
    }

    /// Puts into a head what [`Stem::of_head`] takes from it.
    pub(crate) fn to_head(self, head: &mut Metadata) {
        head.set(tag::SAVE_ID, self.id.as_bytes()).set(tag::SEQUENCE, &self.sequence.to_le_bytes());
        match self.slot {
            Some(slot) => head.set(tag::SLOT, &[slot]),
            None => head.remove(tag::SLOT),
        };
        match self.revision {
            0 => head.remove(tag::REVISION),
            revision => head.set(tag::REVISION, &u32::from(revision).to_le_bytes()),
        };
    }

    /// That of the same save, written anew.
    pub(crate) fn next_revision(&self) -> Result<Self, Error> {
        let too_many = Error::Misuse { what: "a save was migrated 65,535 times; save it anew" };
        Ok(Self { revision: self.revision.checked_add(1).ok_or(too_many)?, ..*self })
    }

    /// What saves are ordered by.
    pub(crate) fn order(&self) -> (u64, u16, SaveId) {
        (self.sequence, self.revision, self.id)
    }
}

impl fmt::Display for Stem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot {
            Some(slot) => write!(f, "s{slot:03}")?,
            None => f.write_str(PROFILE)?,
        }
        write!(f, "-{:016x}-{:04x}-{}", self.sequence, self.revision, self.id)
    }
}

impl Ord for Stem {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order()).then(self.slot.cmp(&other.slot))
    }
}

impl PartialOrd for Stem {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn decimal(digits: [u8; 3]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |number, digit| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(digit - b'0'),
        _ => None,
    })
}

/// The bytes of twice as many digits in lower case.
fn hexadecimal<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    // Gathered instead of returned at once: a directory has ten thousands of such digits.
    let mut wrong = digits.len() != 2 * N;
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        let (high, low) = (digit(*high), digit(*low));
        wrong |= (high | low) > 0x0F;
        *byte = high << 4 | low & 0x0F;
    }
    (!wrong).then_some(bytes)
}

/// The value of a digit; above 15: it is none.
fn digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => 0xFF,
    }
}

#[cfg(test)]
mod tests;
