use std::fmt::{self, Display, Write as _};

use crate::error::Problem;

/// A step from a value into one of its parts.
#[derive(Debug)]
pub(crate) enum Step {
    Field(String),
    Index(u64),
}

#[derive(Debug)]
struct Detail {
    problem: Problem,
    /// Innermost step first.
    steps: Vec<Step>,
}

/// What serializing or deserializing one row ends with when it doesn't succeed.
///
/// Without detail it is a miss: the value doesn't fit the plan.
#[derive(Debug)]
pub(crate) struct Fault(Option<Box<Detail>>);

impl Fault {
    pub(crate) const MISS: Self = Self(None);

    #[cold]
    pub(crate) fn at(mut self, step: impl FnOnce() -> Step) -> Self {
        if let Some(detail) = &mut self.0 {
            detail.steps.push(step());
        }
        self
    }

    pub(crate) fn field(self, name: &str) -> Self {
        self.at(|| Step::Field(name.to_owned()))
    }

    pub(crate) fn index(self, index: u64) -> Self {
        self.at(|| Step::Index(index))
    }

    /// The problem, or none if this is a miss.
    pub(crate) fn into_problem(self) -> Option<Problem> {
        self.0.map(|detail| detail.problem)
    }

    /// The problem and the path to it, from the value called `root`.
    pub(crate) fn into_place(self, root: &str) -> (Problem, String) {
        let Some(detail) = self.0 else { return (Problem::Unseen, root.to_owned()) };
        let mut path = root.to_owned();
        for step in detail.steps.iter().rev() {
            // Writing to a String never fails.
            let _ = match step {
                Step::Field(name) => write!(path, ".{}", name.escape_debug()),
                Step::Index(index) => write!(path, "[{index}]"),
            };
        }
        (detail.problem, path)
    }
}

impl From<Problem> for Fault {
    #[cold]
    fn from(problem: Problem) -> Self {
        Self(Some(Box::new(Detail { problem, steps: Vec::new() })))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(detail) => detail.problem.fmt(f),
            None => f.write_str("the value doesn't fit the plan"),
        }
    }
}

impl std::error::Error for Fault {}

impl serde::ser::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Problem::Message(message.to_string()).into()
    }
}

impl serde::de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Problem::Message(message.to_string()).into()
    }
}
