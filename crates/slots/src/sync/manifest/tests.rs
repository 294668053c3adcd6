use super::*;

fn player() -> Player {
    Player::new("Ada").unwrap()
}

fn sample() -> Manifest {
    let mut entries = BTreeMap::new();
    for (number, slot) in [(1_u8, Some(0)), (2, Some(255)), (3, None)] {
        let id = SaveId::from_bytes([number; 16]).unwrap();
        let stem = Stem { slot, sequence: u64::from(number) << 8, revision: (number == 2).into(), id };
        let mut head = Metadata::new();
        stem.to_head(&mut head);
        head.set(tag::PLAYER, b"Ada").set(tag::SAVE_KIND, &[if slot.is_some() { 1 } else { 5 }]);
        head.set(tag::ANCESTORS, &[number; 16]).set_name("before the dragon");
        entries.insert(stem, Listed { len: 1000 + u64::from(number), head });
    }
    Manifest { id: [7; 16], entries }
}

fn encoded() -> Vec<u8> {
    sample().encode(&player(), Compression::NONE).unwrap()
}

#[test]
fn it_is_decoded_as_it_was_encoded() {
    assert_eq!(Manifest::decode(&encoded(), &player()), Some(sample()));
    let empty = Manifest { id: [1; 16], ..Manifest::default() };
    let bytes = empty.encode(&player(), Compression::NONE).unwrap();
    assert_eq!(Manifest::decode(&bytes, &player()), Some(empty));
}

#[test]
fn the_bytes_of_version_1_are_read_and_written() {
    let golden = include_bytes!("../../../tests/golden/heads-v1-three.bin");
    assert_eq!(Manifest::decode(golden, &player()), Some(sample()));
    assert_eq!(encoded(), golden);
}

#[test]
fn a_list_of_another_player_or_without_an_id_is_none() {
    assert_eq!(Manifest::decode(&encoded(), &Player::new("Bob").unwrap()), None);
    let unnamed = Manifest { id: [0; 16], ..sample() }.encode(&player(), Compression::NONE).unwrap();
    assert_eq!(Manifest::decode(&unnamed, &player()), None);
}

#[test]
fn a_list_that_is_cut_off_anywhere_is_none() {
    let bytes = encoded();
    for len in 0..bytes.len() {
        assert_eq!(Manifest::decode(&bytes[..len], &player()), None, "{len}");
    }
}

#[test]
fn a_list_with_a_flipped_bit_is_none() {
    let mut bytes = encoded();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        // The container's header may say what changes nothing here.
        let found = Manifest::decode(&bytes, &player());
        assert!(found.is_none(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

/// A list whose body was changed, with checksums that are right.
fn with_body(change: impl FnOnce(&mut Vec<u8>)) -> Option<Manifest> {
    let decoded = file::decode(&encoded()).unwrap();
    let mut body = decoded.body;
    change(&mut body);
    Manifest::decode(&file::encode(decoded.head, decoded.id, &body, Compression::NONE).unwrap(), &player())
}

#[test]
fn a_body_that_breaks_a_rule_is_none() {
    let is_none = |change: &dyn Fn(&mut Vec<u8>)| assert_eq!(with_body(change), None);
    assert_eq!(with_body(|_| {}), Some(sample()));
    is_none(&|body| body[0] = 2);
    // A count that nothing could hold.
    is_none(&|body| body[4..8].fill(0xFF));
    is_none(&|body| body[4] = 2);
    is_none(&|body| body[4] = 4);
    is_none(&|body| body.push(0));
    // A name that is no save's.
    is_none(&|body| body[9] = b'S');
    // The sequence in the name is not that in the head.
    is_none(&|body| body[9 + 5 + 15] ^= 1);
    for len in 0..40 {
        is_none(&|body| body.truncate(len));
    }
}
