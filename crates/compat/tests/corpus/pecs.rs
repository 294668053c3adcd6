//! What holds for any bytes that are read as a `.pecs` file.

use std::borrow::Cow;

use keepstone_compat::pecs::{DuplicateIds, File, ReadOptions, crc64_we, verify};
use keepstone_ecs_persist::{EncodeOptions, WorldDoc};
use keepstone_format::{Codec, Limits, Reader};

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    limits
}

/// Reads the file in every way there is; the world in it can be written, and reads as it was.
pub(crate) fn check(bytes: &[u8]) {
    let limits = limits();
    let strict = ReadOptions::default().strict(true).duplicate_ids(DuplicateIds::Error);
    let strict = File::read_with(bytes, &limits, &strict);
    let file = match (File::read(bytes, &limits), verify(bytes, &limits)) {
        (Ok(file), Ok(warnings)) => {
            assert_eq!(file.warnings, warnings);
            file
        }
        (Err(read), Err(verified)) => {
            assert_eq!(read.to_string(), verified.to_string());
            assert!(strict.is_err());
            return;
        }
        (read, verified) => panic!("read: {read:?}, verified: {verified:?}"),
    };
    let mut count = 0;
    for (ordinal, entity) in (0..).zip(file.entities()) {
        assert_eq!(file.entity(ordinal).map(|same| same.id), Some(entity.id));
        let components = entity.components().count();
        assert_eq!(u32::try_from(components).unwrap(), entity.component_count());
        count += 1;
    }
    assert_eq!(file.entity(count).map(|none| none.id), None);
    check_world(&file.to_world(), count);
}

fn check_world(doc: &WorldDoc<'_>, entities: u32) {
    doc.check().unwrap();
    assert_eq!(doc.entity_count(), entities);
    let options = EncodeOptions::default().codec(Codec::None);
    let (bytes, _) = doc.encode(Vec::new(), &options).unwrap();
    let reader = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64)).unwrap();
    assert!(WorldDoc::decode(&reader, 0).unwrap() == *doc, "the world reads differently once written");
    assert_eq!(doc.foreign_ids.as_ref().map(|ids: &Cow<'_, [u128]>| ids.len()), Some(entities as usize));
}

/// Makes the checksum right if it is at the end.
pub(crate) fn reseal(bytes: &mut [u8]) {
    let Some(at) = bytes.len().checked_sub(8) else { return };
    let (body, crc) = bytes.split_at_mut(at);
    crc.copy_from_slice(&crc64_we(body).to_le_bytes());
}
