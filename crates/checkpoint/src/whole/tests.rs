use super::*;

const BIG: u64 = 1 << 40;

/// The codecs that this build has.
fn codecs() -> Vec<Codec> {
    let built = [cfg!(feature = "lz4"), cfg!(all(feature = "zstd", not(target_arch = "wasm32")))];
    [Codec::Lz4, Codec::Zstd].into_iter().zip(built).filter_map(|(codec, is)| is.then_some(codec)).collect()
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|at| b"some text that comes again and again, "[at % 38] ^ u8::from(at % 977 == 0)).collect()
}

/// Bytes that no codec makes smaller.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn every_state_comes_back_and_is_never_stored_longer_than_it_is() {
    let half = [noise(1 << 20), text(300_000)].concat();
    for codec in codecs() {
        for len in [0, 1, 100, (1 << 20) - 1, 1 << 20, (2 << 20) + 1] {
            for state in [text(len), noise(len), vec![0; len]] {
                let (used, bytes) = encode(&state, codec).unwrap();
                assert!(bytes.len() <= state.len() && (used == codec || used == Codec::None));
                assert!(decode(used, &bytes, len as u64, BIG).unwrap() == state, "{codec:?}, {len}");
            }
        }
        assert_eq!(encode(&noise(5000), codec).unwrap().0, Codec::None);
        let (used, bytes) = encode(&half, codec).unwrap();
        // The piece that doesn't pay stands as it is, the other one is small.
        assert!(
            used == codec && bytes.len() < (1 << 20) + 30_000 && bytes[3..3 + (1 << 20)] == half[..1 << 20]
        );
        assert!(decode(used, &bytes, half.len() as u64, BIG).unwrap() == half);
    }
    let (used, bytes) = encode(&text(1000), Codec::None).unwrap();
    assert_eq!((used, bytes), (Codec::None, text(1000)));
}

#[test]
fn a_length_is_held_against_the_limit_and_against_what_is_there() {
    for codec in codecs() {
        let (_, bytes) = encode(&text(5000), codec).unwrap();
        assert!(matches!(
            decode(codec, &bytes, 5000, 4999),
            Err(Error::Limit { needs: 5000, allowed: 4999, .. })
        ));
        assert!(decode(codec, &bytes, 5000, 5000).is_ok());
        for len in [0, 1, 4999, 5001, 1 << 20, 1 << 30, 1 << 50, u64::MAX] {
            assert!(decode(codec, &bytes, len, u64::MAX).is_err(), "{codec:?}, {len}");
        }
        // A long state of few bytes is believed as far as there are pieces.
        let zeros = encode(&vec![0; 8 << 20], codec).unwrap().1;
        assert!(matches!(
            decode(codec, &zeros, 1 << 50, u64::MAX),
            Err(Error::Truncated { .. } | Error::Codec { .. })
        ));
        let more = [&bytes[..], b"x"].concat();
        assert!(matches!(decode(codec, &more, 5000, BIG), Err(Error::Invalid { .. })));
        for bytes in [&[0_u8][..], &[2, 1, 1], &[0x80, 0x00], &[1]] {
            assert!(decode(codec, bytes, 1, BIG).is_err(), "{bytes:?}");
        }
        assert_eq!(decode(codec, &[1, 9], 1, BIG).unwrap(), [9]);
    }
    for (bytes, len) in [(&b"abc"[..], 2), (b"abc", 4), (b"", 1)] {
        assert!(decode(Codec::None, bytes, len, BIG).is_err());
    }
    assert_eq!(decode(Codec::None, b"abc", 3, BIG).unwrap(), b"abc");
}

#[test]
fn a_state_cut_short_at_any_length_is_refused() {
    let (small, pieces) = (text(3000), [text(1 << 20), noise(5000)].concat());
    for codec in codecs() {
        for (state, step) in [(&small, 1), (&pieces, 997)] {
            let (used, bytes) = encode(state, codec).unwrap();
            assert_eq!(used, codec);
            for len in (0..bytes.len()).rev().step_by(step) {
                assert!(decode(codec, &bytes[..len], state.len() as u64, BIG).is_err(), "{codec:?}, {len}");
            }
        }
    }
}

/// What notices a flipped bit is the checksum of the place in the pack; here it must do no harm.
#[test]
fn a_flipped_bit_is_refused_or_gives_as_many_bytes() {
    let state = text(3000);
    for codec in codecs() {
        let (_, bytes) = encode(&state, codec).unwrap();
        let mut refused = 0;
        for bit in 0..8 * bytes.len() {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match decode(codec, &bytes, state.len() as u64, BIG) {
                Ok(found) => assert_eq!(found.len(), state.len()),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > bytes.len(), "{codec:?}");
    }
}

#[test]
fn a_codec_that_is_not_built_is_a_typed_error() {
    for codec in [Codec::Lz4, Codec::Zstd].into_iter().filter(|codec| !codecs().contains(codec)) {
        assert!(matches!(encode(b"aaaa", codec), Err(Error::CodecNotBuilt { .. })));
        assert!(matches!(decode(codec, b"\x04aaaa", 4, BIG), Err(Error::CodecNotBuilt { .. })));
    }
}
