//! What checkpoints cost as deltas: bytes of whole runs of states, and how fast deltas are made and undone.
//!
//! `cargo run --release -p keepstone-checkpoint --example delta_sizes`
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]
#![expect(clippy::cast_precision_loss, reason = "times and speeds are shown with a few digits")]

use std::{error::Error, hint::black_box, time::Instant};

use keepstone_checkpoint::delta::{Delta, DeltaRef, Options, compose, restore};
use keepstone_format::{Codec, Limits};
use keepstone_testkit::Random;

/// What stands beside each checkpoint.
const METADATA_LEN: usize = 40;
const RECORD_LEN: usize = 40;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    run(1)
}

/// Shows everything, for states and runs that are shorter by a factor.
fn run(factor: usize) -> Outcome<()> {
    println!("| states | change of 1 % | record | deltas | each | packed | all, keyframe x1 | all, x4 |");
    for (count, len) in [(1000 / factor, 10_240), (200 / factor, (1 << 20) / factor)] {
        for run_len in [14, 4, 1] {
            for has_record in [false, true] {
                show_sizes(count, len, Change { run_len, has_record })?;
            }
        }
    }
    println!("\n| states | change | between | encode | decode | apply | memcmp | memcpy |");
    for (len, changes) in [(1024, 10), (10_240, 10), (1 << 20, 100), (10 << 20, 100), (10 << 20, 100_000)] {
        show_speed(len / factor, changes / factor, false)?;
        show_speed(len / factor, changes / factor, true)?;
    }
    println!("\n| hard states | between | apply | delta | kind |");
    show_hard(8_000_000 / factor);
    println!("\n| chain | record | restore | floor: keyframe copied, chain read | one by one | composed |");
    for (count, len) in
        [(1000 / factor, 10_240), (200 / factor, (1 << 20) / factor), (1000 / factor, (1 << 20) / factor)]
    {
        show_restore(count, len, false)?;
        show_restore(count, len, true)?;
    }
    Ok(())
}

/// What happens to a state before the next checkpoint.
#[derive(Clone, Copy)]
struct Change {
    run_len: usize,
    has_record: bool,
}

impl Change {
    /// Changes a hundredth of `len` bytes, the length of the first state.
    fn apply(self, random: &mut Random, state: &mut Vec<u8>, len: usize) {
        for _ in 0..(len / 100 / self.run_len).max(1) {
            let at = random.index(state.len() - self.run_len);
            let new = random.bytes(self.run_len);
            state.splice(at..at + self.run_len, new);
        }
        if self.has_record {
            let at = random.index(state.len());
            let record = random.bytes(RECORD_LEN);
            state.splice(at..at, record);
        }
    }
}

/// The states of a run: the first as it is, the others as deltas.
fn chain(count: usize, len: usize, change: Change, mut see: impl FnMut(&[u8], &Delta)) -> Outcome<Vec<u8>> {
    let mut random = Random::new(1);
    let mut state = mixed(len);
    let first = state.clone();
    for _ in 1..count {
        let mut next = state.clone();
        change.apply(&mut random, &mut next, len);
        let delta = Delta::between(&state, &next, &Options::new()).ok_or("a delta pays")?;
        state = next;
        see(&state, &delta);
    }
    Ok(first)
}

fn show_sizes(count: usize, len: usize, change: Change) -> Outcome<()> {
    let mut bytes = Vec::new();
    let (mut plain, mut packed) = (0, 0);
    // Bytes of everything, and of the chain since the last keyframe, for both rules.
    let mut keyframe_len = keyframe(&mixed(len));
    let mut stores = [1, 4].map(|multiple| (multiple, keyframe_len, 0, 1));
    let mut result = Ok(());
    chain(count, len, change, |state, delta| {
        bytes.clear();
        result = delta.encode_into(Codec::None, &mut bytes);
        let delta_len = bytes.len();
        plain += delta_len;
        bytes.clear();
        if delta.encode_into(Codec::Zstd, &mut bytes).is_ok() {
            packed += bytes.len();
        }
        for (multiple, all, since, keyframes) in &mut stores {
            if *since + delta_len > *multiple * keyframe_len {
                keyframe_len = keyframe(state);
                (*all, *since, *keyframes) = (*all + keyframe_len, 0, *keyframes + 1);
            } else {
                (*all, *since) = (*all + delta_len, *since + delta_len);
            }
        }
    })?;
    result?;
    let [single, four] = stores
        .map(|(_, all, _, keyframes)| format!("{} KB with {keyframes}", (all + METADATA_LEN * count) / 1000));
    println!(
        "| {count} x {len} | runs of {} | {} | {plain} | {} | {packed} | {single} | {four} |",
        change.run_len,
        if change.has_record { "+ 40" } else { "" },
        plain / (count - 1).max(1),
    );
    Ok(())
}

fn show_speed(len: usize, changes: usize, has_record: bool) -> Outcome<()> {
    let mut random = Random::new(2);
    let source = mixed(len);
    let mut target = source.clone();
    for _ in 0..changes {
        let at = random.index(len);
        target.splice(at..=at, random.bytes(1));
    }
    if has_record {
        target.splice(len / 3..len / 3, random.bytes(RECORD_LEN));
    }
    let delta = Delta::between(&source, &target, &Options::new()).ok_or("a delta pays")?;
    let mut bytes = Vec::new();
    delta.encode_into(Codec::None, &mut bytes)?;
    let mut out = Vec::new();
    let times = [
        fastest(|| Delta::between(black_box(&source), black_box(&target), &Options::new())),
        fastest(|| {
            out.clear();
            delta.encode_into(Codec::None, black_box(&mut out))
        }),
        fastest(|| DeltaRef::decode(black_box(&bytes), Limits::default()).is_ok()),
        {
            let read = DeltaRef::decode(&bytes, Limits::default())?;
            let mut room = Vec::new();
            fastest(|| read.apply_into(black_box(&source), &mut room))
        },
        fastest(|| black_box(&source) == black_box(&source.as_slice())),
        {
            let mut room = source.clone();
            fastest(|| room.copy_from_slice(black_box(&source)))
        },
    ];
    let times: Vec<String> = times.iter().map(|time| show(*time, len)).collect();
    println!("| {len} | {changes}{} | {} |", if has_record { " + 40" } else { "" }, times.join(" | "));
    Ok(())
}

/// States that are no matter of a few changes.
fn show_hard(len: usize) {
    let mut random = Random::new(4);
    let same = vec![0x42; len];
    let (mut marked, mut longer) = (same.clone(), same.clone());
    marked.iter_mut().step_by(1000).for_each(|byte| *byte = 1);
    longer.splice(len / 2..len / 2, [1, 2, 3]);
    longer.iter_mut().step_by(777).for_each(|byte| *byte = 9);
    let bits: Vec<u8> = random.bytes(len).into_iter().map(|byte| byte & 1).collect();
    let other_bits: Vec<u8> = random.bytes(len + 1).into_iter().map(|byte| byte & 1).collect();
    let noise = mixed(len);
    let mut halves = noise.clone();
    halves.rotate_left(len / 2 + 5);
    let mut denser = noise.clone();
    denser.iter_mut().step_by(2).for_each(|byte| *byte = byte.wrapping_add(1));
    let again = [&noise[..], noise.get(..len / 2).unwrap_or_default()].concat();
    let cases: [(&str, &[u8], &[u8]); 7] = [
        ("one value, marked", &same, &marked),
        ("one value, longer, marked", &marked, &longer),
        ("random bits, others", &bits, &other_bits),
        ("mixed, random bits", &noise, &bits),
        ("mixed, rotated", &noise, &halves),
        ("mixed, every other byte new", &noise, &denser),
        ("mixed, the same and a half", &noise, &again),
    ];
    for (name, source, target) in cases {
        for has_prefix in [false, true] {
            let find = || Delta::between(source, target, &Options::new().prefix(has_prefix));
            let found = find();
            let applied = found.as_ref().map(|delta| show(fastest(|| delta.apply(source)), target.len()));
            let len = found.as_ref().map_or(target.len(), Delta::plain_len);
            let kind = found.map_or("Whole".to_owned(), |delta| format!("{:?}", delta.kind()));
            println!(
                "| {name}{} | {} | {} | {len} | {kind} |",
                if has_prefix { ", zstd" } else { "" },
                show(fastest(find), target.len()),
                applied.unwrap_or_default(),
            );
        }
    }
}

fn show_restore(count: usize, len: usize, has_record: bool) -> Outcome<()> {
    let mut encoded: Vec<Vec<u8>> = Vec::new();
    let mut result = Ok(());
    let first = chain(count, len, Change { run_len: 14, has_record }, |_, delta| {
        let mut bytes = Vec::new();
        result = delta.encode_into(Codec::None, &mut bytes);
        encoded.push(bytes);
    })?;
    result?;
    let decode = || {
        encoded.iter().map(|bytes| DeltaRef::decode(bytes, Limits::default())).collect::<Result<Vec<_>, _>>()
    };
    let chain = decode()?;
    let restored = fastest(|| restore(black_box(&first), &chain));
    let decoding = fastest(decode);
    let mut room = first.clone();
    let floor = fastest(|| {
        room.copy_from_slice(black_box(&first));
        encoded.iter().flatten().fold(0_u64, |sum, byte| sum.wrapping_add(u64::from(*byte)))
    });
    let single = fastest(|| chain.iter().try_fold(first.clone(), |state, delta| delta.apply(&state)));
    let composed = fastest(|| {
        let (mut chain, mut owned) = (chain.iter(), Vec::new());
        owned.extend(chain.by_ref().map(DeltaRef::to_delta));
        while owned.len() > 1 {
            owned = owned
                .chunks(2)
                .filter_map(|pair| match pair {
                    [first, second] => compose(first, second).ok(),
                    pair => pair.first().cloned(),
                })
                .collect();
        }
        owned.first().map(|delta| delta.apply(&first))
    });
    let bytes: usize = encoded.iter().map(Vec::len).sum();
    println!(
        "| {count} of {len}, {bytes} bytes | {} | {:.0} us + {:.0} to decode | {:.0} us | {:.0} us | {:.0} us |",
        if has_record { "+ 40" } else { "" },
        restored / 1000.0,
        decoding / 1000.0,
        floor / 1000.0,
        single / 1000.0,
        composed / 1000.0,
    );
    Ok(())
}

fn show(nanoseconds: f64, len: usize) -> String {
    let speed = len as f64 / nanoseconds;
    if nanoseconds < 10_000.0 {
        format!("{nanoseconds:.0} ns, {speed:.1} GB/s")
    } else {
        format!("{:.0} us, {speed:.1} GB/s", nanoseconds / 1000.0)
    }
}

/// The shortest of several times, in nanoseconds.
fn fastest<T>(mut act: impl FnMut() -> T) -> f64 {
    let begin = Instant::now();
    black_box(act());
    let once = begin.elapsed().as_nanos().max(1);
    // As often as a millisecond allows, and that several times.
    let times = (1_000_000 / once).clamp(1, 10_000);
    let rounds = (200_000_000 / (once * times)).clamp(1, 15);
    let round = |_| {
        let begin = Instant::now();
        (0..times).for_each(|_| drop(black_box(act())));
        begin.elapsed().as_nanos() as f64 / times as f64
    };
    (0..rounds).map(round).fold(f64::MAX, f64::min)
}

/// The bytes of a keyframe.
#[cfg(not(feature = "lz4"))]
fn keyframe(state: &[u8]) -> usize {
    state.len()
}

/// The bytes of a keyframe: as LZ4 makes it, if that is shorter.
#[cfg(feature = "lz4")]
fn keyframe(state: &[u8]) -> usize {
    lz4_flex::block::compress(state).len().min(state.len())
}

/// Random bytes and those of entities in turns.
fn mixed(len: usize) -> Vec<u8> {
    const PIECE_LEN: usize = 256;
    const KINDS: [&str; 4] = ["crate", "human guard", "tree", "wild boar"];
    let mut random = Random::new(3);
    let (mut bytes, mut entities, mut id) = (Vec::new(), Vec::new(), 0_u32);
    while bytes.len() < len {
        bytes.extend(random.bytes(PIECE_LEN));
        while entities.len() < PIECE_LEN {
            let mut number = |is_zero: bool| {
                let [low, high, ..] = random.next_u64().to_le_bytes();
                let number = f32::from(u16::from_le_bytes([low, high])) / 64.0;
                if is_zero { 0.0 } else { number }
            };
            entities.extend(id.to_le_bytes());
            (0..3).for_each(|_| entities.extend((number(false) - 512.0).to_le_bytes()));
            (0..3).for_each(|_| entities.extend(number(!id.is_multiple_of(4)).to_le_bytes()));
            entities.extend(100_i32.to_le_bytes().repeat(2));
            let kind = KINDS.get(random.index(KINDS.len())).copied().unwrap_or_default();
            entities.extend(u8::try_from(kind.len()));
            entities.extend(kind.bytes());
            id += 1;
        }
        bytes.extend(entities.drain(..PIECE_LEN));
    }
    bytes.truncate(len);
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {
        super::run(50).unwrap();
    }
}
