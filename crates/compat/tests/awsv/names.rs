//! Names of files and directories.

use keepstone_compat::awsv::{FileName, SaveId, file_name, parse_file_name, player_dir};

use crate::awsv::files::ALL;

const NAME: &str = "slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv";

#[test]
fn names_of_aw_save_are_read_and_written_again() {
    let mut read = 0;
    for (name, _) in ALL.iter().filter(|(name, _)| name.starts_with("slot")) {
        let parsed = parse_file_name(name).unwrap();
        assert_eq!(parsed.to_string(), *name);
        assert_eq!(file_name(parsed.slot, parsed.stamp, parsed.save_id), *name);
        read += 1;
    }
    assert_eq!(read, 4);
    for (name, _) in ALL.iter().filter(|(name, _)| !name.starts_with("slot")) {
        assert_eq!(FileName::parse(name), None, "{name}");
    }
}

#[test]
fn every_slot_has_one_name() {
    let save_id = SaveId([7; 16]);
    for slot in 0..=u8::MAX {
        let name = file_name(slot, 1_773_391_525_000_000_000, save_id);
        assert_eq!(
            FileName::parse(&name),
            Some(FileName { slot, stamp: 1_773_391_525_000_000_000, save_id })
        );
    }
    assert!(file_name(0, 0, save_id).starts_with("slot00_1970-01-01T00-00-00Z_07070707-"));
    assert!(file_name(255, 0, save_id).starts_with("slot255_"));
}

#[test]
fn names_of_the_readme_are_read() {
    let id = "6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd";
    let name = format!("slot00_2025-09-09T21:28:19.380848748Z_{id}.awsv");
    let parsed = FileName::parse(&name).unwrap();
    assert_eq!((parsed.slot, parsed.stamp), (0, 1_757_453_299_380_848_748));
    assert_eq!(parsed.to_string(), format!("slot00_2025-09-09T21-28-19Z_{id}.awsv"));
}

#[test]
fn names_that_aw_save_does_not_make_are_none() {
    let id = "6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd";
    let odd = [
        format!("slot5_2026-03-13T08-45-25Z_{id}.awsv"),
        format!("slot005_2026-03-13T08-45-25Z_{id}.awsv"),
        format!("slot+5_2026-03-13T08-45-25Z_{id}.awsv"),
        format!("slot256_2026-03-13T08-45-25Z_{id}.awsv"),
        format!("slot05_2026-02-29T08-45-25Z_{id}.awsv"),
        format!("slot05_2026-03-13T08-45-25Z_{id}.tmp"),
        format!("slot05_2026-03-13T08-45-25Z_{id}_.awsv"),
        format!("slot05_2026-03-13T08-45-25Z_{id}"),
        format!("Slot05_2026-03-13T08-45-25Z_{id}.awsv"),
        "slot05_now_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv".to_owned(),
        "slot.awsv".to_owned(),
        String::new(),
    ];
    for name in odd {
        assert_eq!(FileName::parse(&name), None, "{name}");
    }
}

#[test]
fn a_truncated_name_is_none() {
    for len in 0..NAME.len() {
        assert_eq!(FileName::parse(&NAME[..len]), None, "{len}");
    }
}

#[test]
fn a_flipped_bit_gives_another_name_or_none() {
    let clean = FileName::parse(NAME).unwrap();
    let mut results = [0_u32; 2];
    for bit in 0..NAME.len() * 8 {
        let mut bytes = NAME.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(name) = String::from_utf8(bytes) else { continue };
        let parsed = FileName::parse(&name);
        results[usize::from(parsed.is_some())] += 1;
        // Letters of an id have two cases.
        assert!(parsed != Some(clean) || name.eq_ignore_ascii_case(NAME), "{name}");
    }
    assert!(results.iter().all(|count| *count > 50), "{results:?}");
}

#[test]
fn directories_of_players_have_no_odd_letters() {
    for (player, dir) in
        [("test_player", "test_player"), ("a.b", "a_b"), ("..", "__"), ("\u{82f1}-1", "_-1"), ("", "")]
    {
        assert_eq!(player_dir(player), dir);
    }
}
