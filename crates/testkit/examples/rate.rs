//! How many distinct disk states a sweep goes through in a second: `cargo run --release --example rate`.
#![expect(clippy::print_stdout, reason = "an example that reports")]
#![expect(clippy::cast_possible_truncation, reason = "small numbers")]
#![expect(clippy::unwrap_used, reason = "an example stops where something is wrong")]

use std::path::Path;

use keepstone_storage::{Durability, Error, Files, atomic, read};
use keepstone_testkit::{Failure, SimFiles, Sweep, Swept};

const SAVES: u64 = 5_000;

fn main() -> Result<(), Failure> {
    println!("power cuts        {}", sweep(SAVES, false)?);
    println!("and recoveries    {}", sweep(SAVES / 10, true)?);
    println!("a log             {}", log(400)?);
    Ok(())
}

const RECORD_LEN: u64 = 100;

/// Appends records to a file of 1 MiB that was filled with zeros, and syncs every fourth; a recovery
/// seeks the first record that is missing, writes it and syncs.
fn log(records: u64) -> Result<Swept, Failure> {
    let path = Path::new("log");
    let append = move |disk: &dyn Files, number: u64| -> Result<(), Error> {
        let file = disk.open_rw(path)?;
        file.write_all_at(&[1 + (number % 251) as u8; RECORD_LEN as usize], number * RECORD_LEN)?;
        if number % 4 == 3 { file.sync_data() } else { Ok(()) }
    };
    let end = move |disk: &dyn Files, from: u64| -> Result<u64, Error> {
        let file = disk.open(path)?;
        let mut record = [0; RECORD_LEN as usize];
        let mut number = from;
        loop {
            file.read_full_at(&mut record, number * RECORD_LEN)?;
            if record != [1 + (number % 251) as u8; RECORD_LEN as usize] {
                return Ok(number);
            }
            number += 1;
        }
    };
    Sweep::new()
        .setup(|disk| {
            let file = disk.create_new(path).unwrap();
            (0..16).for_each(|at| file.write_all_at(&vec![0; 1 << 16], at << 16).unwrap());
        })
        .run(|disk| {
            for number in 0..records {
                append(disk, number).unwrap();
                if number % 4 == 3 {
                    disk.acknowledge_as(number + 1);
                }
            }
        })
        .recover(|disk| {
            let from = end(disk, disk.acknowledged()).map_err(|e| e.to_string())?;
            append(disk, from).map_err(|e| e.to_string())
        })
        .check(|disk, acknowledged| match acknowledged.checked_sub(1) {
            None => Ok(()),
            Some(last) => match end(disk, last) {
                Ok(end) if end >= acknowledged => Ok(()),
                other => Err(format!("{other:?}")),
            },
        })
}

/// Replaces a file of 512 bytes again and again; the content begins with the number of the save.
fn sweep(saves: u64, recovers: bool) -> Result<Swept, Failure> {
    let path = Path::new("a.keep");
    let replace = |disk: &dyn Files, number: u64| {
        let mut content = [7; 512];
        content[..8].copy_from_slice(&number.to_le_bytes());
        atomic::replace(disk, path, Durability::Durable, &content)
    };
    let mut sweep = Sweep::new().run(move |disk| {
        for number in 1..=saves {
            replace(disk, number).unwrap();
            disk.acknowledge_as(number);
        }
    });
    if recovers {
        sweep = sweep.recover(move |disk: &SimFiles| {
            atomic::clean(disk, Path::new("")).map_err(|e| e.to_string())?;
            let number = disk.acknowledged() + 1;
            replace(disk, number).map_err(|e| e.to_string())?;
            disk.acknowledge_as(number);
            Ok(())
        });
    }
    let mut found = Vec::new();
    sweep.check(|disk, acknowledged| {
        found.clear();
        let number = match read(disk, path, 512, &mut found) {
            Ok(()) => found.first_chunk().map_or(0, |number| u64::from_le_bytes(*number)),
            Err(_) => 0,
        };
        let good = number == acknowledged || number == acknowledged + 1;
        if good { Ok(()) } else { Err(format!("found {number}")) }
    })
}
