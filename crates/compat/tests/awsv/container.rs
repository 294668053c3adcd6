//! Header, codec and what stands behind the data.

use keepstone_compat::Error;
use keepstone_compat::awsv::{Header, Payload, SaveBundle, SaveBundleV2, Warning, verify};
use keepstone_format::{FirstBytes, Kind, Limits};

use crate::awsv::files::{good, named, read};
use crate::awsv::wire;

#[test]
fn crc_is_the_published_one() {
    assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
}

#[test]
fn errors_can_cross_threads() {
    fn check<T: std::error::Error + Send + Sync + 'static>() {}
    check::<Error>();
}

#[test]
fn other_files_are_refused_with_their_first_bytes() {
    let cases: [&[u8]; 4] = [b"", b"\x89PNG\r\n\x1a\n0123456789", b"asvs", b"ASVX"];
    for bytes in cases {
        let err = read(bytes).unwrap_err();
        assert!(
            matches!(&err, Error::NotThisFormat { format: "aw-save", found } if *found == FirstBytes::of(bytes)),
            "{err}"
        );
        assert_eq!(err.kind(), Kind::Damaged);
    }
    let err = read(b"\x89PNG\r\n").unwrap_err();
    assert_eq!(err.to_string(), "not an aw-save file: it begins with 89 50 4e 47 0d 0a (\"\\x89PNG\\r\\n\")");
}

#[test]
fn version_0_is_not_newer() {
    let err = read(&wire::container(0, 0, b"")).unwrap_err();
    assert!(matches!(err, Error::Version { found: 0, oldest: 1, newest: 2, .. }));
    assert_eq!(err.kind(), Kind::Damaged);
}

#[test]
fn unknown_codec_is_refused_after_the_checksum() {
    let mut file = wire::container(2, 2, b"data");
    let err = read(&file).unwrap_err();
    assert!(matches!(err, Error::UnknownCodec { found: 2 }));
    assert_eq!(err.kind(), Kind::Newer);
    *file.last_mut().unwrap() ^= 1;
    assert!(matches!(read(&file), Err(Error::Checksum { offset: 16, .. })));
}

#[test]
fn header_alone_is_enough_for_its_fields() {
    for (name, bytes) in good() {
        let header = Header::read(&bytes[..Header::LEN]).unwrap();
        assert_eq!(header, read(bytes).unwrap().header, "{name}");
    }
}

#[test]
fn what_aw_save_overlooks_is_a_warning() {
    let clean = wire::plain(2, &wire::small());
    let bundle = read(&clean).unwrap().bundle;

    let mut reserved = clean.clone();
    reserved[7] = 9;
    let mut trailing = clean.clone();
    trailing.extend([0; 5]);
    let offset = clean.len() as u64;
    let cases = [
        (reserved, Warning::ReservedByte { found: 9 }),
        (trailing, Warning::TrailingBytes { offset, len: 5 }),
    ];
    for (file, warning) in cases {
        let read = read(&file).unwrap();
        assert_eq!(read.bundle, bundle);
        assert_eq!(read.warnings, [Warning::Uncompressed, warning]);
        assert_eq!(verify(&file, &Limits::default()).unwrap(), read.warnings);
    }
}

#[test]
fn payload_gives_the_body_without_interpreting_it() {
    let file = wire::container(1, 0, b"\xffnot postcard");
    let payload = Payload::read(&file, &Limits::default()).unwrap();
    assert_eq!(&*payload.body, b"\xffnot postcard");
    assert_eq!((payload.header.version, payload.size_prefix), (1, None));
    assert!(verify(&file, &Limits::default()).is_err());

    let payload = Payload::read(named("codec0_none.awsv"), &Limits::default()).unwrap();
    let (v2, warnings) = SaveBundleV2::from_body(&payload.body, &Limits::default()).unwrap();
    assert_eq!(warnings, []);
    let file = read(named("codec0_none.awsv")).unwrap();
    assert_eq!(SaveBundle::from(v2), file.bundle);
}

#[cfg(not(feature = "lz4"))]
#[test]
fn file_that_needs_a_missing_codec_names_the_feature() {
    let err = read(named("v1_with_companion.awsv")).unwrap_err();
    assert!(matches!(err, Error::CodecNotBuilt { codec: "lz4", feature: "lz4" }));
    assert_eq!(err.kind(), Kind::Misuse);
    assert!(matches!(read(named("bad_crc.awsv")), Err(Error::Checksum { offset: 16, .. })));
    let err = read(named("codec0_none.awsv")).unwrap().bundle.to_awsv().unwrap_err();
    assert!(matches!(err, Error::CodecNotBuilt { codec: "lz4", feature: "lz4" }));
}
