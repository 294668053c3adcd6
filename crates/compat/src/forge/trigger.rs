use serde::Deserialize;
use serde_json::value::RawValue;

use crate::forge::text;

/// Why a checkpoint was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Somebody asked for it.
    Manual,
    /// Something happened: `CodeModified`, `VerificationComplete`.
    Automatic(String),
    /// It was time.
    Scheduled,
}

/// The same as it is written.
#[derive(Deserialize)]
enum Written<'a> {
    Manual,
    #[serde(borrow)]
    Automatic(&'a RawValue),
    Scheduled,
}

impl Trigger {
    pub(super) fn parse(json: &str) -> Option<Self> {
        Some(match serde_json::from_str(json).ok()? {
            Written::Manual => Self::Manual,
            Written::Scheduled => Self::Scheduled,
            // One that says more than its name is named by all that it says.
            Written::Automatic(cause) => Self::Automatic(
                serde_json::from_str(cause.get()).unwrap_or_else(|_| text::pieces(cause.get()).collect()),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trigger_of_forge_is_read_and_nothing_else() {
        for (json, trigger) in [
            ("\"Manual\"", Trigger::Manual),
            ("\"Scheduled\"", Trigger::Scheduled),
            ("{\"Automatic\": \"CodeModified\"}", Trigger::Automatic("CodeModified".to_owned())),
            ("{\"Automatic\": {\"Other\": [1, 2]}}", Trigger::Automatic("{\"Other\":[1,2]}".to_owned())),
        ] {
            assert_eq!(Trigger::parse(json), Some(trigger), "{json}");
        }
        for json in ["\"manual\"", "\"Automatic\"", "null", "{\"Automatic\": 1, \"Manual\": 2}", "{}"] {
            assert_eq!(Trigger::parse(json), None, "{json}");
        }
    }
}
