use std::{fmt, sync::Arc};

use super::Span;

/// Why a checkpoint stays.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It is the head of a branch.
    Head {
        /// The branch.
        branch: Arc<str>,
    },
    /// It is the newest of its session.
    Newest,
    /// It is locked.
    Locked,
    /// A branch begins there: it is what the first checkpoint of the branch goes on from, or that one.
    Fork {
        /// The branch.
        branch: Arc<str>,
    },
    /// It was the head of a branch that was moved elsewhere since less than the grace.
    Undo {
        /// The number of the move.
        number: u64,
    },
    /// The policy is not for its session.
    Elsewhere,
    /// A rule keeps this tag.
    Tagged(Arc<str>),
    /// A rule keeps what has an annotation of this name.
    Annotated(Arc<str>),
    /// A rule names it.
    Chosen,
    /// It is among the last, of its session, its branch or all.
    Last,
    /// It is young enough.
    Within,
    /// It is the last of its hour, day, week, month or year.
    LastOf(Span),
    /// Only time decides, and its own is not known, or that of the plan.
    NoTime,
    /// No rule of the policy says what stays, so all does.
    NoRule,
}

impl Reason {
    /// Whether a bound on bytes leaves it alone.
    pub fn is_firm(&self) -> bool {
        !matches!(self, Self::Last | Self::Within | Self::LastOf(_) | Self::NoTime | Self::NoRule)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head { branch } => write!(f, "head of {branch}"),
            Self::Newest => f.write_str("newest of its session"),
            Self::Locked => f.write_str("locked"),
            Self::Fork { branch } => write!(f, "{branch} begins there"),
            Self::Undo { number } => write!(f, "move {number} can be taken back"),
            Self::Elsewhere => f.write_str("of another session"),
            Self::Tagged(tag) => write!(f, "tag {tag}"),
            Self::Annotated(key) => write!(f, "annotation {key}"),
            Self::Chosen => f.write_str("named"),
            Self::Last => f.write_str("among the last"),
            Self::Within => f.write_str("young"),
            Self::LastOf(Span::Hour) => f.write_str("hourly"),
            Self::LastOf(Span::Day) => f.write_str("daily"),
            Self::LastOf(Span::Week) => f.write_str("weekly"),
            Self::LastOf(Span::Month) => f.write_str("monthly"),
            Self::LastOf(Span::Year) => f.write_str("yearly"),
            Self::NoTime => f.write_str("without a time"),
            Self::NoRule => f.write_str("no rule"),
        }
    }
}
