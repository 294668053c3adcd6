//! What holds for any bytes that are read as an `.awsv` file.

use keepstone_compat::Error;
use keepstone_compat::awsv::{
    CODEC_NONE, File, Header, Payload, SaveBundleV1, SaveBundleV2, Warning, verify,
};
use keepstone_format::{Limits, crc32};

/// Where the data begins.
const DATA: usize = 16;

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    limits
}

/// Reads the file in every way there is: they agree, and what is read comes from the bytes that are there.
pub(crate) fn check(bytes: &[u8]) {
    let limits = limits();
    let read = File::read(bytes, &limits);
    match (&read, verify(bytes, &limits)) {
        (Ok(file), Ok(warnings)) => assert_eq!(file.warnings, warnings),
        (Err(read), Err(verified)) => assert_eq!(read.to_string(), verified.to_string()),
        (read, verified) => panic!("read: {read:?}, verified: {verified:?}"),
    }
    let Ok(payload) = Payload::read(bytes, &limits) else {
        assert!(read.is_err());
        return;
    };
    assert_eq!(Header::read(bytes).unwrap(), payload.header);
    let body = if payload.header.version == 1 {
        SaveBundleV1::from_body(&payload.body, &limits).map(drop)
    } else {
        SaveBundleV2::from_body(&payload.body, &limits).map(drop)
    };
    assert_eq!(body.is_ok(), read.is_ok());
    if let Ok(file) = read {
        assert_eq!(file.body_len, payload.body.len() as u64);
        let bundle = &file.bundle;
        let texts = bundle.player_id.len() + bundle.world.ecs_blob.len() + bundle.inventory.items.len();
        assert!(texts <= payload.body.len(), "more is read than there is");
        check_written(file, bytes);
    }
}

/// What is read is written, and read back without a warning.
fn check_written(file: File, bytes: &[u8]) {
    let mut bundle = file.bundle;
    bundle.save_id = Some(bundle.save_id_or_derived(bytes));
    bundle.version = 2;
    let written = match bundle.to_awsv() {
        Err(Error::CodecNotBuilt { .. }) => return,
        written => written.unwrap(),
    };
    let again = File::read(&written, &Limits::default()).unwrap();
    assert_eq!(again.bundle, bundle);
    let is_odd = |warning: &Warning| !matches!(warning, Warning::Schema { .. });
    assert!(!again.warnings.iter().any(is_odd), "{:?}", again.warnings);
    assert_eq!(again.bundle.to_awsv().unwrap(), written);
}

/// Stores a whole file's body as it is, so that its fields can be reached.
pub(crate) fn unpack(bytes: &mut Vec<u8>) {
    let body = Payload::read(bytes, &limits()).map(|payload| payload.body.into_owned());
    if let Ok(body) = body {
        bytes.truncate(DATA);
        bytes.extend_from_slice(&body);
        bytes[6] = CODEC_NONE;
        reseal(bytes);
    }
}

/// Makes length and checksum right.
pub(crate) fn reseal(bytes: &mut [u8]) {
    let Some((header, data)) = bytes.split_at_mut_checked(DATA) else { return };
    header[8..12].copy_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
    header[12..16].copy_from_slice(&crc32(data).to_le_bytes());
}
