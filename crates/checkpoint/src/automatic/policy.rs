use std::{collections::BTreeSet, sync::Arc, time::Duration};

use keepstone_storage::Durability;

use super::due::{Due, cut};
use crate::{
    Error,
    limits::{TAGS_MAX, TEXT_LEN_MAX, check_message, check_name, check_tag},
};

/// When checkpoints are made by themselves, and what is said about them.
///
/// Any of the rules makes one due: [`every`](Self::every), [`after_bytes`](Self::after_bytes), [`after_difference`](Self::after_difference), [`on`](Self::on). The throttle holds all of them back:
/// [`throttle`](Self::throttle), [`at_most`](Self::at_most). What happens meanwhile is remembered, and is due once the throttle is over. Without a rule none is ever due.
///
/// See [`Session::automatic`](crate::Session::automatic).
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias("CheckpointPolicy", "AutoCheckpoint"))]
pub struct Automatic {
    pub(super) interval: Option<Duration>,
    pub(super) bytes: Option<u64>,
    pub(super) difference: Option<Difference>,
    pub(super) events: BTreeSet<String>,
    pub(super) is_any_event: bool,
    pub(super) throttle: Duration,
    pub(super) at_most: Option<AtMost>,
    pub(super) back_off: Duration,
    pub(super) durability: Durability,
    message: Arc<str>,
    tags: Vec<Arc<str>>,
}

/// How much a state has to differ from that of the head, and how often that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) bytes: u64,
    pub(super) every: Duration,
}

/// How many within how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AtMost {
    pub(super) count: u32,
    pub(super) within: Duration,
}

/// How long after a failure nothing is tried, unless chosen.
const BACK_OFF: Duration = Duration::from_secs(1);

impl Default for Automatic {
    fn default() -> Self {
        Self {
            interval: None,
            bytes: None,
            difference: None,
            events: BTreeSet::new(),
            is_any_event: false,
            throttle: Duration::ZERO,
            at_most: None,
            back_off: BACK_OFF,
            durability: Durability::Durable,
            message: "".into(),
            tags: Vec::new(),
        }
    }
}

/// What makes a checkpoint due.
impl Automatic {
    /// No rule: none is ever due.
    pub fn new() -> Self {
        Self::default()
    }

    /// So long after the last checkpoint of the branch, whoever made that. With zero one is due whenever somebody asks.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Once so many bytes have changed, as told by [`AutoSession::changed`](crate::AutoSession::changed). 0 is taken as 1.
    pub fn after_bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes.max(1));
        self
    }

    /// Once the state differs from that of the head by so many bytes, which is measured when somebody asks, but not more often than so. 0 is taken as 1.
    ///
    /// A measurement is [`Session::difference`](crate::Session::difference): it costs what a checkpoint does, apart from the disk. Programs that know what they change tell it instead, which costs an addition.
    pub fn after_difference(mut self, bytes: u64, measured_every: Duration) -> Self {
        self.difference = Some(Difference { bytes: bytes.max(1), every: measured_every });
        self
    }

    /// When the program tells of an event of this name, of 1 to 255 bytes; may be said several times.
    pub fn on(mut self, event: impl Into<String>) -> Self {
        self.events.insert(event.into());
        self
    }

    /// When the program tells of any event.
    pub fn on_any_event(mut self) -> Self {
        self.is_any_event = true;
        self
    }
}

/// What holds checkpoints back.
impl Automatic {
    /// Not sooner than so long after the last automatic checkpoint.
    #[doc(alias("debounce", "cooldown"))]
    pub fn throttle(mut self, distance: Duration) -> Self {
        self.throttle = distance;
        self
    }

    /// No more automatic checkpoints than so many within any such span; with 0 there are none at all.
    #[doc(alias = "rate_limit")]
    pub fn at_most(mut self, count: u32, within: Duration) -> Self {
        self.at_most = Some(AtMost { count, within });
        self
    }

    /// Not sooner than so long after a failure, and twice as long with each further one, up to 64 times; default 1 second.
    pub fn back_off(mut self, first: Duration) -> Self {
        self.back_off = first;
        self
    }
}

/// What is said about the checkpoints.
impl Automatic {
    /// What a checkpoint waits for: [`Durability::Durable`] unless told.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The message of each, none unless told. In it stand for what they were when it was made: `{cause}`, what the trigger says; `{why}`, the same with numbers; `{events}` and `{bytes}`, how many
    /// events and changed bytes were told since the last one. What else is in braces stays as it is. A message that becomes longer than 64 KiB is cut.
    pub fn message(mut self, template: impl Into<Arc<str>>) -> Self {
        self.message = template.into();
        self
    }

    /// Puts a tag of 1 to 255 bytes on each; at most 64.
    pub fn tag(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.tags.push(tag.into());
        self
    }
}

impl Automatic {
    /// Sees that no checkpoint would be refused for what is said about it.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.events.iter().try_for_each(|event| check_name("name of an event", event))?;
        check_message(&self.message)?;
        self.tags.iter().try_for_each(|tag| check_tag(tag))?;
        if self.tags.len() > TAGS_MAX {
            let (needs, allowed) = (self.tags.len() as u64, TAGS_MAX as u64);
            return Err(Error::Length { what: "list of tags", needs, allowed });
        }
        Ok(())
    }

    pub(super) fn tags(&self) -> &[Arc<str>] {
        &self.tags
    }

    /// The message of a checkpoint.
    pub(super) fn message_for(&self, due: &Due, events: u64, bytes: u64) -> Arc<str> {
        if !self.message.contains('{') {
            return Arc::clone(&self.message);
        }
        let mut message = String::new();
        let mut rest = &*self.message;
        while let Some((before, behind)) = rest.split_once('{') {
            message.push_str(before);
            let known = behind.split_once('}').and_then(|(name, behind)| {
                let value = match name {
                    "cause" => due.cause().to_string(),
                    "why" => due.to_string(),
                    "events" => events.to_string(),
                    "bytes" => bytes.to_string(),
                    _ => return None,
                };
                Some((value, behind))
            });
            rest = if let Some((value, behind)) = known {
                message.push_str(&value);
                behind
            } else {
                message.push('{');
                behind
            };
        }
        message.push_str(rest);
        cut(&message, TEXT_LEN_MAX).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, due: &Due) -> String {
        Automatic::new().message(template).message_for(due, 3, 70).to_string()
    }

    #[test]
    fn a_message_is_filled_in_once_and_keeps_what_it_does_not_know() {
        let (event, bytes) = (Due::Event("{bytes}".into()), Due::Changed(70));
        assert_eq!(filled("before {cause}: {events}, {bytes}", &event), "before {bytes}: 3, 70");
        assert_eq!(filled("{why} ({cause})", &bytes), "70 bytes changed (bytes changed)");
        assert_eq!(filled("{x} {{cause}} } {", &bytes), "{x} {bytes changed} } {");
        assert_eq!(filled("plain", &bytes), "plain");
        let long = "{cause}".repeat(5000);
        assert!(filled(&long, &bytes).len() <= TEXT_LEN_MAX);
    }

    #[test]
    fn what_every_checkpoint_would_be_refused_for_is_refused_at_once() {
        let refused = [
            Automatic::new().on(""),
            Automatic::new().on("x".repeat(256)),
            Automatic::new().tag(""),
            Automatic::new().message("x".repeat(65 << 10)),
            (0..65).fold(Automatic::new(), |policy, number| policy.tag(format!("{number}"))),
        ];
        for policy in refused {
            assert!(matches!(policy.check(), Err(Error::Length { .. })), "{policy:?}");
        }
    }
}
