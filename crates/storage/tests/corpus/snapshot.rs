//! What holds for any bytes that are opened as a snapshot.

use std::{num::NonZeroUsize, path::Path};

use keepstone_format::{Limits, Reader, SectionId};
use keepstone_storage::{
    Error, Files, MemFiles, Snapshot,
    snapshot::{Array, Options},
};

#[path = "../../../format/tests/corpus/container.rs"]
#[allow(dead_code, reason = "the container's own check is run by the tests of the format")]
mod container;

/// Opens the bytes with one thread and with several; what is handed out is what the container holds.
pub(crate) fn check(bytes: &[u8]) {
    let files = MemFiles::new();
    files.create_new(Path::new("a")).unwrap().write_all_at(bytes, 0).unwrap();
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    let open = |threads| {
        let threads = NonZeroUsize::new(threads).unwrap();
        Snapshot::open_with("a", Options::default().files(&files).limits(limits).threads(threads))
    };
    let snapshot = match (open(1), open(3)) {
        (Ok(snapshot), Ok(_)) => snapshot,
        (Err(one), Err(other)) => return assert_eq!(one.to_string(), other.to_string()),
        (one, other) => panic!("{one:?} with one thread, {other:?} with three"),
    };
    let reader = Reader::open(bytes, limits).expect("a snapshot is a container");
    // Checksums are checked when it is opened; compressed arrays are decoded when they are viewed.
    let mut on_damage = |damage| match damage {
        keepstone_format::Error::Codec { .. } => {}
        damage => panic!("a snapshot was opened in spite of {damage}"),
    };
    reader.verify(&mut on_damage).unwrap();
    assert_eq!((snapshot.bytes(), snapshot.head()), (bytes.len() as u64, reader.head()));
    let heads = reader.sections().iter().filter(|section| section.id() == SectionId::ARRAY_HEAD);
    assert_eq!(snapshot.arrays().len(), heads.clone().count());
    for (array, head) in snapshot.arrays().zip(heads) {
        assert_eq!(snapshot.array(array.name()).unwrap().name(), array.name());
        assert!(!array.name().is_empty() && array.width() > 0);
        let values = reader.find(SectionId::ARRAY, head.instance()).ok();
        let expected = values.map(|values| reader.read(values));
        views::<u8>(&array, expected.as_ref());
        views::<u16>(&array, expected.as_ref());
        views::<f32>(&array, expected.as_ref());
        views::<u64>(&array, expected.as_ref());
        views::<[f32; 3]>(&array, expected.as_ref());
    }
}

type Expected<'r> = Result<std::borrow::Cow<'r, [u8]>, keepstone_format::Error>;

fn views<T: keepstone_format::plain::Plain>(array: &Array<'_>, expected: Option<&Expected<'_>>) {
    let view = match array.view_repaired::<T>() {
        Ok(view) => view,
        Err(Error::ArrayType { .. }) => return assert!(array.view::<T>().is_err()),
        Err(Error::ArrayLost { .. }) => return assert!(expected.is_none(), "{} is there", array.name()),
        Err(Error::Container { source: keepstone_format::Error::Limit { .. }, .. }) => return,
        Err(err) => {
            let same = matches!(expected, Some(Err(expected)) if matches!(&err, Error::Container { source, .. } if source.to_string() == expected.to_string()));
            return assert!(same, "{err}, but the container says {:?}", expected.map(Result::is_ok));
        }
    };
    let bytes = keepstone_format::plain::to_le_bytes_cow(view);
    let expected = expected.expect("an array that is viewed is there").as_ref().expect("and whole");
    assert!(bytes == *expected, "{} is not what the container holds", array.name());
    let lost = array.lost_rows();
    assert_eq!(array.view::<T>().is_ok(), lost.is_empty());
    assert!(lost.is_sorted_by(|one, other| one.start < one.end && one.end < other.start || one.end == other.start));
    assert!(lost.iter().all(|range| range.end <= array.rows()), "{lost:?}");
    let mut joined = Vec::new();
    for row in (0..array.rows()).take(64) {
        let is_lost = lost.iter().any(|range| range.contains(&row));
        match array.view_rows::<T>(row..row + 1) {
            Ok(row) if !is_lost => joined.extend_from_slice(&keepstone_format::plain::to_le_bytes_cow(row)),
            Err(Error::ArrayLost { .. }) if is_lost => return,
            other => panic!("row {row}: {:?}", other.map(<[T]>::len)),
        }
    }
    assert!(expected.starts_with(&joined));
}

/// Makes checksums right again, so that what else is wrong is seen.
pub(crate) fn reseal(bytes: &mut [u8], agree: bool) {
    container::reseal(bytes, agree);
}
