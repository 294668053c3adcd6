use std::{collections::BTreeSet, fs, path::Path};

use keepstone::{
    ecs::NONE,
    format::{Codec, SectionId},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::world::{Flat, PART, TOTAL, file, in_parts, load, open, world};
use crate::support::{Answer, json_on, run, with_file};

pub(super) fn repair(path: &Path, out: &Path, more: &[&str]) -> Answer {
    let args = ["repair".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str()];
    let more = more.iter().map(AsRef::as_ref);
    run(&args.into_iter().chain(more).collect::<Vec<_>>())
}

/// What a repair answers, and the new file if there is one, which is good.
pub(super) fn repaired(bytes: &[u8]) -> (Value, Option<Vec<u8>>) {
    with_file("damaged.keep", bytes, |path| {
        let dir = TempDir::new().unwrap();
        let out = dir.path().join("out.keep");
        let document = repair(path, &out, &["--json"]).json();
        let new = fs::read(&out).ok();
        if new.is_some() {
            let lost = document["lost"].as_array().unwrap();
            assert_eq!(document["exit"], i32::from(!lost.is_empty()), "{document}");
            let (exit, verified) = json_on("verify", &out);
            assert_eq!((exit, &verified["entities"]), (0, &document["entities"]), "{document} {verified}");
            let text = repair(path, &out, &[]);
            // JSON lists all, the text the first.
            assert_eq!(text.out.matches("\n  lost: ").count(), lost.len().min(50), "{}", text.out);
        } else {
            assert!(document["exit"] != 0 && document["error"].is_object(), "{document}");
        }
        (document, new)
    })
}

/// What a repair says that it lost.
#[derive(Debug, Default)]
struct Losses {
    parts: BTreeSet<u32>,
    entities: u64,
    /// Part and column.
    columns: BTreeSet<(u32, String)>,
    /// Columns whose order is lost somewhere.
    orders: BTreeSet<String>,
    references: u64,
    foreign_ids: bool,
    footer: bool,
}

impl Losses {
    fn of(document: &Value) -> Self {
        let mut losses = Self::default();
        for lost in document["lost"].as_array().unwrap() {
            let part = lost["part"].as_u64().map(|part| u32::try_from(part).unwrap());
            if let Some(entities) = lost["entities"].as_u64() {
                let last = lost["part_last"].as_u64().map_or(2, |last| u32::try_from(last).unwrap());
                losses.parts.extend(part.unwrap()..=last);
                losses.entities += entities;
            } else if let Some(references) = lost["references"].as_u64() {
                losses.references += references;
            } else if lost["what"] == "footer" {
                losses.footer = true;
            } else if lost["what"] == "foreign ids" {
                losses.foreign_ids = true;
            } else if let Some(component) = lost["component"].as_str() {
                if lost["message"].as_str().unwrap().starts_with("the order") {
                    losses.orders.insert(component.to_owned());
                } else {
                    losses.columns.insert((part.unwrap(), component.to_owned()));
                }
            }
        }
        losses
    }
}

/// Checks that a repaired world is what was saved, but for what is said to be lost.
fn check(document: &Value, new: &[u8], context: &str) -> Losses {
    assert!(open(new).header().is_in_parts());
    let (old, new) = (Flat::of(&world()), Flat::of(&load(new)));
    let losses = Losses::of(document);
    let part = |entity: u32| (entity / PART).min(2);
    let kept: Vec<u32> = (0..TOTAL).filter(|&entity| !losses.parts.contains(&part(entity))).collect();
    assert_eq!(new.entities.len(), kept.len(), "{context}: {document}");
    assert_eq!(losses.entities, u64::from(TOTAL) - kept.len() as u64, "{context}: {document}");
    let place =
        |old: u32| kept.iter().position(|&kept| kept == old).map_or(NONE, |new| u32::try_from(new).unwrap());
    let mut dangling = 0;
    let mut compare = |old: &super::world::Value, new: &super::world::Value, what: &str| {
        let targets: Vec<u32> = old.1.iter().map(|&target| place(target)).collect();
        assert_eq!((&old.0, &targets), (&new.0, &new.1), "{context}: {what}");
        dangling += targets.iter().filter(|&&target| target == NONE).count() as u64;
    };
    for (&entity, new) in kept.iter().zip(&new.entities) {
        let old = &old.entities[entity as usize];
        assert!(new.keys().all(|name| old.contains_key(name)), "{context}: {entity}");
        for (name, value) in old {
            match new.get(name) {
                Some(new) => compare(value, new, &format!("{name} of {entity}")),
                None => assert!(
                    losses.columns.contains(&(part(entity), name.clone())),
                    "{context}: {name} of {entity}"
                ),
            }
        }
    }
    for (name, value) in &old.resources {
        match new.resources.get(name) {
            Some(new) => compare(value, new, name),
            None => assert!(losses.columns.contains(&(0, name.clone())), "{context}: {name}"),
        }
    }
    assert_eq!(losses.references, dangling, "{context}: {document}");
    for ((name, target), rows) in &old.linked {
        let is_left =
            |row: &&u32| kept.contains(*row) && !losses.columns.contains(&(part(**row), name.clone()));
        let rows: Vec<u32> = rows.iter().filter(is_left).map(|&row| place(row)).collect();
        if kept.contains(target) && !rows.is_empty() && !losses.orders.contains(name) {
            assert_eq!(new.linked[&(name.clone(), place(*target))], rows, "{context}: {name} to {target}");
        }
    }
    let ids = old.foreign_ids.unwrap();
    let ids: Vec<u128> = kept.iter().map(|&entity| ids[entity as usize]).collect();
    // Without the footer nobody knows of ids that would stand behind the cut.
    let are_unknown = losses.footer && losses.parts.len() == 2 && new.foreign_ids.is_none();
    let are_lost = losses.foreign_ids || are_unknown;
    assert_eq!(new.foreign_ids, if are_lost { None } else { Some(ids) }, "{context}");
    losses
}

#[test]
fn a_world_in_parts_that_is_whole_is_copied_as_it_is() {
    for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
        let bytes = in_parts(&world(), PART, codec);
        let (document, new) = repaired(&bytes);
        assert_eq!((&document["exit"], &document["entities"]), (&json!(0), &json!(TOTAL)));
        assert_eq!((&document["lost"], &document["damaged"]), (&json!([]), &json!([])));
        assert_eq!(new.unwrap(), bytes);
    }
}

#[test]
fn a_damaged_section_costs_what_stands_in_it_and_nothing_else() {
    for codec in [Codec::None, Codec::Lz4] {
        let bytes = in_parts(&world(), PART, codec);
        let reader = open(&bytes);
        for section in reader.sections().iter().filter(|section| section.decoded_len() > 0) {
            let (id, part) = (section.id(), section.instance() >> 16);
            let name = &world().columns[(section.instance() & 0xffff) as usize].schema.name;
            let context = format!("{id} of {name} in part {part}");
            let mut damaged = bytes.clone();
            damaged[usize::try_from(section.offset()).unwrap() + 40] ^= 0x10;
            let (document, new) = repaired(&damaged);
            let losses = check(&document, &new.unwrap(), &context);
            let parts = losses.parts.iter().copied().collect::<Vec<_>>();
            let columns = losses.columns.iter().cloned().collect::<Vec<_>>();
            let orders = losses.orders.len();
            assert_eq!(losses.foreign_ids, id == SectionId::FOREIGN_IDS, "{context}");
            let expected = match id {
                // Each part has it.
                SectionId::SCHEMA | SectionId::FOREIGN_IDS => (vec![], vec![], 0),
                SectionId::TABLES => (vec![part], vec![], 0),
                SectionId::RANKS => (vec![], vec![], 1),
                _ => (vec![], vec![(part, name.clone())], 0),
            };
            assert_eq!((parts, columns, orders), expected, "{context}: {document}");
            assert_eq!(document["exit"], i32::from(id != SectionId::SCHEMA), "{context}");
        }
    }
}

#[test]
fn a_damaged_header_of_a_chunk_in_parts_costs_nothing() {
    let bytes = file();
    for section in open(&bytes).sections() {
        let mut damaged = bytes.clone();
        damaged[usize::try_from(section.offset()).unwrap() + 3] ^= 1;
        let (document, new) = repaired(&damaged);
        assert_eq!((&document["exit"], &document["lost"]), (&json!(0), &json!([])), "{document}");
        check(&document, &new.unwrap(), "header");
    }
}

#[test]
fn wherever_a_world_in_parts_is_cut_what_stands_before_is_saved() {
    let bytes = file();
    let mut kept_before = 0;
    for len in (0..bytes.len()).step_by(64) {
        let (document, new) = repaired(&bytes[..len]);
        assert_eq!(document["exit"], 1, "{len} bytes: {document}");
        let Some(new) = new else {
            assert_eq!((&document["error"]["kind"], kept_before), (&json!("damaged"), 0), "{len} bytes");
            continue;
        };
        check(&document, &new, &format!("{len} bytes"));
        let flat = Flat::of(&load(&new));
        let kept =
            flat.entities.iter().map(std::collections::BTreeMap::len).sum::<usize>() + flat.resources.len();
        assert!(kept >= kept_before, "{len} bytes");
        kept_before = kept;
    }
    assert_eq!(kept_before, usize::try_from(world().value_count()).unwrap());
}

#[test]
fn without_header_and_footer_a_world_in_parts_is_known_by_its_tables() {
    let bytes = file();
    let reader = open(&bytes);
    let last = reader.sections().last().unwrap();
    let body_end = usize::try_from(last.offset() + last.span()).unwrap();
    let part_1 = usize::try_from(reader.find(SectionId::SCHEMA, 1 << 16).unwrap().offset()).unwrap();
    // All of the body, the body without the schema of part 0, and part 1 and what follows it.
    for (start, parts) in [(0, vec![]), (200, vec![]), (part_1, vec![0])] {
        let mut damaged = bytes[..body_end].to_vec();
        damaged[..64.max(start)].fill(0xa5);
        let (document, new) = repaired(&damaged);
        assert_eq!(document["kind"], "world");
        let losses = check(&document, &new.unwrap(), &format!("from {start} on"));
        assert_eq!(losses.parts.into_iter().collect::<Vec<_>>(), parts, "{document}");
    }
}

#[test]
fn of_a_world_without_its_first_part_all_others_are_saved() {
    let bytes = file();
    let reader = open(&bytes);
    let mut damaged = bytes.clone();
    for section in reader.sections().iter().filter(|section| section.instance() >> 16 == 0) {
        damaged[usize::try_from(section.offset()).unwrap() + 40] ^= 1;
    }
    let (document, new) = repaired(&damaged);
    let losses = check(&document, &new.unwrap(), "without part 0");
    assert_eq!(losses.parts, BTreeSet::from([0]));
    let resources = [(0, "x.clock".to_owned()), (0, "y.chosen".to_owned())];
    assert_eq!(losses.columns, BTreeSet::from(resources));
    assert!(losses.references > 5, "{document}");
    let lost = document["lost"].as_array().unwrap();
    let part = lost.iter().find(|lost| lost["what"] == "part 0").unwrap();
    assert_eq!((&part["entities"], &part["part"], &part["part_last"]), (&json!(5), &json!(0), &json!(0)));
}

#[test]
fn resources_survive_the_tables_of_their_part() {
    let bytes = file();
    let mut damaged = bytes.clone();
    let tables = open(&bytes).find(SectionId::TABLES, 0).unwrap().offset();
    damaged[usize::try_from(tables).unwrap() + 40] ^= 1;
    let (document, new) = repaired(&damaged);
    let new = new.unwrap();
    let losses = check(&document, &new, "without the tables of part 0");
    assert_eq!((losses.parts, losses.columns.len()), (BTreeSet::from([0]), 0));
    assert_eq!(Flat::of(&load(&new)).resources.len(), 2);
}

#[test]
fn neighbouring_lost_parts_are_one_loss() {
    let bytes = file();
    let mut damaged = bytes.clone();
    for part in [1, 2] {
        let tables = open(&bytes).find(SectionId::TABLES, part << 16).unwrap().offset();
        damaged[usize::try_from(tables).unwrap() + 40] ^= 1;
    }
    let (document, new) = repaired(&damaged);
    check(&document, &new.unwrap(), "part 0 alone");
    let lost = &document["lost"][0];
    assert_eq!(lost["what"], "parts 1 to 2", "{document}");
    assert_eq!((&lost["entities"], &lost["part"], &lost["part_last"]), (&json!(9), &json!(1), &json!(2)));
    with_file("damaged.keep", &damaged, |path| {
        let out = path.with_extension("out");
        let text = repair(path, &out, &[]).out;
        assert!(text.contains("  lost: parts 1 to 2: 9 entities: of part 1 TABLES is damaged"), "{text}");
        assert!(text.contains(" reference"), "{text}");
    });
}

#[test]
fn what_an_application_put_beside_a_world_in_parts_stays() {
    let bytes = file();
    let reader = open(&bytes);
    let options = keepstone::format::WriterOptions::new(reader.header().kind)
        .codec(Codec::None)
        .head(reader.head().clone())
        .in_parts();
    let mut writer = keepstone::format::Writer::new(Vec::new(), options).unwrap();
    for section in reader.sections() {
        writer.copy_section(&reader, section).unwrap();
    }
    writer.coded_from(SectionId(0x1234), 9, &[b"own"]).unwrap();
    let mut tail = reader.tail().clone();
    tail.set_custom("mine", b"kept");
    let (bytes, _) = writer.finish(tail).unwrap();
    assert_eq!(repaired(&bytes).1.unwrap(), bytes);
    let mut damaged = bytes.clone();
    let tables = open(&bytes).find(SectionId::TABLES, 1 << 16).unwrap().offset();
    damaged[usize::try_from(tables).unwrap() + 40] ^= 1;
    let (document, new) = repaired(&damaged);
    let new = new.unwrap();
    check(&document, &new, "with a section of its own");
    let new = open(&new);
    assert_eq!(*new.read(new.find(SectionId(0x1234), 9).unwrap()).unwrap(), *b"own");
    assert_eq!(new.tail().custom("mine"), Some(&b"kept"[..]));
    assert_eq!((new.head(), new.tail().entity_count()), (reader.head(), Some(9)));
}
