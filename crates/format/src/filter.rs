/// What is done to the bytes of a chunk before the codec, so that it finds more in them.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Filter {
    /// Nothing.
    #[default]
    None,
    /// The first bytes of all elements stand together, then the second ones, and so on. Numbers that are
    /// near each other share their high bytes; text gets longer by it.
    Shuffle {
        /// Bytes of an element, at least 2: of a number, or of a row of plain numbers.
        width: u8,
    },
}

impl Filter {
    /// Returns the number in a file.
    pub fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Shuffle { .. } => SHUFFLE,
        }
    }

    /// Returns the parameter in a file.
    pub fn parameter(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Shuffle { width } => width.into(),
        }
    }

    /// Returns the filter of a number and a parameter, if this build knows it.
    pub fn from_parts(id: u8, parameter: u16) -> Option<Self> {
        match (id, u8::try_from(parameter)) {
            (0, Ok(0)) => Some(Self::None),
            (SHUFFLE, Ok(width @ SHUFFLE_WIDTH_MIN..)) => Some(Self::Shuffle { width }),
            _ => None,
        }
    }

    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Shuffle { .. } => "byte shuffle",
        }
    }
}

const SHUFFLE: u8 = 1;
/// Elements of one byte are together already.
const SHUFFLE_WIDTH_MIN: u8 = 2;
/// Elements that are taken in one go: their bytes stay in the first cache through all passes over them.
const BLOCK: usize = 512;

/// Whether a filter that this build knows has a parameter that it can't have.
pub(crate) fn is_parameter_wrong(id: u8, parameter: u16) -> bool {
    id <= SHUFFLE && Filter::from_parts(id, parameter).is_none()
}

/// Shuffles elements of `width` bytes into `room`, which is as long; an element that is cut short is left
/// at the end.
pub(crate) fn shuffle(width: usize, bytes: &[u8], room: &mut [u8]) {
    let whole = bytes.len() - bytes.len() % width;
    let (Some((elements, tail)), Some((lanes, room_tail))) =
        (bytes.split_at_checked(whole), room.split_at_mut_checked(whole))
    else {
        return;
    };
    room_tail.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
    let count = elements.len() / width;
    for (block, bytes) in elements.chunks(BLOCK * width).enumerate() {
        for (at, lane) in lanes.chunks_exact_mut(count.max(1)).enumerate() {
            let to = lane.iter_mut().skip(block * BLOCK);
            let from = bytes.chunks_exact(width).map(|element| element.get(at).copied().unwrap_or_default());
            to.zip(from).for_each(|(to, from)| *to = from);
        }
    }
}

/// Undoes [`shuffle`].
pub(crate) fn unshuffle(width: usize, bytes: &[u8], room: &mut [u8]) {
    let whole = bytes.len() - bytes.len() % width;
    let (Some((lanes, tail)), Some((elements, room_tail))) =
        (bytes.split_at_checked(whole), room.split_at_mut_checked(whole))
    else {
        return;
    };
    room_tail.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
    match width {
        4 => unshuffle_quads::<4>(lanes, elements),
        8 => unshuffle_quads::<8>(lanes, elements),
        12 => unshuffle_quads::<12>(lanes, elements),
        16 => unshuffle_quads::<16>(lanes, elements),
        _ => unshuffle_any(width, lanes, elements),
    }
}

/// Four lanes at a time become a quarter of a word: a loop that a compiler turns into vector code.
fn unshuffle_quads<const W: usize>(lanes: &[u8], elements: &mut [u8]) {
    let (elements, _) = elements.as_chunks_mut::<W>();
    let count = elements.len();
    for (block, elements) in elements.chunks_mut(BLOCK).enumerate() {
        let mut lanes = lanes.chunks_exact(count).map(|lane| lane.get(block * BLOCK..).unwrap_or_default());
        let mut quad = 0;
        while let (Some(a), Some(b), Some(c), Some(d)) =
            (lanes.next(), lanes.next(), lanes.next(), lanes.next())
        {
            for ((((element, a), b), c), d) in elements.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                if let Some(to) = element.as_chunks_mut::<4>().0.get_mut(quad) {
                    *to = [*a, *b, *c, *d];
                }
            }
            quad += 1;
        }
    }
}

fn unshuffle_any(width: usize, lanes: &[u8], elements: &mut [u8]) {
    let count = elements.len() / width;
    for (block, room) in elements.chunks_mut(BLOCK * width).enumerate() {
        for (at, lane) in lanes.chunks_exact(count.max(1)).enumerate() {
            let from = lane.iter().skip(block * BLOCK);
            room.iter_mut().skip(at).step_by(width).zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_and_length_survives() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|i| (i * 31 % 251).to_le_bytes()[0]).collect();
        for width in 2..=255_usize {
            for len in [0, 1, width - 1, width, width + 1, 3 * width - 1, 7 * width, 5000, 513 * width + 3] {
                let bytes = &bytes[..len.min(bytes.len())];
                let (mut shuffled, mut back) = (vec![0; bytes.len()], vec![0; bytes.len()]);
                shuffle(width, bytes, &mut shuffled);
                let count = bytes.len() / width;
                let expected = |at: usize| {
                    let is_tail = at >= count * width;
                    bytes[if is_tail { at } else { at % count * width + at / count }]
                };
                assert!((0..bytes.len()).all(|at| shuffled[at] == expected(at)), "{width} {len}");
                unshuffle(width, &shuffled, &mut back);
                assert!(back == bytes, "{width} {len}");
            }
        }
    }

    #[test]
    fn parameters_that_mean_nothing_are_refused() {
        assert_eq!(Filter::from_parts(1, 12), Some(Filter::Shuffle { width: 12 }));
        for (id, parameter) in [(0, 1), (1, 0), (1, 1), (1, 256)] {
            assert_eq!(Filter::from_parts(id, parameter), None);
            assert!(is_parameter_wrong(id, parameter));
        }
        assert_eq!(Filter::from_parts(2, 0), None);
        assert!(!is_parameter_wrong(2, 0));
    }
}
