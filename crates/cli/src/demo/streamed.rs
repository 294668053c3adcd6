use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use keepstone::{
    Codec, LoadOptions, SaveOptions, WorldFiles as _,
    ecs::WorldHash,
    storage::{Files, OsFiles},
};
use serde::Deserialize;

use super::ecs::Ecs;
use super::memory::Footprint;
use super::report::{Check, Demonstration, Size, codec_name};
use super::world;
use crate::args::EcsName;
use crate::error::Error;
use crate::progress::Progress;
use crate::text::plural;

/// The codec of the files whose memory is looked at.
const CODEC: Codec = Codec::None;
const NAMES: [(bool, &str); 2] = [(true, "demo-parts.keep"), (false, "demo.keep")];

/// What another process has seen.
#[derive(Deserialize)]
struct Seen {
    components: u64,
    values: u64,
    sizes: Vec<Size>,
    memory: Vec<Footprint>,
    checks: Vec<Check>,
}

/// Has [`watch`] done by a process that has done nothing else before, and whose allocator gives back at once what is freed: else a step
/// uses the memory again that one before it has left, and what it takes isn't seen.
pub(super) fn show<M, W: Ecs<M>>(
    demonstration: &mut Demonstration,
    ecs: EcsName,
    dir: &Path,
    progress: &Progress,
) -> Result<(), Error> {
    progress.step("watching the memory of another process");
    if let Some(seen) = elsewhere(demonstration.entities(), ecs, dir) {
        (demonstration.components, demonstration.values) = (seen.components, seen.values);
        demonstration.sizes.extend(seen.sizes);
        demonstration.memory.extend(seen.memory);
        demonstration.checks.extend(seen.checks);
        return Ok(());
    }
    // Whatever it was, it says so here as well, or it was that there is no other process.
    watch::<M, W>(demonstration, dir, progress)?;
    for footprint in &mut demonstration.memory {
        (footprint.beside, footprint.world) = (None, None);
    }
    Ok(())
}

fn elsewhere(entities: u32, ecs: EcsName, dir: &Path) -> Option<Seen> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let ecs = match ecs {
        EcsName::Bevy => "bevy",
        EcsName::Hecs => "hecs",
    };
    let mut command = Command::new(env::current_exe().ok()?);
    command.args(["demo", "--json", "--memory-only", "--ecs", ecs, "--entities"]).arg(entities.to_string());
    command.arg("--dir").arg(dir).stdin(Stdio::null()).stderr(Stdio::null());
    // Of the GNU allocator, whose thresholds otherwise grow with what is freed.
    command.env("MALLOC_MMAP_THRESHOLD_", "131072").env("MALLOC_TRIM_THRESHOLD_", "131072");
    serde_json::from_slice(&command.output().ok()?.stdout).ok()
}

/// Saves a world in parts and in one piece, and then, when that world is gone, loads each of the two files: no two worlds are there
/// at the same time. What the memory of each took goes into the demonstration, and whether what was loaded has the hash of what was saved.
pub(super) fn watch<M, W: Ecs<M>>(
    demonstration: &mut Demonstration,
    dir: &Path,
    progress: &Progress,
) -> Result<(), Error> {
    let world = W::build(world::rows(demonstration.entities()));
    let mut files = Vec::new();
    for (in_parts, name) in NAMES {
        progress.step("saving, watching the memory");
        let file = Partial { path: dir.join(name), is_removed: in_parts };
        let options = SaveOptions::default().codec(CODEC);
        let options = if in_parts { options.in_parts() } else { options };
        let step = || Ok(world.save_with(&file.path, &options)?);
        let (footprint, saved) = Footprint::beside_world("save", in_parts, step)?;
        demonstration.memory.push(footprint);
        demonstration.saved(&saved, CODEC.name(), in_parts);
        files.push((in_parts, file));
    }
    progress.step("hashing");
    let hash = world.hash()?;
    drop(world);
    for (in_parts, file) in &files {
        progress.step("loading, watching the memory");
        let step = || Ok(W::load_with(&file.path, &LoadOptions::default())?.0);
        let (footprint, loaded) = Footprint::of_world("load", *in_parts, step)?;
        demonstration.memory.push(footprint);
        progress.step("hashing");
        demonstration.checks.push(check_hash(*in_parts, hash, loaded.hash()?, demonstration.entities()));
    }
    Ok(())
}

fn check_hash(in_parts: bool, saved: WorldHash, loaded: WorldHash, entities: u32) -> Check {
    let name = format!("loaded has the same hash, {}", how(in_parts));
    let detail = format!("{loaded} of {}", plural(entities, "entity"));
    Check::new(&name, saved == loaded, detail)
}

/// How a file is called whose world is in parts, or not.
pub(super) fn how(in_parts: bool) -> String {
    format!("{}, {}", if in_parts { "in parts" } else { "in one piece" }, codec_name(CODEC.name()))
}

/// A file that goes with the demonstration, or stays.
struct Partial {
    path: PathBuf,
    is_removed: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.is_removed {
            // It isn't there when its save failed.
            let _ = OsFiles.remove(&self.path);
        }
    }
}
