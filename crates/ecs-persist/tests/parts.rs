//! Sections that are whole and wrong: their checksums hold, the world does not.

use keepstone_format::{Kind, SectionId};

use crate::support::{Section, decode, encode, put_together, small_world, take_apart};

/// Changes the sections of the small world and returns what reading it says.
fn changed(change: impl FnOnce(&mut Vec<Section>)) -> keepstone_ecs_persist::Error {
    let mut sections = take_apart(&encode(&small_world()));
    change(&mut sections);
    decode(&put_together(&sections)).unwrap_err()
}

fn payload(sections: &mut [Section], id: SectionId, instance: u32) -> &mut Vec<u8> {
    &mut sections.iter_mut().find(|section| (section.0, section.1) == (id, instance)).unwrap().2
}

#[test]
fn any_flipped_bit_of_any_section_is_an_error_or_another_valid_world() {
    let sections = take_apart(&encode(&small_world()));
    let mut read = 0;
    for at in 0..sections.len() {
        for bit in 0..sections[at].2.len() * 8 {
            let mut changed = sections.clone();
            changed[at].2[bit / 8] ^= 1 << (bit % 8);
            if let Ok(doc) = decode(&put_together(&changed)) {
                // What is accepted keeps every rule, so it can be written again.
                assert_eq!(decode(&encode(&doc)).unwrap(), doc);
                read += 1;
            }
        }
    }
    assert!(read > 100, "values, versions and letters of names may differ: {read}");
}

#[test]
fn any_section_cut_short_or_extended_is_an_error() {
    let sections = take_apart(&encode(&small_world()));
    for at in 0..sections.len() {
        for len in 0..sections[at].2.len() {
            let error = changed(|sections| sections[at].2.truncate(len));
            assert_eq!(error.kind(), Kind::Damaged, "{at} cut to {len}: {error}");
        }
        let error = changed(|sections| sections[at].2.push(0));
        assert_eq!(error.kind(), Kind::Damaged, "{at} extended: {error}");
    }
}

#[test]
fn a_missing_section_is_named() {
    for at in 0..take_apart(&encode(&small_world())).len() {
        let error = changed(|sections| drop(sections.remove(at)));
        assert!(matches!(error.kind(), Kind::Damaged | Kind::NotFound), "{at}: {error}");
    }
}

#[test]
fn a_section_that_no_column_needs_is_refused() {
    let error = changed(|sections| sections.push((SectionId::RANKS, 0, vec![0; 12])));
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
}

#[test]
fn a_section_of_a_later_version_is_newer_and_an_ancillary_one_is_skipped() {
    let error = changed(|sections| sections.push((SectionId(0x0FFF), 0, vec![])));
    assert_eq!(error.kind(), Kind::Newer, "{error}");
    let mut sections = take_apart(&encode(&small_world()));
    sections.push((SectionId(0x8000_0FFF), 0, vec![1, 2, 3]));
    assert_eq!(decode(&put_together(&sections)).unwrap(), small_world());
}

#[test]
fn a_reference_beyond_the_entities_is_refused() {
    let error = changed(|sections| *payload(sections, SectionId::TARGETS, 2) = 6_u32.to_le_bytes().to_vec());
    assert!(error.to_string().contains("below 6"), "{error}");
}

#[test]
fn columns_that_disagree_with_the_tables_are_not_written() {
    let mut doc = small_world();
    doc.tables[0].rows = 3;
    let error = doc.encode(Vec::new(), &keepstone_ecs_persist::EncodeOptions::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
}
