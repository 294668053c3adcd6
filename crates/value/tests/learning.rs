//! Rows that are encoded in batches are those that are encoded at once.

use std::cell::Cell;
use std::collections::BTreeSet;

use keepstone_value::{
    Batches, Decoder, Entities, EntityType, Error, Learned, Learner, NONE, Options, Problem, Rows,
    append_learned, encode, encode_learned,
};
use proptest::prelude::*;
use serde::{Serialize, Serializer};

use crate::arbitrary::{Node, Same, encode_nodes, nodes};
use crate::entities::Entity;

fn learn<T: Serialize>(values: &[T], batch: usize) -> Result<Learned, Error> {
    let mut learner = Learner::new(&Options::default());
    values.chunks(batch).try_for_each(|batch| learner.add(batch.iter(), Some(&mut Same)))?;
    learner.finish()
}

/// Learns and encodes in batches of these sizes and puts them together.
fn in_batches<T: Serialize>(values: &[T], learnt: usize, written: usize) -> Result<Rows, Error> {
    let learned = learn(values, learnt)?;
    let mut all = encode_learned::<T>(&learned, [].iter(), None, &Options::default())?;
    let mut batches = Batches::new(&learned, &Options::default());
    for batch in values.chunks(written) {
        let rows = batches.encode(batch.iter(), Some(&mut Same))?;
        assert_eq!(rows.shape, *learned.shape());
        all.data.extend(rows.data);
        all.lens.extend(rows.lens);
        all.targets.extend(rows.targets);
    }
    Ok(all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn batches_make_the_rows_that_encoding_at_once_makes(
        rows in prop::collection::vec(nodes(), 1..4),
        learnt in 1..6_usize,
        written in 1..6_usize,
    ) {
        let rows = rows.concat();
        prop_assert_eq!(in_batches(&rows, learnt, written).unwrap(), encode_nodes(&rows).unwrap());
    }

    #[test]
    fn the_order_of_fields_is_learnt_from_all_rows(rows in prop::collection::vec(fields(), 1..30), size in 1..9_usize) {
        let whole = encode_nodes(&rows).unwrap();
        prop_assert_eq!(&in_batches(&rows, size, size).unwrap(), &whole);
        let mut backwards = rows.clone();
        backwards.reverse();
        prop_assert_eq!(&encode_nodes(&backwards).unwrap().shape, &whole.shape);
    }
}

const FIELDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Some of six fields in any order.
fn fields() -> impl Strategy<Value = Node> {
    let names = prop::sample::subsequence(FIELDS.to_vec(), 1..=4).prop_shuffle();
    names.prop_map(|names| record(&names))
}

fn record(names: &[&'static str]) -> Node {
    Node::Struct("S", names.iter().map(|name| (*name, Node::U8(1))).collect())
}

/// Rows of which each adds an alternative that comes before the known ones.
fn surprises() -> impl Iterator<Item = Node> {
    [Node::U64(1), Node::U32(1), Node::U16(1), Node::U8(1)].into_iter()
}

#[test]
fn a_sequence_of_fields_that_only_fitting_rows_had_counts_in_the_end() {
    let pair = |names: &[&'static str], rest| Node::Tuple(vec![record(names), rest]);
    let mut rows = vec![
        pair(&["z", "b", "c", "d"], Node::Unit),
        pair(&["c"], Node::Unit),
        // Fits, though nothing that was recorded says that c may follow z.
        pair(&["z", "c"], Node::Unit),
    ];
    // Enough rows that a change of the shape makes the encoder learn first, and more than it learns one by one.
    rows.extend(std::iter::repeat_n(pair(&["z", "b", "c", "d"], Node::Unit), 100));
    rows.extend(surprises().map(|value| pair(&["c", "d"], value)));
    let variant = |index| Node::Variant("E", index, "V", Box::new(crate::arbitrary::Payload::Unit));
    rows.extend((0..140).map(|index| pair(&["c", "d"], variant(index))));
    rows.push(pair(&["c", "x", "z"], Node::Unit));
    let whole = encode_nodes(&rows).unwrap();
    assert_eq!(in_batches(&rows, 7, 50).unwrap(), whole);
    rows.reverse();
    assert_eq!(encode_nodes(&rows).unwrap().shape, whole.shape);
    assert_eq!(in_batches(&rows, 7, 50).unwrap().shape, whole.shape);
}

#[test]
fn more_than_a_hundred_different_rows_are_learnt() {
    let variant = |index| Node::Variant("E", index, "V", Box::new(crate::arbitrary::Payload::Unit));
    let rows: Vec<_> = (0..300).map(|index| variant(index * 7 % 300)).collect();
    assert_eq!(in_batches(&rows, 40, 9).unwrap(), encode_nodes(&rows).unwrap());
}

#[test]
fn a_row_that_was_not_learnt_is_refused() {
    let learned = learn(&[Node::U8(1), Node::Unit], 9).unwrap();
    let mut batches = Batches::new(&learned, &Options::default());
    batches.encode([Node::U8(9), Node::U8(8)].iter(), None).unwrap();
    let err = batches.encode([Node::Unit, Node::Bool(true)].iter(), None).unwrap_err();
    assert_eq!(err, Error::Encode { row: 3, problem: Problem::Unlearned });
}

/// Gives ordinals in the order in which it is asked.
#[derive(Default)]
struct Discovering(BTreeSet<u64>);

impl Entities for Discovering {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        self.0.insert(bits);
        0
    }
}

#[test]
fn learning_asks_for_every_reference() {
    let link = |bits| Node::Map(vec![(Node::Entity(bits), Node::Entity(bits + 1000))]);
    let variant = |index, bits| {
        Node::Variant("E", index, "V", Box::new(crate::arbitrary::Payload::Newtype(link(bits))))
    };
    let rows: Vec<_> = (0..300).map(|row| variant(row, u64::from(row))).collect();
    let mut found = Discovering::default();
    let mut learner = Learner::new(&Options::default());
    for batch in rows.chunks(50) {
        learner.add(batch.iter(), Some(&mut found)).unwrap();
    }
    assert!(found.0.into_iter().eq((0..300).chain(1000..1300)));
    let shape = learner.finish().unwrap();
    let encoded = encode_learned(&shape, rows.iter(), Some(&mut Same), &Options::default()).unwrap();
    assert_eq!(encoded, encode_nodes(&rows).unwrap());
}

#[test]
fn ordinals_that_are_not_final_make_no_two_keys_alike() {
    let both = Node::Map(vec![(Node::Entity(1), Node::Unit), (Node::Entity(2), Node::Unit)]);
    let mut learner = Learner::new(&Options::default());
    learner.add([both.clone(), both].iter(), Some(&mut Discovering::default())).unwrap();
    learner.finish().unwrap();
}

#[test]
fn limits_hold_for_the_column_and_not_for_each_batch() {
    let options = Options { elements_max: 0, ..Options::default() };
    let rows = [vec![(); 100], vec![(); 100], vec![(); 190]];
    let whole = encode(rows.iter(), None, &options).unwrap();
    let (mut learner, mut refusing) = (Learner::new(&options), Learner::new(&options));
    for row in &rows {
        learner.add([row].into_iter(), None).unwrap();
        refusing.add([row].into_iter(), None).unwrap();
    }
    let shape = learner.finish().unwrap();
    let mut batches = Batches::new(&shape, &options);
    let data: Vec<u8> =
        rows.iter().flat_map(|row| batches.encode([row].into_iter(), None).unwrap().data).collect();
    assert_eq!(data, whole.data);
    let more = vec![(); 1000];
    let err = batches.encode([&more].into_iter(), None).unwrap_err();
    assert!(matches!(err, Error::Encode { row: 3, problem: Problem::Elements { .. } }), "{err}");
    assert_eq!(refusing.add([&more].into_iter(), None).unwrap_err(), err);
}

#[test]
fn a_value_is_appended_where_it_fits_and_else_nothing_is() {
    let options = Options::default();
    let learned = learn(&[Node::U8(1), Node::Unit], 9).unwrap();
    let mut out = b"before".to_vec();
    assert_eq!(append_learned(&learned, &Node::Bool(true), &mut out, &options), Ok(false));
    assert_eq!(out, b"before");
    assert_eq!(append_learned(&learned, &Node::U8(9), &mut out, &options), Ok(true));
    let row = encode_learned(&learned, [Node::U8(9)].iter(), None, &options).unwrap().data;
    assert_eq!(out, [b"before", row.as_slice()].concat());
}

#[test]
fn bytes_before_a_value_pay_for_none_of_its_elements() {
    let options = Options { elements_max: 0, ..Options::default() };
    let learned = learn(&[vec![(); 1]], 1).unwrap();
    let (mut few, mut many) = (vec![0; 1000], vec![0; 1000]);
    assert_eq!(append_learned(&learned, &vec![(); 100], &mut few, &options), Ok(true));
    let row = few.split_off(1000);
    let mut decoder = Decoder::new(learned.shape(), &row, &[], None, &options);
    assert_eq!(decoder.row::<Vec<()>>(row.len().try_into().unwrap()).unwrap().len(), 100);
    let err = append_learned(&learned, &vec![(); 1000], &mut many, &options).unwrap_err();
    assert!(matches!(err, Error::Encode { row: 0, problem: Problem::Elements { .. } }), "{err}");
    assert_eq!(many, [0; 1000]);
}

/// Serializes as another type each time.
struct Moody(Cell<u32>);

impl Serialize for Moody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.set(self.0.get() + 1);
        serializer.serialize_unit_variant("Moody", self.0.get(), "Mood")
    }
}

#[test]
fn values_that_change_between_the_passes_are_refused() {
    let options = Options::default();
    let unstable = Error::Encode { row: 0, problem: Problem::Unstable };
    assert_eq!(encode([Moody(Cell::new(0))].iter(), None, &options).unwrap_err(), unstable);
    let mut learner = Learner::new(&options);
    assert_eq!(learner.add([Moody(Cell::new(0))].iter(), None).unwrap_err(), unstable);
}

struct Living;

impl Entities for Living {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, _: u64) -> u32 {
        NONE
    }

    fn is_live(&mut self, bits: u64) -> bool {
        bits >= 1 << 32
    }
}

#[test]
fn numbers_with_the_bits_of_an_entity_are_reported_if_asked_for() {
    let hidden = 7 << 32;
    let rows = [
        Node::Tuple(vec![Node::U64(7), Node::Entity(hidden)]),
        Node::Tuple(vec![Node::U64(hidden), Node::I64(7 << 32)]),
        Node::Tuple(vec![Node::Seq(vec![Node::U64(hidden + 1), Node::U64(1)]), Node::U64(hidden)]),
    ];
    let hunting = Options { report_hidden: true, ..Options::default() };
    let quiet = encode(rows.iter(), Some(&mut Living), &Options::default()).unwrap();
    assert_eq!(quiet.suspects, None);
    let found = encode(rows.iter(), Some(&mut Living), &hunting).unwrap();
    let suspects = found.suspects.unwrap();
    assert_eq!((suspects.count, suspects.first_row), (3, 1));
    assert_eq!(Rows { suspects: None, ..found }, quiet);
    assert_eq!(encode(rows.iter(), Some(&mut Same), &hunting).unwrap().suspects, None);
    assert_eq!(encode([7_u64 << 32].iter(), None, &hunting).unwrap().suspects, None);

    let mut learner = Learner::new(&hunting);
    learner.add(rows.iter(), Some(&mut Living)).unwrap();
    let shape = learner.finish().unwrap();
    let mut batches = Batches::new(&shape, &hunting);
    batches.encode(rows[..1].iter(), Some(&mut Living)).unwrap();
    let suspects = batches.encode(rows[1..].iter(), Some(&mut Living)).unwrap().suspects.unwrap();
    assert_eq!((suspects.count, suspects.first_row), (3, 1));
}
