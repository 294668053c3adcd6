//! One chunk through a container: with LZ4 and without, of data that differs in how well it compresses.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use keepstone::format::{Codec, FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions};
use keepstone_benches::{
    columns::Columns,
    mixed::{self, SplitMix},
};

const CHUNK_LEN: usize = 1 << 20;
const CODECS: [(&str, Codec); 2] = [("none", Codec::None), ("lz4", Codec::Lz4)];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let inputs = [
        ("mixed-columns", mixed_columns()),
        ("names", names()),
        ("random", random()),
        ("one-byte-repeated", vec![0x42; CHUNK_LEN]),
    ];
    encode(&mut criterion, &inputs);
    decode(&mut criterion, &inputs);
    criterion.final_summary();
}

fn encode(criterion: &mut Criterion, inputs: &[(&str, Vec<u8>)]) {
    let mut group = criterion.benchmark_group("codec-encode");
    group.throughput(Throughput::Bytes(CHUNK_LEN as u64));
    for (data, chunk) in inputs {
        for (codec_name, codec) in CODECS {
            let mut out = Vec::new();
            group.bench_with_input(BenchmarkId::new(codec_name, data), chunk, |bencher, chunk| {
                bencher.iter(|| {
                    out.clear();
                    container(&mut out, codec, black_box(chunk));
                    out.len()
                });
            });
        }
    }
    group.finish();
}

fn decode(criterion: &mut Criterion, inputs: &[(&str, Vec<u8>)]) {
    let mut group = criterion.benchmark_group("codec-decode");
    group.throughput(Throughput::Bytes(CHUNK_LEN as u64));
    for (data, chunk) in inputs {
        for (codec_name, codec) in CODECS {
            let mut file = Vec::new();
            container(&mut file, codec, chunk);
            let mut out = Vec::new();
            group.bench_with_input(BenchmarkId::new(codec_name, data), &file, |bencher, file| {
                bencher.iter(|| {
                    out.clear();
                    let limits = Limits::for_file_len(file.len() as u64);
                    let reader = Reader::open(black_box(file.as_slice()), limits).expect("just written");
                    let section = reader.find(SectionId::BYTES, 0).expect("just written");
                    reader.read_into(section, &mut out).expect("just written");
                    out.len()
                });
            });
        }
    }
    group.finish();
}

fn container(out: &mut Vec<u8>, codec: Codec, chunk: &[u8]) {
    let options = WriterOptions::new(FileKind::SAVE).codec(codec);
    let mut writer = Writer::new(out, options).expect("a vector takes every byte");
    writer.coded_from(SectionId::BYTES, 0, &[chunk]).expect("a vector takes every byte");
    writer.finish(Metadata::new()).expect("a vector takes every byte");
}

/// The plain columns of the mixed world, one behind the other: all its bytes are as random as numbers in a game get.
fn mixed_columns() -> Vec<u8> {
    let mut bytes = Vec::new();
    Columns::new(mixed::rows(50_000)).copy_and_sum(&mut bytes);
    bytes.truncate(CHUNK_LEN);
    bytes
}

/// Its names, with their lengths.
fn names() -> Vec<u8> {
    let columns = Columns::new(mixed::rows(1_000_000));
    let mut bytes = vec![0; columns.serialized_len_max()];
    columns.serialize(&mut bytes).expect("the buffer is long enough");
    bytes.truncate(CHUNK_LEN);
    bytes
}

fn random() -> Vec<u8> {
    let mut random = SplitMix::new(1);
    (0..CHUNK_LEN / 8).flat_map(|_| random.next_u64().to_le_bytes()).collect()
}
