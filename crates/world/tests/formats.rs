//! Worlds in other formats than the container.

use std::{
    io::{Read, Write},
    sync::Arc,
};

use bevy_ecs::prelude::*;
use keepstone_bevy::Registry;
use keepstone_ecs_persist::{
    Columnar, Error as WorldError, Json, PersistenceManager, ReadOptions, WorldDoc, WorldFormat, WriteOptions,
};
use keepstone_storage::{Durability, Files, MemFiles, atomic};
use keepstone_testkit::CountingFiles;
use keepstone_world::{Codec, Error, Kind, LoadOptions, SaveOptions, WorldFiles, WorldMeta, save_worlds};

use crate::support::{PATH, Rot, Tapped, number, world};

/// The container behind three letters and a version.
struct Toy(u8);

impl WorldFormat for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn version(&self) -> u32 {
        self.0.into()
    }

    fn detect(&self, first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(b"TOY")
    }

    fn version_of(&self, first_bytes: &[u8]) -> Option<u32> {
        first_bytes.get(3).map(|&byte| byte.into())
    }

    fn save(
        &self,
        worlds: &[&WorldDoc<'_>],
        out: &mut dyn Write,
        options: &WriteOptions,
    ) -> Result<(), WorldError> {
        out.write_all(&[b'T', b'O', b'Y', self.0]).map_err(|source| WorldError::Write { source })?;
        Columnar.save(worlds, out, options)
    }

    fn load(&self, input: &mut dyn Read, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>, WorldError> {
        input.read_exact(&mut [0; 4]).map_err(|source| WorldError::Read { source })?;
        Columnar.load(input, options)
    }
}

fn with_toy(version: u8) -> PersistenceManager {
    let mut formats = PersistenceManager::with_default_formats();
    formats.register(Toy(version)).unwrap();
    formats
}

type Save = SaveOptions<'static, Registry>;
type Load = LoadOptions<'static, Registry>;

fn to(files: &Arc<MemFiles>) -> Save {
    SaveOptions::default().files(files.clone()).codec(Codec::None)
}

fn from(files: &Arc<MemFiles>) -> Load {
    LoadOptions::default().files(files.clone())
}

fn loaded(options: &Load) -> Result<Option<u64>, Error> {
    World::load_with(PATH, options).map(|(mut world, _)| number(&mut world))
}

#[test]
fn every_format_keeps_the_world_and_what_the_application_says_of_it() {
    let mut meta = WorldMeta::default();
    meta.name = Some("before the bridge".into());
    meta.created_at_ns = Some(-7);
    meta.application = Some("game".into());
    meta.application_version = Some("2.1".into());
    meta.world_version = Some(3);
    meta.tick = Some(u64::MAX);
    meta.custom.insert("seed".into(), vec![0, 255]);
    let formats = with_toy(1);
    for name in ["columnar", "json", "toy"] {
        let files = Arc::new(MemFiles::new());
        let options = to(&files).meta(meta.clone()).format_named(&formats, name).unwrap();
        let saved = world(4).save_with(PATH, &options).unwrap();
        assert_eq!((saved.encoded.entities, saved.encoded.values), (2, 3), "{name}");
        assert_eq!(saved.durability, Some(Durability::Durable));
        let (mut world, report) = World::load_with(PATH, &from(&files).formats(with_toy(1))).unwrap();
        assert_eq!(number(&mut world), Some(4), "{name}");
        assert_eq!(report.meta, meta, "{name}");
        assert_eq!(report.bytes, saved.encoded.bytes_total, "{name}");

        let mut bytes = Vec::new();
        world.save_to_with(&mut bytes, &options).unwrap();
        let (mut again, report) =
            World::load_from_with(&mut bytes.as_slice(), &Load::default().formats(with_toy(1))).unwrap();
        assert_eq!((number(&mut again), report.meta), (Some(4), meta.clone()), "{name}");
        let known = Load::default().formats(with_toy(1));
        let (mut again, report) = World::load_bytes_with(&bytes, &known).unwrap();
        assert_eq!((number(&mut again), report.meta), (Some(4), meta.clone()), "{name}");
        let cut = World::load_bytes_with(&bytes[..bytes.len() / 2], &known).map(drop).unwrap_err();
        assert_eq!(cut.kind(), Kind::Damaged, "{name}: {cut}");
        let few = known.bytes_max(bytes.len() as u64 - 1);
        let long = World::load_bytes_with(&bytes, &few).map(drop).unwrap_err();
        assert!(matches!(long, Error::TooLong { .. }), "{name}: {long}");
    }
}

#[test]
fn json_is_found_by_its_first_bytes_and_has_its_own_calls() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("game.json");
    world(6).save_json(&path).unwrap();
    assert_eq!(number(&mut World::load(&path).unwrap()), Some(6));
    assert_eq!(number(&mut World::load_json(&path).unwrap()), Some(6));
    world(7).save_with(&path, &SaveOptions::default().codec(Codec::None)).unwrap();
    let error = World::load_json(&path).map(drop).unwrap_err();
    assert!(matches!(error, Error::File { source: WorldError::Json { .. }, .. }), "{error:?}");
}

#[test]
fn a_format_that_was_not_added_is_refused_before_the_file_is_read() {
    let files = Arc::new(MemFiles::new());
    let mut large = world(1);
    large.spawn(crate::support::Title("again ".repeat(100_000)));
    large.save_with(PATH, &to(&files).format(Toy(1))).unwrap();
    let counting = Arc::new(CountingFiles::over(files.clone()));
    let before = counting.counts().reads;
    let error = loaded(&LoadOptions::default().files(counting.clone())).unwrap_err();
    assert!(matches!(&error, Error::Unrecognised { what, .. } if **what == *PATH), "{error:?}");
    assert_eq!((error.kind(), counting.counts().reads), (Kind::Damaged, before + 1));
    // And one that is known, but is over the limit of its reader.
    let options = LoadOptions::default().files(counting.clone()).formats(with_toy(1)).bytes_max(100_000);
    assert_eq!(loaded(&options).unwrap_err().kind(), Kind::Limit);
    assert_eq!(counting.counts().reads, before + 2);
}

#[test]
fn a_later_version_of_a_format_is_newer() {
    let files = Arc::new(MemFiles::new());
    world(1).save_with(PATH, &to(&files).format(Toy(9))).unwrap();
    let error = loaded(&from(&files).formats(with_toy(1))).unwrap_err();
    assert_eq!(error.kind(), Kind::Newer, "{error}");
    assert_eq!(loaded(&from(&files).formats(with_toy(9))).unwrap(), Some(1));
}

#[test]
fn a_format_can_be_asked_for_by_name() {
    let files = Arc::new(MemFiles::new());
    world(1).save_with(PATH, &to(&files).format(Toy(1))).unwrap();
    let named = |name: &str| loaded(&from(&files).formats(with_toy(1)).format_named(name));
    assert_eq!(named("toy").unwrap(), Some(1));
    assert_eq!(named("columnar").unwrap_err().kind(), Kind::Damaged);
    assert_eq!(named("yot").unwrap_err().kind(), Kind::Misuse);
    let error = Save::default().format_named(&with_toy(1), "yot").unwrap_err();
    assert!(error.to_string().contains("columnar, json, toy"), "{error}");
}

/// The container under its own name, which counts as another format.
struct Instead;

impl WorldFormat for Instead {
    fn name(&self) -> &'static str {
        "columnar"
    }

    fn version(&self) -> u32 {
        Columnar.version()
    }

    fn detect(&self, first_bytes: &[u8]) -> bool {
        Columnar.detect(first_bytes)
    }

    fn version_of(&self, _: &[u8]) -> Option<u32> {
        None
    }

    fn save(
        &self,
        _: &[&WorldDoc<'_>],
        out: &mut dyn Write,
        options: &WriteOptions,
    ) -> Result<(), WorldError> {
        Columnar.save(&[], out, options)
    }

    fn load(&self, _: &mut dyn Read, _: &ReadOptions<'_>) -> Result<WorldDoc<'static>, WorldError> {
        Ok(WorldDoc::default())
    }
}

#[test]
fn a_format_in_the_place_of_the_container_is_asked() {
    let files = Arc::new(MemFiles::new());
    world(1).save_with(PATH, &to(&files)).unwrap();
    let mut formats = PersistenceManager::with_default_formats();
    formats.replace(Instead).unwrap();
    let (_, report) = World::load_with(PATH, &from(&files).formats(formats)).unwrap();
    assert_eq!(report.spawned.entities, []);
}

#[test]
fn several_worlds_are_told_apart_in_every_format() {
    let (town, cave) = (world(10), world(20));
    for name in ["columnar", "json"] {
        let files = Arc::new(MemFiles::new());
        let options = to(&files).format_named(&with_toy(1), name).unwrap();
        save_worlds(&[("town", &town), ("cave", &cave)], PATH, &options).unwrap();
        assert_eq!(loaded(&from(&files).world("cave")).unwrap(), Some(20), "{name}");
        let error = loaded(&from(&files)).unwrap_err();
        assert!(matches!(error, Error::SeveralWorlds { ref names } if *names == ["town", "cave"]), "{error}");
        assert_eq!(loaded(&from(&files).world("moon")).unwrap_err().kind(), Kind::NotFound, "{name}");
    }
}

#[test]
fn reading_back_finds_a_changed_byte_in_every_format() {
    for name in ["columnar", "json", "toy"] {
        let files: Arc<dyn Files> = Arc::new(Tapped::new(Arc::new(MemFiles::new()), Rot));
        let options = SaveOptions::default().files(files).codec(Codec::None).read_back(true);
        let options = options.format_named(&with_toy(1), name).unwrap();
        let error = world(1).save_with(PATH, &options).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged, "{name}: {error}");
        let files = Arc::new(MemFiles::new());
        let options = to(&files).read_back(true).format_named(&with_toy(1), name).unwrap();
        world(1).save_with(PATH, &options).unwrap();
    }
}

struct Refuses;
impl WorldFormat for Refuses {
    fn name(&self) -> &'static str {
        "refuses"
    }
    fn version(&self) -> u32 {
        1
    }
    fn detect(&self, _: &[u8]) -> bool {
        false
    }
    fn version_of(&self, _: &[u8]) -> Option<u32> {
        None
    }
    fn save(&self, _: &[&WorldDoc<'_>], out: &mut dyn Write, _: &WriteOptions) -> Result<(), WorldError> {
        out.write_all(b"half").map_err(|source| WorldError::Write { source })?;
        Err(WorldError::Custom { format: "refuses".into(), kind: Kind::Damaged, source: "no".into() })
    }
    fn load(&self, _: &mut dyn Read, _: &ReadOptions<'_>) -> Result<WorldDoc<'static>, WorldError> {
        Ok(WorldDoc::default())
    }
}

#[test]
fn a_save_that_fails_in_its_format_leaves_the_previous_file() {
    let files = Arc::new(MemFiles::new());
    world(1).save_with(PATH, &to(&files)).unwrap();
    let error = world(2).save_with(PATH, &to(&files).format(Refuses)).unwrap_err();
    assert!(error.to_string().contains("refuses"), "{error}");
    assert_eq!(loaded(&from(&files)).unwrap(), Some(1));
}

#[test]
fn an_empty_file_and_text_are_no_worlds() {
    for content in [&b""[..], b"K", b"hello"] {
        let files = Arc::new(MemFiles::new());
        atomic::replace(&*files, PATH.as_ref(), Durability::Durable, content).unwrap();
        assert_eq!(loaded(&from(&files)).unwrap_err().kind(), Kind::Damaged);
        let mut stream = content;
        assert_eq!(World::load_from(&mut stream).map(drop).unwrap_err().kind(), Kind::Damaged);
    }
}

#[test]
fn compact_json_is_shorter_and_loads_the_same() {
    let written = |options: Save| {
        let mut bytes = Vec::new();
        world(3).save_to_with(&mut bytes, &options.format(Json)).unwrap();
        bytes
    };
    let (pretty, compact) = (written(Save::default()), written(Save::default().pretty(false)));
    assert!(compact.len() < pretty.len());
    assert_eq!(number(&mut World::load_from(&mut compact.as_slice()).unwrap()), Some(3));
}

#[test]
fn json_without_a_schema_loads_into_plain_components() {
    let mut bytes = Vec::new();
    let options = Save::default().format(Json).schema(false);
    world(5).save_to_with(&mut bytes, &options).unwrap();
    assert_eq!(number(&mut World::load_from(&mut bytes.as_slice()).unwrap()), Some(5));
}
