use keepstone::{
    ecs::WorldDoc,
    format::{Codec, Metadata, SectionId},
};
use serde_json::{Value, json};

use super::world::{TOTAL, file, in_parts, open, put_together, take_apart, world};
use crate::support::{json_on, on, with_file};

#[test]
fn a_world_in_parts_is_described_as_one_world() {
    let (bytes, doc) = (file(), world());
    with_file("parts.keep", &bytes, |path| {
        let (exit, document) = json_on("inspect", path);
        assert_eq!((exit, &document["world_count"]), (0, &json!(1)));
        let worlds = document["worlds"].as_array().unwrap();
        assert_eq!(worlds.len(), 1);
        let world = &worlds[0];
        assert_eq!(
            (&world["world"], &world["parts"], &world["name"]),
            (&json!(0), &json!(3), &json!("level"))
        );
        assert_eq!((&world["entities"], &world["values"]), (&json!(TOTAL), &json!(doc.value_count())));
        assert_eq!((&world["foreign_ids"], &world["table_count"]), (&json!(true), &json!(6)));
        let rows = |table: &Value| table["rows"].as_u64().unwrap();
        let rows: Vec<u64> = world["tables"].as_array().unwrap().iter().map(rows).collect();
        assert_eq!(rows, [3, 2, 3, 2, 1, 3]);
        let components = world["components"].as_array().unwrap();
        for ((component, column), rows) in components.iter().zip(&doc.columns).zip(doc.rows_per_column()) {
            assert_eq!((&component["name"], &component["rows"]), (&json!(column.schema.name), &json!(rows)));
        }
        assert_eq!(components.len(), doc.columns.len());
        assert_eq!(components[0]["bytes_decoded"], TOTAL * 8);
        let answer = on("inspect", path);
        let head = format!("world 0 \"level\": {TOTAL} entities, {} values, in 3 parts\n", doc.value_count());
        assert!(answer.exit == 0 && answer.out.contains(&head), "{}", answer.out);
        assert!(answer.out.contains("6 tables") && answer.out.contains("e.parent"), "{}", answer.out);
    });
}

#[test]
fn a_world_in_one_piece_has_no_parts() {
    let (bytes, _) = world().encode(Vec::new(), &keepstone::ecs::EncodeOptions::default()).unwrap();
    with_file("whole.keep", &bytes, |path| {
        let (_, document) = json_on("inspect", path);
        assert_eq!(document["worlds"][0].get("parts"), None);
        assert!(!on("inspect", path).out.contains("part"));
    });
}

#[test]
fn a_world_in_parts_is_good() {
    let empty = WorldDoc::default();
    for (doc, rows_max) in [(&world(), 5), (&world(), 1), (&world(), 100), (&empty, 5)] {
        for codec in [Codec::None, Codec::Zstd] {
            with_file("parts.keep", &in_parts(doc, rows_max, codec), |path| {
                let (exit, document) = json_on("verify", path);
                assert_eq!((exit, &document["damage"]), (0, &json!([])));
                assert_eq!(
                    (&document["kind"], &document["entities"]),
                    (&json!("world"), &json!(doc.entity_count()))
                );
                assert!(on("verify", path).out.contains(": good\n"));
                assert_eq!(on("inspect", path).exit, 0);
            });
        }
    }
}

#[test]
fn damage_is_found_in_any_part_and_its_place_named() {
    let bytes = file();
    let doc = world();
    for section in open(&bytes).sections().iter().filter(|section| section.decoded_len() > 0) {
        let (id, part) = (section.id(), section.instance() >> 16);
        let mut damaged = bytes.clone();
        damaged[usize::try_from(section.offset()).unwrap() + 40] ^= 1;
        with_file("damaged.keep", &damaged, |path| {
            let (exit, document) = json_on("verify", path);
            let damage = document["damage"].as_array().unwrap();
            assert_eq!((exit, damage.len()), (1, 1), "{document}");
            assert_eq!((&damage[0]["section"], &damage[0]["part"]), (&json!(id.to_string()), &json!(part)));
            let text = on("verify", path).out;
            if [SectionId::SCHEMA, SectionId::TABLES, SectionId::FOREIGN_IDS].contains(&id) {
                assert_eq!(damage[0]["component"], Value::Null);
                assert!(text.contains(&format!("({id}, part {part}): checksum is ")), "{text}");
            } else {
                let name = &doc.columns[(section.instance() & 0xffff) as usize].schema.name;
                assert_eq!(damage[0]["component"], json!(name));
                assert!(text.contains(&format!("({id} of {name}, part {part}): checksum is ")), "{text}");
            }
        });
    }
}

#[test]
fn components_are_named_though_the_schema_of_their_part_is_damaged() {
    let mut bytes = file();
    for id in [SectionId::SCHEMA, SectionId::VALUES] {
        let section = open(&bytes).find(id, 2 << 16).unwrap().offset();
        bytes[usize::try_from(section).unwrap() + 40] ^= 1;
    }
    with_file("damaged.keep", &bytes, |path| {
        let (_, document) = json_on("verify", path);
        assert_eq!(document["damage"][1]["component"], "a.place", "{document}");
    });
}

/// What `verify` says of sections whose checksums hold.
fn damage(change: impl FnOnce(&mut Vec<super::world::Piece>)) -> Value {
    let mut pieces = take_apart(&file());
    change(&mut pieces);
    with_file("odd.keep", &put_together(&pieces, Metadata::new()), |path| {
        let (exit, document) = json_on("verify", path);
        assert_eq!((exit, document["damage"].as_array().unwrap().len()), (1, 1), "{document}");
        assert_eq!(document["entities"], Value::Null);
        document["damage"][0].clone()
    })
}

#[test]
fn a_part_whose_structure_is_broken_is_named() {
    // Some row lengths of a name are longer than the names.
    let found = damage(|pieces| {
        let is_lengths =
            |piece: &&mut super::world::Piece| piece.0 == SectionId::LENGTHS && piece.1 == 1 << 16 | 1;
        pieces.iter_mut().find(is_lengths).unwrap().2[2] += 1;
    });
    assert_eq!((&found["what"], &found["part"]), (&json!("part 1"), &json!(1)), "{found}");
    let found = damage(|pieces| pieces.retain(|piece| piece.1 >> 16 != 1));
    assert_eq!((&found["what"], &found["part"]), (&json!("part 1"), &json!(1)), "{found}");
    let found = damage(|pieces| pieces.retain(|piece| piece.1 >> 16 != 2));
    assert_eq!((&found["what"], &found["part"]), (&json!("part 2"), &json!(2)), "{found}");
}

#[test]
fn parts_out_of_order_are_damage_as_streams_cannot_be_read_so() {
    let found = damage(|pieces| pieces.sort_by_key(|piece| std::cmp::Reverse(piece.1 >> 16)));
    assert_eq!((&found["what"], &found["part"]), (&json!("part 1"), &json!(1)));
    assert_eq!(found["message"], "its sections stand behind those of part 2");
}

#[test]
fn ranks_have_to_be_those_of_the_whole_world() {
    // Two rows of different parts get one place.
    let found = damage(|pieces| {
        let is_ranks = |piece: &&mut super::world::Piece| piece.0 == SectionId::RANKS && piece.1 >> 16 == 1;
        let ranks = &mut pieces.iter_mut().find(is_ranks).unwrap().2;
        // The row that refers to entity 12 from there has place 4.
        assert_eq!(ranks[..4], [4, 0, 0, 0]);
        ranks[0] = 6;
    });
    assert_eq!((&found["what"], &found["component"]), (&json!("world 0"), &Value::Null), "{found}");
    assert!(found["message"].as_str().unwrap().contains("component e.parent"), "{found}");
}

#[test]
fn tail_counts_and_schema_hash_are_those_of_all_parts() {
    let bytes = file();
    let tail = open(&bytes).tail().clone();
    let mut wrong = [tail.clone(), tail.clone(), tail.clone()];
    wrong[0].set_entity_count(5);
    wrong[1].set_value_count(7);
    wrong[2].set_schema_hash([9; 16]);
    for (tail, what) in wrong.into_iter().zip(["entity count", "value count", "schema hash"]) {
        with_file("told.keep", &put_together(&take_apart(&bytes), tail), |path| {
            let (exit, document) = json_on("verify", path);
            assert_eq!((exit, &document["damage"][0]["what"]), (1, &json!("tail metadata")));
            let message = document["damage"][0]["message"].as_str().unwrap();
            assert!(message.starts_with(what), "{message}");
        });
    }
    with_file("right.keep", &put_together(&take_apart(&bytes), tail), |path| {
        assert_eq!(on("verify", path).exit, 0);
    });
}
