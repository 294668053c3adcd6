//! Steps over values whose types the program has no longer.

use std::borrow::Cow;

use keepstone_slots::{
    Dynamic, Error, Migrations,
    value::{Fields, Value},
};
use serde::{Deserialize, Serialize};

use super::{TYPE, V1, V2, V3, files, misfit, open};

type Named = Vec<(Cow<'static, str>, Value<'static>)>;

fn fields<'v>(value: &'v mut Value<'static>) -> Result<&'v mut Named, String> {
    let Value::Struct(found) = value else { return Err(format!("{value} is no struct")) };
    let Fields::Named(fields) = &mut found.fields else { return Err("its fields have no names".to_owned()) };
    Ok(fields)
}

/// Gold becomes copper.
fn to_copper(old: &mut Dynamic) -> Result<(), String> {
    for (name, value) in fields(&mut old.value)? {
        if let ("gold", Value::Int(amount)) = (&**name, &mut *value) {
            *name = "copper".into();
            *amount *= 100;
        }
    }
    Ok(())
}

/// The purse becomes a field, beside lives.
fn to_purse(old: &mut Dynamic) -> Result<(), String> {
    let purse = old.value.clone();
    *fields(&mut old.value)? = vec![("purse".into(), purse), ("lives".into(), Value::Int(3))];
    Ok(())
}

#[test]
fn a_value_without_a_type_becomes_what_the_next_step_takes() {
    let files = files();
    open(&files, 1).save("ada", 0, &V1 { gold: u32::MAX }).unwrap();
    let manager = open(&files, 3);
    let first = Migrations::<V3>::new(TYPE, 3).dynamic_step(1, to_copper);
    let chains = [first.clone().dynamic_step(2, to_purse), first.step(2, |purse: V2| V3 { purse, lives: 3 })];
    for migrations in chains {
        let loaded = manager.load_latest_migrated("ada", 0, &migrations).unwrap();
        assert_eq!((loaded.value, loaded.migrated_from), (V3::of(u32::MAX), Some(1)));
    }
    let whole = Migrations::<Dynamic>::new(TYPE, 3).dynamic_step(1, to_copper).dynamic_step(2, to_purse);
    let loaded = manager.load_latest_migrated("ada", 0, &whole).unwrap();
    assert!(loaded.value.value.to_string().contains("lives: 3"), "{}", loaded.value.value);
}

#[test]
fn saves_are_rewritten_without_any_type() {
    let files = files();
    open(&files, 1).save("ada", 0, &V1 { gold: 2 }).unwrap();
    let whole = Migrations::<Dynamic>::new(TYPE, 3).dynamic_step(1, to_copper).dynamic_step(2, to_purse);
    let progress = open(&files, 3).migrate(&whole).unwrap().run(|_| std::ops::ControlFlow::Continue(()));
    assert_eq!((progress.done, progress.failed), (1, 0));
    assert_eq!(open(&files, 3).load_latest::<V3>("ada", 0).unwrap().value, V3::of(2));
}

#[test]
fn what_a_step_leaves_and_the_next_does_not_take_is_an_error() {
    let files = files();
    open(&files, 1).save("ada", 0, &V1 { gold: 2 }).unwrap();
    let manager = open(&files, 2);
    let unchanged = Migrations::<V2>::new(TYPE, 2).dynamic_step(1, |_: &mut Dynamic| Ok::<_, String>(()));
    let err = manager.load_latest_migrated("ada", 0, &unchanged).unwrap_err();
    assert!(matches!(err, Error::Payload { .. }), "{err}");
    let failing = Migrations::<V2>::new(TYPE, 2).dynamic_step(1, |old: &mut Dynamic| {
        old.value = Value::Unit;
        fields(&mut old.value).map(drop)
    });
    let err = manager.load_latest_migrated("ada", 0, &failing).unwrap_err();
    assert!(matches!(err, Error::Step { from: 1, .. }), "{err}");
}

#[test]
fn a_typed_value_does_not_become_one_without_a_type() {
    #[derive(Serialize, Deserialize)]
    struct Other;
    let migrations = Migrations::<V3>::new(TYPE, 3).step(1, |_: V1| Other).dynamic_step(2, to_purse);
    let err = misfit(&migrations);
    assert!(
        matches!(&err, Error::StepType { version: 2, wanted, .. } if wanted.ends_with("Dynamic")),
        "{err}"
    );
}
