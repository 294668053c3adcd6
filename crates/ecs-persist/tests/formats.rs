//! Formats as plugins: what a manager asks, and in which order.

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use keepstone_ecs_persist::{
    Columnar, Error, PersistenceManager, ReadOptions, WorldDoc, WorldFormat, WriteOptions,
};

use crate::support::small_world;

/// Writes nothing but its first bytes, and remembers whether it was asked to load.
struct Toy {
    name: &'static str,
    loads: u32,
    asked: Arc<AtomicBool>,
}

impl Toy {
    fn new(name: &'static str) -> Self {
        Self { name, loads: 2, asked: Arc::default() }
    }
}

impl WorldFormat for Toy {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> u32 {
        2
    }

    fn can_load_version(&self, version: u32) -> bool {
        version <= self.loads
    }

    fn detect(&self, first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(b"TOY")
    }

    fn version_of(&self, first_bytes: &[u8]) -> Option<u32> {
        first_bytes.get(3).map(|&byte| byte.into())
    }

    fn save(&self, _: &[&WorldDoc<'_>], out: &mut dyn Write, _: &WriteOptions) -> Result<(), Error> {
        out.write_all(b"TOY\x02").map_err(|source| Error::Write { source })
    }

    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>, Error> {
        self.asked.store(true, Ordering::Relaxed);
        assert!(options.read_to_end(input)?.starts_with(b"TOY"), "a format sees the file from its start");
        Ok(WorldDoc { name: "toy".to_owned(), ..WorldDoc::default() })
    }
}

fn assert_send_sync<T: Send + Sync>(_: &T) {}

#[test]
fn a_second_format_of_one_name_is_refused() {
    let mut formats = PersistenceManager::with_default_formats();
    assert_send_sync(&formats);
    let error = formats.register(Columnar).unwrap_err();
    assert!(matches!(error, Error::DuplicateFormat { ref name } if name == "columnar"), "{error}");
    assert_eq!(formats.default_format().unwrap().name(), "columnar");
}

#[test]
fn the_first_registered_is_the_default_until_it_is_removed() {
    let mut formats = PersistenceManager::new();
    assert!(matches!(formats.default_format(), Err(Error::UnknownFormat { .. })));
    formats.register(Toy::new("toy")).unwrap();
    formats.register(Columnar).unwrap();
    assert_eq!(formats.default_format().unwrap().name(), "toy");
    assert_eq!(formats.names().collect::<Vec<_>>(), ["toy", "columnar"]);
    assert!(formats.remove("toy").is_some());
    assert!(formats.remove("toy").is_none());
    assert_eq!(formats.default_format().unwrap().name(), "columnar");
}

#[test]
fn a_replacement_takes_the_place_of_what_it_replaces() {
    let mut formats = PersistenceManager::with_default_formats();
    formats.register(Toy::new("toy")).unwrap();
    let replaced = formats.replace(Toy { loads: 9, ..Toy::new("toy") }).unwrap();
    assert!(!replaced.can_load_version(9));
    assert!(formats.get("toy").unwrap().can_load_version(9));
    assert!(formats.replace(Toy::new("other")).is_none());
}

#[test]
fn the_version_is_asked_for_before_anything_is_loaded() {
    let toy = Toy::new("toy");
    let asked = toy.asked.clone();
    let mut formats = PersistenceManager::with_default_formats();
    formats.register(toy).unwrap();
    let error = formats.load(&mut b"TOY\x03".as_slice(), &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NewerFormat { found: 3, newest: 2, .. }), "{error}");
    assert!(!asked.load(Ordering::Relaxed), "load was called");
    assert_eq!(formats.load(&mut b"TOY\x01".as_slice(), &ReadOptions::default()).unwrap().name, "toy");
    assert!(asked.load(Ordering::Relaxed));
}

#[test]
fn files_are_known_by_their_first_bytes_or_refused() {
    let mut formats = PersistenceManager::with_default_formats();
    formats.register(Toy::new("toy")).unwrap();
    let doc = small_world();
    for name in formats.names().filter(|name| *name != "toy") {
        let mut bytes = Vec::new();
        formats.save(name, &doc, &mut bytes, &WriteOptions::default()).unwrap();
        assert_eq!(formats.detect(&bytes).unwrap().name(), name);
        assert_eq!(formats.load(&mut bytes.as_slice(), &ReadOptions::default()).unwrap(), doc, "{name}");
    }
    for bytes in [b"%PDF-1.7".as_slice(), b""] {
        let error = formats.load(&mut &*bytes, &ReadOptions::default()).unwrap_err();
        assert!(
            matches!(error, Error::UnknownFormat { ref known, .. } if known.contains("columnar")),
            "{error}"
        );
    }
    let error = formats.save("yaml", &doc, &mut Vec::new(), &WriteOptions::default()).unwrap_err();
    assert!(matches!(error, Error::UnknownFormat { ref asked, .. } if asked == "yaml"), "{error}");
}

#[test]
fn one_of_several_worlds_is_chosen_by_name() {
    let names = PersistenceManager::with_default_formats();
    let (mut one, mut two) = (small_world(), WorldDoc::default());
    one.name = "one".to_owned();
    two.name = "two".to_owned();
    for name in names.names() {
        let mut bytes = Vec::new();
        names.get(name).unwrap().save(&[&one, &two], &mut bytes, &WriteOptions::default()).unwrap();
        let load = |options: &ReadOptions<'_>| names.load(&mut bytes.as_slice(), options);
        assert_eq!(load(&ReadOptions::default().world("one")).unwrap(), one, "{name}");
        assert_eq!(load(&ReadOptions::default().world("two")).unwrap(), two, "{name}");
        let error = load(&ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::SeveralWorlds { ref names } if names.len() == 2), "{error}");
        let error = load(&ReadOptions::default().world("three")).unwrap_err();
        assert!(matches!(error, Error::NoWorld { .. }), "{error}");
    }
}

#[test]
fn a_file_longer_than_allowed_is_refused() {
    let mut bytes = Vec::new();
    let formats = PersistenceManager::with_default_formats();
    formats.save_default(&small_world(), &mut bytes, &WriteOptions::default()).unwrap();
    let options = ReadOptions::default().bytes_max(100);
    let error = formats.load(&mut bytes.as_slice(), &options).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 101, allowed: 100, .. }), "{error}");
}
