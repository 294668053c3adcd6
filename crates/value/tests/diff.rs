//! What changed between two values, and that it makes the second of the first.

use std::borrow::Cow;

use keepstone_value::{
    Error, Fields, Struct, Value, ValueDiff, Variant,
    diff::{Options, Step, What},
};
use proptest::prelude::*;

use crate::arbitrary::nodes;
use crate::dynamic::as_value;

fn ints(values: impl IntoIterator<Item = i128>) -> Value<'static> {
    Value::Seq(values.into_iter().map(Value::Int).collect())
}

fn text(text: &'static str) -> Value<'static> {
    Value::Str(Cow::Borrowed(text))
}

fn object(name: &'static str, fields: Vec<(&'static str, Value<'static>)>) -> Value<'static> {
    let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Value::Struct(Box::new(Struct { name: name.into(), fields: Fields::Named(fields) }))
}

fn variant(index: u32, name: &'static str, fields: Fields<'static>) -> Value<'static> {
    Value::Variant(Box::new(Variant { of: "State".into(), index, name: name.into(), fields }))
}

fn map(entries: Vec<(&'static str, Value<'static>)>) -> Value<'static> {
    Value::Map(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
}

fn hero(name: &'static str, health: i128) -> Value<'static> {
    object("Hero", vec![("name", text(name)), ("health", Value::Int(health)), ("level", Value::Int(1))])
}

/// Entries of maps and fields in one order, whatever order they were in.
fn ordered(value: Value<'static>) -> Value<'static> {
    let all = |values: Vec<Value<'static>>| values.into_iter().map(ordered).collect();
    let fields = |fields| match fields {
        Fields::Newtype(value) => Fields::Newtype(ordered(value)),
        Fields::Tuple(values) => Fields::Tuple(all(values)),
        Fields::Named(named) => {
            let mut named: Vec<_> = named.into_iter().map(|(name, value)| (name, ordered(value))).collect();
            named.sort_by(|a, b| a.0.cmp(&b.0));
            Fields::Named(named)
        }
        Fields::Unit => Fields::Unit,
    };
    match value {
        Value::Option(Some(value)) => Value::Option(Some(Box::new(ordered(*value)))),
        Value::Seq(values) => Value::Seq(all(values)),
        Value::Tuple(values) => Value::Tuple(all(values)),
        Value::Map(entries) => {
            let mut entries: Vec<_> =
                entries.into_iter().map(|(key, value)| (ordered(key), ordered(value))).collect();
            entries.sort_by_key(|(key, _)| key.to_string());
            Value::Map(entries)
        }
        Value::Struct(found) => {
            Value::Struct(Box::new(Struct { name: found.name, fields: fields(found.fields) }))
        }
        Value::Variant(found) => {
            let Variant { of, index, name, fields: held } = *found;
            Value::Variant(Box::new(Variant { of, index, name, fields: fields(held) }))
        }
        leaf => leaf,
    }
}

/// Compares both ways, and sees that each way makes the other value. Returns the way from `a` to `b`.
fn both_ways(a: &Value<'static>, b: &Value<'static>) -> ValueDiff {
    let there = one_way(a, b);
    assert_eq!(there.is_empty(), one_way(b, a).is_empty(), "{a} {b}");
    there
}

fn one_way(a: &Value<'static>, b: &Value<'static>) -> ValueDiff {
    let diff = a.diff(b);
    assert!(diff.is_complete());
    assert_eq!(diff.is_empty(), ordered(a.clone()) == ordered(b.clone()), "{a} {b} {diff}");
    assert_eq!(ordered(diff.apply(a).unwrap()), ordered(b.clone()), "{a} {b} {diff}");
    diff
}

fn check(a: &Value<'static>, b: &Value<'static>, expected: &str) {
    assert_eq!(both_ways(a, b).to_string(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_changed_makes_the_second_value_of_the_first(a in nodes(), b in nodes()) {
        let all = |nodes: &[_]| Value::Seq(nodes.iter().map(as_value).collect());
        both_ways(&all(&a), &all(&b));
        for (a, b) in a.iter().zip(&b) {
            both_ways(&as_value(a), &as_value(b));
        }
    }

    #[test]
    fn a_value_has_not_changed_from_itself(nodes in nodes()) {
        let value = Value::Seq(nodes.iter().map(as_value).collect());
        prop_assert!(both_ways(&value, &value).is_empty());
    }

    #[test]
    fn lists_of_few_kinds_are_made_of_each_other(a in prop::collection::vec(0..4_i128, 0..40), b in prop::collection::vec(0..4_i128, 0..40)) {
        both_ways(&ints(a), &ints(b));
    }

    #[test]
    fn edited_values_are_made_of_each_other(
        nodes in nodes(),
        moves in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3_u8), 1..4),
    ) {
        let before: Vec<_> = nodes.iter().map(as_value).collect();
        let mut after = before.clone();
        for (from, to, what) in moves {
            if after.is_empty() {
                break;
            }
            let taken = from.index(after.len());
            match what {
                0 => drop(after.remove(taken)),
                1 => after.insert(to.index(after.len() + 1), Value::Int(77)),
                _ => {
                    let value = after.remove(taken);
                    after.insert(to.index(after.len() + 1), value);
                }
            }
        }
        both_ways(&Value::Seq(before), &Value::Seq(after));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn long_lists_with_many_changes_are_made_of_each_other(
        changes in prop::collection::vec((0..3000_usize, 0..3_u8), 0..700),
        modulus in prop::sample::select(&[7_usize, 500, 5000][..]),
    ) {
        let before: Vec<i128> = (0..3000_usize).map(|at| i128::try_from(at * 31 % modulus).unwrap()).collect();
        let mut after = before.clone();
        for (at, what) in changes {
            let at = at % after.len();
            match what {
                0 => drop(after.remove(at)),
                1 => after.insert(at, -1),
                _ => after[at] += 1,
            }
        }
        both_ways(&ints(before), &ints(after));
    }
}

#[test]
fn changes_read_as_a_person_would_say_them() {
    let party = |heroes| object("Game", vec![("party", Value::Seq(heroes)), ("gold", Value::Int(3))]);
    let before = party(vec![hero("ann", 9), hero("bo", 5), hero("cy", 10)]);
    check(&before, &party(vec![hero("ann", 9), hero("bo", 5), hero("cy", 7)]), "party[2].health: 10 -> 7");
    check(
        &before,
        &party(vec![hero("ann", 9), hero("di", 1), hero("bo", 5), hero("cy", 10)]),
        "+ party[1]: Hero { name: \"di\", health: 1, level: 1 }",
    );
    check(
        &before,
        &party(vec![hero("ann", 9), hero("cy", 10)]),
        "- party[1]: Hero { name: \"bo\", health: 5, level: 1 }",
    );
    // One came, one went, and one has changed.
    check(
        &before,
        &party(vec![hero("di", 1), hero("ann", 8), hero("cy", 10)]),
        concat!(
            "+ party[0]: Hero { name: \"di\", health: 1, level: 1 }\n",
            "party[1].health: 9 -> 8\n",
            "- party[1]: Hero { name: \"bo\", health: 5, level: 1 }",
        ),
    );
    check(&Value::Int(1), &text("one"), "1 -> \"one\"");
    check(&Value::Int(1), &Value::Int(1), "");
}

#[test]
fn options_newtypes_and_variants_are_looked_into() {
    let some = |value| Value::Option(Some(Box::new(value)));
    let none = Value::Option(None);
    let newtype =
        |value| Value::Struct(Box::new(Struct { name: "Meters".into(), fields: Fields::Newtype(value) }));
    check(&some(some(ints([1, 2]))), &some(some(ints([1, 3]))), "[1]: 2 -> 3");
    check(&some(some(Value::Int(1))), &some(none.clone()), "Some(1) -> None");
    check(&none, &some(Value::Int(1)), "None -> Some(1)");
    check(&newtype(Value::Int(1)), &newtype(Value::Int(2)), "1 -> 2");
    let locked = |by| variant(1, "Locked", Fields::Named(vec![("by".into(), Value::Int(by))]));
    let held = |value| variant(2, "Held", Fields::Newtype(value));
    let door = |state| object("Door", vec![("state", state)]);
    check(&door(locked(7)), &door(locked(8)), "state.Locked.by: 7 -> 8");
    check(&door(locked(7)), &door(variant(0, "Open", Fields::Unit)), "state: Locked { by: 7 } -> Open");
    check(&door(held(some(Value::Int(1)))), &door(held(none)), "state.Held: Some(1) -> None");
    check(
        &Value::Tuple(vec![Value::Int(1), Value::Int(2)]),
        &Value::Tuple(vec![Value::Int(1), Value::Int(3)]),
        "[1]: 2 -> 3",
    );
    check(&Value::Tuple(vec![Value::Int(1)]), &Value::Tuple(vec![]), "(1) -> ()");
}

#[test]
fn floats_are_compared_by_their_bits() {
    let float = |value: f64| Value::F64(value.to_bits());
    check(&float(f64::NAN), &float(f64::NAN), "");
    check(&float(0.0), &float(-0.0), "0.0 -> -0.0");
    check(&Value::F32(1.0_f32.to_bits()), &float(1.0), "1.0 -> 1.0");
}

#[test]
fn entries_are_matched_by_key_whatever_their_order() {
    let prices = |entries| map(entries);
    let before = prices(vec![("coin", Value::Int(1)), ("gem", Value::Int(9)), ("nut", Value::Int(3))]);
    let after = prices(vec![("nut", Value::Int(3)), ("gem", Value::Int(8)), ("oak", Value::Int(2))]);
    check(&before, &after, "- [\"coin\"]: 1\n[\"gem\"]: 9 -> 8\n+ [\"oak\"]: 2");
    check(
        &map(vec![("b", Value::Unit), ("a", Value::Unit)]),
        &map(vec![("a", Value::Unit), ("b", Value::Unit)]),
        "",
    );
}

#[test]
fn a_map_in_which_a_key_stands_twice_differs_as_a_whole() {
    let (once, twice) = (vec![("a", Value::Int(1))], vec![("a", Value::Int(1)), ("a", Value::Int(2))]);
    check(&map(once.clone()), &map(twice.clone()), "{\"a\": 1} -> {\"a\": 1, \"a\": 2}");
    check(&map(twice.clone()), &map(twice), "");
    let fields = |entries: Vec<(&'static str, Value<'static>)>| object("Odd", entries);
    let other = vec![("a", Value::Int(1)), ("a", Value::Int(3))];
    check(&fields(once), &fields(other), "Odd { a: 1 } -> Odd { a: 1, a: 3 }");
}

#[test]
fn of_long_texts_the_part_that_differs_is_shown() {
    let long = |end: &str| Value::Str(Cow::Owned("word ".repeat(1000) + end));
    check(&long("cat"), &long("dog"), "...\" word word word word cat\" -> ...\" word word word word dog\"");
    let short = |end: &str| Value::Str(Cow::Owned("word ".repeat(10) + end));
    assert_eq!(short("a").diff(&short("b")).to_string().len(), 2 * 53 + 4);
    let bytes = |byte: u8| Value::Bytes(Cow::Owned(vec![byte; 10_000]));
    assert!(bytes(1).diff(&bytes(2)).to_string().len() < 500);
}

#[test]
fn a_path_says_both_places_of_an_element() {
    let (a, b) = (Value::Seq(vec![hero("ann", 9), hero("bo", 5)]), Value::Seq(vec![hero("bo", 6)]));
    let diff = both_ways(&a, &b);
    let steps: Vec<Vec<Step>> =
        diff.changes().iter().map(|change| change.path.steps().cloned().collect()).collect();
    let stays = Step::Item { before: Some(1), after: Some(0) };
    assert_eq!(
        steps,
        [vec![Step::Item { before: Some(0), after: None }], vec![stays, Step::Field("health".into())]]
    );
    let before: Vec<_> = diff.changes().iter().map(|change| change.before().cloned()).collect();
    assert_eq!(before, [Some(hero("ann", 9)), Some(Value::Int(5))]);
    assert_eq!(diff.changes()[1].what, What::Changed { from: Value::Int(5), to: Value::Int(6) });
}

#[test]
fn one_element_put_into_a_hundred_thousand_is_one_change_and_little_work() {
    const LEN: i128 = 100_000;
    let heroes = |len: i128| (0..len).map(|at| hero("ann", at)).collect::<Vec<_>>();
    let before = heroes(LEN);
    for at in [0, 50_000, 100_000] {
        let mut after = before.clone();
        after.insert(at, hero("new", -1));
        let diff = Value::Seq(before.clone()).diff(&Value::Seq(after));
        assert_eq!(diff.to_string(), format!("+ [{at}]: Hero {{ name: \"new\", health: -1, level: 1 }}"));
        // Four values in each element, each looked at twice at most.
        assert!(diff.work() < 1_000_000, "{}", diff.work());
    }
    // At both ends something has changed, so that neither can be left out.
    let mut after = before.clone();
    after[0] = hero("bo", 0);
    after.insert(50_000, hero("new", -1));
    after.pop();
    let diff = Value::Seq(before).diff(&Value::Seq(after));
    assert_eq!(diff.total(), 3, "{diff}");
    assert!(diff.work() < 3_000_000, "{}", diff.work());
}

#[test]
fn many_changes_in_a_long_list_are_found_one_by_one() {
    const LEN: usize = 100_000;
    let before: Vec<_> = (0..LEN).map(|at| hero("ann", i128::try_from(at).unwrap())).collect();
    let mut after = Vec::new();
    for (at, one) in before.iter().enumerate() {
        match at % 50 {
            7 => after.push(hero("bo", i128::try_from(at).unwrap())),
            21 => {}
            33 => after.extend([hero("new", -i128::try_from(at).unwrap()), one.clone()]),
            _ => after.push(one.clone()),
        }
    }
    let diff = Value::Seq(before.clone()).diff(&Value::Seq(after.clone()));
    assert_eq!(diff.total(), 6000);
    assert!(diff.work() < 20_000_000, "{}", diff.work());
    assert_eq!(diff.apply(&Value::Seq(before)).unwrap(), Value::Seq(after));
}

#[test]
fn a_list_that_has_nothing_in_common_takes_work_in_proportion_to_it() {
    let (before, after) = (ints(0..100_000), ints(200_000..300_000));
    let diff = before.diff(&after);
    assert_eq!((diff.total(), diff.changes().len()), (100_000, 65_536));
    assert!(diff.work() < 20_000_000, "{}", diff.work());
    assert!(diff.to_string().ends_with("\nand 34464 more"));
}

#[test]
fn without_work_lists_are_taken_place_by_place() {
    let (before, after) = (ints([1, 2, 3, 4]), ints([1, 9, 2, 3, 4]));
    let options = Options { work_max: 0, ..Options::default() };
    let diff = before.diff_with(&after, &options);
    assert_eq!(diff.to_string(), "[1]: 2 -> 9\n[2]: 3 -> 2\n[3]: 4 -> 3\n+ [4]: 4");
    assert_eq!(diff.apply(&before).unwrap(), after);
    assert_eq!(before.diff(&after).to_string(), "+ [1]: 9");
}

#[test]
fn a_deep_value_is_walked_to_its_end_and_a_deeper_one_is_compared() {
    let nested = |depth: usize, inner: i128| {
        (0..depth).fold(Value::Int(inner), |value, _| Value::Seq(vec![Value::Int(0), value]))
    };
    let diff = both_ways(&nested(128, 1), &nested(128, 2));
    assert_eq!(diff.to_string(), "[1]".repeat(128) + ": 1 -> 2");
    assert!(diff.work() < 40_000, "{}", diff.work());
    let diff = both_ways(&nested(400, 1), &nested(400, 2));
    assert_eq!((diff.total(), diff.changes()[0].path.len()), (1, 256));
}

#[test]
fn changes_that_were_not_kept_are_counted_and_can_not_be_applied() {
    let (before, after) = (ints([1; 9]), ints([2; 9]));
    let diff = before.diff_with(&after, &Options { changes_max: 2, ..Options::default() });
    assert_eq!(diff.to_string(), "[0]: 1 -> 2\n[1]: 1 -> 2\nand 7 more");
    assert_eq!(diff.apply(&before), Err(Error::Partial { kept: 2, total: 9 }));
    let diff = before.diff_with(&after, &Options { changes_max: 0, ..Options::default() });
    assert_eq!(diff.to_string(), "and 9 more");
}

#[test]
fn a_difference_does_not_fit_another_value() {
    let heroes = |health| object("Game", vec![("party", Value::Seq(vec![hero("ann", health)]))]);
    let diff = heroes(1).diff(&heroes(2));
    let unfit = |value: &Value<'_>| match diff.apply(value) {
        Err(Error::Unfit { path }) => path,
        other => panic!("{other:?}"),
    };
    assert_eq!(unfit(&heroes(3)), "party[0].health");
    assert_eq!(unfit(&object("Game", vec![])), "party[0].health");
    assert_eq!(unfit(&object("Game", vec![("party", Value::Seq(vec![]))])), "party[0].health");
    assert_eq!(unfit(&Value::Int(3)), "party[0].health");
    let grown = ints([1]).diff(&ints([1, 2]));
    assert!(matches!(grown.apply(&ints([])), Err(Error::Unfit { .. })));
}

// Each entry that came was looked for among all, and each that went moved all behind it: the square of their number.
#[test]
fn a_large_map_is_changed_in_time_that_its_entries_and_changes_take() {
    let map = |keys: std::ops::Range<i128>| {
        Value::Map(keys.map(|key| (Value::Int(key), Value::Str(Cow::Borrowed("value")))).collect())
    };
    let (before, after) = (map(0..100_000), map(20_000..120_000));
    let diff = before.diff(&after);
    assert_eq!((diff.total(), diff.is_complete()), (40_000, true));
    assert_eq!(diff.apply(&before).unwrap(), after);
}
