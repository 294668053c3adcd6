use std::fmt;

use keepstone::world::SaveReport;
use serde::{Deserialize, Serialize};

use super::measure::Measurement;
use super::memory::Footprint;
use super::streamed;
use crate::output::{Exit, Report};
use crate::text::{Grid, Shown, count, plural, size, time};

/// What `demo` did, and what it took.
#[derive(Debug, Serialize)]
pub(crate) struct Demonstration {
    ecs: &'static str,
    entities: u32,
    pub(super) components: u64,
    pub(super) values: u64,
    /// Whether the program was built with optimisation; else its times mean little.
    is_release: bool,
    pub(super) sizes: Vec<Size>,
    /// How many bytes the states of an agent have, and what its checkpoints take. Absent where none were made.
    pub(super) states: Option<States>,
    /// Those of worlds are not there where the world is too large for what they need.
    pub(super) measurements: Vec<Measurement>,
    pub(super) memory: Vec<Footprint>,
    pub(super) checks: Vec<Check>,
    /// The files that stay.
    pub(super) files: Vec<String>,
}

/// How large the world is in a file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Size {
    codec: String,
    in_parts: bool,
    bytes: u64,
}

/// How large checkpoints are.
#[derive(Debug, Serialize)]
pub(super) struct States {
    pub(super) checkpoints: u64,
    /// Bytes of all states.
    pub(super) bytes: u64,
    /// Bytes of all files of the store.
    pub(super) stored: u64,
}

impl States {
    /// How many times smaller the files are.
    pub(super) fn times(&self) -> u64 {
        self.bytes / self.stored.max(1)
    }
}

/// Something that has to hold.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Check {
    name: String,
    ok: bool,
    detail: String,
}

impl Check {
    pub(super) fn new(name: &str, ok: bool, detail: String) -> Self {
        Self { name: name.to_owned(), ok, detail }
    }
}

impl Demonstration {
    pub(super) fn new(ecs: &'static str, entities: u32) -> Self {
        Self {
            ecs,
            entities,
            components: 0,
            values: 0,
            is_release: cfg!(not(debug_assertions)),
            sizes: Vec::new(),
            states: None,
            measurements: Vec::new(),
            memory: Vec::new(),
            checks: Vec::new(),
            files: Vec::new(),
        }
    }
}

impl Demonstration {
    /// Puts down what a file holds, and whether it is all that the world has.
    pub(super) fn saved(&mut self, saved: &SaveReport, codec: &'static str, in_parts: bool) {
        let encoded = &saved.encoded;
        self.sizes.push(Size { codec: codec.to_owned(), in_parts, bytes: encoded.bytes_total });
        self.components = encoded.components;
        self.values = encoded.values;
        let lost = encoded.left_out.iter().filter(|left| left.reason.is_loss()).map(|left| left.count);
        let lost = lost.sum::<u64>() + encoded.entities_left_out + encoded.dangling;
        let detail = format!("{}, {} left out", plural(encoded.values, "value"), count(lost));
        let parts = if in_parts { ", in parts" } else { "" };
        self.checks.push(Check::new(&format!("saved{parts}, {}", codec_name(codec)), lost == 0, detail));
    }

    /// Entities of the world.
    pub(super) fn entities(&self) -> u32 {
        self.entities
    }
}

/// What a codec is called in a sentence.
pub(super) fn codec_name(codec: &str) -> String {
    match codec {
        "none" => "no codec".to_owned(),
        "lz4" => "LZ4".to_owned(),
        other => other.to_owned(),
    }
}

impl Report for Demonstration {
    fn exit(&self) -> Exit {
        if self.checks.iter().all(|check| check.ok) { Exit::Good } else { Exit::Bad }
    }
}

impl fmt::Display for Demonstration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "a world of {}: {}, {} in {}",
            self.ecs,
            plural(self.entities, "entity"),
            plural(self.values, "value"),
            plural(self.components, "column"),
        )?;
        for bytes in &self.sizes {
            writeln!(
                f,
                "  {} ({} bytes) with {}{}",
                size(bytes.bytes),
                count(bytes.bytes),
                codec_name(&bytes.codec),
                if bytes.in_parts { ", in parts" } else { "" }
            )?;
        }
        if let Some(states) = &self.states {
            writeln!(
                f,
                "{} of an agent: {} ({} bytes) of states\n  {} ({} bytes) of files, {} times smaller",
                plural(states.checkpoints, "checkpoint"),
                size(states.bytes),
                count(states.bytes),
                size(states.stored),
                count(states.stored),
                count(states.times()),
            )?;
        }
        if !self.measurements.is_empty() {
            self.write_measurements(f)?;
        }
        self.write_memory(f)?;
        if !self.is_release {
            writeln!(f, "  this build is not optimised and its times mean little; build with --release")?;
        }
        writeln!(f, "\nchecks")?;
        let mut grid = Grid::new("<<<");
        for check in &self.checks {
            let answer = if check.ok { "ok" } else { "FAILED" };
            grid.line([answer.to_owned(), check.name.clone(), Shown(&check.detail).to_string()]);
        }
        write!(f, "{grid}")?;
        self.write_next(f)
    }
}

impl Demonstration {
    fn write_measurements(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\ntimes, each the median of the rounds in which a step and its floor took turns")?;
        let mut grid = Grid::new("<<>>>><");
        grid.line(["step", "codec", "time", "floor", "ratio", "rounds", "the floor is"].map(str::to_owned));
        for measurement in &self.measurements {
            grid.line([
                measurement.step.to_owned(),
                measurement.codec.to_owned(),
                time(measurement.time),
                time(measurement.floor_time),
                format!("{:.2} x", measurement.ratio),
                measurement.rounds.to_string(),
                match measurement.floor_bytes {
                    0 => measurement.floor.to_owned(),
                    bytes => format!("{} ({})", measurement.floor, size(bytes)),
                },
            ]);
        }
        write!(f, "{grid}")
    }

    fn write_memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nmemory, at the peak of a step, beside the world")?;
        let mut grid = Grid::new("<<>>>");
        grid.line(["step", "file", "time", "beside the world", "the world"].map(str::to_owned));
        for footprint in &self.memory {
            let shown = |bytes: Option<u64>| bytes.map_or_else(|| "not measured".to_owned(), size);
            grid.line([
                footprint.step.clone(),
                streamed::how(footprint.in_parts),
                time(footprint.time),
                shown(footprint.beside),
                if footprint.step == "load" { shown(footprint.world) } else { String::new() },
            ]);
        }
        write!(f, "{grid}")
    }

    fn write_next(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nnext")?;
        if self.files.is_empty() {
            writeln!(f, "  the files were removed; keep them with")?;
            return writeln!(f, "    keepstone demo --dir DIR");
        }
        for (verb, file) in ["inspect", "verify"].iter().zip(&self.files) {
            writeln!(f, "  keepstone {verb} {}", Shown(file))?;
        }
        Ok(())
    }
}
