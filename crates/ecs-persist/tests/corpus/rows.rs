//! What holds for any bytes that are read as rows with a shape.

use std::collections::BTreeMap;

use keepstone_value::{Decoder, EntityType, Error, Options, Resolve, Shape, Value};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

/// Rows are few and small here: more cost time alone.
const ELEMENTS_MAX: u64 = 1 << 10;

/// A type with what types of applications have.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only whether it can be read matters")]
struct Thing {
    name: Option<String>,
    #[serde(default)]
    counts: Vec<u64>,
    place: Option<(f32, f64, char)>,
    #[serde(default)]
    by_key: BTreeMap<i32, Box<Thing>>,
    kind: Kind,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

/// An enum with each kind of variant.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only whether it can be read matters")]
enum Kind {
    Unit,
    One(u8),
    Two(i16, bool),
    Named { at: Option<Box<Kind>>, bytes: Vec<u8> },
}

/// An enum whose payload serde buffers.
#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "only whether it can be read matters")]
enum Either {
    Kind(Kind),
    List(Vec<Either>),
    Text(String),
    Number(i64),
}

/// Ids are ordinals here.
struct SameIds;

impl Resolve for SameIds {
    fn entity(&self) -> EntityType {
        EntityType::of::<u64>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        ordinal.into()
    }
}

/// Reads `rows u8 | references u8 | shape length u16 | a length u8 for each row | shape | row bytes`.
pub(crate) fn check(bytes: &[u8]) {
    let Some((&[rows, references, low, high], rest)) = bytes.split_first_chunk() else { return };
    let Some((lens, rest)) = rest.split_at_checked(rows.into()) else { return };
    let Some((shape, data)) = rest.split_at_checked(u16::from_le_bytes([low, high]).into()) else { return };
    let Ok(decoded) = Shape::decode(shape) else { return };
    assert_eq!(decoded.encode(), shape, "a shape that is accepted has one form");
    assert!(decoded.to_string().len() <= 1 << 20, "a shape is shown in short");
    let lens: Vec<u32> = lens.iter().copied().map(u32::from).collect();
    let targets: Vec<u32> = (0..u32::from(references)).collect();
    for human_readable in [false, true] {
        check_column(&decoded, data, &lens, &targets, human_readable);
    }
}

/// Reads a column as nothing, by its shape alone, as dynamic values and as types. What is read as anything can be passed over.
pub(crate) fn check_column(shape: &Shape, data: &[u8], lens: &[u32], targets: &[u32], human_readable: bool) {
    let options = Options { human_readable, elements_max: ELEMENTS_MAX, ..Options::default() };
    let column = Column { shape, data, lens, targets, options };
    let skipped = column.read::<IgnoredAny>();
    let read = [
        column.read::<serde_json::Value>(),
        column.read::<Thing>(),
        column.read::<Kind>(),
        column.read::<Either>(),
        column.read::<Vec<Option<(u32, String)>>>(),
        column.read::<BTreeMap<String, f32>>(),
        column.read::<u128>(),
    ];
    for read in read {
        assert!(read.is_err() || skipped.is_ok(), "rows are read that can't be passed over: {skipped:?}");
    }
    // By the shape alone, without a resolve.
    let values = column.values();
    assert!(values.is_err() || skipped.is_ok(), "values are read that can't be passed over: {skipped:?}");
    for value in values.into_iter().flatten() {
        assert_eq!(value.difference(&value), None);
        assert!(!value.to_string().is_empty());
    }
}

struct Column<'a> {
    shape: &'a Shape,
    data: &'a [u8],
    lens: &'a [u32],
    targets: &'a [u32],
    options: Options,
}

impl<'a> Column<'a> {
    fn values(&self) -> Result<Vec<Value<'a>>, Error> {
        let mut decoder = Decoder::new(self.shape, self.data, self.targets, None, &self.options);
        let values = self.lens.iter().map(|len| decoder.value(*len)).collect::<Result<_, _>>()?;
        decoder.finish()?;
        Ok(values)
    }

    fn read<T: DeserializeOwned>(&self) -> Result<(), Error> {
        let mut ids = SameIds;
        let mut decoder = Decoder::new(self.shape, self.data, self.targets, Some(&mut ids), &self.options);
        for len in self.lens {
            decoder.row::<T>(*len)?;
        }
        decoder.finish()
    }
}
