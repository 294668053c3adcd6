//! Documents of earlier versions become what the program has now, each step once.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use keepstone_ecs_persist::{
    ColumnData, ColumnStep, Error, Migration, MigrationChain, MigrationStep, Table, WorldDoc,
};
use keepstone_format::Kind;
use keepstone_value::Value;
use serde::{Deserialize, Serialize};

use crate::{
    random::Random,
    support::{column, decode, encode, links, small_world},
};

fn at_version(version: u32) -> WorldDoc<'static> {
    let mut doc = small_world();
    doc.meta.world_version = Some(version);
    doc
}

/// Adds a number to a list that the document carries.
#[expect(clippy::unnecessary_wraps, reason = "a step returns a result")]
fn log(doc: &mut WorldDoc<'static>, number: u8) -> Result<(), Error> {
    doc.meta.custom.entry("log".into()).or_default().push(number);
    Ok(())
}

fn logged(doc: &WorldDoc<'_>) -> Vec<u8> {
    doc.meta.custom.get("log").cloned().unwrap_or_default()
}

fn fails(chain: &MigrationChain, doc: &WorldDoc<'static>) -> Error {
    let mut changed = doc.clone();
    let error = chain.apply(&mut changed).unwrap_err();
    assert_eq!(&changed, doc, "what fails changes nothing");
    error
}

fn names(chain: &MigrationChain, doc: &WorldDoc<'_>) -> Vec<String> {
    chain.plan_of(doc).unwrap().steps.iter().map(ToString::to_string).collect()
}

fn three() -> MigrationChain {
    MigrationChain::new().step(2, 4, "second", |doc| log(doc, 2)).step(1, 2, "first", |doc| log(doc, 1)).step(
        4,
        5,
        "third",
        |doc| log(doc, 3),
    )
}

#[test]
fn each_step_runs_once_in_order_whatever_version_a_file_has() {
    for (version, steps) in [(1, &[1, 2, 3][..]), (2, &[2, 3]), (4, &[3]), (5, &[])] {
        let mut doc = at_version(version);
        let plan = three().plan_of(&doc).unwrap();
        let report = three().apply(&mut doc).unwrap();
        assert_eq!((report.from_version, report.into_version), (version, 5));
        assert_eq!(report.steps, plan.steps);
        assert_eq!(logged(&doc), steps);
        assert_eq!(doc.meta.world_version, Some(5));
        let mut again = decode(&encode(&doc)).unwrap();
        assert_eq!(three().apply(&mut again).unwrap().steps, []);
        assert_eq!(logged(&again), steps);
    }
}

#[test]
fn a_dry_run_names_the_steps_and_takes_none() {
    let doc = at_version(2);
    let plan = three().plan(&doc.meta, &doc.schema()).unwrap();
    assert_eq!(plan.to_string(), "second (world 2 -> 4)\nthird (world 4 -> 5)");
    assert_eq!(logged(&doc), Vec::<u8>::new());
}

#[test]
fn a_missing_step_a_later_world_and_a_chain_that_contradicts_itself_are_told_apart() {
    let error = fails(&three(), &at_version(3));
    assert!(
        matches!(&error, Error::NoWorldMigration { found: 3, at: 3, newest: 5, known } if known == "1 -> 2, 2 -> 4, 4 -> 5")
    );
    let gap = MigrationChain::new().step(1, 2, "a", |_| Ok(())).step(3, 4, "b", |_| Ok(()));
    assert!(matches!(
        fails(&gap, &at_version(1)),
        Error::NoWorldMigration { found: 1, at: 2, newest: 4, .. }
    ));
    let error = fails(&three(), &at_version(6));
    assert!(matches!(error, Error::NewerWorld { found: 6, newest: 5 }));
    assert_eq!(error.kind(), Kind::Newer);
    let back = MigrationChain::new().step(2, 2, "back", |_| Ok(()));
    assert!(matches!(fails(&back, &at_version(2)), Error::BadMigration { step, .. } if step == "back"));
    let twice = three().step(2, 3, "other", |_| Ok(()));
    let error = fails(&twice, &at_version(5));
    assert!(matches!(&error, Error::BadMigration { step, .. } if step == "other"), "{error}");
    assert_eq!(error.to_string(), "migration step other: begins at world version 2, as does second");
}

#[test]
fn a_file_without_a_version_is_of_version_0_or_the_one_that_is_said() {
    let doc = small_world();
    assert!(matches!(fails(&three(), &doc), Error::NoWorldMigration { found: 0, .. }));
    assert_eq!(names(&three().unversioned(4), &doc), ["third (world 4 -> 5)"]);
    let from_0 = three().step(0, 1, "zeroth", |doc| log(doc, 0));
    let mut doc = small_world();
    from_0.apply(&mut doc).unwrap();
    assert_eq!(logged(&doc), [0, 1, 2, 3]);
    let mut current = small_world();
    three().unversioned(5).apply(&mut current).unwrap();
    assert_eq!(current.meta.world_version, Some(5));
    let mut untouched = small_world();
    MigrationChain::new().apply(&mut untouched).unwrap();
    assert_eq!(untouched, small_world(), "a chain without world steps says nothing of the world's version");
}

#[test]
fn a_step_that_fails_panics_or_breaks_the_document_leaves_it_as_it_was_and_is_named() {
    let chain = three().step(5, 6, "bad", |doc| doc.set_component_version("nobody", 2));
    let error = fails(&chain, &at_version(1));
    assert_eq!(error.kind(), Kind::Misuse);
    assert!(
        matches!(&error, Error::MigrationFailed { step, source } if step == "bad" && matches!(**source, Error::Edit { .. }))
    );
    let chain = three().step(5, 6, "broken", |doc| {
        doc.tables.pop();
        doc.columns.pop();
        doc.tables.push(Table { rows: 1, components: vec![99] });
        Ok(())
    });
    let error = fails(&chain, &at_version(1));
    assert!(
        matches!(&error, Error::MigrationFailed { step, source } if step == "broken" && matches!(**source, Error::Invalid { .. }))
    );
    let chain = three().step(5, 6, "rash", |doc| panic!("no {}", doc.entity_count()));
    let error = fails(&chain, &at_version(1));
    assert!(
        matches!(&error, Error::MigrationPanicked { step, message } if step == "rash" && message == "no 6"),
        "{error}"
    );
    let chain = MigrationChain::new()
        .component("b.name", 1, 2, |_| Ok(()))
        .component("b.name", 2, 3, |_| panic!("oh"));
    assert!(
        matches!(fails(&chain, &small_world()), Error::MigrationPanicked { step, .. } if step == "b.name 2 -> 3")
    );
    let chain = MigrationChain::new().component("b.name", 1, 2, |_| Err("why".into()));
    let error = fails(&chain, &small_world());
    assert!(
        matches!(&error, Error::MigrationFailed { step, source } if step == "b.name 1 -> 2"
        && source.to_string() == "component b.name, entity 0: why"),
        "{error}"
    );
}

fn append(more: &'static str) -> impl Fn(&mut Value<'_>) -> Result<(), String> + Send + Sync {
    move |value| {
        let Value::Struct(found) = value else { return Err("no struct".into()) };
        let keepstone_value::Fields::Newtype(Value::Str(text)) = &mut found.fields else {
            return Err("no name".into());
        };
        text.to_mut().push_str(more);
        Ok(())
    }
}

fn first_name(doc: &WorldDoc<'_>, component: &str) -> String {
    doc.values_as::<String>(component).unwrap()[0].1.clone()
}

#[test]
fn components_go_from_step_to_step_and_may_take_another_name() {
    let chain = MigrationChain::new()
        .component("b.name", 2, 5, append("-2"))
        .component("b.name", 1, 2, append("-1"))
        .component_into(("b.name", 5), ("title", 1), append("-5"))
        .component("z.clock", 1, 2, |clock| {
            *clock = Value::Int(clock.as_int().ok_or("no number")? + 1);
            Ok(())
        });
    let mut doc = small_world();
    let report = chain.apply(&mut doc).unwrap();
    let steps: Vec<_> = report.steps.iter().map(ToString::to_string).collect();
    assert_eq!(steps, ["b.name 1 -> 2", "b.name 2 -> 5", "b.name 5 -> title 1", "z.clock 1 -> 2"]);
    assert!(matches!(&report.steps[0], MigrationStep::Component(ColumnStep { from_version: 1, .. })));
    assert_eq!(first_name(&doc, "title"), "ann-1-2-5");
    assert_eq!(doc.column("title").unwrap().schema.version, 1);
    assert!(doc.column("b.name").is_none());
    assert_eq!(doc.resource_as::<u64>("z.clock").unwrap(), Some(100));
    assert_eq!(chain.apply(&mut doc).unwrap().steps, []);
    assert_eq!(first_name(&doc, "title"), "ann-1-2-5");
}

#[test]
fn components_may_change_places_and_replace_one_that_is_there() {
    let mut doc = small_world();
    doc.insert_component_as("title", 1, [(5, "lord")]).unwrap();
    let chain = MigrationChain::new().component_into(("b.name", 1), ("title", 1), append("!"));
    let mut joined = doc.clone();
    chain.apply(&mut joined).unwrap();
    let titles = joined.values_as::<String>("title").unwrap();
    assert_eq!(titles, [(0, "ann!".into()), (1, "bo!".into()), (5, "lord".into())]);
    doc.set_values("title", [(1, Value::Str("both".into()))]).unwrap();
    let error = fails(&chain, &doc);
    assert!(
        matches!(&error, Error::MigrationFailed { source, .. } if matches!(**source, Error::Edit { ordinal: Some(1), .. })),
        "{error}"
    );

    let mut doc = small_world();
    doc.set_component_version("a.pos", 7).unwrap();
    let swap = MigrationChain::new().component_into(("a.pos", 7), ("b.name", 2), |_| Ok(())).component_into(
        ("b.name", 1),
        ("a.pos", 8),
        |_| Ok(()),
    );
    swap.apply(&mut doc).unwrap();
    assert_eq!(first_name(&doc, "a.pos"), "ann");
    assert!(doc.column("b.name").unwrap().row_size().is_some());
}

#[test]
fn component_steps_that_lack_one_or_contradict_each_other_are_errors() {
    let late = MigrationChain::new().component("b.name", 2, 3, |_| Ok(()));
    let error = fails(&late, &small_world());
    assert!(
        matches!(&error, Error::NoMigration { name, found: 1, known } if name == "b.name" && known == "b.name 2 -> 3")
    );
    let mut newer = small_world();
    newer.set_component_version("b.name", 9).unwrap();
    assert_eq!(names(&late, &newer), [""; 0], "which versions a program reads its types say");
    let bad = |chain: MigrationChain| match fails(&chain, &small_world()) {
        Error::BadMigration { step, .. } => step,
        other => panic!("{other}"),
    };
    assert_eq!(bad(late.clone().component("b.name", 2, 4, |_| Ok(()))), "b.name 2 -> 4");
    assert_eq!(bad(MigrationChain::new().component("x", 3, 2, |_| Ok(()))), "x 3 -> 2");
    assert_eq!(bad(MigrationChain::new().component("x", 0, 2, |_| Ok(()))), "x 0 -> 2");
    let circle = MigrationChain::new().component_into(("x", 1), ("y", 1), |_| Ok(())).component_into(
        ("y", 1),
        ("x", 1),
        |_| Ok(()),
    );
    assert_eq!(bad(circle), "x 1 -> y 1");
}

/// A world step that was written when names were of version 2.
struct Shout(Arc<AtomicU32>);

impl Migration for Shout {
    fn source_version(&self) -> u32 {
        1
    }

    fn target_version(&self) -> u32 {
        2
    }

    fn components(&self) -> Vec<(String, u32)> {
        vec![("b.name".into(), 2)]
    }

    fn migrate(&self, doc: &mut WorldDoc<'static>) -> Result<(), Error> {
        self.0.store(doc.column("b.name").map_or(0, |column| column.schema.version), Ordering::Relaxed);
        doc.edit_values("b.name", |_, value| append("-shout")(value))
    }
}

#[test]
fn a_world_step_sees_the_components_that_it_was_written_for_whatever_steps_came_later() {
    let seen = Arc::new(AtomicU32::new(0));
    let of_2024 = MigrationChain::new().component("b.name", 1, 2, append("-2")).add(Shout(seen.clone()));
    let of_today = of_2024
        .clone()
        .component("b.name", 2, 3, append("-3"))
        .step(2, 3, "late", |doc| doc.edit_values("b.name", |_, value| append("-late")(value)));
    let mut doc = at_version(1);
    assert_eq!(
        names(&of_today, &doc),
        ["b.name 1 -> 2", "world 1 -> 2", "late (world 2 -> 3)", "b.name 2 -> 3"]
    );
    let mut then = doc.clone();
    of_2024.apply(&mut then).unwrap();
    assert_eq!(seen.swap(0, Ordering::Relaxed), 2);
    assert_eq!(first_name(&then, "b.name"), "ann-2-shout");
    let report = of_today.apply(&mut doc).unwrap();
    assert_eq!(report.steps.len(), 4);
    assert_eq!(seen.load(Ordering::Relaxed), 2, "not the version of today");
    assert_eq!(first_name(&doc, "b.name"), "ann-2-shout-late-3");
    of_today.apply(&mut then).unwrap();
    assert_eq!(then, doc, "the way there makes no difference");

    let mut newer = at_version(1);
    newer.set_component_version("b.name", 3).unwrap();
    let error = fails(&of_today, &newer);
    assert_eq!(
        error.to_string(),
        "migration step world 1 -> 2: was made for version 2 of component b.name, and the file has 3"
    );
    let mut older = at_version(1);
    older.rename_component("b.name", "x").unwrap();
    older.set_component_version("x", 4).unwrap();
    let renamed = of_2024.clone().component_into(("x", 4), ("b.name", 1), append("-x"));
    renamed.apply(&mut older).unwrap();
    assert_eq!(first_name(&older, "b.name"), "ann-x-2-shout");
    let alone = MigrationChain::new().add(Shout(seen));
    assert!(matches!(fails(&alone, &at_version(1)), Error::NoMigration { found: 1, .. }));
}

#[test]
fn chains_are_shared_between_threads_and_say_what_they_hold() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let chain = three().component("a", 1, 2, |_| Ok(())).unversioned(3);
    shared(&chain);
    assert_eq!(
        format!("{chain:?}"),
        r#"MigrationChain { worlds: ["second", "first", "third"], components: ["a 1 -> 2"], unversioned: 3 }"#
    );
    assert_eq!((chain.newest(), chain.is_empty()), (Some(5), false));
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Old {
    hp: u32,
    name: String,
    at: (f32, i16),
    tags: Vec<String>,
    mood: Option<u8>,
}

/// What any of the random changes make of [`Old`].
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(default)]
struct New {
    hp: Option<u64>,
    health: Option<u64>,
    name: Option<String>,
    title: Option<String>,
    at: Option<(f64, i64)>,
    tags: Option<Vec<String>>,
    labels: Option<Vec<String>>,
    mood: Option<u8>,
    shield: Option<u64>,
}

const RENAMES: [(&str, &str); 3] = [("hp", "health"), ("name", "title"), ("tags", "labels")];

/// A change of one field, the same for a value and for JSON.
#[derive(Clone, Copy, Debug)]
enum Change {
    Rename(usize),
    Remove(&'static str),
    Add(u32),
    Scale(u32),
}

fn change(random: &mut Random) -> Change {
    match random.below(4) {
        0 => Change::Rename(random.below(3) as usize),
        1 => Change::Remove(["mood", "at", "name", "tags", "hp"][random.below(5) as usize]),
        2 => Change::Add(random.below(1000)),
        _ => Change::Scale(1 + random.below(1_000_000)),
    }
}

fn in_value(change: Change, value: &mut Value<'_>) {
    match change {
        Change::Rename(at) => drop(value.rename_field(RENAMES[at].0, RENAMES[at].1)),
        Change::Remove(name) => drop(value.remove_field(name)),
        Change::Add(shield) => drop(value.set_field("shield", Value::Int(shield.into()))),
        Change::Scale(by) => {
            if let Some(Value::Int(hp)) = value.field_mut("hp") {
                *hp *= i128::from(by);
            }
        }
    }
}

fn in_json(change: Change, value: &mut serde_json::Value) {
    let fields = value.as_object_mut().unwrap();
    match change {
        Change::Rename(at) => {
            if let Some(value) = fields.remove(RENAMES[at].0) {
                fields.insert(RENAMES[at].1.into(), value);
            }
        }
        Change::Remove(name) => drop(fields.remove(name)),
        Change::Add(shield) => drop(fields.insert("shield".into(), shield.into())),
        Change::Scale(by) => {
            if let Some(hp) = fields.get_mut("hp") {
                *hp = (hp.as_u64().unwrap() * u64::from(by)).into();
            }
        }
    }
}

#[test]
fn random_changes_of_values_are_what_serde_makes_of_the_same_changes() {
    for seed in 0..300 {
        let random = &mut Random(seed);
        let old: Vec<Old> = (0..=random.below(20))
            .map(|_| Old {
                hp: random.below(2000),
                name: "n".repeat(random.below(4) as usize),
                at: (
                    f32::from(u8::try_from(random.below(200)).unwrap()) / 8.0,
                    i16::try_from(random.below(90)).unwrap() - 45,
                ),
                tags: vec!["t".to_owned(); random.below(3) as usize],
                mood: random.chance(2).then_some(7),
            })
            .collect();
        let mut doc = WorldDoc::default();
        doc.spawn(u32::try_from(old.len()).unwrap()).unwrap();
        doc.insert_component_as("it", 1, (0..).zip(old.iter().cloned())).unwrap();

        let changes: Vec<Change> = (0..random.below(7)).map(|_| change(random)).collect();
        // Two renames to one name, or a second scaling that leaves 64 bits, are no changes that JSON can follow.
        let scales = changes.iter().filter(|change| matches!(change, Change::Scale(_))).count();
        if scales > 2 {
            continue;
        }
        let steps = (1..).zip(&changes);
        let chain = steps.fold(MigrationChain::new(), |chain, (version, change)| {
            let change = *change;
            chain.component("it", version, version + 1, move |value| {
                in_value(change, value);
                Ok(())
            })
        });
        chain.apply(&mut doc).unwrap();
        let mut doc = decode(&encode(&doc)).unwrap();
        assert_eq!(doc.column("it").unwrap().schema.version as usize, changes.len() + 1);
        let found: Vec<New> = doc.values_as("it").unwrap().into_iter().map(|(_, value)| value).collect();
        let expected = old.iter().map(|old| {
            let mut json = serde_json::to_value(old).unwrap();
            for change in &changes {
                in_json(*change, &mut json);
            }
            serde_json::from_value(json).unwrap()
        });
        assert_eq!(found, expected.collect::<Vec<New>>(), "seed {seed}: {changes:?}");
        assert_eq!(chain.apply(&mut doc).unwrap().steps, []);
    }
}

#[test]
fn siblings_whose_relationship_joins_another_keep_their_order() {
    let mut doc = WorldDoc::default();
    doc.columns = vec![
        column("a.old", false, links(&[0, 0, 0], Some(&[2, 0, 1]))),
        column("b.new", false, links(&[0], None)),
    ];
    doc.tables = vec![
        Table { rows: 1, components: vec![] },
        Table { rows: 3, components: vec![0] },
        Table { rows: 1, components: vec![1] },
    ];
    doc.check().unwrap();
    let chain = MigrationChain::new().component_into(("a.old", 1), ("b.new", 1), |_| Ok(()));
    chain.apply(&mut doc).unwrap();
    let ColumnData::References { ranks, .. } = &doc.columns[0].data else { panic!("references") };
    // That of entity 4 first, then those that joined it in the order that they had.
    assert_eq!(ranks.as_deref(), Some(&[3, 1, 2, 0][..]));
}
