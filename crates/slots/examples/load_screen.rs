//! What a load screen shows of sixteen slots: names, times, pictures, and which saves are damaged. Without a window: it prints.
//!
//! ```text
//! cargo run -p keepstone-slots --example load_screen
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, path::Path, time::Duration};

use keepstone_slots::{Bytes, EntryState, SaveEntry, SaveManager, SaveOptions, SaveReader, SaveRequest};
use keepstone_storage::{Files as _, OsFiles};

/// A PNG file of one pixel, as a program would make one of its picture.
const PIXEL: &[u8] = &[
    0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 10, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0x60,
    0, 0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    play(dir.path())?;
    // A screen only reads: it works while the game, or another process, has the saves open.
    let saves = SaveReader::open(dir.path())?;
    for line in screen(&saves, "ann")? {
        println!("{line}");
    }
    Ok(())
}

/// What a player has done so far: a few saves by hand, some automatic ones, a quick one, and a file that went bad.
fn play(dir: &Path) -> Result<(), Box<dyn Error>> {
    let game = SaveManager::open(dir, SaveOptions::default().application("ruins", "1.4.0"))?;
    for (slot, place) in ["Beach", "Forest", "Bridge", "Castle"].iter().enumerate() {
        let slot = u8::try_from(slot)?;
        let request = SaveRequest::new()
            .name(format!("Day {}", slot + 1))
            .place(*place)
            .play_time(Duration::from_secs(3000 * (u64::from(slot) + 1)))
            .thumbnail(PIXEL);
        game.save_with("ann", slot, &Bytes::from(vec![slot; 20_000]), &request)?;
    }
    for minute in 0..7_u64 {
        let request = SaveRequest::new()
            .place("Cave")
            .play_time(Duration::from_secs(13_000 + 60 * minute))
            .thumbnail(PIXEL);
        game.autosave("ann", &Bytes::from(vec![7; 30_000]), &request)?;
    }
    let quick = SaveRequest::new().place("Cave").play_time(Duration::from_mins(225));
    game.quicksave("ann", &Bytes::from(vec![8; 30_000]), &quick)?;
    let bridge = game.latest("ann", 2)?.ok_or("there is a save in slot 2")?;
    drop(game);
    // What is in the file is not what was written; the head says so at once.
    let player = keepstone_slots::Player::new("ann")?;
    let path = dir.join(player.dir_name()).join(bridge.file_name());
    let file = OsFiles.open_rw(&path)?;
    file.write_all_at(b"not what was written", 4096 + 80)?;
    OsFiles.remove(&path.with_file_name("index"))?;
    Ok(())
}

/// A line for each slot of the default layout, the one that was played last on top.
fn screen(saves: &SaveReader, player: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let listed = saves.list(player)?;
    let mut lines = Vec::new();
    let mut seen = Vec::new();
    for save in &listed {
        let Some(slot) = save.slot().filter(|slot| !seen.contains(slot)) else { continue };
        seen.push(slot);
        lines.push(line(saves, slot, save)?);
    }
    let layout = keepstone_slots::Layout::default();
    lines.extend(
        layout.slots().iter().filter(|slot| !seen.contains(slot)).map(|slot| format!("{slot:>2}  empty")),
    );
    Ok(lines)
}

fn line(saves: &SaveReader, slot: u8, save: &SaveEntry) -> Result<String, Box<dyn Error>> {
    if let EntryState::Damaged { reason } = save.state() {
        return Ok(format!("{slot:>2}  DAMAGED, an earlier save of this slot will be loaded: {reason}"));
    }
    let picture = match saves.thumbnail(save)? {
        Some(png) => format!("{} bytes", png.len()),
        None => "none".to_owned(),
    };
    let played = save.play_time().unwrap_or_default().as_secs();
    let (hours, minutes) = (played / 3600, played % 3600 / 60);
    let kind = save.kind().map_or("?", |kind| kind.name());
    let (name, place) = (save.name().unwrap_or("-"), save.place().unwrap_or("-"));
    Ok(format!(
        "{slot:>2}  {kind:<10}  {name:<6}  {place:<7}  {hours:>2}:{minutes:02}  {:>6} B  picture {picture}",
        save.bytes()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_has_sixteen_lines_the_newest_first_and_marks_what_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        play(dir.path()).unwrap();
        let lines = screen(&SaveReader::open(dir.path()).unwrap(), "ann").unwrap();
        assert_eq!(lines.len(), 16);
        assert!(lines[0].contains("quick") && lines[0].contains("3:45"), "{}", lines[0]);
        assert!(lines[1].starts_with("11  auto"), "{}", lines[1]);
        assert_eq!(lines.iter().filter(|line| line.contains("DAMAGED")).count(), 1);
        assert_eq!(lines.iter().filter(|line| line.contains("picture 67 bytes")).count(), 8);
        assert_eq!(lines.iter().filter(|line| line.ends_with("empty")).count(), 6);
    }
}
