//! Worlds made at random come back.

use std::collections::BTreeSet;

use keepstone_compat::pecs::PecsRows;
use keepstone_ecs_persist::{Column, PersistId, Table, WorldDoc};
use keepstone_format::{Codec, plain::Layout};
use serde::Serialize;

use super::made::{
    Data, NOBODY, Name, POS, Whom, assert_same, column, links, load, numbers, opaque, plain, rows, write,
};
use crate::pecs::wire::Numbers;

#[derive(Serialize)]
enum Deed {
    Nothing,
    Hits(Whom, u8),
    Follows { whom: Option<Whom>, others: Vec<Whom> },
}

const NAMES: [&str; 9] = [
    "a.mark",
    "b.name",
    "c.deed",
    "d.parent",
    "e.target",
    "f.bytes",
    "g.pos",
    PersistId::COMPONENT,
    "z.tick",
];

fn whom(numbers: &mut Numbers, entities: u64) -> Whom {
    if entities == 0 || numbers.below(5) == 0 { NOBODY } else { Whom(numbers.below(entities)) }
}

fn deed(numbers: &mut Numbers, entities: u64) -> Deed {
    match numbers.below(3) {
        0 => Deed::Nothing,
        1 => Deed::Hits(whom(numbers, entities), 3),
        _ => Deed::Follows {
            whom: (numbers.below(2) == 0).then(|| whom(numbers, entities)),
            others: (0..numbers.below(4)).map(|_| whom(numbers, entities)).collect(),
        },
    }
}

fn text(numbers: &mut Numbers) -> Name {
    Name("\u{e9}x".repeat(usize::try_from(numbers.below(5)).unwrap()))
}

fn targets(numbers: &mut Numbers, rows: u64, entities: u64) -> Vec<u32> {
    (0..rows).map(|_| u32::try_from(whom(numbers, entities).0).unwrap()).collect()
}

/// Ranks against the order of the ordinals, which have to be written.
fn reversed(targets: &[u32]) -> Option<Vec<u32>> {
    let behind = |at: usize| targets[at + 1..].iter().filter(|target| **target == targets[at]).count();
    let ranks: Vec<u32> = (0..targets.len())
        .map(|at| if targets[at] == u32::MAX { 0 } else { u32::try_from(behind(at)).unwrap() })
        .collect();
    let needed = (0..targets.len()).any(|at| targets[at] != u32::MAX && behind(at) > 0);
    needed.then_some(ranks)
}

fn data(name: &str, numbers_: &mut Numbers, rows_: u64, entities: u64, next_id: &mut u64) -> Data {
    let n = numbers_;
    match name {
        "a.mark" => plain(&Layout::Struct(&[]), &[]),
        "b.name" => rows(&(0..rows_).map(|_| text(n)).collect::<Vec<_>>()),
        "c.deed" => rows(&(0..rows_).map(|_| deed(n, entities)).collect::<Vec<_>>()),
        "d.parent" => {
            let targets = targets(n, rows_, entities);
            let ranks = if n.below(2) == 0 { reversed(&targets) } else { None };
            links(&targets, ranks.as_deref(), true)
        }
        "e.target" => links(&targets(n, rows_, entities), None, false),
        "f.bytes" => {
            let values: Vec<Vec<u8>> =
                (0..rows_).map(|_| vec![7; usize::try_from(n.below(4)).unwrap()]).collect();
            opaque(&values.iter().map(Vec::as_slice).collect::<Vec<_>>())
        }
        "g.pos" => {
            let bytes: Vec<u8> = (0..rows_).flat_map(|_| n.below(u64::MAX).to_le_bytes()).collect();
            plain(&POS, &bytes)
        }
        _ => numbers(
            &(0..rows_)
                .map(|_| {
                    *next_id += 1;
                    *next_id
                })
                .collect::<Vec<_>>(),
        ),
    }
}

/// A world whose tables have different components, so that it comes back with the same ordinals.
fn world(seed: u64) -> WorldDoc<'static> {
    let mut n = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let used: Vec<&str> = NAMES.into_iter().filter(|_| n.below(3) > 0).collect();
    let is_resource: Vec<bool> =
        used.iter().map(|name| *name == "z.tick" || (*name == "c.deed" && n.below(4) == 0)).collect();
    let mut sets = BTreeSet::new();
    for _ in 0..n.below(5) {
        let set: Vec<u16> = (0_u16..)
            .zip(&is_resource)
            .filter(|(_, resource)| !**resource && n.below(2) == 0)
            .map(|(at, _)| at)
            .collect();
        sets.insert(set);
    }
    let tables: Vec<Table> = sets
        .into_iter()
        .map(|components| Table { rows: u32::try_from(1 + n.below(6)).unwrap(), components })
        .collect();
    let entities: u64 = tables.iter().map(|table| u64::from(table.rows)).sum();
    let mut next_id = 100;
    let columns: Vec<Column<'_>> = (0_u16..)
        .zip(used.iter().zip(&is_resource))
        .map(|(at, (name, resource))| {
            let rows: u32 =
                tables.iter().filter(|table| table.components.contains(&at)).map(|table| table.rows).sum();
            let rows = if *resource { 1 } else { rows.into() };
            column(name, 1 + u32::from(at), *resource, data(name, &mut n, rows, entities, &mut next_id))
        })
        .collect();
    let foreign: Vec<u128> =
        (0..entities).map(|at| u128::from(n.below(u64::MAX)) << 64 | u128::from(at)).collect();
    let mut doc = WorldDoc { tables, columns, ..WorldDoc::default() };
    if entities > 0 && n.below(3) == 0 {
        doc.foreign_ids = Some(foreign.into());
    }
    if n.below(2) == 0 {
        doc.meta.application = Some("random".into());
        doc.name = format!("world {seed}");
    }
    doc.check().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    doc
}

#[test]
fn every_world_comes_back_from_an_extended_file() {
    for seed in 0..400 {
        let doc = world(seed);
        for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
            let format = PecsRows::new().extended().codec(codec);
            let bytes = write(format, &doc);
            let back = load(&bytes, None).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_same(&back, &doc);
            assert_eq!(write(format, &back), bytes, "seed {seed}");
        }
    }
}

#[test]
fn every_world_without_more_than_version_1_has_comes_back_with_its_schema() {
    let mut checked = 0;
    for seed in 0..400 {
        let mut doc = world(seed);
        doc.meta = <_>::default();
        doc.name.clear();
        if doc.columns.iter().any(|column| column.schema.resource) {
            continue;
        }
        checked += 1;
        let bytes = write(PecsRows::new(), &doc);
        let back = load(&bytes, Some(&doc.schema())).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(doc.foreign_ids.is_none() || doc.foreign_ids == back.foreign_ids);
        doc.foreign_ids.clone_from(&back.foreign_ids);
        assert_same(&back, &doc);
        // Without the schema the entities and their components are there all the same.
        let opaque = load(&bytes, None).unwrap();
        assert_eq!((opaque.tables, opaque.foreign_ids), (doc.tables, doc.foreign_ids));
    }
    assert!(checked > 50, "{checked}");
}
