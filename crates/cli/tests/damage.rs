use crate::support::{demo_file, json_on, on, with_file, world_bytes};

/// Every place that a bit can stand in is one of about two hundred that are tried.
const SAMPLES: usize = 200;

#[test]
fn a_flipped_bit_is_found_wherever_it_is_and_its_offset_said() {
    let bytes = world_bytes();
    let last = bytes.len() - 1;
    let step = bytes.len().div_ceil(SAMPLES);
    let ends = [0, 1, 7, 8, 9, 63, 64, 71, last - 63, last - 8, last];
    for (sample, at) in ends.into_iter().chain((0..bytes.len()).step_by(step)).enumerate() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (sample % 8);
        with_file("flipped.keep", &damaged, |path| {
            let answer = on("verify", path);
            assert_eq!(answer.exit, 1, "byte {at}: {}{}", answer.out, answer.err);
            assert!((answer.out + &answer.err).contains("at byte "), "byte {at}");
        });
    }
}

#[test]
fn two_damaged_columns_are_two_places() {
    let (_, document) = json_on("inspect", &demo_file("demo.keep"));
    let mut bytes = world_bytes();
    let mut offsets = Vec::new();
    for section in document["sections"].as_array().unwrap().iter().filter(|section| section["id"] == "VALUES")
    {
        // Behind the chunk's header of 40 bytes.
        let offset = section["offset"].as_u64().unwrap() + 40;
        bytes[usize::try_from(offset).unwrap()] ^= 0x10;
        offsets.push(offset);
    }
    assert!(offsets.len() > 1);
    with_file("two.keep", &bytes, |path| {
        let (exit, document) = json_on("verify", path);
        assert_eq!(exit, 1);
        let damage = document["damage"].as_array().unwrap();
        let found: Vec<u64> = damage.iter().map(|place| place["offset"].as_u64().unwrap()).collect();
        assert_eq!(found, offsets);
        for place in damage {
            assert_eq!(place["section"], "VALUES");
            assert_ne!(place["expected"], place["found"]);
            assert_eq!(place["expected"].as_str().unwrap().len(), 8);
        }
        let of: Vec<&str> = damage.iter().map(|place| place["component"].as_str().unwrap()).collect();
        assert_eq!(of, ["demo.Clock", "demo.Health", "demo.Name", "demo.Position", "demo.Velocity"]);
        let answer = on("verify", path);
        assert!(answer.out.contains("chunk payload (VALUES of demo.Health): checksum is "), "{}", answer.out);
        assert!(answer.out.contains(&format!("damaged in {} places", offsets.len())), "{}", answer.out);
    });
}

#[test]
fn a_file_cut_short_is_damaged_wherever_it_ends() {
    let bytes = world_bytes();
    let step = bytes.len().div_ceil(60);
    let ends = [0, 1, 7, 8, 63, 64, 143, 144, bytes.len() - 65, bytes.len() - 64, bytes.len() - 1];
    for len in ends.into_iter().chain((0..bytes.len()).step_by(step)) {
        with_file("short.keep", &bytes[..len], |path| {
            for verb in ["verify", "inspect"] {
                assert_eq!(on(verb, path).exit, 1, "{verb} of {len} bytes");
            }
        });
    }
}

#[test]
fn a_file_with_more_behind_it_is_damaged() {
    let mut bytes = world_bytes();
    bytes.push(0);
    with_file("long.keep", &bytes, |path| {
        let (exit, document) = json_on("verify", path);
        assert_eq!((exit, document["damage"][0]["offset"].as_u64()), (1, Some(bytes.len() as u64)));
    });
}
