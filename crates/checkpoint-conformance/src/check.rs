//! What a check is, and what it has to work with.

use std::error::Error;

use crate::{ground::Ground, place::Factory, random::Random, suite::Effort};

/// A claim about a backend.
#[derive(Clone, Copy)]
pub(crate) struct Check {
    /// A sentence, with `_` for spaces.
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Bench<'_>) -> Checked,
}

pub(crate) type Checked = Result<(), Stop>;

/// Why a check has ended before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The claim does not hold.
    Failed(String),
    /// It can't be told whether it does.
    Skipped(String),
}

impl Stop {
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::Failed(what.into())
    }

    pub(crate) fn skipped(why: &str) -> Self {
        Self::Skipped(why.to_owned())
    }

    /// Says what was done when it happened.
    pub(crate) fn on(self, what: &str) -> Self {
        match self {
            Self::Failed(why) => Self::Failed(format!("{what}: {why}")),
            skipped @ Self::Skipped(_) => skipped,
        }
    }
}

/// What a claim calls for didn't work.
impl<E: Error> From<E> for Stop {
    fn from(err: E) -> Self {
        let mut text = err.to_string();
        let mut next = err.source();
        while let Some(source) = next {
            let more = source.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            next = source.source();
        }
        Self::Failed(text)
    }
}

/// Names the checks of a group.
macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        pub(crate) const CHECKS: &[$crate::check::Check] =
            &[$($crate::check::Check { name: stringify!($name), run: $name }),*];
    };
}

/// Ends a check unless something is so.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::check::Stop::Failed(format!($($text)+)));
        }
    };
}

/// Ends a check unless two things are the same.
macro_rules! same {
    ($found:expr, $expected:expr, $($text:tt)+) => {
        match (&$found, &$expected) {
            (found, expected) => {
                if *found != *expected {
                    let (found, expected) = ($crate::check::short(found), $crate::check::short(expected));
                    let what = format!($($text)+);
                    let text = format!("{what}: found {found}, expected {expected}");
                    return Err($crate::check::Stop::Failed(text));
                }
            }
        }
    };
}

/// The text of something, as much as a person reads.
pub(crate) fn short<T: std::fmt::Debug + ?Sized>(what: &T) -> String {
    const CHARS_MAX: usize = 300;
    let mut text: String = format!("{what:?}").chars().take(CHARS_MAX + 1).collect();
    if text.chars().count() > CHARS_MAX {
        text.push_str("...");
    }
    text
}

/// What a check works with.
pub(crate) struct Bench<'f> {
    pub(crate) factory: &'f dyn Factory,
    pub(crate) effort: Effort,
    pub(crate) seed: u64,
}

impl Bench<'_> {
    /// A place of its own.
    pub(crate) fn ground(&self) -> Result<Ground, Stop> {
        let failed = |err| Stop::Failed(format!("the factory makes no place: {err}"));
        Ok(Ground::new(self.factory.place().map_err(failed)?))
    }

    pub(crate) fn random(&self) -> Random {
        Random::new(self.seed)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.effort == Effort::Full
    }

    /// How much is done.
    pub(crate) fn of<T>(&self, quick: T, full: T) -> T {
        if self.is_full() { full } else { quick }
    }
}
