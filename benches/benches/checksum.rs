//! Checksums, and what reading and writing through one costs beside a plain copy.

use std::{
    hint::black_box,
    io::{Read, Write},
};

use criterion::{BenchmarkId, Criterion, Throughput};
use keepstone::format::{CrcReader, CrcWriter, crc32, crc64};
use keepstone_benches::mixed::SplitMix;

const SIZES: [(&str, usize); 3] = [("4KiB", 4 << 10), ("64KiB", 64 << 10), ("1MiB", 1 << 20)];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    sums(&mut criterion);
    streams(&mut criterion);
    criterion.final_summary();
}

fn sums(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checksum");
    for (size, len) in SIZES {
        let bytes = random(len);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_with_input(BenchmarkId::new("crc32", size), &bytes, |bencher, bytes| {
            bencher.iter(|| crc32(black_box(bytes)));
        });
        group.bench_with_input(BenchmarkId::new("crc64", size), &bytes, |bencher, bytes| {
            bencher.iter(|| crc64(black_box(bytes)));
        });
    }
    group.finish();
}

fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checksum-stream");
    for (size, len) in SIZES {
        let bytes = random(len);
        let mut out = vec![0; len];
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_with_input(BenchmarkId::new("plain-copy", size), &bytes, |bencher, bytes| {
            bencher.iter(|| out.copy_from_slice(black_box(bytes)));
        });
        group.bench_with_input(BenchmarkId::new("crc-reader", size), &bytes, |bencher, bytes| {
            bencher.iter(|| {
                let mut reader = CrcReader::new(black_box(bytes.as_slice()));
                reader.read_exact(&mut out).expect("source and buffer have one length");
                reader.crc()
            });
        });
        group.bench_with_input(BenchmarkId::new("crc-writer", size), &bytes, |bencher, bytes| {
            bencher.iter(|| {
                let mut writer = CrcWriter::new(out.as_mut_slice());
                writer.write_all(black_box(bytes)).expect("source and buffer have one length");
                writer.crc()
            });
        });
    }
    group.finish();
}

fn random(len: usize) -> Vec<u8> {
    let mut random = SplitMix::new(1);
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| random.next_u64().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}
