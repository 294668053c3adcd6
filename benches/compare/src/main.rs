//! Measures keepstone against bevy's `DynamicWorld`, its log against other logs and databases, and its snapshots against
//! other formats; `keepstone-compare [FILTER]`.
#![forbid(unsafe_code)]

mod rival;
mod states;
mod vectors;
mod wal;

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use bevy_ecs::world::World;
use keepstone::{Codec, SaveOptions, prelude::*};
use keepstone_benches::{Budget, Case, Measured, machine, mixed, run, table};

use rival::Format;

const CASE_TIME: Duration = Duration::from_secs(4);
/// The rival takes about a second for the largest world, and the factors are far from one.
const ROUNDS_MIN: usize = 9;
const SIZES: [(&str, u32); 2] = [("mixed 1k", 1000), ("mixed 100k", 100_000)];
const HEADINGS: [&str; 12] = [
    "case",
    "size",
    "ours",
    "rival",
    "factor",
    "95 %",
    "target",
    "verdict",
    "spread",
    "our bytes",
    "its bytes",
    "allocs",
];

struct Plan {
    name: &'static str,
    format: Format,
    is_load: bool,
    /// How many times faster ours has to be.
    target: Option<f64>,
}

const PLANS: [Plan; 4] = [
    Plan {
        name: "save/dynamic world, postcard",
        format: Format::Postcard,
        is_load: false,
        target: Some(150.0),
    },
    Plan { name: "save/dynamic world, RON", format: Format::Ron, is_load: false, target: None },
    Plan {
        name: "load/dynamic world, postcard",
        format: Format::Postcard,
        is_load: true,
        target: Some(10.0),
    },
    Plan { name: "load/dynamic world, RON", format: Format::Ron, is_load: true, target: Some(10.0) },
];

fn main() -> Result<()> {
    let mut filter = String::new();
    for arg in std::env::args().skip(1) {
        if arg.starts_with('-') || !filter.is_empty() {
            bail!("unexpected `{arg}`; there is one filter and no options");
        }
        filter = arg;
    }
    let dir = machine::default_dir();
    machine::create_dir(&dir)?;
    println!("{}\n", machine::Machine::look(&dir)?);

    let mut rows = Vec::new();
    for plan in &PLANS {
        for (size, count) in SIZES {
            if format!("{}/{size}", plan.name).contains(&filter) {
                eprintln!("{}/{size}", plan.name);
                let case = if plan.is_load { load(plan, size, count)? } else { save(plan, size, count)? };
                rows.push(measure(case)?);
            }
        }
    }
    for plan in wal::plans().into_iter().filter(|plan| plan.name().contains(&filter)) {
        eprintln!("{}", plan.name());
        rows.push(measure(plan.case(&dir)?)?);
    }
    for plan in vectors::plans().into_iter().filter(|plan| plan.name().contains(&filter)) {
        eprintln!("{}", plan.name());
        rows.push(measure(plan.case(&dir)?)?);
    }
    for plan in states::PLANS.into_iter().filter(|plan| plan.name().contains(&filter)) {
        eprintln!("{}", plan.name());
        rows.push(measure(plan.case(&dir)?)?);
    }
    println!("{}", table::aligned(&HEADINGS, &rows));
    println!(
        "factor: how many times as long the rival takes; missed when its upper 95 % bound is below the target"
    );
    Ok(())
}

fn measure(mut case: Case) -> Result<[String; HEADINGS.len()]> {
    Ok(cells(&run(&mut case, Budget::time(CASE_TIME).rounds_min(ROUNDS_MIN))?))
}

/// Both from a world to bytes in memory, ours with checksums, neither compressed.
fn save(plan: &Plan, size: &str, count: u32) -> Result<Case> {
    let (ours, theirs, registry) = (mixed::world(count), rival::world(count), rival::registry());
    let options = SaveOptions::default().codec(Codec::None);
    let mut out = Vec::new();
    let format = plan.format;
    let case = Case::new(plan.name, size).ours(move |watch| {
        watch.each(|| {
            out.clear();
            Ok(ours.save_to_with(&mut out, &options)?.encoded.bytes_total)
        })?;
        watch.note_bytes(out.len() as u64);
        Ok(())
    });
    let case = case.floor(1.0, "rival", move |watch| {
        if watch.is_counting() {
            watch.note_bytes(format.save(&theirs, &registry)?.len() as u64);
        }
        watch.each(|| format.save(&theirs, &registry))
    });
    Ok(with_target(case, plan))
}

/// Both from bytes in memory to a fresh world with the same entities.
fn load(plan: &Plan, size: &str, count: u32) -> Result<Case> {
    let registry = rival::registry();
    let mut theirs = rival::world(count);
    let format = plan.format;
    let its_bytes = format.save(&theirs, &registry)?;
    ensure!(
        rival::census(&mut format.load(&its_bytes, &registry)?) == rival::census(&mut theirs),
        "the rival loaded another world than it saved"
    );
    let mut bytes = Vec::new();
    mixed::world(count).save_to_with(&mut bytes, &SaveOptions::default().codec(Codec::None))?;
    let case = Case::new(plan.name, size).ours(move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.each(|| Ok(World::load_from(&mut bytes.as_slice())?))
    });
    let case = case.floor(1.0, "rival", move |watch| {
        watch.note_bytes(its_bytes.len() as u64);
        watch.each(|| format.load(&its_bytes, &registry))
    });
    Ok(with_target(case, plan))
}

/// At most a 150th of the time is 150 times as fast.
fn with_target(case: Case, plan: &Plan) -> Case {
    match plan.target {
        Some(target) => case.limit(1.0 / target),
        None => case,
    }
}

fn cells(result: &Measured) -> [String; HEADINGS.len()] {
    let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    let rival = result.floors.first().map(|floor| floor.counters.clone()).unwrap_or_default();
    [
        result.name.clone(),
        result.size.clone(),
        table::time(result.ours_nanos),
        table::time(result.floor_nanos),
        factor(result.ratio),
        format!("{}..{}", factor(result.interval.upper), factor(result.interval.lower)),
        result.limit.map_or_else(|| "-".to_owned(), |limit| format!("{:.0}", 1.0 / limit)),
        table::verdict(result),
        table::spread(result),
        bytes(result.counters.bytes),
        bytes(rival.bytes),
        format!("{}/{}", result.counters.allocations, rival.allocations),
    ]
}

/// How many times as long the rival takes, with two digits at least.
fn factor(ratio: f64) -> String {
    let factor = 1.0 / ratio;
    let digits = if factor < 1.0 { 3 } else { 1 };
    format!("{factor:.digits$}")
}
