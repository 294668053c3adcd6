mod random;
mod refused;

use keepstone_format::{Codec, Error};
use keepstone_testkit::Random;

use self::random::RandomOps;
use super::*;
use crate::{
    checkpoint::StateLayout,
    form::{Form, PackPlace, Place},
};

const NOON: i64 = 1_700_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

fn encoded(encoder: &mut Encoder, ops: &[Op]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for op in ops {
        encoder.put(op, &mut bytes).unwrap();
    }
    bytes
}

fn decoded(decoder: &mut Decoder, bytes: &[u8]) -> Result<Vec<Op>, Error> {
    decoder.ops(bytes).collect()
}

/// The same in the other direction, in a journal and in a manifest.
fn sides() -> [(Encoder, Decoder); 2] {
    let first = Sequence::default();
    [(Encoder::at(first, None), Decoder::at(first, None)), (Encoder::new(), Decoder::new())]
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "{hex}");
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A checkpoint with a time and nothing else about it.
fn plain(form: Form, parent: Parent, time: i64, len: u64, place: Place) -> NewCheckpoint {
    NewCheckpoint {
        id: None,
        branch: 0,
        parent,
        time: Some(time),
        trigger: Trigger::Manual,
        message: "".into(),
        tags: Vec::new(),
        annotations: Fields::new(),
        locked: false,
        facts: Facts::default(),
        layout: StateLayout::Bytes,
        len,
        content: ContentId::from_bytes([0xCC; 16]),
        body: Body { form, place },
    }
}

fn checkpoint(new: NewCheckpoint) -> Op {
    Op::Checkpoint(Box::new(new))
}

fn content(first: u8) -> ContentId {
    let mut next = first..;
    ContentId::from_bytes(std::array::from_fn(|_| next.next().unwrap()))
}

fn inline(bytes: &[u8]) -> Place {
    Place::Journal(bytes.into())
}

/// The operations of the example in the specification.
fn example() -> Vec<Op> {
    let whole = Form::Full(Codec::None);
    let first =
        NewCheckpoint { content: content(0xA0), ..plain(whole, Parent::Head, NOON, 5, inline(b"hello")) };
    let second = NewCheckpoint {
        content: content(0xB0),
        ..plain(Form::Delta(Sequence(1)), Parent::Head, NOON + 5 * SECOND, 5000, inline(&[0xAA, 0xBB, 0xCC]))
    };
    vec![
        Op::Writer(Prefix([1, 2, 3, 4, 5, 6, 7, 8])),
        Op::Session { name: "agent".into(), time: Some(NOON), metadata: Fields::new() },
        Op::Branch { session: 0, name: "main".into(), head: None },
        checkpoint(first),
        checkpoint(second),
        Op::Tags { of: Sequence(2), add: vec!["safe".into()], remove: Vec::new() },
        Op::Head {
            branch: 0,
            to: Some(Sequence(1)),
            cause: Cause::Restore,
            time: Some(NOON + 5 * SECOND - 1000),
        },
    ]
}

/// The prune of the example in the specification: what stood on the checkpoint that goes is kept whole, on another one, or as the same.
fn example_of_a_prune() -> Vec<Op> {
    let rebase = |of, form, bytes: &[u8]| Op::Rebase { of: Sequence(of), form, bytes: bytes.into() };
    vec![
        rebase(4, Form::Full(Codec::None), b"world"),
        rebase(5, Form::Delta(Sequence(2)), &[0xAA, 0xBB]),
        rebase(6, Form::Same(Sequence(1)), b""),
        Op::Prune { gone: vec![Sequence(3)] },
    ]
}

#[test]
fn a_prune_has_the_bytes_of_the_specification() {
    let bytes = bytes_of(
        "15 00 03 00 05 77 6f 72 6c 64
         15 01 02 03 02 aa bb
         15 02 01 05
         0a 01 02",
    );
    let (mut encoder, mut decoder) = (Encoder::at(Sequence(7), None), Decoder::at(Sequence(7), None));
    assert_eq!(encoded(&mut encoder, &example_of_a_prune()), bytes);
    assert_eq!(bytes, include_bytes!("../../tests/golden/operations-v1-prune.bin"));
    assert_eq!(decoded(&mut decoder, &bytes).unwrap(), example_of_a_prune());
    let state_bytes: Vec<u64> = example_of_a_prune().iter().map(Op::state_bytes).collect();
    assert_eq!(state_bytes, [5, 2, 0, 0]);
}

#[test]
fn a_journal_has_the_bytes_of_the_specification() {
    let bytes = bytes_of(
        "05 01 02 03 04 05 06 07 08
         04 01 05 61 67 65 6e 74 80 80 d0 e2 c6 bf ce 97 2f
         03 00 04 6d 61 69 6e 00
         01 04 00 00 00 a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af 05 05 68 65 6c 6c 6f
         01 05 00 80 c8 af a0 25 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 ba bb bc bd be bf 88 27 03 aa bb cc
         06 01 01 04 73 61 66 65 00
         02 09 00 02 cf 0f",
    );
    let [(mut encoder, mut decoder), _] = sides();
    assert_eq!(encoded(&mut encoder, &example()), bytes);
    assert_eq!(decoded(&mut decoder, &bytes).unwrap(), example());
    assert_eq!(encoder.last_time(), Some(NOON + 5 * SECOND - 1000));
}

#[test]
fn a_manifest_has_the_bytes_of_the_specification() {
    let at = |offset, len, crc| Place::Pack(PackPlace { pack: 1, offset, len, crc });
    let first = plain(Form::Full(Codec::None), Parent::Known(None), NOON, 5, at(144, 5, 0x4433_2211));
    let parent = Parent::Known(Some(Sequence(1)));
    let second = plain(Form::Delta(Sequence(1)), parent, NOON + 5 * SECOND, 5000, at(149, 3, 0x8877_6655));
    let moved = |number, time, from, to| {
        Op::Moved(Move { number, branch: 0, time: Some(time), from, to, cause: Cause::Checkpoint })
    };
    let (one, two) = (Some(Sequence(1)), Some(Sequence(2)));
    let ops = vec![
        Op::Session { name: "agent".into(), time: Some(NOON), metadata: Fields::new() },
        Op::Branch { session: 0, name: "main".into(), head: None },
        Op::Writer(Prefix([1, 2, 3, 4, 5, 6, 7, 8])),
        checkpoint(NewCheckpoint { content: content(0xA0), ..first }),
        checkpoint(NewCheckpoint { content: content(0xB0), ..second }),
        Op::Skip { next: Sequence(3) },
        moved(1, NOON, None, one),
        moved(2, NOON + 5 * SECOND, one, two),
        Op::Counters { next_move: 3, last_time: Some(NOON + 5 * SECOND) },
        Op::HeadIs { branch: 0, to: two },
    ];
    let bytes = bytes_of(
        "04 01 05 61 67 65 6e 74 80 80 d0 e2 c6 bf ce 97 2f
         03 00 04 6d 61 69 6e 00
         05 01 02 03 04 05 06 07 08
         01 64 00 00 00 a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af 05 02 90 01 05 11 22 33 44
         01 25 00 80 c8 af a0 25 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 ba bb bc bd be bf 86 4e 00 03 55 66 77 88
         10 00
         13 08 00 ff c7 af a0 25
         13 08 00 80 c8 af a0 25
         12 01 03 00
         14 00 01",
    );
    let [_, (mut encoder, mut decoder)] = sides();
    assert_eq!(encoded(&mut encoder, &ops), bytes);
    assert_eq!(decoded(&mut decoder, &bytes).unwrap(), ops);
}

#[test]
fn a_plain_checkpoint_takes_twenty_eight_bytes_beside_its_difference() {
    let difference = [7; 100];
    let mut encoder = Encoder::at(Sequence(1000), Some(NOON));
    let size = |form, after_ns: i64, len| {
        let new = plain(form, Parent::Head, NOON + after_ns, len, inline(&difference));
        encoded(&mut encoder.clone(), &[checkpoint(new)]).len() - difference.len()
    };
    let near = Form::Delta(Sequence(999));
    assert_eq!(size(near, 5 * SECOND, 10_000), 1 + 1 + 1 + 5 + 16 + 2 + 1);
    assert_eq!(size(near, 5 * SECOND, 100_000), 28);
    // The time takes a byte more from 17 seconds on, and another from 36 minutes on.
    assert_eq!(size(near, 17 * SECOND, 100_000), 28);
    assert_eq!(size(near, 18 * SECOND, 100_000), 29);
    assert_eq!(size(near, 36 * 60 * SECOND, 100_000), 29);
    assert_eq!(size(near, 37 * 60 * SECOND, 100_000), 30);
    // Of two branches in turn each checkpoint stands on the last but one.
    assert_eq!(size(Form::Delta(Sequence(998)), 5 * SECOND, 100_000), 29);

    // One that is the same has no bytes, and no length of them.
    let same = plain(Form::Same(Sequence(999)), Parent::Head, NOON + 5 * SECOND, 100_000, inline(&[]));
    assert_eq!(encoded(&mut encoder, &[checkpoint(same)]).len(), 28);
}

#[test]
fn a_checkpoint_of_a_manifest_and_its_move_take_forty_bytes() {
    let mut encoder = Encoder::new();
    let mut ops = Vec::new();
    for number in 0..1000_u64 {
        let place = Place::Pack(PackPlace { pack: 7, offset: 144 + 300 * number, len: 300, crc: 9 });
        let form = if number == 0 { Form::Full(Codec::Lz4) } else { Form::Delta(Sequence(number)) };
        let time = NOON + number.cast_signed() * 5 * SECOND;
        let parent = Parent::Known((number > 0).then_some(Sequence(number)));
        ops.push(checkpoint(plain(form, parent, time, 100_000 + number % 7, place)));
    }
    let checkpoints = encoded(&mut encoder, &ops).len();
    assert_eq!(checkpoints / 1000, 32);
    let moves: Vec<Op> = (1..=1000)
        .map(|number| {
            let (from, to) = ((number > 1).then(|| Sequence(number - 1)), Some(Sequence(number)));
            let time = Some(NOON + number.cast_signed() * 5 * SECOND);
            Op::Moved(Move { number, branch: 0, time, from, to, cause: Cause::Checkpoint })
        })
        .collect();
    assert_eq!(encoded(&mut encoder, &moves).len() / 1000, 8);
}

#[test]
fn operations_come_back_as_they_were() {
    for seed in 0..200 {
        let ops = RandomOps::new(seed).many(40);
        let mut random = Random::new(seed);
        for (mut encoder, mut decoder) in sides() {
            let mut left = ops.as_slice();
            while !left.is_empty() {
                let (piece, rest) = left.split_at(1 + random.index(left.len()));
                let bytes = encoded(&mut encoder, piece);
                assert_eq!(decoded(&mut decoder, &bytes).unwrap(), piece, "seed {seed}");
                assert_eq!(decoder.into_encoder(), encoder, "seed {seed}");
                left = rest;
            }
        }
    }
}

#[test]
fn a_journal_is_read_from_any_commit_on() {
    for seed in 0..100 {
        let mut encoder = Encoder::at(Sequence::default(), None);
        let mut next = Sequence::default();
        for op in RandomOps::new(seed).many(60) {
            let mut decoder = Decoder::at(next, encoder.last_time());
            let bytes = encoded(&mut encoder, std::slice::from_ref(&op));
            assert_eq!(decoded(&mut decoder, &bytes).unwrap(), std::slice::from_ref(&op), "seed {seed}");
            match op {
                Op::Checkpoint(_) => next = next.next(),
                Op::Skip { next: skipped } => next = skipped,
                _ => {}
            }
        }
    }
}

#[test]
fn what_is_cut_short_is_an_error_or_ends_between_two_operations() {
    for seed in 0..8 {
        let ops = RandomOps::new(seed).many(30);
        for (mut encoder, decoder) in sides() {
            let mut bytes = Vec::new();
            let mut ends = vec![0];
            for op in &ops {
                encoder.put(op, &mut bytes).unwrap();
                ends.push(bytes.len());
            }
            for len in 0..bytes.len() {
                let found = decoded(&mut decoder.clone(), &bytes[..len]);
                match ends.iter().position(|end| *end == len) {
                    Some(count) => assert_eq!(found.unwrap(), ops[..count], "seed {seed}, length {len}"),
                    None => assert!(
                        matches!(found, Err(Error::Truncated { .. })),
                        "seed {seed}, {len}: {found:?}"
                    ),
                }
            }
        }
    }
}

/// Whatever is read is written as it was, and nothing comes behind an error.
fn check_hostile(encoder: Encoder, decoder: Decoder, bytes: &[u8]) -> bool {
    let mut decoder = decoder;
    let found: Vec<_> = decoder.ops(bytes).collect();
    let sound = found.iter().take_while(|op| op.is_ok()).count();
    assert!(sound + 1 >= found.len(), "{found:?}");
    let ops: Result<Vec<Op>, Error> = found.into_iter().collect();
    if let Ok(ops) = &ops {
        let mut encoder = encoder;
        assert_eq!(encoded(&mut encoder, ops), bytes, "{ops:?}");
        assert_eq!(decoder.into_encoder(), encoder);
    }
    ops.is_ok()
}

#[test]
fn every_flipped_bit_is_an_error_or_something_else_that_is_written_so() {
    let (mut read, mut refused) = (0, 0);
    for seed in 0..3 {
        let ops = RandomOps::new(seed).many(30);
        for (encoder, decoder) in sides() {
            let bytes = encoded(&mut encoder.clone(), &ops);
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let is_read = check_hostile(encoder, decoder, &flipped);
                *(if is_read { &mut read } else { &mut refused }) += 1;
            }
        }
    }
    assert!(read > 2_000 && refused > 2_000, "{read} read, {refused} refused");
}

#[test]
fn bytes_of_no_encoder_are_errors_or_written_as_they_were() {
    let mut random = Random::new(11);
    let mut read = 0;
    for _ in 0..20_000 {
        let len = random.index(40);
        // Small ones, since most large bytes are refused at once.
        let bytes: Vec<u8> =
            (0..len)
                .map(|_| {
                    if random.one_in(8) { random.next_u64().to_le_bytes()[0] } else { random.bytes(1)[0] & 7 }
                })
                .collect();
        let next = Sequence(1 + random.below(6));
        let journal = (Encoder::at(next, Some(7)), Decoder::at(next, Some(7)));
        let (encoder, decoder) = if random.one_in(2) { journal } else { (Encoder::new(), Decoder::new()) };
        read += u32::from(check_hostile(encoder, decoder, &bytes));
    }
    assert!(read > 500, "{read}");
}
