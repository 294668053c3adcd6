//! What hostile logs cost in memory, as the kernel counted it in a process that read nothing else.

use std::{env, fs, path::Path, process::Command};

use keepstone_storage::{
    Durability, Wal, WalOptions,
    wal::{Log, Reader},
};

use super::record;

const MIB: u64 = 1 << 20;
/// In a child: the directory of the log to read.
const FOLDER: &str = "KEEPSTONE_LOG_FOLDER";
const TEST: &str = "wal::memory::hostile_logs_are_read_within_the_memory_that_is_promised";

/// What is done to a segment.
type Harm<'a> = &'a dyn Fn(&mut Vec<u8>);

#[test]
fn hostile_logs_are_read_within_the_memory_that_is_promised() {
    if !cfg!(target_os = "linux") {
        println!("skipped: there is no /proc to measure with");
        return;
    }
    if let Ok(folder) = env::var(FOLDER) {
        return read_in_every_way(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    // What the test itself takes, measured with a log of nothing.
    let base = peak_of(&make(folder.path(), "nothing", |_| {}));
    let cases: [(&str, Harm<'_>); 4] = [
        ("a record of 24 parts", &|_| {}),
        ("a record without an end", &|bytes| bytes.truncate(20 << 20)),
        ("noise", &|bytes| {
            let noise = record(1, 4096);
            let until = bytes.len().min(4 << 20);
            bytes[16 << 10..until]
                .chunks_mut(4096)
                .for_each(|chunk| chunk.copy_from_slice(&noise[..chunk.len()]));
        }),
        ("damage everywhere", &|bytes| bytes.iter_mut().skip(8400).step_by(4096).for_each(|byte| *byte ^= 1)),
    ];
    for (name, harm) in cases {
        let peak = peak_of(&make(folder.path(), name, harm));
        println!("{name}: peak {} KiB, {} KiB of it the test's own", peak >> 10, base >> 10);
        // A window and, while damage is searched, one to look ahead.
        assert!(peak < base + 6 * MIB, "{name}: {peak} bytes at the peak, {base} without a log");
    }
}

fn options() -> WalOptions {
    WalOptions::default().segment_bytes(1 << 20, 64 << 20).background(false)
}

/// A log with a record of 24 MiB and ten thousand short ones, harmed.
#[expect(clippy::disallowed_methods, reason = "scratch files for a child process")]
fn make(folder: &Path, name: &str, harm: impl Fn(&mut Vec<u8>)) -> std::path::PathBuf {
    let dir = folder.join(name);
    let wal = Wal::open(&dir, options()).unwrap();
    if name != "nothing" {
        for i in 1..=10_000 {
            wal.append(&record(i, 40), Durability::Buffered).unwrap();
        }
        wal.append(&vec![5; 24 << 20], Durability::Durable).unwrap();
    }
    wal.close().unwrap();
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "wal") && name != "nothing" {
            let mut bytes = fs::read(&path).unwrap();
            harm(&mut bytes);
            fs::write(&path, &bytes).unwrap();
        }
    }
    dir
}

#[expect(clippy::print_stdout, reason = "a child answers in text")]
fn read_in_every_way(dir: &Path) {
    let log = Log::open(dir, options()).unwrap();
    let (mut bytes, mut errors) = (0, log.damage().len());
    let mut reader: Reader = log.read_from(log.start()).unwrap();
    loop {
        match reader.next_part() {
            Ok(Some(part)) => bytes += part.bytes.len(),
            Ok(None) => break,
            Err(_) => errors += 1,
        }
    }
    drop(reader);
    println!("read {bytes} bytes, {errors} errors");
    println!("peak {}", peak());
}

#[expect(clippy::disallowed_methods, reason = "the kernel answers in a file")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn peak_of(dir: &Path) -> u64 {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(FOLDER, dir)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    let errors = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{}: {}: {said} {errors}", dir.display(), child.status);
    said.lines().find_map(|line| line.strip_prefix("peak ")?.parse().ok()).unwrap()
}
