//! What hostile snapshots cost in memory, as the kernel counted it in a process that read nothing else.

use std::{env, fs, path::Path, process::Command};

use keepstone_format::{
    Codec, FileKind, Filter, Limits, Metadata, SectionId, SectionOptions, Writer, WriterOptions,
};
use keepstone_storage::{Snapshot, snapshot::Options};

use super::{U8, head};

const MIB: u64 = 1 << 20;
/// What a reader may take beside three times what it may decode.
const BASE: u64 = 64 * MIB;
/// What the reader may decode here: little, so that the test is short.
const DECODED_MAX: u64 = 8 * MIB;
const ALLOWED: u64 = BASE + 3 * DECODED_MAX;
/// In a child: the file to read.
const FILE: &str = "KEEPSTONE_SNAPSHOT_FILE";
const TEST: &str = "snapshot::memory::hostile_snapshots_are_read_within_the_memory_that_limits_promise";

type Write<'a> = &'a dyn Fn(&mut Writer<Vec<u8>>);

#[test]
fn hostile_snapshots_are_read_within_the_memory_that_limits_promise() {
    if !cfg!(target_os = "linux") {
        println!("skipped: there is no /proc to measure with");
        return;
    }
    if let Ok(file) = env::var(FILE) {
        return read_in_every_way(Path::new(&file));
    }
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, Write<'_>); 6] = [
        ("nothing", &|_| ()),
        ("an array of zeros that is allowed", &|writer| zeros(writer, 0, 8)),
        ("an array of zeros that is not", &|writer| zeros(writer, 0, 9)),
        ("arrays of zeros that are too much together", &|writer| {
            (0..16).for_each(|at| zeros(writer, at, 8));
        }),
        ("lost ranges that are too much together", &|writer| (0..16).for_each(|at| lost(writer, at))),
        ("layouts that are long together", &|writer| (0..100).for_each(|at| layout(writer, at))),
    ];
    let mut over = Vec::new();
    for (name, fill) in cases {
        let path = folder.path().join(name);
        let len = write(&path, fill);
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(FILE, &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        let errors = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{name}: {}: {said} {errors}", child.status);
        let peak = said.lines().find_map(|line| line.strip_prefix("peak ")?.parse::<u64>().ok()).unwrap();
        println!("{name}: {len} bytes, peak {} MiB of {} MiB", peak / MIB, ALLOWED / MIB);
        if peak > ALLOWED {
            over.push(format!("{name}: {peak} bytes at the peak, {ALLOWED} allowed"));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}

#[expect(clippy::print_stdout, reason = "a child answers in text")]
fn read_in_every_way(path: &Path) {
    let mut limits = Limits::default();
    limits.decoded_max = DECODED_MAX;
    match Snapshot::open_with(path, Options::default().limits(limits)) {
        Ok(snapshot) => {
            // All are viewed while the handle keeps what was decoded.
            for array in snapshot.arrays() {
                let viewed = array.view_repaired::<u8>().map(<[u8]>::len);
                println!("{:?}: {:?}", array.name(), viewed.map_err(|error| error.to_string()));
                println!("{} lost", array.lost_rows().len());
            }
        }
        Err(error) => println!("refused: {error}"),
    }
    println!("peak {}", peak());
}

#[expect(clippy::disallowed_methods, reason = "the kernel answers in a file")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[expect(clippy::disallowed_methods, reason = "a scratch file for a child process")]
fn write(path: &Path, fill: Write<'_>) -> u64 {
    let options = WriterOptions::new(FileKind::SNAPSHOT).codec(Codec::Zstd);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    fill(&mut writer);
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    fs::write(path, &bytes).unwrap();
    bytes.len() as u64
}

/// An array of as many MiB of zeros.
fn zeros(writer: &mut Writer<Vec<u8>>, at: u32, mib: usize) {
    let name = format!("zeros {at}");
    writer.coded_from(SectionId::ARRAY_HEAD, at, &[&head(name.as_bytes(), U8, 1)]).unwrap();
    writer.coded_from(SectionId::ARRAY, at, &vec![vec![0; 1 << 20].as_slice(); mib]).unwrap();
}

/// An array of 1 MiB, of which every second byte is lost.
fn lost(writer: &mut Writer<Vec<u8>>, at: u32) {
    zeros(writer, at, 1);
    let ranges: Vec<u8> =
        (0..MIB / 2).flat_map(|at| [(2 * at).to_le_bytes(), (2 * at + 1).to_le_bytes()].concat()).collect();
    let options = SectionOptions::new(Codec::Zstd).filter(Filter::Shuffle { width: 16 });
    writer.coded_from_with(SectionId::ARRAY_LOST, at, &[&ranges], options).unwrap();
}

/// A head of nearly 64 KiB, of structs within structs.
fn layout(writer: &mut Writer<Vec<u8>>, at: u32) {
    let name = format!("{at}");
    let mut layout = vec![0x21, 0xA8, 1];
    for field in 0..168_u8 {
        // A name that no other field has, and 126 levels.
        layout.extend([2, b'a' + field % 26, b'a' + field / 26]);
        layout.extend([0x21, 1, 0].repeat(126));
        layout.push(1);
    }
    writer.coded_from(SectionId::ARRAY_HEAD, at, &[&head(name.as_bytes(), &layout, 1)]).unwrap();
}
