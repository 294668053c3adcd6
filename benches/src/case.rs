use std::{fmt, path::Path};

use anyhow::Result;

use crate::watch::Watch;

/// One side of a case.
pub(crate) type Side = Box<dyn FnMut(&mut Watch) -> Result<()>>;

/// Something of ours, what it is compared with, and how much more it may take.
pub struct Case {
    pub(crate) name: String,
    pub(crate) size: String,
    pub(crate) ours: Side,
    pub(crate) floors: Vec<WeightedFloor>,
    pub(crate) rivals: Vec<RivalSide>,
    pub(crate) limit: Option<f64>,
    pub(crate) unit: Option<Unit>,
    pub(crate) has_stalls: bool,
    pub(crate) rivals_promise_less: bool,
}

/// What a time is told by, beside the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// What one of them is called.
    pub name: &'static str,
    /// How many there are.
    pub count: u32,
}

pub(crate) struct WeightedFloor {
    pub(crate) weight: f64,
    pub(crate) name: &'static str,
    pub(crate) side: Side,
}

/// Another program that does the same.
pub(crate) struct RivalSide {
    pub(crate) name: String,
    pub(crate) side: Side,
}

impl Case {
    /// A case that measures nothing yet.
    pub fn new(name: impl Into<String>, size: impl Into<String>) -> Self {
        let (name, size) = (name.into(), size.into());
        Self {
            name,
            size,
            ours: Box::new(|_| Ok(())),
            floors: Vec::new(),
            rivals: Vec::new(),
            limit: None,
            unit: None,
            has_stalls: false,
            rivals_promise_less: false,
        }
    }

    /// Sets what is measured.
    pub fn ours(mut self, side: impl FnMut(&mut Watch) -> Result<()> + 'static) -> Self {
        self.ours = Box::new(side);
        self
    }

    /// Adds to what it is compared with: `weight` times the time of `side`.
    pub fn floor(
        mut self,
        weight: f64,
        name: &'static str,
        side: impl FnMut(&mut Watch) -> Result<()> + 'static,
    ) -> Self {
        self.floors.push(WeightedFloor { weight, name, side: Box::new(side) });
        self
    }

    /// Adds a program that does the same, set up as its own documentation would. It takes its turn in every round, and no limit is held against it.
    pub fn rival(
        mut self,
        name: impl Into<String>,
        side: impl FnMut(&mut Watch) -> Result<()> + 'static,
    ) -> Self {
        self.rivals.push(RivalSide { name: name.into(), side: Box::new(side) });
        self
    }

    /// Says that the other programs do less than ours: what is lost to them is the price of the rest, and isn't counted as lost.
    pub fn rivals_promise_less(mut self) -> Self {
        self.rivals_promise_less = true;
        self
    }

    /// Measures single calls as well: somebody waits for them who has to be elsewhere in time.
    pub fn stalls(mut self) -> Self {
        self.has_stalls = true;
        self
    }

    /// Sets the ratio that the lower bound may not exceed.
    pub fn limit(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Has the times told by the unit as well, of which the case has `count`: what grows with its data shows the same at
    /// every size.
    pub fn per(mut self, name: &'static str, count: u32) -> Self {
        self.unit = Some(Unit { name, count });
        self
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let floors: Vec<_> = self.floors.iter().map(|floor| (floor.weight, floor.name)).collect();
        let mut debug = f.debug_struct("Case");
        debug.field("name", &self.name).field("size", &self.size);
        let rivals: Vec<_> = self.rivals.iter().map(|rival| rival.name.as_str()).collect();
        debug.field("floors", &floors).field("rivals", &rivals).field("limit", &self.limit);
        debug.finish_non_exhaustive()
    }
}

type Build = dyn Fn(&Plan, &Path) -> Result<Case>;

/// A case that is built when its turn comes, in the directory it may use.
pub struct Plan {
    name: &'static str,
    size: String,
    build: Box<Build>,
    /// How much there is of what the case works on: entities or bytes.
    pub amount: u32,
}

impl Plan {
    /// Plans a case.
    pub fn new(
        name: &'static str,
        size: impl Into<String>,
        amount: u32,
        build: impl Fn(&Plan, &Path) -> Result<Case> + 'static,
    ) -> Self {
        Self { name, size: size.into(), build: Box::new(build), amount }
    }

    /// Returns the name that filters look into: `encode/mixed 1k`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.name, self.size)
    }

    /// The name without the size.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Starts the case of this name and size.
    pub fn case(&self) -> Case {
        Case::new(self.name, self.size.clone())
    }

    /// Builds the case.
    ///
    /// # Errors
    /// When its data can't be made.
    pub fn build(&self, dir: &Path) -> Result<Case> {
        (self.build)(self, dir)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plan").field(&self.id()).finish()
    }
}
