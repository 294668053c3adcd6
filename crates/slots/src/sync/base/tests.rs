use keepstone_storage::MemFiles;

use super::*;

const TARGET: &str = "a cloud";

fn sample() -> Base {
    let common =
        |number: u8, is_unwanted| Common { id: SaveId::from_bytes([number; 16]).unwrap(), is_unwanted };
    let slots = [(None, common(1, false)), (Some(0), common(2, true)), (Some(255), common(3, false))];
    Base { manifest_id: [7; 16], slots: slots.into_iter().collect() }
}

fn encoded() -> Vec<u8> {
    sample().encode(TARGET).unwrap()
}

#[test]
fn it_is_decoded_as_it_was_encoded() {
    assert_eq!(Base::decode(&encoded(), TARGET), Some(sample()));
    let empty = Base::default();
    assert_eq!(Base::decode(&empty.encode(TARGET).unwrap(), TARGET), Some(empty));
    let slots = (0..=u8::MAX).map(Some).chain([None]);
    let all = slots.map(|slot| (slot, Common { id: SaveId::random(), is_unwanted: slot == Some(3) }));
    let full = Base { manifest_id: [9; 16], slots: all.collect() };
    let bytes = full.encode(TARGET).unwrap();
    assert!(bytes.len() as u64 <= LEN_MAX);
    assert_eq!(Base::decode(&bytes, TARGET), Some(full));
}

#[test]
fn the_bytes_of_version_1_are_read_and_written() {
    let golden = include_bytes!("../../../tests/golden/base-v1-three.bin");
    assert_eq!(Base::decode(golden, TARGET), Some(sample()));
    assert_eq!(encoded(), golden);
}

#[test]
fn what_is_known_of_one_target_is_not_told_of_another() {
    assert_eq!(Base::decode(&encoded(), "another cloud"), None);
    let long = "\u{e4}".repeat(5000);
    let bytes = sample().encode(&long).unwrap();
    assert_eq!(Base::decode(&bytes, &long), Some(sample()));
    let files = MemFiles::new();
    sample().write(&files, Path::new("p"), TARGET).unwrap();
    assert_eq!(Base::read(&files, Path::new("p"), TARGET), sample());
    assert_eq!(Base::read(&files, Path::new("p"), "another cloud"), Base::default());
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_none() {
    let bytes = encoded();
    for len in 0..bytes.len() {
        assert_eq!(Base::decode(&bytes[..len], TARGET), None, "{len}");
    }
}

#[test]
fn a_file_with_a_flipped_bit_is_none() {
    let mut bytes = encoded();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Base::decode(&bytes, TARGET), None, "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_body_that_breaks_a_rule_is_none() {
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut decoded = file::decode(&encoded()).unwrap();
        change(&mut decoded.body);
        let plain = Compression { codec: Codec::None, level: 3 };
        Base::decode(&file::encode(decoded.head, decoded.id, &decoded.body, plain).unwrap(), TARGET)
    };
    assert_eq!(with(&|_| {}), Some(sample()));
    assert_eq!(with(&|body| body[0] = 2), None);
    assert_eq!(with(&|body| body[4] = 2), None);
    assert_eq!(with(&|body| body[4..8].fill(0xFF)), None);
    assert_eq!(with(&|body| body.push(0)), None);
    // Slots that don't ascend, a state that there isn't, an id of zeros.
    assert_eq!(with(&|body| body[8 + 19] = 0), None);
    assert_eq!(with(&|body| body[8 + 2] = 2), None);
    assert_eq!(with(&|body| body[8 + 3..8 + 19].fill(0)), None);
    assert_eq!(with(&|body| body[8 + 2 * 19 + 1] = 2), None);
}
