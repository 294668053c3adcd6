//! Parts of objects.

use std::ops::Range;

use crate::{
    check::{Bench, Checked},
    tap::part,
};

checks![
    a_range_gives_the_bytes_between_its_ends,
    a_range_past_the_end_gives_what_is_there,
    a_range_behind_the_end_gives_nothing,
    an_empty_range_gives_nothing,
    a_range_whose_end_is_before_its_beginning_gives_nothing,
    a_range_of_an_object_without_bytes_gives_nothing,
    a_range_of_what_is_not_there_is_none,
    ranges_of_a_long_object_are_those_of_its_bytes,
];

fn each(bench: &Bench<'_>, bytes: &[u8], ranges: &[Range<u64>]) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    backend.put_if_absent("packs/a", bytes)?;
    for range in ranges {
        let found = backend.get_range("packs/a", range.clone())?;
        same!(found, Some(part(bytes, range)), "bytes {range:?} of {}", bytes.len());
    }
    Ok(())
}

fn a_range_gives_the_bytes_between_its_ends(bench: &Bench<'_>) -> Checked {
    let ranges: Vec<_> = (0..=10).flat_map(|from| (from..=10).map(move |to| from..to)).collect();
    each(bench, b"0123456789", &ranges)
}

fn a_range_past_the_end_gives_what_is_there(bench: &Bench<'_>) -> Checked {
    // No memory is taken for what is not there.
    each(bench, b"0123456789", &[0..11, 9..11, 5..1 << 40, 0..u64::MAX, 9..u64::MAX])
}

fn a_range_behind_the_end_gives_nothing(bench: &Bench<'_>) -> Checked {
    each(bench, b"0123456789", &[10..11, 10..12, 11..20, 1 << 40..1 << 41, u64::MAX - 1..u64::MAX])
}

fn an_empty_range_gives_nothing(bench: &Bench<'_>) -> Checked {
    each(bench, b"0123456789", &[0..0, 5..5, 10..10, 11..11, u64::MAX..u64::MAX])
}

#[expect(clippy::reversed_empty_ranges, reason = "what a damaged place may ask for")]
fn a_range_whose_end_is_before_its_beginning_gives_nothing(bench: &Bench<'_>) -> Checked {
    each(bench, b"0123456789", &[6..3, 10..0, u64::MAX..0])
}

fn a_range_of_an_object_without_bytes_gives_nothing(bench: &Bench<'_>) -> Checked {
    each(bench, b"", &[0..0, 0..1, 1..2, 0..u64::MAX])
}

fn a_range_of_what_is_not_there_is_none(bench: &Bench<'_>) -> Checked {
    let ground = bench.ground()?;
    let backend = ground.open()?;
    backend.put_if_absent("packs/b", b"x")?;
    for range in [0..0, 0..1, 5..u64::MAX] {
        same!(backend.get_range("packs/a", range.clone())?, None, "bytes {range:?} of what is not there");
    }
    Ok(())
}

fn ranges_of_a_long_object_are_those_of_its_bytes(bench: &Bench<'_>) -> Checked {
    let mut random = bench.random();
    let bytes = random.bytes(200_000);
    let mut ranges = Vec::new();
    for _ in 0..50 {
        let from = random.below(210_000);
        ranges.push(from..from + random.below(70_000));
    }
    each(bench, &bytes, &ranges)
}
