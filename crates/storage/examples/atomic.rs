//! Replaces a file whole, in one call and in pieces, and shows that an abandoned write changes nothing.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{error::Error, io::Write, path::Path};

use keepstone_storage::{Durability, Files, OsFiles, atomic, read};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("saves").join("world.keep");

    // Content, name and the new directory are on the disk when this returns.
    atomic::replace(&OsFiles, &path, Durability::Durable, b"first")?;
    show(&OsFiles, &path)?;

    let mut writer = atomic::Writer::create(&OsFiles, &path, Durability::Durable)?;
    writer.write_all(b"abandoned")?;
    drop(writer);
    show(&OsFiles, &path)?;

    let mut writer = atomic::Writer::create(&OsFiles, &path, Durability::Durable)?;
    writer.write_all(b"second, ")?;
    writer.write_all(b"in pieces")?;
    let receipt = writer.commit()?;
    println!("committed: {:?}", receipt.durability);
    show(&OsFiles, &path)?;

    let missing = read(&OsFiles, &dir.path().join("nothing"), 1 << 20, &mut Vec::new());
    if let Err(error) = missing {
        println!("{:?}: {error}", error.kind());
    }
    Ok(())
}

fn show(files: &dyn Files, path: &Path) -> Result<(), keepstone_storage::Error> {
    let mut bytes = Vec::new();
    read(files, path, 1 << 20, &mut bytes)?;
    println!("the file holds {:?}", String::from_utf8_lossy(&bytes));
    Ok(())
}
