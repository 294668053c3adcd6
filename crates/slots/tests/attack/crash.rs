use std::sync::Arc;

use keepstone_slots::{Bytes, Durability, Error, Keep, SaveManager, SaveRequest};
use keepstone_storage::Files;
use keepstone_testkit::{SimFiles, Sweep};

use crate::support::{ROOT, bytes, quiet, text};

fn open(disk: &SimFiles) -> Result<SaveManager, Error> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    SaveManager::open(ROOT, quiet(&files).keep(Keep::all(2)))
}

fn small() -> Sweep<'static> {
    Sweep::new().states_max_per_point(24).recoveries_max_per_point(2).states_again_max_per_point(4)
}

#[test]
fn a_buffered_save_that_was_deleted_and_brought_back_is_as_durable_as_was_said() {
    // The flush passed over the file, since it had another name by then, and forgot it.
    let swept = small()
        .run(|disk| {
            let manager = open(disk).unwrap();
            let request = SaveRequest::new().durability(Durability::Buffered);
            let saved = manager.save_with("ann", 0, &bytes(&"one".repeat(400)), &request).unwrap();
            manager.delete(saved.id()).unwrap();
            manager.flush().unwrap();
            manager.undelete(saved.id()).unwrap();
            manager.flush().unwrap();
            disk.acknowledge_as(1);
        })
        .check(|disk, acknowledged| {
            if acknowledged == 0 {
                return Ok(());
            }
            let manager = open(disk).map_err(|err| err.to_string())?;
            let loaded = manager.load_latest::<Bytes<'static>>("ann", 0).map_err(|err| err.to_string())?;
            if text(loaded.value) == "one".repeat(400) { Ok(()) } else { Err("another".to_owned()) }
        });
    println!("{}", swept.unwrap_or_else(|failure| panic!("{failure}")));
}

#[test]
fn buffered_saves_among_durable_ones_cost_none_of_these() {
    let swept = small()
        .run(|disk| {
            let manager = open(disk).unwrap();
            for n in 1..=12_u64 {
                let is_durable = n % 3 == 0;
                let durability = if is_durable { Durability::Durable } else { Durability::Buffered };
                let request = SaveRequest::new().durability(durability);
                let payload = format!("{n} {}", "x".repeat(700));
                manager.save_with("ann", 0, &bytes(&payload), &request).unwrap();
                if is_durable {
                    disk.acknowledge_as(n);
                }
                if n % 4 == 1 {
                    manager.maintain().unwrap();
                }
                if n % 7 == 0 {
                    manager.flush().unwrap();
                    disk.acknowledge_as(n);
                }
            }
        })
        .recover(|disk| {
            let manager = open(disk).map_err(|err| err.to_string())?;
            manager.maintain().map_err(|err| err.to_string())
        })
        .check(|disk, acknowledged| {
            let manager = open(disk).map_err(|err| err.to_string())?;
            match manager.load_latest::<Bytes<'static>>("ann", 0) {
                Ok(loaded) => {
                    let text = text(loaded.value);
                    let tag: u64 = text.split(' ').next().unwrap().parse().unwrap();
                    if tag < acknowledged { Err(format!("{tag} for {acknowledged}")) } else { Ok(()) }
                }
                Err(_) if acknowledged == 0 => Ok(()),
                Err(err) => Err(format!("{acknowledged}: {err}")),
            }
        });
    println!("{}", swept.unwrap_or_else(|failure| panic!("{failure}")));
}
