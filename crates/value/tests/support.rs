use std::fmt::Debug;

use keepstone_value::{Decoder, Error, Options, Rows, encode};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// Encodes rows without entities.
pub(crate) fn rows<T: Serialize>(values: &[T]) -> Rows {
    encode(values.iter(), None, &Options::default()).unwrap()
}

pub(crate) fn encode_error<T: Serialize>(values: &[T]) -> Error {
    encode(values.iter(), None, &Options::default()).unwrap_err()
}

/// Decodes all rows as `T`.
pub(crate) fn read<'a, T: Deserialize<'a>>(rows: &'a Rows) -> Result<Vec<T>, Error> {
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &Options::default());
    let values = rows.lens.iter().map(|len| decoder.row(*len)).collect::<Result<_, _>>()?;
    decoder.finish()?;
    Ok(values)
}

/// Rows come back, can be skipped, and can be read as a dynamic value.
pub(crate) fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: &[T]) -> Rows {
    let rows = rows(values);
    assert_eq!(read::<T>(&rows).unwrap(), values, "{}", rows.shape);
    assert_eq!(read::<IgnoredAny>(&rows).unwrap().len(), values.len());
    rows
}

/// As [`round_trip`]; and each row reads as JSON what serde_json makes of the value.
pub(crate) fn round_trip_dynamic<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: &[T]) -> Rows {
    let rows = round_trip(values);
    let dynamic: Vec<serde_json::Value> = read(&rows).unwrap();
    for (value, dynamic) in values.iter().zip(dynamic) {
        assert_eq!(dynamic, serde_json::to_value(value).unwrap(), "{}", rows.shape);
    }
    rows
}

/// The rows one by one.
pub(crate) fn split(rows: &Rows) -> Vec<Vec<u8>> {
    let mut rest = rows.data.as_slice();
    let take = |len: &u32| {
        let (row, tail) = rest.split_at(usize::try_from(*len).unwrap());
        rest = tail;
        row.to_vec()
    };
    rows.lens.iter().map(take).collect()
}
