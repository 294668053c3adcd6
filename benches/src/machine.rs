//! What a number must be read with: machine, commit, profile, directory, and what syncs cost there.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    document::MachineFacts,
    protocol::{StepTimes, time_steps},
    table::time,
};

/// Where and what is measured.
#[derive(Debug, Clone)]
pub struct Machine {
    cpu: String,
    cores: usize,
    commit: String,
    profile: &'static str,
    dir: PathBuf,
    file_system: String,
    steps: StepTimes,
}

impl Machine {
    /// Looks at this machine and times syncs in `dir`.
    ///
    /// # Errors
    /// When no file can be written in `dir`.
    pub fn look(dir: &Path) -> io::Result<Self> {
        Ok(Self {
            cpu: cpu().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
            profile: if cfg!(debug_assertions) { "debug: these times mean nothing" } else { "release" },
            dir: dir.to_owned(),
            file_system: file_system(dir).unwrap_or_else(|| "unknown file system".to_owned()),
            steps: time_steps(dir)?,
        })
    }
}

impl Machine {
    /// The same as data.
    pub fn facts(&self) -> MachineFacts {
        MachineFacts {
            cpu: self.cpu.clone(),
            cores: self.cores,
            os: std::env::consts::OS.to_owned(),
            commit: self.commit.clone(),
            profile: self.profile.to_owned(),
            dir: self.dir.display().to_string(),
            file_system: self.file_system.clone(),
            sync_nanos: self.steps.sync_nanos,
            rename_nanos: self.steps.rename_nanos,
            dir_sync_nanos: self.steps.dir_sync_nanos,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine    {}, {} cores, {}", self.cpu, self.cores, std::env::consts::OS)?;
        writeln!(f, "commit     {}, profile {}", self.commit, self.profile)?;
        writeln!(f, "directory  {} ({})", self.dir.display(), self.file_system)?;
        write!(
            f,
            "there      fdatasync of 4 KiB {}, rename {}, directory sync {}",
            time(self.steps.sync_nanos),
            time(self.steps.rename_nanos),
            time(self.steps.dir_sync_nanos)
        )
    }
}

/// The directory for files of cases that are given none: `tmp` in the target directory, which is on a disk where the
/// system's directory for temporary files may be memory.
pub fn default_dir() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(2).filter(|target| target.is_dir());
    target.map_or_else(std::env::temp_dir, |target| target.join("tmp"))
}

/// Where a run is kept under a name: beside the build, so that it is gone with it.
///
/// # Errors
/// When the name has something else than letters, digits, `-`, `_` and `.`, or begins with a `.`.
pub fn saved_path(name: &str) -> anyhow::Result<PathBuf> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    anyhow::ensure!(
        !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_plain),
        "a run is saved under letters, digits, `-`, `_` and `.`, not `{name}`"
    );
    Ok(default_dir().with_file_name("keepstone-bench").join(format!("{name}.json")))
}

/// Reads a file; none: it isn't there.
///
/// # Errors
/// When it can't be read.
#[expect(clippy::disallowed_methods, reason = "figures of runs need no disk that a test can stop")]
pub fn read_text(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a directory and those above it.
///
/// # Errors
/// When one of them can't be created.
#[expect(clippy::disallowed_methods, reason = "where results go need not survive a crash")]
pub fn create_dir(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)
}

/// The processor time that all threads of this process have had, where the kernel keeps it by nanoseconds.
///
/// Of a thread that has ended nothing is left.
pub fn cpu_time() -> Option<Duration> {
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let path = task.ok()?.path().join("schedstat");
        let text = system_text(path.to_str()?)?;
        nanos += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanos))
}

fn cpu() -> Option<String> {
    let text = system_text("/proc/cpuinfo")?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The commit that is checked out where the program runs, and whether files differ from it.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let is_clean = git(&["status", "--porcelain"])?.is_empty();
    Some(if is_clean { commit } else { format!("{commit} with changes") })
}

/// The type of the file system that the deepest mount point above `dir` has.
fn file_system(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let mounts = system_text("/proc/self/mounts")?;
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = mounted.filter(|(point, _)| dir.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "files of the kernel have no length that `storage::read` could check"
)]
fn system_text(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
