//! The chapters of the guide, so that every Rust block in them is compiled and run as a documentation test.
//!
//! The guide is an mdBook: `book.toml` and `src` are its sources. Components register themselves by name, and blocks may share
//! one program, so each block names its components differently.
#![forbid(unsafe_code)]

/// Makes each chapter the documentation of an item, and keeps the list of their files.
macro_rules! chapters {
    ($($item:ident = $file:literal,)*) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("src/", $file))]
            struct $item;
        )*

        #[cfg(test)]
        const CHAPTERS: &[(&str, &str)] = &[$(($file, include_str!(concat!("src/", $file)))),*];
    };
}

chapters! {
    QuickStart = "quick-start.md",
    Formats = "formats.md",
    Components = "components.md",
    Versions = "versions.md",
    Choosing = "choosing.md",
    Identity = "identity.md",
    Background = "background.md",
    Deltas = "deltas.md",
    LargeWorlds = "large-worlds.md",
    EntityStores = "entity-stores.md",
    SameWorld = "same-world.md",
    Slots = "slots.md",
    Checkpoints = "checkpoints.md",
    WriteAheadLog = "write-ahead-log.md",
    Snapshots = "snapshots.md",
    Performance = "performance.md",
    Errors = "errors.md",
    Troubleshooting = "troubleshooting.md",
    FromAwSave = "from-aw-save.md",
    FromPecs = "from-pecs.md",
    FromEdgeVec = "from-edgevec.md",
    FromForge = "from-forge.md",
}

#[cfg(test)]
mod tests {
    use super::CHAPTERS;

    const SUMMARY: &str = include_str!("src/SUMMARY.md");

    /// Where the messages are that the troubleshooting chapter quotes.
    const SOURCES: &[&str] = &[
        include_str!("../../crates/checkpoint/src/error.rs"),
        include_str!("../../crates/checkpoint/src/pack/read.rs"),
        include_str!("../../crates/checkpoint/src/store/salvage.rs"),
        include_str!("../../crates/cli/src/error.rs"),
        include_str!("../../crates/compat/src/error.rs"),
        include_str!("../../crates/derive/src/attributes.rs"),
        include_str!("../../crates/derive/src/expand.rs"),
        include_str!("../../crates/derive/src/partial.rs"),
        include_str!("../../crates/ecs-persist/src/error.rs"),
        include_str!("../../crates/ecs-persist/src/json/problem.rs"),
        include_str!("../../crates/format/src/error.rs"),
        include_str!("../../crates/slots/src/error.rs"),
        include_str!("../../crates/storage/src/error.rs"),
        include_str!("../../crates/storage/src/wal.rs"),
        include_str!("../../crates/storage/src/wal/chain.rs"),
        include_str!("../../crates/store/src/error.rs"),
        include_str!("../../crates/value/src/error.rs"),
        include_str!("../../crates/world/src/error.rs"),
    ];

    /// What stands for a part of a message that differs from case to case.
    const GAP: &str = "...";

    #[test]
    fn every_chapter_of_the_summary_is_tested() {
        let listed: Vec<&str> =
            SUMMARY.lines().filter_map(|line| line.split_once("](")?.1.strip_suffix(')')).collect();
        let tested: Vec<&str> = CHAPTERS.iter().map(|(file, _)| *file).collect();
        assert_eq!(listed, tested);
    }

    #[test]
    fn every_block_says_what_it_is() {
        for (file, text) in CHAPTERS {
            let fences = text.lines().filter(|line| line.starts_with("```"));
            for (number, fence) in fences.enumerate().filter(|(number, _)| number % 2 == 0) {
                let known = ["```rust", "```toml", "```sh", "```text"].contains(&fence);
                assert!(known, "{file}: block {} begins with {fence}", number / 2 + 1);
            }
        }
    }

    #[test]
    fn every_quoted_message_is_one_that_exists() {
        let sources: Vec<String> = SOURCES.iter().map(|source| unescaped(source)).collect();
        let chapter = CHAPTERS.iter().find(|(file, _)| *file == "troubleshooting.md");
        let (_, text) = chapter.expect("the chapter is in the list");
        let quoted = text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
        let messages: Vec<&str> = quoted.collect();
        assert!(messages.len() > 30, "only {} messages were found in the chapter", messages.len());
        // A message may be that of one error behind that of another, so its parts may stand in several files.
        let parts = messages.iter().flat_map(|message| message.split(GAP));
        let parts = parts.map(|part| part.trim_start_matches(':').trim()).filter(|part| part.len() > 1);
        let missing: Vec<&str> =
            parts.filter(|part| !sources.iter().any(|source| source.contains(part))).collect();
        assert_eq!(missing, [""; 0], "no error says these");
    }

    /// A source with its string literals as they are shown.
    fn unescaped(source: &str) -> String {
        let mut text = String::new();
        let mut continued = false;
        for line in source.lines() {
            let line = if continued { line.trim_start() } else { line };
            continued = line.ends_with('\\');
            text.push_str(line.strip_suffix('\\').unwrap_or(line));
            if !continued {
                text.push('\n');
            }
        }
        text.replace("\\\"", "\"")
    }
}
