use std::{fmt, sync::Arc, time::Duration};

use crate::limits::NAME_LEN_MAX;

/// Why an automatic checkpoint is due. Its text says it to people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Due {
    /// The program told of an event of this name; of several, the one that came first.
    Event(Arc<str>),
    /// So many bytes were told to have changed.
    Changed(u64),
    /// The state was measured to differ from that of the head by so many bytes.
    Differs(u64),
    /// It is so long since the last checkpoint.
    Interval(Duration),
}

impl Due {
    /// What [`Trigger::Automatic`](crate::Trigger::Automatic) says of a checkpoint that is made for it: the name of the event, cut after at most 255 bytes, or `bytes changed`, `bytes differ` or
    /// `interval`, without numbers, so that checkpoints can be told apart by it.
    pub fn cause(&self) -> Arc<str> {
        match self {
            Self::Event(name) if name.is_empty() => "event".into(),
            Self::Event(name) if name.len() <= NAME_LEN_MAX => Arc::clone(name),
            Self::Event(name) => cut(name, NAME_LEN_MAX).into(),
            Self::Changed(_) => "bytes changed".into(),
            Self::Differs(_) => "bytes differ".into(),
            Self::Interval(_) => "interval".into(),
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(_) => f.write_str(&self.cause()),
            Self::Changed(bytes) => write!(f, "{bytes} bytes changed"),
            Self::Differs(bytes) => write!(f, "{bytes} bytes differ"),
            Self::Interval(interval) => write!(f, "{interval:?} since the last checkpoint"),
        }
    }
}

/// As much of a text as takes at most so many bytes.
pub(super) fn cut(text: &str, len_max: usize) -> &str {
    text.get(..text.floor_char_boundary(len_max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_a_name_whatever_the_event_is_called() {
        assert_eq!(&*Due::Event("tool-call".into()).cause(), "tool-call");
        assert_eq!(&*Due::Event("".into()).cause(), "event");
        let long = Due::Event("\u{e9}".repeat(200).into()).cause();
        assert_eq!((long.len(), long.chars().count()), (254, 127));
        assert_eq!(&*Due::Changed(7).cause(), "bytes changed");
    }

    #[test]
    fn its_text_has_the_numbers() {
        assert_eq!(Due::Changed(70_000).to_string(), "70000 bytes changed");
        assert_eq!(Due::Interval(Duration::from_mins(1)).to_string(), "60s since the last checkpoint");
    }
}
