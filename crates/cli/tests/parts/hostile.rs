use std::time::{Duration, Instant};

use keepstone::{
    ecs::{Column, ColumnData, ComponentSchema, Encoding, Schema, Table, WorldDoc},
    format::{
        Codec, Metadata, SectionId,
        plain::{Layout, OwnedLayout, Plain as _},
        wire,
    },
};
use serde_json::json;

use super::repaired::{repair, repaired};
use super::world::{Flat, TOTAL, file, in_parts, load, open, put_together, take_apart, world};
use crate::support::{json_on, on, with_file};

/// Changes the tables of a part; its checksums hold.
fn with_tables(part: u32, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut pieces = take_apart(&file());
    let tables =
        pieces.iter_mut().find(|piece| piece.0 == SectionId::TABLES && piece.1 == part << 16).unwrap();
    change(&mut tables.2);
    put_together(&pieces, Metadata::new())
}

#[test]
fn a_part_that_claims_the_entities_of_another_is_lost_alone() {
    // The last two bytes are the first ordinal and the total; part 1 says that it begins where part 0 does.
    let bytes = with_tables(1, |tables| {
        let place = tables.len() - 2;
        assert_eq!(tables[place..], [5, 14]);
        tables[place] = 0;
    });
    with_file("twice.keep", &bytes, |path| assert_eq!(json_on("verify", path).1["damage"][0]["part"], 1));
    let (document, new) = repaired(&bytes);
    assert_eq!(
        (&document["lost"][0]["what"], &document["entities"]),
        (&json!("part 1"), &json!(9)),
        "{document}"
    );
    assert_eq!(load(&new.unwrap()).entity_count(), 9);
}

#[test]
fn a_part_that_is_there_twice_counts_once() {
    // Without a footer nothing says that the second copy is not of the file.
    let bytes = file();
    let reader = open(&bytes);
    let body = usize::try_from(reader.sections()[0].offset()).unwrap();
    let last = reader.sections().last().unwrap();
    let end = usize::try_from(last.offset() + last.span()).unwrap();
    let twice = [&bytes[..end], &bytes[body..end]].concat();
    let (document, new) = repaired(&twice);
    assert_eq!((&document["exit"], &document["entities"]), (&json!(1), &json!(TOTAL)));
    assert_eq!(Flat::of(&load(&new.unwrap())), Flat::of(&world()));
}

#[test]
fn a_total_that_others_do_not_have_costs_the_part_alone() {
    for part in 0..3 {
        let bytes = with_tables(part, |tables| *tables.last_mut().unwrap() = 15);
        with_file("total.keep", &bytes, |path| assert_eq!(on("verify", path).exit, 1));
        let (document, new) = repaired(&bytes);
        assert_eq!(document["lost"][0]["what"], format!("part {part}"), "{document}");
        assert_eq!(u64::from(load(&new.unwrap()).entity_count()), document["entities"].as_u64().unwrap());
    }
}

#[test]
fn a_total_beyond_all_limits_is_refused() {
    let mut total = Vec::new();
    wire::put_varint(&mut total, 0xffff_fff0);
    let bytes = with_tables(0, |tables| {
        tables.pop();
        tables.extend(&total);
    });
    with_file("total.keep", &bytes, |path| {
        assert_eq!(json_on("verify", path).1["error"]["kind"], "limit");
        assert_eq!(on("inspect", path).exit, 0);
    });
    let (document, new) = repaired(&bytes);
    assert_eq!((&document["error"]["kind"], new), (&json!("limit"), None), "{document}");
}

#[test]
fn parts_out_of_order_are_put_in_order() {
    let mut pieces = take_apart(&file());
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.1 >> 16));
    let (document, new) = repaired(&put_together(&pieces, Metadata::new()));
    assert_eq!((&document["exit"], &document["lost"]), (&json!(0), &json!([])));
    assert_eq!(Flat::of(&load(&new.unwrap())), Flat::of(&world()));
}

#[test]
fn a_part_with_another_schema_is_lost_alone() {
    for part in [0, 2] {
        let mut pieces = take_apart(&file());
        let schema =
            pieces.iter_mut().find(|piece| piece.0 == SectionId::SCHEMA && piece.1 == part << 16).unwrap();
        schema.2 = Schema::default().encode().unwrap();
        let (document, new) = repaired(&put_together(&pieces, Metadata::new()));
        assert_eq!(document["lost"][0]["what"], format!("part {part}"), "{document}");
        load(&new.unwrap());
    }
}

#[test]
fn thousands_of_tiny_parts_take_little_time() {
    let parts = 2_000;
    let tables = vec![Table { rows: parts, components: vec![0] }];
    let mut doc = WorldDoc { tables, ..WorldDoc::default() };
    let marker = Encoding::Plain((&Layout::Struct(&[])).into());
    let schema = ComponentSchema::new("marker", 1, false, marker);
    doc.columns = vec![Column { schema, data: ColumnData::Plain(Vec::new()) }];
    let bytes = in_parts(&doc, 1, Codec::None);
    let start = Instant::now();
    with_file("many.keep", &bytes, |path| {
        let (exit, document) = json_on("inspect", path);
        assert_eq!((exit, &document["worlds"][0]["parts"]), (0, &json!(parts)));
        assert_eq!(document["worlds"][0]["tables"].as_array().unwrap().len(), 1000);
        assert_eq!(json_on("verify", path).1["entities"], parts);
    });
    let mut damaged = bytes.clone();
    // The tables of one part in three are lost.
    for section in
        open(&bytes).sections().iter().filter(|section| section.id() == SectionId::TABLES).step_by(3)
    {
        damaged[usize::try_from(section.offset()).unwrap() + 40] ^= 1;
    }
    let (document, _) = repaired(&damaged);
    assert_eq!(document["entities"], parts - parts.div_ceil(3));
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn many_parts_whose_sum_is_over_the_limit_are_verified_and_copied() {
    // 9 parts of 30 rows of a megabyte, all zero: 270 MiB, where 256 are allowed at once.
    let row = OwnedLayout::from(&<[u64; 1 << 17]>::LAYOUT);
    let zeros = vec![0; 30 << 20];
    let tables = vec![Table { rows: 270, components: vec![0] }];
    let mut doc = WorldDoc { tables, ..WorldDoc::default() };
    let schema = ComponentSchema::new("zeros", 1, false, Encoding::Plain(row));
    let pieces = (0..9).map(|_| zeros.as_slice().into()).collect();
    doc.columns = vec![Column { schema, data: ColumnData::Plain(pieces) }];
    let bytes = in_parts(&doc, 30, Codec::Lz4);
    with_file("large.keep", &bytes, |path| {
        let (exit, document) = json_on("verify", path);
        assert_eq!((exit, &document["entities"]), (0, &json!(270)), "{document}");
        let out = path.with_extension("out");
        assert_eq!(repair(path, &out, &[]).exit, 0);
        assert_eq!(std::fs::read(&out).unwrap(), bytes);
    });
    // What is damaged is held at once, and that is refused.
    let mut damaged = bytes.clone();
    let section = open(&bytes).find(SectionId::VALUES, 1 << 16).unwrap().offset();
    damaged[usize::try_from(section).unwrap() + 40] ^= 1;
    with_file("large.keep", &damaged, |path| {
        assert_eq!(json_on("verify", path).1["damage"][0]["part"], 1);
        let out = path.with_extension("out");
        let document = repair(path, &out, &["--json"]).json();
        assert_eq!(
            (&document["exit"], &document["error"]["kind"]),
            (&json!(2), &json!("limit")),
            "{document}"
        );
        assert!(!out.exists());
    });
}
