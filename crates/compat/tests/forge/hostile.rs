//! Bytes that are made to cost much.

use keepstone_compat::Error;
use keepstone_compat::forge::{Export, Secrets};
use keepstone_format::{Kind, Limits};

use crate::forge::files::{CHECKPOINT, export, read};

fn nested(levels: usize) -> String {
    let (open, close) = ("[".repeat(levels), "]".repeat(levels));
    CHECKPOINT.replacen("\"hypothesis_state\": null", &format!("\"hypothesis_state\": {open}{close}"), 1)
}

#[test]
fn states_are_nested_as_deep_as_is_allowed_and_no_deeper() {
    assert!(read(export(&[&nested(127)]).as_bytes()).is_ok());
    for levels in [128, 1_000_000] {
        let text = export(&[&nested(levels)]);
        let err = read(text.as_bytes()).unwrap_err();
        let expected = levels as u64 + 1;
        assert!(
            matches!(err, Error::Limit { what: "levels of a state", needs, allowed: 128 } if needs == expected)
        );
    }
}

#[test]
fn depth_elsewhere_is_refused_or_passed_over() {
    let (open, close) = ("[".repeat(1_000_000), "]".repeat(1_000_000));
    for (from, to, is_read) in [
        ("[\"milestone\"]", format!("{open}{close}"), false),
        ("\"Manual\"", format!("{{\"Automatic\":{open}{close}}}"), true),
        ("\"tags\"", format!("\"more\": {open}{close}, \"tags\""), true),
        ("\"27bb9e64", format!("{open}{close}, \"x\": \"27bb9e64"), false),
    ] {
        let text = export(&[&CHECKPOINT.replacen(from, &to, 1)]);
        assert_eq!(read(text.as_bytes()).is_ok(), is_read, "{from}");
    }
}

#[test]
fn more_than_the_limits_is_refused() {
    let text = export(&[CHECKPOINT, CHECKPOINT]);
    let len = text.len() as u64;
    let mut limits = Limits::default();
    limits.decoded_max = len - 1;
    let err = Export::read(text.as_bytes(), &limits, Secrets::Drop).unwrap_err();
    assert!(matches!(err, Error::Limit { needs, allowed, .. } if needs == len && allowed == len - 1));
    assert_eq!(err.kind(), Kind::Limit);
    limits.decoded_max = len;
    limits.rows_max = 1;
    let err = Export::read(text.as_bytes(), &limits, Secrets::Drop).unwrap_err();
    assert!(matches!(err, Error::Limit { what: "checkpoints", needs: 2, allowed: 1 }));
    limits.rows_max = 2;
    assert_eq!(Export::read(text.as_bytes(), &limits, Secrets::Drop).unwrap().checkpoints.len(), 2);
}

#[test]
fn a_member_that_comes_twice_is_refused() {
    let twice = CHECKPOINT.replacen("\"tags\"", "\"tags\": [], \"tags\"", 1);
    assert!(matches!(read(export(&[&twice]).as_bytes()), Err(Error::ForgeJson { .. })));
}
