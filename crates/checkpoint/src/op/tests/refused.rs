use keepstone_format::Kind;

use super::*;
use crate::limits::{NAME_LEN_MAX, TAGS_MAX, TEXT_LEN_MAX};

/// An encoder and a decoder of a journal with two checkpoints.
fn behind_two() -> (Encoder, Decoder) {
    (Encoder::at(Sequence(3), Some(NOON)), Decoder::at(Sequence(3), Some(NOON)))
}

fn error_of(decoder: Decoder, hex: &str) -> Error {
    decoded(&mut decoder.clone(), &bytes_of(hex)).unwrap_err()
}

#[test]
fn what_a_newer_version_writes_is_told_from_damage() {
    let (_, decoder) = behind_two();
    let newer = [
        "16",
        "7f",
        "ff",
        "01 80 80 08",
        "01 18 00",
        "02 10",
        "02 05 00 00",
        "04 04",
        "09 01 02",
        "12 02",
        "15 03 01",
        "15 04 01 00 00",
    ];
    for hex in newer {
        let error = error_of(decoder, hex);
        assert_eq!(error.kind(), Kind::Newer, "{hex}: {error}");
    }
    let unknown_codec = format!("01 00 00 03 {} 00 00", "cc".repeat(16));
    assert!(matches!(error_of(decoder, &unknown_codec), Error::UnknownCodec { id: 3, offset: 3 }));
    let unknown_trigger = format!("01 80 0c 00 00 {} 00", "cc".repeat(16));
    assert!(matches!(error_of(decoder, &unknown_trigger), Error::UnknownFeatures { bits: 0x600 }));
    assert_eq!(error_of(decoder, "00").kind(), Kind::Damaged);
}

#[test]
fn lengths_that_can_not_be_are_refused_before_memory_is_taken() {
    let (_, decoder) = behind_two();
    let most = "ff ff ff ff 0f";
    let head = format!("00 {}", "cc".repeat(16));
    let cases = [
        format!("0a {most}"),
        format!("15 00 01 00 {most} 61"),
        format!("06 01 {most} 01 61"),
        format!("08 01 {most} 61"),
        format!("07 01 01 01 61 {most}"),
        format!("04 02 01 61 {most}"),
        format!("01 00 00 {head} 05 {most}"),
        format!("01 80 02 00 {head} 05 {most} 61"),
        format!("01 80 10 00 {head} 05 {most} 01 61"),
        format!("01 80 80 01 00 {head} 05 {most} 01 61"),
    ];
    for hex in cases {
        let error = error_of(decoder, &hex);
        assert!(matches!(error, Error::Truncated { needs: 0xFFFF_FFFF.., .. }), "{hex}: {error}");
    }
}

#[test]
fn what_goes_without_saying_is_not_said() {
    let (_, decoder) = behind_two();
    let content = "cc".repeat(16);
    let cases = [
        // A difference to the one just before, which has a number of its own.
        format!("01 02 00 01 {content} 05 00"),
        // The parent is the base, or the one just before, which has a number of its own.
        format!("01 41 00 01 {content} 05 00"),
        format!("01 40 00 00 01 {content} 05 00"),
        // One that is the same has no bytes in a pack.
        format!("01 83 01 00 01 {content} 05 01 00 00 00 00 00 00"),
        // A message, tags, annotations and metadata that are empty.
        format!("01 80 02 00 00 {content} 05 00 00"),
        format!("01 80 10 00 00 {content} 05 00 00"),
        format!("01 80 80 01 00 00 {content} 05 00 00"),
        "04 02 01 61 00".to_owned(),
        // A move that has the next number, comes from where the last one went, or goes to the next checkpoint.
        "13 10 00 00".to_owned(),
        "13 20 00 00".to_owned(),
        "13 40 00 02".to_owned(),
    ];
    for hex in cases {
        let error = error_of(decoder, &hex);
        let rule = "something is said that goes without saying";
        assert!(matches!(error, Error::Invalid { rule: found, .. } if found == rule), "{hex}: {error}");
    }
    let two = format!(
        "01 60 00 00 {content} 05 02 08 04 00 00 00 00
         01 65 00 00 {content} 05 02 0c 04 00 00 00 00"
    );
    assert!(error_of(Decoder::new(), &two).to_string().ends_with("goes without saying"));
}

#[test]
fn rules_of_single_fields_hold() {
    let (_, decoder) = behind_two();
    let content = "cc".repeat(16);
    let full = "01 00 00 00";
    let cases = [
        ("sequences go too far", "10 ff ff ff ff ff ff ff ff 7f".to_owned()),
        ("is not there yet", "09 03 00".to_owned()),
        ("is not there yet", "09 00 00".to_owned()),
        ("is not there yet", "0a 01 02".to_owned()),
        ("is not there yet", "15 01 03 01 00".to_owned()),
        ("is not there yet", "15 01 01 00 00".to_owned()),
        ("is not there yet", "15 02 01 02".to_owned()),
        ("is not there yet", "0a 02 00 ff ff ff ff ff ff ff ff ff 01".to_owned()),
        ("a name is empty", "03 00 00 00".to_owned()),
        ("a name is empty", "0b 00 00".to_owned()),
        ("a name is empty", "07 01 00 00 61".to_owned()),
        ("a name is not utf-8", "0b 00 01 ff".to_owned()),
        ("a text is not utf-8", "08 01 01 ff".to_owned()),
        ("tags are out of order", "06 01 02 01 62 01 61 00".to_owned()),
        ("tags are out of order", "06 01 02 01 61 01 61 00".to_owned()),
        ("metadata are out of order", "04 02 01 61 02 01 62 00 01 61 00".to_owned()),
        ("no place in a pack", format!("01 80 01 00 00 {content} 05 00 05 00 00 00 00")),
        (
            "beyond the end of its pack",
            format!("01 80 01 00 00 {content} 05 01 ff ff ff ff ff ff ff ff ff 01 01 00 00 00 00"),
        ),
        ("longer than it needs", format!("{full} {content} 80 00 00")),
    ];
    for (rule, hex) in cases {
        let error = error_of(decoder, &hex);
        assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains(rule), "{hex}: {error}");
    }
    let last = Decoder::at(Sequence::MAX, None);
    assert!(error_of(last, &format!("{full} {content} 00 00")).to_string().contains("no sequences left"));
    let first = Decoder::at(Sequence::default(), None);
    for hex in [format!("01 01 00 {content}"), format!("01 20 00 00 {content}"), "13 00 00".to_owned()] {
        assert!(error_of(first, &hex).to_string().contains("is not there yet"), "{hex}");
    }
}

#[test]
fn texts_are_as_long_as_they_may_be_and_no_longer() {
    let (encoder, decoder) = behind_two();
    let name = |len| Op::Rename { session: 0, name: "n".repeat(len).into() };
    let text = |len| Op::Message { of: Sequence(1), text: "t".repeat(len).into() };
    let value = |len| Op::Describe { session: 0, key: "k".to_owned(), value: Some("v".repeat(len)) };
    let tags = |count: usize| {
        let add = (100..100 + count).map(|number| number.to_string().into()).collect();
        Op::Tags { of: Sequence(1), add, remove: Vec::new() }
    };
    for op in [name(NAME_LEN_MAX), text(TEXT_LEN_MAX), value(TEXT_LEN_MAX), tags(TAGS_MAX), text(0), tags(0)]
    {
        let bytes = encoded(&mut encoder.clone(), std::slice::from_ref(&op));
        assert_eq!(decoded(&mut decoder.clone(), &bytes).unwrap(), [op]);
    }
    for op in [name(NAME_LEN_MAX + 1), text(TEXT_LEN_MAX + 1), value(TEXT_LEN_MAX + 1), tags(TAGS_MAX + 1)] {
        let error = encoder.clone().put(&op, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), Kind::Limit, "{error}");
    }
    let too_long = format!("08 01 81 80 04 {}", "61".repeat(TEXT_LEN_MAX + 1));
    assert!(error_of(decoder, &too_long).to_string().ends_with("a text is too long"));
    let too_many: Vec<String> = (0..=TAGS_MAX).map(|number| format!("02 61 {:02x}", 0x30 + number)).collect();
    let too_many = too_many.concat();
    assert!(error_of(decoder, &format!("06 01 41 {too_many} 00")).to_string().ends_with("too many tags"));
}

#[test]
fn what_a_decoder_would_refuse_is_not_written_and_changes_nothing() {
    let (encoder, _) = behind_two();
    let near = Form::Delta(Sequence(2));
    let whole = Form::Full(Codec::None);
    let new = |form, place| plain(form, Parent::Head, NOON, 5, place);
    let pack = |pack, offset, len| Place::Pack(PackPlace { pack, offset, len, crc: 0 });
    let tags = |tags: [&str; 2]| tags.map(Into::into).to_vec();
    let moved = |number| Move { number, branch: 0, time: None, from: None, to: None, cause: Cause::Prune };
    let bad = [
        checkpoint(new(Form::Delta(Sequence(3)), inline(b"x"))),
        checkpoint(new(Form::Same(Sequence(0)), inline(b""))),
        checkpoint(new(Form::Same(Sequence(2)), inline(b"x"))),
        checkpoint(new(Form::Same(Sequence(2)), pack(1, 0, 0))),
        checkpoint(new(whole, pack(u64::MAX, 0, 1))),
        checkpoint(new(whole, pack(1, u64::MAX, 1))),
        checkpoint(NewCheckpoint { parent: Parent::Known(Some(Sequence(3))), ..new(near, inline(b"x")) }),
        checkpoint(NewCheckpoint { tags: tags(["b", "a"]), ..new(near, inline(b"x")) }),
        checkpoint(NewCheckpoint { trigger: Trigger::Automatic("".into()), ..new(near, inline(b"x")) }),
        Op::Head { branch: 0, to: Some(Sequence(3)), cause: Cause::Restore, time: None },
        Op::Branch { session: 0, name: "".into(), head: None },
        Op::Session { name: "s".into(), time: None, metadata: [(String::new(), String::new())].into() },
        Op::Tags { of: Sequence(1), add: tags(["a", "a"]), remove: Vec::new() },
        Op::Prune { gone: vec![Sequence(2), Sequence(1)] },
        Op::Prune { gone: vec![Sequence(0)] },
        Op::Prune { gone: vec![Sequence(3)] },
        Op::Rebase { of: Sequence(3), form: whole, bytes: Arc::default() },
        Op::Rebase { of: Sequence(2), form: Form::Same(Sequence(1)), bytes: (*b"x").into() },
        Op::Rebase { of: Sequence(1), form: Form::Delta(Sequence(1)), bytes: Arc::default() },
        Op::Rebase { of: Sequence(1), form: near, bytes: Arc::default() },
        Op::Rebase { of: Sequence(1), form: Form::Same(Sequence(0)), bytes: Arc::default() },
        Op::Skip { next: Sequence(2) },
        Op::Skip { next: Sequence::MAX.next() },
        Op::Moved(moved(0)),
        Op::Moved(Move { to: Some(Sequence(3)), ..moved(1) }),
        Op::HeadIs { branch: 0, to: Some(Sequence(4)) },
    ];
    for op in bad {
        let (mut after, mut out) = (encoder, vec![1, 2, 3]);
        let error = after.put(&op, &mut out).unwrap_err();
        assert_eq!(error.kind(), Kind::Misuse, "{op:?}: {error}");
        assert_eq!((after, out), (encoder, vec![1, 2, 3]), "{op:?}");
    }
    let last = checkpoint(plain(whole, Parent::Head, NOON, 5, inline(b"x")));
    assert_eq!(
        Encoder::at(Sequence::MAX, None).put(&last, &mut Vec::new()).unwrap_err().kind(),
        Kind::Misuse
    );
}
