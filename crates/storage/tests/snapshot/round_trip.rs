use std::{fmt::Debug, num::NonZeroUsize};

use keepstone_format::{Codec, Filter, SectionOptions, plain::Plain};
use keepstone_storage::{Buffer, Snapshot, snapshot::Options, snapshot::Writer};

use super::{MIB, disk, open_bytes, path, words, written};

/// Writes values raw and with every codec, whole and in odd cuts, and views, reads and views parts of them.
fn check<T: Plain + PartialEq + Debug>(width: u32, values: &[T]) {
    let codecs = [Codec::None, Codec::Lz4, Codec::Zstd];
    assert!(codecs.iter().all(|codec| codec.is_built()), "the tests are built with all codecs");
    let filter = Filter::Shuffle { width: u8::try_from(size_of::<T>().clamp(2, 255)).unwrap() };
    let ways: Vec<_> = codecs
        .iter()
        .flat_map(|&codec| [SectionOptions::new(codec), SectionOptions::new(codec).filter(filter)])
        .collect();
    let bytes = written(|writer| {
        writer.rows("whole", width, values).unwrap();
        stream(writer, width, values, None);
        for (at, way) in ways.iter().enumerate() {
            stream(writer, width, values, Some((at, *way)));
        }
    });
    for threads in [1, 3] {
        let files = disk(&bytes);
        let options = Options::default().files(&*files).threads(NonZeroUsize::new(threads).unwrap());
        let snapshot = Snapshot::open_with(path(), options).unwrap();
        assert_eq!(snapshot.arrays().len(), 2 + ways.len());
        for array in snapshot.arrays() {
            let name = array.name();
            let rows = values.len() as u64 / u64::from(width);
            assert_eq!((array.rows(), array.width(), array.lost_rows()), (rows, width, vec![]), "{name}");
            assert_eq!(array.is_raw(), ["whole", "cut"].contains(&name));
            assert!(array.view::<T>().unwrap() == values, "{name}");
            assert!(array.view_repaired::<T>().unwrap() == values, "{name}");
            assert!(array.read::<T>().unwrap() == values, "{name}");
            let wide = usize::try_from(width).unwrap();
            for (start, end) in [(0, 0), (0, rows), (rows / 3, rows / 2), (rows, rows)] {
                let part = array.view_rows::<T>(start..end).unwrap();
                let range = usize::try_from(start).unwrap() * wide..usize::try_from(end).unwrap() * wide;
                assert!(part == &values[range], "{name}: rows {start}..{end}");
                assert_eq!(part.as_ptr().align_offset(align_of::<T>()), 0);
            }
        }
    }
}

fn stream<T: Plain>(
    writer: &mut Writer<'_>,
    width: u32,
    values: &[T],
    coded: Option<(usize, SectionOptions)>,
) {
    let rows = values.len() as u64 / u64::from(width);
    let mut array = match coded {
        None => writer.stream::<T>("cut", width, rows).unwrap(),
        Some((at, way)) => writer.stream_compressed::<T>(&format!("coded {at}"), width, way).unwrap(),
    };
    let (mut rest, mut cut) = (values, 0);
    while !rest.is_empty() {
        // Cuts that fit neither rows nor pieces.
        let (part, behind) = rest.split_at(cut.min(rest.len()));
        array.append(part).unwrap();
        (rest, cut) = (behind, cut * 3 + 1);
    }
    array.finish().unwrap();
}

#[test]
fn every_kind_of_number_comes_back() {
    let words = words(1, 240);
    check::<u8>(1, &words.iter().map(|word| word.to_le_bytes()[3]).collect::<Vec<_>>());
    check::<i16>(
        3,
        &words.iter().map(|word| i16::from_le_bytes([word.to_le_bytes()[1], 7])).collect::<Vec<_>>(),
    );
    check::<u32>(5, &words.iter().map(|word| u32::try_from(word >> 32).unwrap()).collect::<Vec<_>>());
    check::<u64>(1, &words);
    check::<u128>(2, &words.iter().map(|word| u128::from(*word) << 50).collect::<Vec<_>>());
    check::<f64>(4, &words.iter().map(|word| f64::from_bits(word >> 2)).collect::<Vec<_>>());
    let floats: Vec<f32> =
        words.iter().map(|word| f32::from(u16::try_from(word >> 48).unwrap()) / 8.0).collect();
    check::<f32>(1, &floats);
    check::<f32>(240, &floats);
    let (threes, _) = floats.as_chunks::<3>();
    check::<[f32; 3]>(1, threes);
    check::<[f32; 3]>(2, threes);
    let (nested, _) = floats.as_chunks::<2>();
    check::<[[f32; 2]; 5]>(1, nested.as_chunks::<5>().0);
}

#[test]
fn arrays_without_rows_come_back() {
    check::<u8>(1, &[]);
    check::<f64>(7, &[]);
    check::<u128>(1, &[]);
    check::<[f32; 3]>(1, &[]);
}

#[test]
fn arrays_longer_than_a_piece_come_back() {
    check::<u64>(1, &words(2, 3 * MIB / 8 + 5));
    // Rows that end in no piece where the piece does.
    check::<u8>(7, &words(3, 7 * 24_000).iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
}

#[test]
fn a_row_may_be_viewed_as_an_array_of_its_values() {
    let values: Vec<f32> = (0..12_u8).map(f32::from).collect();
    let bytes = written(|writer| writer.rows("v", 4, &values).unwrap());
    let snapshot = open_bytes(&bytes).unwrap();
    let rows: &[[f32; 4]] = snapshot.view("v").unwrap();
    assert_eq!(rows.as_flattened(), values);
    assert_eq!(snapshot.array("v").unwrap().view_rows::<[f32; 4]>(1..2).unwrap(), [[4.0, 5.0, 6.0, 7.0]]);
    assert_eq!(snapshot.array("v").unwrap().view_rows::<f32>(1..2).unwrap(), [4.0, 5.0, 6.0, 7.0]);
    assert_eq!(snapshot.array("v").unwrap().read::<[f32; 4]>().unwrap(), rows);
}

#[test]
fn a_hundred_arrays_are_found_by_name_and_listed_in_order() {
    let name = |at: usize| format!("array {at} \u{fc}");
    let bytes = written(|writer| {
        for at in 0..100 {
            writer.array(&name(at), &words(at as u64, at)).unwrap();
        }
    });
    let snapshot = open_bytes(&bytes).unwrap();
    assert!((0..100).rev().all(|at| snapshot.view::<u64>(&name(at)).unwrap() == words(at as u64, at)));
    let names: Vec<_> = snapshot.arrays().map(|array| array.name().to_owned()).collect();
    assert_eq!(names, (0..100).map(name).collect::<Vec<_>>());
}

#[test]
fn a_snapshot_without_arrays_is_one() {
    let snapshot = open_bytes(&written(|_| ())).unwrap();
    assert_eq!(snapshot.arrays().len(), 0);
}

#[test]
fn memory_that_is_used_again_shows_nothing_of_what_was_in_it() {
    let long = written(|writer| writer.array("a", &vec![0xAA_u8; 3 * MIB]).unwrap());
    let short = written(|writer| {
        writer.array("b", &[1_u8; 3]).unwrap();
        writer.array("none", &[0_u64; 0]).unwrap();
    });
    let mut buffer = Buffer::new();
    let mut at = None;
    for bytes in [&long, &short, &long, &short] {
        let files = disk(bytes);
        let snapshot = Snapshot::open_into(path(), buffer, Options::default().files(&*files)).unwrap();
        if bytes.len() == short.len() {
            assert_eq!(snapshot.view::<u8>("b").unwrap(), [1; 3]);
            assert_eq!(snapshot.view::<u64>("none").unwrap(), [0; 0]);
            assert_eq!(snapshot.view::<u8>("a").unwrap_err().kind(), keepstone_format::Kind::NotFound);
        } else {
            assert!(snapshot.view::<u8>("a").unwrap().iter().all(|byte| *byte == 0xAA));
        }
        buffer = snapshot.into_buffer().unwrap();
        assert_eq!(buffer.bytes(), *bytes, "the memory is the file, to its end");
        assert!(at.replace(buffer.bytes().as_ptr()).is_none_or(|at| at == buffer.bytes().as_ptr()));
    }
}

#[test]
fn memory_comes_back_from_the_last_handle_alone() {
    let bytes = written(|writer| writer.array("a", &[1_u8]).unwrap());
    let snapshot = open_bytes(&bytes).unwrap();
    let clone = snapshot.clone();
    assert!(clone.into_buffer().is_none());
    assert_eq!(snapshot.into_buffer().unwrap().bytes(), bytes);
}
