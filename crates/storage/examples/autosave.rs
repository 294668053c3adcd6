//! Saves a growing state many times over a few files, as a game does every minute, and reads it back.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;

use keepstone_format::{Codec, FileKind, Limits, Metadata, SectionId, WriterOptions};
use keepstone_storage::{
    GenerationOptions, Generations, OsFiles,
    generation::{self, Check},
};

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let dir = temporary.path().join("saves").join("auto");
    let mut world = Vec::new();

    let mut generations = Generations::open(&dir, GenerationOptions::default().keep(2))?;
    for minute in 0..20_u8 {
        world.extend_from_slice(&[minute; 10_000]);
        let mut draft = generations.begin()?;
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None);
        let mut writer = draft.container(options)?;
        writer.coded_from(SectionId::BYTES, 0, &[&world])?;
        let (_, written) = writer.finish(Metadata::new())?;
        // Durable when it returns; until then a crash leaves the save before.
        let committed = draft.commit(written)?;
        let how = if committed.recycled { "written over" } else { "new" };
        println!("{} is generation {}, {how}", committed.path.display(), committed.generation);
    }
    // A save that is given up hurts nothing.
    drop(generations.begin()?);

    for found in generation::list(&OsFiles, &dir)?.generations {
        println!("generation {} has {} bytes", found.generation, found.bytes);
    }
    let loaded = generation::load(&OsFiles, &dir, Limits::default(), Check::Verifies)?;
    for passed_over in &loaded.passed_over {
        println!("passed over: {passed_over}");
    }
    let section = loaded.reader.find(SectionId::BYTES, 0)?;
    println!("the same as saved: {}", *loaded.reader.read(section)? == *world);
    Ok(())
}
