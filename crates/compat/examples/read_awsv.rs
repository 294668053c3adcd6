//! Reads a save that aw-save wrote and prints what is in it.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use keepstone_compat::{Error, awsv};
use keepstone_format::Limits;

fn main() -> Result<(), Error> {
    let bytes = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/awsv/slot05_2026-03-13T08-45-25Z_6ea6b68a-b2e8-41b3-bc0a-09d93acfe4cd.awsv",
    ));
    let file = awsv::File::read(bytes, &Limits::for_file_len(bytes.len() as u64))?;
    let bundle = &file.bundle;

    println!(
        "aw-save version {}, codec {}, {} bytes for {}",
        file.header.version,
        file.header.codec_name().unwrap_or("unknown"),
        bytes.len(),
        file.body_len,
    );
    if let Some(id) = bundle.save_id {
        println!("save {id}");
    }
    println!("slot {} of {}, tick {}", bundle.slot, bundle.player_id, bundle.world.tick);
    for item in &bundle.inventory.items {
        println!("{} x {} {:?}", item.qty, item.kind, item.attrs);
    }
    for warning in &file.warnings {
        println!("warning: {warning}");
    }
    Ok(())
}
