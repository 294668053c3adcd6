//! Saves in a program that is asynchronous: a ticket is a future, whatever the runtime.
//!
//! ```text
//! cargo run -p keepstone-slots --example tokio
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, path::Path};

use keepstone_slots::{Bytes, SaveManager, SaveOptions, SaveRequest};

/// Saves two slots at once, and yields the thread until both are on the disk.
async fn save(manager: &SaveManager) -> Result<(), keepstone_slots::Error> {
    let request = SaveRequest::new().name("awaited");
    let first = manager.save_in_background("ann", 0, Bytes::from(vec![1; 10_000]), request.clone())?;
    let second = manager.save_in_background("ann", 1, Bytes::from(vec![2; 10_000]), request)?;
    let (first, second) = (first.ticket.await?, second.ticket.await?);
    println!("{} and {} are on the disk", first.id(), second.id());
    Ok(())
}

/// Saves on a runtime of one thread, and loads what was saved.
fn run(dir: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let manager = SaveManager::open(dir, SaveOptions::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(save(&manager))?;
    // A load reads the disk: an asynchronous program does it where blocking is allowed.
    let loaded = runtime.block_on(async {
        let load = move || manager.load_latest::<Bytes<'static>>("ann", 1);
        tokio::task::spawn_blocking(load).await
    })??;
    Ok(loaded.value.0.into_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    println!("{} bytes came back", run(dir.path())?.len());
    Ok(())
}

#[test]
fn awaited_saves_are_there() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    assert_eq!(run(dir.path())?, vec![2; 10_000]);
    Ok(())
}
