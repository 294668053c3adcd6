//! Environment variables stay where they are unless they are asked for.

use keepstone_compat::forge::{Checksum, Export, Secrets};
use keepstone_format::Limits;
use serde_json::Value;

use crate::forge::files::{ALL, CHECKPOINT, export};

#[test]
fn environment_variables_are_dropped_and_the_rest_of_the_state_is_not() {
    let whole: Value = serde_json::from_slice(ALL).unwrap();
    let export = Export::read(ALL, &Limits::default(), Secrets::default()).unwrap();
    for (found, written) in export.checkpoints.iter().zip(whole["checkpoints"].as_array().unwrap()) {
        let mut expected = written["state"].clone();
        let dropped = expected.as_object_mut().unwrap().remove("env_vars").unwrap();
        assert_eq!(found.env_vars_dropped, dropped.as_object().unwrap().len() as u64);
        assert_eq!(serde_json::from_str::<Value>(&found.state).unwrap(), expected);
        for secret in ["FGX", "/usr/bin", "C.UTF-8"] {
            assert!(!found.state.contains(secret) && !format!("{found:?}").contains(secret), "{found:?}");
        }
    }
}

#[test]
fn a_kept_state_is_the_text_of_the_file_and_is_not_shown() {
    let text = export(&[CHECKPOINT]);
    let export = Export::read(text.as_bytes(), &Limits::default(), Secrets::Keep).unwrap();
    let checkpoint = &export.checkpoints[0];
    let start = text.find("{\"session_id\"").unwrap();
    assert_eq!(checkpoint.state, text[start..start + checkpoint.state.len()]);
    assert!(checkpoint.state.ends_with("\"hypothesis_state\": null}"));
    assert_eq!(checkpoint.env_vars_dropped, 0);
    assert_eq!(checkpoint.checksum, Checksum::WithoutTags);
    assert!(!format!("{export:?}").contains("usr/bin"));
    let compact = checkpoint.compact_state();
    assert!(compact.starts_with("{\"session_id\":\"cd986105-ba04-4172-a387-99f0962f7474\",\"started_at\":"));
    assert!(compact.contains("\"env_vars\":{\"USER\":\"demo\",\"LANG\":"));
}

#[test]
fn errors_do_not_show_them() {
    let text = export(&[CHECKPOINT]);
    for (from, to) in [
        ("\"USER\": \"demo\"", "\"USER\": \"demo"),
        ("\"env_vars\": {", "\"env_vars\": 7 {"),
        ("null}", "null"),
        ("\"Manual\"", "\"Other\""),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from}");
        let err = Export::read(broken.as_bytes(), &Limits::default(), Secrets::Keep).unwrap_err();
        let shown = format!("{err} {err:?}");
        assert!(!shown.contains("demo") && !shown.contains("/usr/bin"), "{shown}");
    }
}
