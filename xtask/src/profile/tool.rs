//! Which profiler is used: the best that is there.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::path::is_command;

/// Where a flame graph comes from: what folds the stacks of perf, and what draws them.
const FLAME_GRAPHS: &[(&str, &str)] =
    &[("inferno-collapse-perf", "inferno-flamegraph"), ("stackcollapse-perf.pl", "flamegraph.pl")];

const PERF: &str = "perf (`apt-get install linux-perf`)";
const INFERNO: &str = "inferno (`cargo install inferno`)";
const VALGRIND: &str = "valgrind (`apt-get install valgrind`)";

/// How a profile is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// perf takes stacks, two others draw them.
    FlameGraph { collapse: &'static str, draw: &'static str },
    /// callgrind counts instructions, also of what the compiler has put into something else.
    Callgrind,
    /// perf takes stacks and prints them as a tree.
    PerfReport,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FlameGraph { .. } => "flame graph",
            Self::Callgrind => "instructions by callgrind",
            Self::PerfReport => "report of perf",
        }
    }
}

/// The commands of this machine, as far as a profile needs them.
#[derive(Debug)]
pub(crate) struct Tools(BTreeSet<&'static str>);

impl Tools {
    pub(crate) fn look() -> Self {
        let drawing = FLAME_GRAPHS.iter().flat_map(|(collapse, draw)| [*collapse, *draw]);
        let all = drawing.chain(["perf", "valgrind", "callgrind_annotate"]);
        Self(all.filter(|name| is_command(name)).collect())
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Whether callgrind can take the place of a tool that failed.
    pub(crate) fn has_other_than(&self, failed: Tool) -> bool {
        failed != Tool::Callgrind && self.has("valgrind") && self.has("callgrind_annotate")
    }

    /// The best tool there is.
    pub(crate) fn choose(&self) -> Result<Tool> {
        let drawn = FLAME_GRAPHS.iter().find(|(collapse, draw)| self.has(collapse) && self.has(draw));
        match drawn {
            Some(&(collapse, draw)) if self.has("perf") => Ok(Tool::FlameGraph { collapse, draw }),
            _ if self.has_other_than(Tool::PerfReport) => Ok(Tool::Callgrind),
            _ if self.has("perf") => Ok(Tool::PerfReport),
            _ => bail!(
                "there is no profiler here: a flame graph takes {PERF} and {INFERNO}, counts of instructions {VALGRIND}"
            ),
        }
    }

    /// What would have to be there for a better one.
    pub(crate) fn better(&self, chosen: Tool) -> Option<String> {
        if matches!(chosen, Tool::FlameGraph { .. }) {
            return None;
        }
        let missing = if self.has("perf") { INFERNO.to_owned() } else { format!("{PERF} and {INFERNO}") };
        Some(format!("a flame graph takes {missing}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Tool, Tools};

    fn check(commands: &[&'static str], expected: Tool, better: Option<&str>) {
        let tools = Tools(commands.iter().copied().collect());
        let chosen = tools.choose().expect("there is a tool");
        assert_eq!((chosen, tools.better(chosen).as_deref()), (expected, better));
    }

    #[test]
    fn the_best_tool_that_is_there_is_taken() {
        let inferno = Tool::FlameGraph { collapse: "inferno-collapse-perf", draw: "inferno-flamegraph" };
        let scripts = Tool::FlameGraph { collapse: "stackcollapse-perf.pl", draw: "flamegraph.pl" };
        check(
            &["perf", "inferno-collapse-perf", "inferno-flamegraph", "valgrind", "callgrind_annotate"],
            inferno,
            None,
        );
        check(&["perf", "stackcollapse-perf.pl", "flamegraph.pl"], scripts, None);
        let install = "a flame graph takes inferno (`cargo install inferno`)";
        check(
            &["perf", "valgrind", "callgrind_annotate", "inferno-flamegraph"],
            Tool::Callgrind,
            Some(install),
        );
        check(&["perf", "valgrind"], Tool::PerfReport, Some(install));
        let both =
            "a flame graph takes perf (`apt-get install linux-perf`) and inferno (`cargo install inferno`)";
        check(&["valgrind", "callgrind_annotate"], Tool::Callgrind, Some(both));
    }

    #[test]
    fn callgrind_takes_the_place_of_perf_where_perf_may_not_look() {
        let tools = Tools(["perf", "valgrind", "callgrind_annotate"].into());
        assert!(tools.has_other_than(Tool::PerfReport) && !tools.has_other_than(Tool::Callgrind));
        assert!(!Tools(["perf", "valgrind"].into()).has_other_than(Tool::PerfReport));
    }

    #[test]
    fn without_a_profiler_it_says_what_to_install() {
        let said = Tools(["flamegraph.pl"].into()).choose().expect_err("nothing is there").to_string();
        for name in ["linux-perf", "inferno", "valgrind"] {
            assert!(said.contains(name), "{name}: {said}");
        }
    }
}
