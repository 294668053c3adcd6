//! Reads a world in the format of PECS and prints what is in it.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use keepstone_compat::{Error, pecs};
use keepstone_format::Limits;

fn main() -> Result<(), Error> {
    let bytes = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/pecs/11_format_structs_components.pecs",
    ));
    let file = pecs::File::read(bytes, &Limits::for_file_len(bytes.len() as u64))?;
    let counts = file.counts();
    println!(
        "PECS version {}: {} entities, {} components",
        file.header.version, counts.entities, counts.components
    );
    for one in file.types() {
        let name = one.name.unwrap_or("(not registered)");
        println!("{} {name:?} version {}: {} components", one.type_id, one.version, one.components);
    }
    for warning in &file.warnings {
        println!("warning: {warning}");
    }
    let world = file.to_world();
    println!("as a world: {} tables, {} columns", world.tables.len(), world.columns.len());
    Ok(())
}
