//! What hostile files cost in memory, as the kernel counted it in a process that read nothing else.

use std::{env, fs, path::Path, process::Command};

use bevy_ecs::{component::Component, world::World};
use keepstone_bevy::Persist;
use keepstone_ecs_persist::{WorldDoc, list_worlds};
use keepstone_format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions, wire};
use keepstone_world::{LoadOptions, SaveOptions, WorldFiles};

const MIB: u64 = 1 << 20;
/// What a reader may take beside three times what it may decode.
const BASE: u64 = 64 * MIB;
/// In a child: the file to read.
const FILE: &str = "KEEPSTONE_MEMORY_FILE";
/// In a child: save a world.
const SAVE: &str = "KEEPSTONE_MEMORY_SAVE";
const SAVE_TEST: &str = "memory::a_save_in_memory_takes_at_most_twice_the_bytes_it_yields";
const TEST: &str = "memory::hostile_files_are_read_within_the_memory_that_limits_promise";
/// As many rows as a small file may have.
const ROWS_MAX: u32 = 1 << 20;

/// Sections of one world: id, instance and payload, which is repeated.
type Sections = Vec<(SectionId, u32, Vec<u8>, usize)>;

#[test]
fn hostile_files_are_read_within_the_memory_that_limits_promise() {
    if !cfg!(target_os = "linux") {
        println!("skipped: there is no /proc to measure with");
        return;
    }
    if let Ok(file) = env::var(FILE) {
        return read_in_every_way(Path::new(&file));
    }
    let mut over = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    for (name, sections) in cases() {
        let path = folder.path().join(name);
        let len = write(&path, &sections);
        let allowed = BASE + 3 * Limits::for_file_len(len).decoded_max;
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(FILE, &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        let errors = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{name}: {}: {said} {errors}", child.status);
        let peak = said.lines().find_map(|line| line.strip_prefix("peak ")?.parse::<u64>().ok()).unwrap();
        println!("{name}: {len} bytes, peak {} MiB of {} MiB", peak / MIB, allowed / MIB);
        if peak > allowed {
            over.push(format!("{name}: {peak} bytes at the peak, {allowed} allowed"));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}

/// A quarter of a KiB, each value its own.
#[derive(Component, Persist, Clone, Copy)]
#[persist(crate = "keepstone_bevy", name = "test.heavy", pod)]
#[repr(C)]
struct Heavy([u64; 32]);

#[test]
fn a_save_in_memory_takes_at_most_twice_the_bytes_it_yields() {
    if !cfg!(target_os = "linux") {
        println!("skipped: there is no /proc to measure with");
        return;
    }
    if let Ok(codec) = env::var(SAVE) {
        return save_in_memory(if codec == "lz4" { Codec::Lz4 } else { Codec::None });
    }
    for codec in ["none", "lz4"] {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", SAVE_TEST, "--nocapture"])
            .env(SAVE, codec)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{codec}: {said} {}", String::from_utf8_lossy(&child.stderr));
        let number = |what: &str| {
            said.lines().find_map(|line| line.strip_prefix(what)?.trim().parse::<u64>().ok()).unwrap()
        };
        let (took, yielded) = (number("took"), number("yielded"));
        println!("{codec}: {} MiB for {} MiB", took / MIB, yielded / MIB);
        assert!(yielded > 64 * MIB && took >= yielded, "{codec}: {took} bytes for {yielded}");
        assert!(took <= 2 * yielded, "{codec}: {took} bytes for {yielded}");
    }
}

#[expect(clippy::print_stdout, reason = "a child answers in text")]
fn save_in_memory(codec: Codec) {
    let mut world = World::new();
    let mut state = 1_u64;
    // Random, so that no codec makes it small.
    world.spawn_batch((0..1 << 18).map(|_| {
        Heavy(std::array::from_fn(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state ^ (state >> 29)
        }))
    }));
    let before = status("VmRSS:");
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, &SaveOptions::default().codec(codec)).unwrap();
    println!("took {}", peak() - before);
    println!("yielded {}", bytes.len());
}

#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a child reads its file and answers in text"
)]
fn read_in_every_way(path: &Path) {
    let bytes = fs::read(path).unwrap();
    if let Ok(reader) = Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64)) {
        reader.verify(&mut |_| ()).unwrap();
        for section in reader.sections() {
            drop(reader.read(section));
        }
        for world in list_worlds(&reader).unwrap_or_default() {
            drop(WorldDoc::decode(&reader, world.world));
        }
    }
    drop(bytes);
    let loaded = World::load_with(path, &LoadOptions::default().strict(false));
    println!("loaded: {}", loaded.map_or_else(|err| err.to_string(), |_| "yes".to_owned()));
    println!("peak {}", peak());
}

fn peak() -> u64 {
    status("VmHWM:")
}

#[expect(clippy::disallowed_methods, reason = "the kernel answers in a file")]
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[expect(clippy::disallowed_methods, reason = "a scratch file for a child process")]
fn write(path: &Path, sections: &Sections) -> u64 {
    let options = WriterOptions::new(FileKind::WORLD).codec(Codec::Lz4);
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for (id, instance, payload, times) in sections {
        writer.coded_from(*id, *instance, &vec![payload.as_slice(); *times]).unwrap();
    }
    let (bytes, _) = writer.finish(Metadata::new()).unwrap();
    fs::write(path, &bytes).unwrap();
    bytes.len() as u64
}

fn cases() -> Vec<(&'static str, Sections)> {
    vec![
        ("zeros that are allowed", plain(15, 16)),
        ("zeros that are not", plain(20, 16)),
        ("two columns that are too much together", {
            let mut sections =
                world(&[component("a", &[0x20, 16, 1]), component("b", &[0x20, 16, 1])], ROWS_MAX, &[0, 1]);
            sections.push((SectionId::VALUES, 0, vec![0; 1 << 20], 256));
            sections.push((SectionId::VALUES, 1, vec![0; 1 << 20], 256));
            sections
        }),
        ("entities without components", world(&[], ROWS_MAX, &[])),
        ("entities that are claimed", world(&[], u32::MAX - 1, &[])),
        ("tables of one row", tables()),
        ("a length a row", lengths(1)),
        ("many lengths a row", lengths(15)),
        ("foreign ids", {
            let mut sections = world(&[], 15 << 20, &[]);
            sections.push((SectionId::FOREIGN_IDS, 0, vec![7; 1 << 20], 240));
            sections
        }),
        ("long shapes", shapes(0)),
        ("long shapes and zeros", shapes(14)),
        ("a layout without end", world(&[component("a", &[0x20, 1].repeat(1 << 20))], 1, &[0])),
    ]
}

/// A world of one table.
fn world(components: &[Vec<u8>], rows: u32, of_table: &[u8]) -> Sections {
    let mut schema = varint(components.len() as u64);
    schema.extend(components.concat());
    let mut tables = vec![0];
    tables.extend(varint(rows.into()));
    tables.push(1);
    tables.extend(varint(rows.into()));
    tables.extend(varint(of_table.len() as u64));
    tables.extend(of_table);
    vec![(SectionId::SCHEMA, 0, schema, 1), (SectionId::TABLES, 0, tables, 1)]
}

fn component(name: &str, layout: &[u8]) -> Vec<u8> {
    [&[u8::try_from(name.len()).unwrap()], name.as_bytes(), &[1, 0, 1], layout].concat()
}

/// Rows of 16 MiB of zeros.
fn plain(rows: u32, mib: usize) -> Sections {
    let layout = [&[0x20][..], &varint(mib as u64 * MIB), &[1]].concat();
    let mut sections = world(&[component("zeros", &layout)], rows, &[0]);
    sections.push((SectionId::VALUES, 0, vec![0; 1 << 20], mib * rows as usize));
    sections
}

/// As many tables as there may be, of a row each, with one of two components or none.
fn tables() -> Sections {
    let mut sections = world(&[component("a", &[0x21, 0]), component("b", &[0x21, 0])], 1, &[]);
    let mut tables = vec![0];
    tables.extend(varint(1 << 20));
    tables.extend(varint(1 << 20));
    for _ in 0..1 << 18 {
        tables.extend([1, 0, 1, 1, 0, 1, 1, 1, 1, 2, 0, 1]);
    }
    sections[1].2 = tables;
    sections
}

/// Columns of rows with a length each, which are all zero but one.
fn lengths(columns: u8) -> Sections {
    let column = |index: u8| vec![1, b'a' + index, 1, 0, 4, 0];
    let of_table: Vec<u8> = (0..columns).collect();
    let components: Vec<_> = of_table.iter().map(|index| column(*index)).collect();
    let mut sections = world(&components, ROWS_MAX, &of_table);
    for index in 0..u32::from(columns) {
        let mut lengths = vec![0; 1 + ROWS_MAX as usize];
        (lengths[0], lengths[1]) = (1, 1);
        sections.push((SectionId::VALUES, index, vec![0], 1));
        sections.push((SectionId::LENGTHS, index, lengths, 1));
    }
    sections
}

/// Columns whose shapes are as long as the schema may be, and `mib` times 16 MiB of zeros in one more.
fn shapes(zeros: u32) -> Sections {
    let tuple = |count: usize| {
        let mut shape = vec![0, 1, 0x23];
        shape.extend(varint(count as u64));
        shape.extend([1, 1].repeat(count));
        shape
    };
    let shape = tuple(65_000);
    let columns = 120_u8;
    let named = |index: u8| {
        let mut column = vec![1, index, 1, 0, 2];
        column.extend(varint(shape.len() as u64));
        column.extend(&shape);
        column
    };
    let mut components: Vec<_> = (0..columns).map(named).collect();
    components.push(component("zeros", &[&[0x20][..], &varint(16 * MIB), &[1]].concat()));
    let mut sections = world(&components, zeros.max(1), &[columns]);
    for index in 0..u32::from(columns) {
        sections.push((SectionId::VALUES, index, Vec::new(), 1));
        sections.push((SectionId::LENGTHS, index, vec![0, 0], 1));
    }
    sections.push((SectionId::VALUES, columns.into(), vec![0; 1 << 20], 16 * zeros.max(1) as usize));
    sections
}

fn varint(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::put_varint(&mut bytes, value);
    bytes
}
