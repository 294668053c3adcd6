use super::*;

fn encoded(bytes: &[u8]) -> String {
    let mut out = String::new();
    base32::encode(bytes, &mut out);
    out
}

#[test]
fn digits_are_those_of_rfc_4648_in_lower_case_without_padding() {
    let vectors = [
        ("", ""),
        ("f", "my"),
        ("fo", "mzxq"),
        ("foo", "mzxw6"),
        ("foob", "mzxw6yq"),
        ("fooba", "mzxw6ytb"),
        ("foobar", "mzxw6ytboi"),
    ];
    for (bytes, text) in vectors {
        assert_eq!(encoded(bytes.as_bytes()), text);
        assert_eq!(base32::decode(text).unwrap(), bytes.as_bytes());
    }
}

#[test]
fn every_player_has_a_directory_and_finds_itself_in_its_name() {
    let long = "\u{1F600}".repeat(32);
    for name in ["a", "Ada", "ada", "a/../b", "con", "\0", "Z\u{301}", long.as_str()] {
        let player = Player::new(name).unwrap();
        let dir = player.dir_name();
        assert!(dir.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7' | b'-')), "{dir}");
        assert!(dir.len() <= 207, "{dir}");
        assert_eq!(Player::from_dir_name(OsStr::new(&dir)), Some(player));
    }
    assert_eq!(Player::new("foo").unwrap().dir_name(), "p-mzxw6");
}

#[test]
fn names_that_are_empty_or_too_long_are_refused() {
    assert!(matches!(Player::new(""), Err(Error::PlayerName { len: 0 })));
    let long = "x".repeat(NAME_LEN_MAX + 1);
    assert!(matches!(Player::try_from(long.as_str()), Err(Error::PlayerName { len: 129 })));
    assert_eq!(Player::from_dir_name(OsStr::new(&format!("p-{}", encoded(long.as_bytes())))), None);
}

#[test]
fn a_directory_name_that_no_player_has_is_none() {
    let not = [
        "", "p", "p-", "mzxw6", "P-mzxw6", "p-MZXW6", "p-mzxw6=", "p-mzxw61", "p-mzxw6 ", "p-a", "p-mzx",
        "p-mz", "p-74",
    ];
    for name in not {
        assert_eq!(Player::from_dir_name(OsStr::new(name)), None, "{name}");
    }
}

#[test]
fn a_name_is_read_only_as_it_is_written() {
    // All texts of up to four digits, and of one character that is none.
    let digits: Vec<char> = ('a'..='z').chain('2'..='7').chain(['1', 'A', '=']).collect();
    let mut texts = vec![String::new()];
    for _ in 0..3 {
        let longer = texts.iter().flat_map(|text| digits.iter().map(move |digit| format!("{text}{digit}")));
        texts = longer.chain(texts.iter().cloned()).collect();
    }
    for text in texts {
        if let Some(bytes) = base32::decode(&text) {
            assert_eq!(encoded(&bytes), text);
        }
    }
}

#[test]
fn every_name_cut_short_or_with_a_flipped_bit_is_another_player_or_none() {
    let player = Player::new("Gr\u{FC}\u{DF}e, Ada").unwrap();
    let dir = player.dir_name();
    for len in 0..dir.len() {
        let found = Player::from_dir_name(OsStr::new(&dir[..len]));
        assert_ne!(found, Some(player.clone()), "{len}");
        assert!(found.is_none_or(|found| found.dir_name() == dir[..len]));
    }
    for bit in 0..8 * dir.len() {
        let mut bytes = dir.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let found = Player::from_dir_name(OsStr::new(&text));
        assert!(found.is_none_or(|found| found != player && found.dir_name() == text), "{text}");
    }
}
