//! What a delta says, and what it makes of a document.

use std::collections::{BTreeMap, BTreeSet};

use keepstone_ecs_persist::{
    AsSerde, Capture, Chain, Column, ColumnData, Compared, DeltaChain, EncodeOptions, Error, LiveRows, Mark,
    NONE, PersistId, ReadOptions, Table, WorldDelta, WorldDoc,
};
use keepstone_format::{Codec, Limits, Reader};

use crate::{
    delta_world::{Effect, Living, named},
    random::{Model, Random, model, rows},
    support::{column, links, plain, small_world},
};

fn again(delta: &WorldDelta<'_>, codec: Codec) -> WorldDelta<'static> {
    let (bytes, report) = delta.encode(Vec::new(), &EncodeOptions::default().codec(codec)).unwrap();
    assert_eq!(report.bytes_total, bytes.len() as u64);
    let streamed = WorldDelta::read(&mut bytes.as_slice(), &ReadOptions::default()).unwrap();
    let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64)).unwrap();
    let read = WorldDelta::decode(&reader).unwrap();
    assert_eq!(read, streamed);
    read.into_owned()
}

/// The base as a program has it that loaded the file.
fn loaded(doc: &WorldDoc<'_>) -> WorldDoc<'static> {
    crate::support::decode(&crate::support::encode(doc)).unwrap()
}

/// Where pieces end doesn't count.
fn solid(delta: &WorldDelta<'_>) -> WorldDelta<'static> {
    let mut delta = delta.clone().into_owned();
    for column in &mut delta.doc.columns {
        if let ColumnData::Plain(pieces) = &mut column.data {
            let all = pieces.concat();
            *pieces = if all.is_empty() { vec![] } else { vec![all.into()] };
        }
    }
    delta
}

/// The values that a delta has: name of the entity and of the component.
fn said(delta: &WorldDelta<'_>, name_of: &BTreeMap<u32, u64>) -> BTreeSet<(u64, String)> {
    let mut said = BTreeSet::new();
    let mut ordinal = 0;
    for table in &delta.doc.tables {
        for _ in 0..table.rows {
            for &at in &table.components {
                let name = name_of[&delta.rows[ordinal]];
                said.insert((name, delta.doc.columns[usize::from(at)].schema.name.clone()));
            }
            ordinal += 1;
        }
    }
    said
}

/// What has to be in a delta, by what two worlds hold.
fn expected(old: &Model, new: &Model) -> BTreeSet<(u64, String)> {
    let mut expected = BTreeSet::new();
    for (tag, components) in &new.entities {
        for (name, value) in components {
            let before = old.entities.get(tag).and_then(|components| components.get(name));
            let is_same = before.is_some_and(|before| {
                let mut before = before.clone();
                if name == "g.child" {
                    let list = |model: &Model| {
                        value.names[0].and_then(|target| model.lists.get(&(name.clone(), target)).cloned())
                    };
                    return before == *value && list(old) == list(new);
                }
                for named in &mut before.names {
                    *named = named.filter(|tag| new.entities.contains_key(tag));
                }
                // Entries of a map have no order.
                if name == "f.bonds" {
                    return bonds(&before) == bonds(value);
                }
                before == *value
            });
            if !is_same {
                expected.insert((u64::try_from(*tag).unwrap(), name.clone()));
            }
        }
    }
    expected
}

fn bonds(value: &crate::random::Value) -> BTreeSet<(Option<u128>, String)> {
    let inner = value.body.trim_matches(['[', ']']);
    value.names.iter().copied().zip(inner.split(", ").map(str::to_owned)).collect()
}

/// A model in which entries of maps stand in the order of what their keys are called.
fn sorted(doc: &WorldDoc<'static>) -> Model {
    let mut model = model(&named(doc));
    for components in model.entities.values_mut() {
        if let Some(value) = components.get_mut("f.bonds") {
            let entries = bonds(value);
            value.body = format!("{entries:?}");
            value.names.sort_unstable();
        }
    }
    model
}

fn refused(chain: &mut DeltaChain, delta: &WorldDelta<'_>, expected: Chain) {
    let (doc, rows, state) = (chain.doc().clone(), chain.rows().to_vec(), chain.state());
    let error = chain.apply(delta).unwrap_err();
    assert!(matches!(error, Error::WrongBase { chain, .. } if chain == expected), "{error}");
    assert!(*chain.doc() == doc && chain.rows() == rows && chain.state() == state, "the chain changed");
}

#[test]
fn a_base_and_its_deltas_hold_what_a_full_save_holds() {
    let mut rejoined = 0;
    for seed in 0..150 {
        let random = &mut Random(seed);
        let beings = random.below(30);
        let mut world = Living::new(random, beings);
        let capture = world.capture(random);
        let mut chain = DeltaChain::new(loaded(&capture.doc)).unwrap();
        let mut mark = Compared::base(&capture).unwrap();
        let mut before = model(&named(&capture.doc));
        let mut live = LiveRows::of_base(mark.state, capture.entities());
        assert_eq!(chain.state(), mark.state, "seed {seed}");
        for step in 1..=4 {
            let count = random.below(40);
            (0..count).for_each(|_| world.change(random));
            let capture = world.capture(random);
            let since = Compared::since(&mark, &capture).unwrap();
            since.delta.check().unwrap();
            let codec = if random.chance(2) { Codec::None } else { Codec::Lz4 };
            let delta = again(&since.delta, codec);
            assert_eq!(solid(&delta), solid(&since.delta), "seed {seed}");
            assert_eq!(delta.state_id().unwrap(), since.mark.state, "seed {seed}");
            let after = model(&named(&capture.doc));
            let name_of = (0..since.mark.rows)
                .filter_map(|row| Some((row, since.mark.detail.entity_of_row(row)?)))
                .collect::<BTreeMap<u32, u64>>();
            assert_eq!(name_of.len(), world.beings.len());
            let mut found = said(&delta, &name_of);
            found.retain(|(_, component)| component != "keepstone.ForeignId");
            assert_eq!(found, expected(&before, &after), "seed {seed}, step {step}");

            live.check(&delta).unwrap();
            let spawned = (delta.rows_before..delta.rows_after).map(|row| name_of[&row]);
            live.follow(&delta, spawned).unwrap();
            rejoined += usize::from(delta.doc.columns.iter().any(|column| {
                chain.doc().column(&column.schema.name).is_some_and(|old| old.schema != column.schema)
            }));
            chain.apply(&delta).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
            chain.doc().check().unwrap();
            assert_eq!(sorted(chain.doc()), sorted(&capture.doc), "seed {seed}, step {step}");
            for (ordinal, row) in chain.rows().iter().enumerate() {
                let id = named(chain.doc()).foreign_ids.unwrap()[ordinal];
                assert_eq!(id, name_of[row].into());
                assert_eq!(live.entities[*row as usize], Some(name_of[row]));
            }
            assert_eq!(live.entities.iter().flatten().count(), chain.rows().len());
            assert_eq!((chain.state(), chain.sequence()), (since.mark.state, step));
            refused(&mut chain, &delta, Chain::Same);
            assert!(matches!(live.check(&delta), Err(Error::WrongBase { .. })));
            (mark, before) = (since.mark, after);
        }
        assert_eq!(
            crate::support::decode(&crate::support::encode(chain.doc())).unwrap(),
            loaded(chain.doc())
        );
    }
    assert!(rejoined > 40, "{rejoined} columns were put together from two shapes");
}

#[test]
fn a_world_that_only_stands_in_another_order_has_not_changed() {
    for seed in 0..200 {
        let random = &mut Random(seed);
        let world = Living::new(random, 20);
        let first = world.capture(random);
        let mark = Compared::base(&first).unwrap();
        let since = Compared::since(&mark, &world.capture(random)).unwrap();
        assert!(since.delta.is_empty(), "seed {seed}: {:?}", since.delta);
        let mut chain = DeltaChain::new(loaded(&first.doc)).unwrap();
        chain.apply(&since.delta).unwrap();
        assert_eq!(model(&named(chain.doc())), model(&named(&first.doc)));
        assert_ne!(since.mark.state, mark.state, "also an empty delta has its place in a chain");
    }
}

#[test]
fn deltas_of_another_base_or_out_of_order_are_refused_and_change_nothing() {
    let random = &mut Random(7);
    let mut world = Living::new(random, 20);
    let first = world.capture(random);
    let mark = Compared::base(&first).unwrap();
    let mut deltas = Vec::new();
    let mut last = mark.clone();
    for _ in 0..3 {
        (0..9).for_each(|_| world.change(random));
        let since = Compared::since(&last, &world.capture(random)).unwrap();
        last = since.mark;
        deltas.push(since.delta);
    }
    let mut chain = DeltaChain::new(loaded(&first.doc)).unwrap();
    refused(&mut chain, &deltas[1], Chain::Same);
    chain.apply(&deltas[0]).unwrap();
    refused(&mut chain, &deltas[0], Chain::Same);
    refused(&mut chain, &deltas[2], Chain::Same);
    chain.apply(&deltas[1]).unwrap();
    chain.apply(&deltas[2]).unwrap();

    let mut other = DeltaChain::new(small_world()).unwrap();
    refused(&mut other, &deltas[0], Chain::Other);
    let live = LiveRows::of_base(small_world().state_id().unwrap(), 0..6);
    assert!(matches!(live.check(&deltas[0]), Err(Error::WrongBase { chain: Chain::Other, .. })));
    // Two deltas behind one state: only one of them is what came before the next.
    let fork = Compared::since(&mark, &first).unwrap();
    let mut chain = DeltaChain::new(loaded(&first.doc)).unwrap();
    chain.apply(&fork.delta).unwrap();
    refused(&mut chain, &deltas[1], Chain::Same);
}

#[test]
fn a_state_is_known_by_its_contents_alone() {
    for seed in 0..60 {
        let random = &mut Random(seed);
        let doc = Living::new(random, 12).capture(random).doc;
        let id = doc.state_id().unwrap();
        let mut codecs = vec![Codec::None, Codec::Lz4];
        codecs.extend(cfg!(feature = "zstd").then_some(Codec::Zstd));
        for codec in codecs {
            let options = EncodeOptions::default().codec(codec).shuffle(seed % 2 == 0);
            let bytes = doc.encode(Vec::new(), &options).unwrap().0;
            let reader = Reader::open(bytes.as_slice(), Limits::default()).unwrap();
            assert_eq!(WorldDoc::decode(&reader, 0).unwrap().state_id().unwrap(), id);
        }
        let mut cut = doc.clone();
        for column in &mut cut.columns {
            if let ColumnData::Plain(pieces) = &mut column.data {
                *pieces = pieces.concat().chunks(5).map(|piece| piece.to_vec().into()).collect();
            }
        }
        assert_eq!(cut.state_id().unwrap(), id);
        cut.meta.name = Some("later".into());
        assert_eq!(cut.state_id().unwrap(), id);
        cut.name = "other".into();
        assert_ne!(cut.state_id().unwrap(), id);
    }
}

fn effects(column: &Column<'_>) -> Vec<Effect> {
    struct Nobody;
    impl keepstone_value::Resolve for Nobody {
        fn entity(&self) -> keepstone_value::EntityType {
            keepstone_value::EntityType::of::<crate::random::Id>()
        }
        fn bits(&mut self, _: u32) -> u64 {
            unreachable!("effects name nobody")
        }
    }
    <AsSerde as keepstone_ecs_persist::Codec<Effect>>::decode(column, 0, &mut Nobody).unwrap()
}

fn affected(effects: &[Effect]) -> WorldDoc<'static> {
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: u32::try_from(effects.len()).unwrap(), components: vec![0] }];
    doc.columns = vec![column("a.effect", false, rows(effects))];
    doc
}

#[test]
fn values_are_compared_as_values_where_shapes_differ_and_are_joined_as_they_would_be_written() {
    use Effect::{Burn, Curse, Heal};
    let heal = |until| Heal { amount: 3, until };
    let first = affected(&[Burn(1), heal(None), heal(None), Burn(4)]);
    let then = [Burn(1), heal(Some(9)), heal(None), Curse(vec!["x".into()])];
    let later = affected(&then);
    assert_ne!(first.columns[0].schema, later.columns[0].schema);
    let mark = Mark::base(first.state_id().unwrap(), 4, ());
    let delta = WorldDelta::between(&mark, &first, &[0, 1, 2, 3], &later, &[0, 1, 2, 3]).unwrap();
    assert_eq!(delta.rows, [1, 3]);
    let mut chain = DeltaChain::new(first).unwrap();
    chain.apply(&again(&delta, Codec::Lz4)).unwrap();
    assert_eq!(effects(&chain.doc().columns[0]), then);
    assert_eq!(chain.doc().columns[0], later.columns[0], "the bytes are those of a full save");
}

fn family(targets: &[u32], ranks: Option<&[u32]>) -> WorldDoc<'static> {
    let mut doc = WorldDoc::default();
    let rows = u32::try_from(targets.len()).unwrap();
    doc.tables = vec![Table { rows: 2, components: vec![] }, Table { rows, components: vec![0] }];
    doc.columns = vec![column("a.child", false, links(targets, ranks))];
    doc
}

#[test]
fn a_delta_has_all_rows_of_a_target_whose_list_changed_and_none_of_others() {
    let first = family(&[0, 0, 0, 1, 1], None);
    let later = family(&[0, 0, 0, 1, 1], Some(&[2, 0, 1, 0, 1]));
    let mark = Mark::base(first.state_id().unwrap(), 7, ());
    let all: Vec<u32> = (0..7).collect();
    let delta = WorldDelta::between(&mark, &first, &all, &later, &all).unwrap();
    assert_eq!(delta.rows, [2, 3, 4]);
    let mut chain = DeltaChain::new(first).unwrap();
    chain.apply(&delta).unwrap();
    assert_eq!(chain.doc().columns, later.columns);

    let mut partial = delta.clone().into_owned();
    let ColumnData::References { targets, ranks } = &mut partial.doc.columns[0].data else { panic!() };
    targets.to_mut().pop();
    *ranks = Some(vec![1, 0].into());
    partial.rows.pop();
    partial.doc.tables[0].rows = 2;
    let mut chain = DeltaChain::new(family(&[0, 0, 0, 1, 1], None)).unwrap();
    let error = chain.apply(&partial).unwrap_err();
    assert!(error.to_string().contains("some of those of row 0"), "{error}");
    assert_eq!(chain.sequence(), 0);
}

#[test]
fn references_to_what_is_gone_lead_to_nothing_and_relationships_go_with_their_target() {
    let mut first = family(&[0, 1], None);
    first.columns.push(Column {
        schema: keepstone_ecs_persist::ComponentSchema::new(
            "b.aim",
            1,
            false,
            keepstone_ecs_persist::Encoding::Reference { linked: false },
        ),
        data: ColumnData::References { targets: vec![0, 1].into(), ranks: None },
    });
    first.tables[1].components = vec![0, 1];
    let mut delta = WorldDelta::since(&Mark::base(first.state_id().unwrap(), 4, ()));
    delta.despawned = vec![0];
    let mut chain = DeltaChain::new(first).unwrap();
    chain.apply(&delta).unwrap();
    let doc = chain.doc();
    assert_eq!(chain.rows(), [1, 3, 2]);
    assert_eq!(doc.rows_per_column(), [1, 2]);
    let targets = |at: usize| match &doc.columns[at].data {
        ColumnData::References { targets, .. } => targets.to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!((targets(0), targets(1)), (vec![0], vec![0, NONE]));
}

#[test]
fn a_component_that_is_described_otherwise_comes_whole_or_not_at_all() {
    let numbered = |version: u32, values: &[u64]| {
        let mut doc = WorldDoc::default();
        doc.tables = vec![Table { rows: u32::try_from(values.len()).unwrap(), components: vec![0] }];
        doc.columns = vec![column("a.number", false, plain(values)).into_owned()];
        doc.columns[0].schema.version = version;
        doc
    };
    let (first, later) = (numbered(1, &[5, 6]), numbered(2, &[5, 6]));
    let mark = Mark::base(first.state_id().unwrap(), 2, ());
    let delta = WorldDelta::between(&mark, &first, &[0, 1], &later, &[0, 1]).unwrap();
    assert_eq!(delta.rows, [0, 1]);
    let mut chain = DeltaChain::new(first.clone()).unwrap();
    chain.apply(&delta).unwrap();
    assert_eq!(chain.doc().columns, later.columns);

    let part = numbered(2, &[6]);
    let mut delta = WorldDelta::since(&mark);
    (delta.doc, delta.rows) = (part, vec![1]);
    let mut chain = DeltaChain::new(first.clone()).unwrap();
    let error = chain.apply(&delta).unwrap_err();
    assert!(
        matches!(error, Error::Invalid { what: "component of which the delta has some values", .. }),
        "{error}"
    );
    assert_eq!(*chain.doc(), first);
}

#[test]
fn rows_that_are_not_there_are_refused() {
    let first = affected(&[Effect::Burn(1), Effect::Burn(2)]);
    let mark = Mark::base(first.state_id().unwrap(), 2, ());
    let mut chain = DeltaChain::new(first).unwrap();
    let mut delta = WorldDelta::since(&mark);
    delta.despawned = vec![0];
    chain.apply(&delta).unwrap();
    let mark = Mark::after(&mark, chain.state(), 2, ());
    let mut again = WorldDelta::since(&mark);
    again.despawned = vec![0];
    let error = chain.apply(&again).unwrap_err();
    assert!(matches!(error, Error::Invalid { what: "row of the delta", .. }), "{error}");
    assert_eq!((chain.rows(), chain.sequence(), chain.rows_given()), (&[1][..], 1, 2));
}

#[test]
fn row_numbers_that_do_not_fit_are_refused() {
    let doc = affected(&[Effect::Burn(1), Effect::Burn(2)]);
    let mark = Mark::base(doc.state_id().unwrap(), 2, ());
    for rows in [&[0][..], &[0, 0], &[0, 3], &[3, 3], &[NONE, 1], &[2, 4]] {
        let error = WorldDelta::between(&mark, &doc, &[0, 1], &doc, rows).unwrap_err();
        assert!(matches!(error, Error::BadSelection { .. }), "{rows:?}: {error}");
    }
    assert!(WorldDelta::between(&mark, &doc, &[1, 1], &doc, &[0, 1]).is_err());
    assert!(WorldDelta::between(&mark, &doc, &[1, 2], &doc, &[0, 1]).is_err());
    let delta = WorldDelta::between(&mark, &doc, &[0, 1], &doc, &[3, 2]).unwrap();
    assert_eq!((delta.rows_after, delta.despawned, delta.rows), (4, vec![0, 1], vec![2, 3]));
}

#[test]
fn another_process_knows_the_rows_of_a_base_by_the_ids_of_their_entities() {
    let random = &mut Random(3);
    let world = Living::new(random, 15);
    let capture = world.capture(random);
    let state = capture.doc.state_id().unwrap();
    let known: Vec<u64> = capture.entities().collect();
    let gone = known[4];
    let lookup = |id: PersistId| (id.0 != gone).then_some(id.0 * 10);
    let live = LiveRows::by_ids(&loaded(&capture.doc), state, lookup).unwrap();
    let expected: Vec<Option<u64>> = known.iter().map(|&id| (id != gone).then_some(id * 10)).collect();
    assert_eq!((live.entities, live.root, live.sequence), (expected, state, 0));
    let none = LiveRows::by_ids(&small_world(), state, |_| Some(1)).unwrap();
    assert_eq!(none.entities, [None; 6]);
}

#[test]
fn a_loaded_chain_tells_which_entity_each_row_is() {
    let first = affected(&[Effect::Burn(1), Effect::Burn(2), Effect::Burn(3)]);
    let mut delta = WorldDelta::since(&Mark::base(first.state_id().unwrap(), 3, ()));
    delta.despawned = vec![1];
    let mut chain = DeltaChain::new(first).unwrap();
    chain.apply(&delta).unwrap();
    let live = chain.live_rows(["first", "last"]);
    assert_eq!(live.entities, [Some("first"), None, Some("last")]);
    assert_eq!((live.root, live.state, live.sequence), (chain.root(), chain.state(), 1));
}

#[test]
fn one_row_in_a_hundred_takes_little_more_than_its_bytes() {
    let value = |i: u32| [i.wrapping_mul(0x9e37_79b9), i ^ 0x5555, i.rotate_left(9)];
    let mut values: Vec<[u32; 3]> = (0..100_000).map(value).collect();
    let doc = |values: &[[u32; 3]]| {
        let mut doc = WorldDoc::default();
        doc.tables = vec![Table { rows: 100_000, components: vec![0] }];
        doc.columns = vec![column("a.position", false, plain(values)).into_owned()];
        doc
    };
    let first = doc(&values);
    let random = &mut Random(1);
    let mut changed = BTreeSet::new();
    while changed.len() < 1000 {
        changed.insert(random.below(100_000) as usize);
    }
    for &at in &changed {
        values[at][0] ^= 1;
    }
    let later = doc(&values);
    let rows: Vec<u32> = (0..100_000).collect();
    let mark = Mark::base(first.state_id().unwrap(), 100_000, ());
    let delta = WorldDelta::between(&mark, &first, &rows, &later, &rows).unwrap();
    let (bytes, _) = delta.encode(Vec::new(), &EncodeOptions::default().codec(Codec::None)).unwrap();
    assert!(bytes.len() * 10 <= 12_000 * 13, "{} bytes for 12000", bytes.len());
    let mut chain = DeltaChain::new(first).unwrap();
    chain.apply(&delta).unwrap();
    assert_eq!(chain.doc().columns, later.columns);
}

#[test]
fn the_name_stays_and_what_is_said_of_the_world_follows_if_anything_is_said() {
    for foreign in [false, true] {
        let mut base = affected(&[Effect::Burn(1)]);
        base.name = "level 1".into();
        base.meta.name = Some("first".into());
        base.foreign_ids = foreign.then(|| vec![7].into());
        let mark = Mark::base(base.state_id().unwrap(), 1, ());
        let mut chain = DeltaChain::new(base.clone()).unwrap();
        chain.apply(&WorldDelta::since(&mark)).unwrap();
        assert_eq!(*chain.doc(), base);
        let mut said = WorldDelta::since(&Mark::after(&mark, chain.state(), 1, ()));
        said.doc.meta.name = Some("second".into());
        chain.apply(&said).unwrap();
        base.meta.name = Some("second".into());
        assert_eq!(chain.into_doc(), base);
    }
}

#[test]
fn captures_are_marked_without_being_kept() {
    let random = &mut Random(9);
    let mut world = Living::new(random, 10);
    let mark = Compared::base(&world.capture(random)).unwrap();
    let copy = mark.clone();
    world.spawn(random);
    let one = Compared::since(&mark, &world.capture(random)).unwrap();
    let other = Compared::since(&copy, &world.capture(random)).unwrap();
    assert_eq!(one.delta.doc.entity_count(), 1);
    assert_eq!((one.delta.rows.as_slice(), one.mark.sequence), (&[mark.rows][..], 1));
    assert_eq!(solid(&one.delta), solid(&other.delta), "each reader has its own mark");
    let empty: Capture<'_, u64> = Capture::new(WorldDoc::default(), vec![]);
    let gone = Compared::since(&one.mark, &empty).unwrap();
    assert_eq!(gone.delta.despawned.len(), world.beings.len());
}
