//! Files that were put together from section 14.6 of FORMAT.md by a program that shares no code with this crate: golden/deltas.py.

use keepstone_checkpoint::delta::{Delta, DeltaKind, Options};
use keepstone_format::Codec;

use super::support::{decode, encode};

const EXAMPLE: &[u8] = include_bytes!("../golden/delta-v1-example.bin");
const USUAL: &[u8] = include_bytes!("../golden/delta-v1-usual.bin");
const GIVEN: &[u8] = include_bytes!("../golden/delta-v1-given.bin");

/// The steps in the files: copied, inserted, shifted.
const STEPS: [(usize, usize, isize); 11] = [
    (0, 4, 0),
    (159, 4, 0),
    (160, 4, 0),
    (12_447, 4, 0),
    (12_448, 4, 0),
    (0, 1, 0),
    (11_263, 300, 0),
    (11_264, 5, 0),
    (10, 40, -40),
    (7, 0, 500),
    (3, 2, -30_000),
];

pub(super) fn state(len: u32) -> Vec<u8> {
    (0..u64::from(len)).map(|i| (i * i * 31 + i * 7 + (i >> 8)).to_le_bytes()[0]).collect()
}

#[test]
fn the_example_of_the_text_is_written_and_read() {
    let source: Vec<u8> = (0..=255).collect();
    let mut target = source.clone();
    (target[10], target[20]) = (0xaa, 0xbb);
    target.splice(200..200, *b"KEEP");
    let delta = Delta::between(&source, &target, &Options::new()).unwrap();
    assert_eq!(encode(&delta, Codec::None), EXAMPLE);
    assert_eq!(decode(EXAMPLE).to_delta(), delta);
    assert_eq!(decode(EXAMPLE).apply(&source).unwrap(), target);
    let text = include_str!("../../../format/FORMAT.md");
    let shown: Vec<String> = EXAMPLE.iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(text.contains(&shown.join(" ")), "FORMAT.md doesn't show {}", shown.join(" "));
}

#[test]
fn steps_of_all_forms_are_written_and_read_to_the_byte() {
    let source = state(64_000);
    let mut numbers = (0..).map(|i: u32| (i * 37 + 11).to_le_bytes()[0]);
    let (mut target, mut place) = (Vec::new(), 0_usize);
    for (copy, insert, shift) in STEPS {
        target.extend_from_slice(&source[place..place + copy]);
        target.extend(numbers.by_ref().take(insert));
        place = (place + copy + insert).checked_add_signed(shift).unwrap();
    }
    target.extend_from_slice(&source[place..place + 1000]);
    for bytes in [USUAL, GIVEN] {
        let delta = decode(bytes);
        assert_eq!((delta.kind(), delta.stats().ops), (DeltaKind::Moved, STEPS.len()));
        assert!(delta.apply(&source).unwrap() == target);
    }
    assert_eq!(decode(USUAL).to_delta(), decode(GIVEN).to_delta());
    // The shorter form is written.
    assert_eq!(encode(&decode(GIVEN).to_delta(), Codec::None), USUAL);
}

#[test]
#[cfg(all(feature = "lz4", feature = "zstd"))]
fn what_the_commands_packed_is_read() {
    let source = state(1000);
    let mut target = source.clone();
    target.splice(300..300, [0x2a; 1000]);
    let lz4: &[u8] = include_bytes!("../golden/delta-v1-lz4.bin");
    let zstd: &[u8] = include_bytes!("../golden/delta-v1-zstd.bin");
    for (bytes, codec) in [(lz4, Codec::Lz4), (zstd, Codec::Zstd)] {
        let delta = decode(bytes);
        assert_eq!(delta.apply(&source).unwrap(), target);
        let packed = encode(&delta.to_delta(), codec);
        assert_eq!(packed[..5], bytes[..5], "flags and lengths");
        assert!(packed.len() < 50);
        assert_eq!(decode(&packed).apply(&source).unwrap(), target);
    }
}
