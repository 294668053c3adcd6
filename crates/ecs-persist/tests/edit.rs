//! Documents are changed value by value, and stay what the format asks for.

use std::{borrow::Cow, collections::BTreeMap};

use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Error, NONE, Table, WorldDoc};
use keepstone_format::Kind;
use keepstone_value::Value;
use serde::{Deserialize, Serialize};

use crate::{
    random::{NAMES, Random, model, rich, world},
    support::{column, links, plain, small_world},
};

fn read(doc: &WorldDoc<'_>, name: &str) -> Vec<(u32, Value<'static>)> {
    doc.values(name).unwrap().map(|(ordinal, value)| (ordinal, value.into_owned())).collect()
}

fn refused(result: Result<(), Error>) -> (String, Option<u32>, String) {
    match result {
        Err(error @ Error::Edit { .. }) => {
            assert_eq!(error.kind(), Kind::Misuse);
            let Error::Edit { component, ordinal, reason } = error else { unreachable!() };
            (component, ordinal, reason)
        }
        other => panic!("{other:?}"),
    }
}

/// Pieces of plain columns are where they are by chance.
fn in_one_piece(mut doc: WorldDoc<'static>) -> WorldDoc<'static> {
    for column in &mut doc.columns {
        if let ColumnData::Plain(pieces) = &mut column.data {
            let whole = pieces.concat();
            *pieces = if whole.is_empty() { Vec::new() } else { vec![Cow::Owned(whole)] };
        }
    }
    doc
}

/// Ranks that say what the order of the ordinals says already are not written.
fn without_idle_ranks(doc: &WorldDoc<'static>) -> WorldDoc<'static> {
    let all = keepstone_ecs_persist::Selection::all().order((0..doc.entity_count()).collect());
    doc.gather(&all).unwrap().into_owned().doc
}

#[test]
fn an_edit_that_changes_nothing_changes_no_byte() {
    for seed in 0..300 {
        let doc = world(&mut Random(seed), 6);
        let mut edited = doc.clone();
        for name in NAMES {
            edited.edit_values(name, |_, _| Ok(())).unwrap();
        }
        assert_eq!(model(&edited), model(&doc), "seed {seed}");
        let (doc, edited) = (without_idle_ranks(&doc), without_idle_ranks(&edited));
        assert_eq!(in_one_piece(edited), in_one_piece(doc), "seed {seed}");
    }
}

type Shadow = BTreeMap<String, BTreeMap<u32, Value<'static>>>;

fn shadow_of(doc: &WorldDoc<'_>) -> Shadow {
    let components = doc.columns.iter().filter(|column| !column.schema.resource);
    let names = components.map(|column| column.schema.name.clone());
    names.map(|name| (name.clone(), read(doc, &name).into_iter().collect())).collect()
}

fn some_name(shadow: &Shadow, random: &mut Random) -> Option<String> {
    let at = random.below(u32::try_from(shadow.len()).unwrap());
    shadow.keys().nth(at as usize).cloned()
}

#[test]
fn random_edits_do_to_a_document_what_they_do_to_a_map() {
    for seed in 0..200 {
        let random = &mut Random(seed);
        let mut doc = world(random, 5);
        let mut shadow = shadow_of(&doc);
        for step in 0..12 {
            let entities = doc.entity_count();
            let Some(name) = some_name(&shadow, random) else { break };
            let own: Vec<_> = shadow[&name].clone().into_iter().collect();
            match random.below(7) {
                0 if !own.is_empty() => {
                    let value = || own[random.below(u32::try_from(own.len()).unwrap()) as usize].1.clone();
                    let values: Vec<_> = std::iter::repeat_with(value).take(entities as usize).collect();
                    let chosen: Vec<_> = (0..entities).zip(values).filter(|_| random.chance(3)).collect();
                    shadow.get_mut(&name).unwrap().extend(chosen.clone());
                    doc.set_values(&name, chosen).unwrap();
                }
                1 => {
                    let gone: Vec<u32> = own.iter().map(|(at, _)| *at).filter(|_| random.chance(3)).collect();
                    doc.remove_values(&name, &gone).unwrap();
                    shadow.get_mut(&name).unwrap().retain(|at, _| !gone.contains(at));
                }
                2 => {
                    let new = format!("{}{name}", (b'a' + u8::try_from(random.below(26)).unwrap()) as char);
                    doc.rename_component(&name, &new).unwrap();
                    let values = shadow.remove(&name).unwrap();
                    shadow.insert(new, values);
                }
                3 if random.chance(3) => {
                    assert!(doc.remove_component(&name));
                    shadow.remove(&name);
                }
                4 => {
                    let new = format!("k{}", random.below(1_000_000));
                    let values: BTreeMap<_, _> = (0..entities)
                        .filter(|_| random.chance(2))
                        .map(|at| (at, Value::Int(i128::from(at) * 7)))
                        .collect();
                    doc.insert_component(&new, 3, values.clone().into_iter().rev()).unwrap();
                    shadow.insert(new, values);
                }
                5 => {
                    let spawned = doc.spawn(random.below(4)).unwrap();
                    assert_eq!(spawned.start, entities);
                }
                _ => {
                    let edit = |at: u32, value: &mut Value<'_>| {
                        if let Value::Int(number) = value {
                            *number = *number % 1000 + i128::from(at);
                        }
                        Ok(())
                    };
                    doc.edit_values(&name, edit).unwrap();
                    for (at, value) in shadow.get_mut(&name).unwrap() {
                        edit(*at, value).unwrap();
                    }
                }
            }
            doc.check().unwrap();
            assert_eq!(shadow_of(&doc), shadow, "seed {seed}, step {step}");
        }
    }
}

#[test]
fn a_plain_column_stays_plain_as_long_as_every_value_fits_its_layout() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Pos {
        z: f32,
        x: f32,
    }
    let mut doc = small_world();
    let scale = |factor: f32| {
        move |_: u32, value: &mut Value<'_>| {
            let Some(Value::F32(bits)) = value.field_mut("x") else { return Err("no x".to_owned()) };
            *bits = (f32::from_bits(*bits) * factor).to_bits();
            Ok(())
        }
    };
    doc.edit_values("a.pos", scale(2.0)).unwrap();
    assert!(doc.column("a.pos").unwrap().row_size().is_some());
    assert_eq!(read(&doc, "a.pos")[1].1.to_string(), "0 { x: 6.0, y: 4.0 }");

    doc.edit_values("a.pos", |_, value| {
        value.set_field("z", Value::F32(0.5_f32.to_bits()));
        Ok(())
    })
    .unwrap();
    assert!(matches!(doc.column("a.pos").unwrap().schema.encoding, Encoding::Rows { .. }));
    assert_eq!(doc.values_as::<Pos>("a.pos").unwrap()[0].1, Pos { z: 0.5, x: 2.0 });
    doc.check().unwrap();
}

#[test]
fn integers_of_a_plain_column_keep_their_width_in_rows() {
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: 2, components: vec![0] }];
    doc.columns = vec![column("a.level", false, plain(&[7_u16, 8])).into_owned()];
    doc.set_values("a.level", [(1, Value::Str("high".into()))]).unwrap();
    assert_eq!(doc.column("a.level").unwrap().schema.encoding.to_string(), "rows u16 | str");
    doc.edit_values("a.level", |at, value| {
        *value = Value::Int(i128::from(at) + 65_535);
        Ok(())
    })
    .unwrap();
    assert_eq!(doc.column("a.level").unwrap().schema.encoding.to_string(), "rows u64");
    assert_eq!(doc.values_as::<u32>("a.level").unwrap(), [(0, 65_535), (1, 65_536)]);
    let mut doc = small_world();
    doc.set_resource("z.clock", 2, Value::Int(-1)).unwrap();
    assert_eq!(doc.resource_as::<i64>("z.clock").unwrap(), Some(-1));
}

#[test]
fn typed_edits_read_the_old_type_and_write_the_new_one() {
    #[derive(Serialize, Deserialize)]
    struct Pos {
        x: f32,
        y: f32,
    }
    let mut doc = small_world();
    doc.edit_values_as("a.pos", |_, Pos { x, y }| Ok(Pos { x: y, y: x })).unwrap();
    assert!(doc.column("a.pos").unwrap().row_size().is_some(), "it fits the layout");
    doc.edit_values_as("a.pos", |_, Pos { x, y }| Ok((x, y, 0_u8))).unwrap();
    assert_eq!(doc.values_as::<(f32, f32, u8)>("a.pos").unwrap()[0], (0, (2.0, 1.0, 0)));
    doc.set_resource_as("game.rules", 1, ("hard", 3)).unwrap();
    assert_eq!(doc.resource_as::<(String, u8)>("game.rules").unwrap(), Some(("hard".into(), 3)));
    let why = refused(doc.edit_values_as("c.parent", |_, parent: u32| Ok(parent)));
    assert_eq!(why.2, "its rows are no values of a serde type");
    doc.check().unwrap();
}

#[test]
fn rows_of_a_relationship_keep_their_order_and_new_ones_come_last() {
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: 1, components: vec![] }, Table { rows: 4, components: vec![0] }];
    // Entity 0 has the children 4, 3, 2; entity 1 none, and 1 is the child of 4.
    doc.columns = vec![column("child", false, links(&[4, 0, 0, 0], Some(&[0, 2, 1, 0]))).into_owned()];
    doc.check().unwrap();
    let ranks = |doc: &WorldDoc<'_>| match &doc.column("child").unwrap().data {
        ColumnData::References { targets, ranks } => {
            (targets.to_vec(), ranks.as_deref().map(<[u32]>::to_vec))
        }
        _ => panic!(),
    };
    doc.set_values("child", [(1, Value::Entity(0))]).unwrap();
    assert_eq!(ranks(&doc), (vec![0, 0, 0, 0], Some(vec![3, 2, 1, 0])));
    doc.remove_values("child", &[4, 3, 2]).unwrap();
    assert_eq!(ranks(&doc), (vec![0], None));
    doc.set_values("child", [(4, Value::Entity(0)), (0, Value::Entity(NONE))]).unwrap();
    assert_eq!(ranks(&doc), (vec![NONE, 0, 0], None));
    doc.check().unwrap();
}

#[test]
fn ordinals_stay_and_tables_are_cut_and_joined() {
    let mut doc = WorldDoc::default();
    assert_eq!(doc.spawn(6).unwrap(), 0..6);
    let tag = |at: u32| (at, Value::Unit);
    doc.insert_component("b", 1, [1, 2, 4].map(tag)).unwrap();
    assert_eq!(doc.tables.iter().map(|table| table.rows).collect::<Vec<_>>(), [1, 2, 1, 1, 1]);
    doc.insert_component("a", 1, [2, 3].map(tag)).unwrap();
    assert_eq!(doc.tables[2], Table { rows: 1, components: vec![0, 1] });
    doc.remove_component("a");
    doc.remove_values("b", &[4]).unwrap();
    assert_eq!(
        doc.tables,
        [(1, vec![]), (2, vec![0]), (3, vec![])].map(|(rows, components)| Table { rows, components })
    );
    doc.remove_values("b", &[1, 2]).unwrap();
    assert_eq!(doc.tables, [Table { rows: 6, components: vec![] }]);
    assert_eq!(read(&doc, "b"), []);
    doc.check().unwrap();
}

#[test]
fn despawned_entities_leave_references_to_nothing() {
    let mut doc = small_world();
    doc.insert_component("friend", 1, [(1, Value::Entity(0)), (5, Value::Entity(1))]).unwrap();
    let ordinals = doc.despawn(&[0, 3]).unwrap();
    assert_eq!(ordinals, [NONE, 0, 1, NONE, 2, 3]);
    assert_eq!(read(&doc, "friend"), [(0, Value::Entity(NONE)), (3, Value::Entity(0))]);
    assert_eq!(read(&doc, "c.parent"), [(1, Value::Entity(NONE))]);
    assert!(matches!(doc.despawn(&[9]), Err(Error::BadSelection { found: 9, expected: 4, .. })));
}

#[test]
fn spawned_entities_get_foreign_ids_of_their_own() {
    let mut doc = rich();
    let before = model(&doc).entities.len();
    doc.spawn(3).unwrap();
    assert_eq!(model(&doc).entities.len(), before + 3, "two equal ones would be one");
    doc.foreign_ids.as_mut().unwrap().to_mut()[0] = u128::MAX;
    let unchanged = doc.clone();
    assert!(matches!(doc.spawn(1), Err(Error::Limit { .. })));
    assert_eq!(doc, unchanged);
}

#[test]
fn what_is_refused_names_component_and_entity_and_changes_nothing() {
    let before = small_world();
    let mut doc = before.clone();
    let no = |_: u32, _: &mut Value<'_>| Ok(());
    assert_eq!(refused(doc.edit_values("nobody", no)).0, "nobody");
    assert_eq!(refused(doc.edit_values("z.clock", no)).2, "it is a resource, not a component");
    let second = |at: u32, value: &mut Value<'_>| {
        *value = Value::Unit;
        if at == 1 { Err("not this one".to_owned()) } else { Ok(()) }
    };
    assert_eq!(refused(doc.edit_values("b.name", second)), ("b.name".into(), Some(1), "not this one".into()));
    let far = |_: u32, value: &mut Value<'_>| {
        *value = Value::Entity(6);
        Ok(())
    };
    for name in ["c.parent", "b.name"] {
        assert_eq!(refused(doc.edit_values(name, far)).2, "a value refers to entity 6, and there are 6");
    }
    let unit = |at| (at, Value::Unit);
    assert_eq!(refused(doc.insert_component("b.name", 1, [])).2, "there is a component of this name already");
    assert_eq!(refused(doc.insert_component("n", 1, [unit(6)])).1, Some(6));
    assert_eq!(refused(doc.insert_component("n", 1, [unit(2), unit(2)])).1, Some(2));
    assert_eq!(refused(doc.insert_component("n", 0, [])).0, "n");
    assert_eq!(refused(doc.insert_component("", 1, [])).0, "");
    assert_eq!(refused(doc.rename_component("a.pos", "b.name")).0, "b.name");
    let long = "n".repeat(256);
    assert_eq!(refused(doc.rename_component("a.pos", &long)).2, "names have 1 to 255 bytes, this one 256");
    assert_eq!(refused(doc.remove_values("b.name", &[0, 5])).1, Some(5));
    assert_eq!(refused(doc.set_component_version("b.name", 0)).0, "b.name");
    assert_eq!(refused(doc.set_resource("b.name", 1, Value::Unit)).2, "it is a component, not a resource");
    assert!(!doc.remove_component("nobody"));
    let twice = Value::Map(vec![(Value::Unit, Value::Unit), (Value::Unit, Value::Unit)]);
    let error = doc.set_values("b.name", [(0, twice)]).unwrap_err();
    assert!(matches!(error, Error::Value { component, .. } if component == "b.name"));
    let parent = ComponentSchema::new("n", 1, true, Encoding::Reference { linked: false });
    assert_eq!(refused(doc.insert_column(&parent, [])).0, "n");
    assert_eq!(doc, before);
}

#[test]
fn columns_are_inserted_with_the_encoding_that_is_asked_for() {
    let mut doc = small_world();
    let schema = |name, encoding| ComponentSchema::new(name, 1, false, encoding);
    let layout = doc.column("a.pos").unwrap().schema.encoding.clone();
    let pos = read(&doc, "a.pos");
    doc.insert_column(&schema("pos", layout), pos).unwrap();
    let old: &Column<'_> = doc.column("a.pos").unwrap();
    assert_eq!(doc.column("pos").unwrap().data, old.data);
    let child = schema("child", Encoding::Reference { linked: true });
    doc.insert_column(&child, [(3, Value::Entity(1))]).unwrap();
    assert!(matches!(doc.column("child").unwrap().data, ColumnData::References { .. }));
    let blob = schema("blob", Encoding::Opaque { origin: "x".into() });
    doc.insert_column(&blob, [(3, Value::Bytes(vec![1, 2].into()))]).unwrap();
    assert_eq!(read(&doc, "blob"), [(3, Value::Bytes(vec![1, 2].into()))]);
    let why = refused(doc.set_values("blob", [(1, Value::Int(1))])).2;
    assert_eq!(why, "a value of an opaque column can be nothing but bytes");
    doc.check().unwrap();
}
