//! What holds for any bytes that are read as an export of forge.

use keepstone_compat::forge::{Checksum, Export, Secrets};
use keepstone_format::Limits;

/// Both ways of reading agree, and what is dropped is nowhere left.
pub(crate) fn check(bytes: &[u8]) {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    let kept = Export::read(bytes, &limits, Secrets::Keep);
    let dropped = Export::read(bytes, &limits, Secrets::Drop);
    let (Ok(kept), Ok(dropped)) = (&kept, &dropped) else {
        assert!(kept.is_err() && dropped.is_err());
        return;
    };
    assert_eq!((kept.shape, kept.exported_at), (dropped.shape, dropped.exported_at));
    for (whole, rest) in kept.checkpoints.iter().zip(&dropped.checkpoints) {
        let mut expected: serde_json::Value = serde_json::from_str(&whole.state).unwrap_or_default();
        let found: serde_json::Value = serde_json::from_str(&rest.state).unwrap_or_default();
        if let Some(members) = expected.as_object_mut() {
            members.remove("env_vars");
        }
        assert_eq!(found, expected);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&rest.compact_state()).unwrap_or_default(),
            found
        );
        assert_eq!(rest.checksum, whole.checksum);
        assert!(rest.checksum != Checksum::WithoutTags || !rest.tags.is_empty());
    }
}
