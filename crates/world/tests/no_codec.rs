use keepstone_world::{Kind, WorldFiles};

use crate::support::world;

#[test]
fn a_save_that_names_no_codec_says_which_feature_is_missing() {
    let error = world(1).save_to(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Misuse);
    assert!(error.to_string().contains("lz4"), "{error}");
}
