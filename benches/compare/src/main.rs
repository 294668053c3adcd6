//! Measures keepstone beside other programs that do the same, which take turns with it: `keepstone-compare [OPTION]... [FILTER]...`.
#![forbid(unsafe_code)]

mod checkpoints;
mod codecs;
mod data;
mod databases;
mod serializers;
mod slots;
mod states;
mod vectors;
mod wal;
mod worlds;

use std::time::Duration;

use anyhow::Result;
use keepstone_benches::{
    Plan,
    program::{self, Arguments},
};

const CASE_TIME: Duration = Duration::from_secs(4);

fn main() -> Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    program::run_all(&arguments, plans(), CASE_TIME)
}

/// All cases, in the order of the table.
fn plans() -> Vec<Plan> {
    let mut plans = worlds::plans();
    plans.extend(codecs::plans());
    plans.extend(serializers::plans());
    plans.extend(wal::plans());
    plans.extend(vectors::plans());
    plans.extend(states::plans());
    plans.extend(checkpoints::plans());
    plans.extend(slots::plans());
    plans
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use keepstone_benches::{Plan, cases};

    #[test]
    fn no_case_is_taken_for_another() {
        let own: Vec<String> = super::plans().iter().map(Plan::id).collect();
        let names: HashSet<&String> = own.iter().collect();
        assert_eq!(names.len(), own.len(), "{own:?}");
        // Reports have both beside each other.
        for plan in cases::all(128) {
            assert!(!names.contains(&plan.id()), "{}", plan.id());
        }
    }
}
