//! Worlds as JSON: what comes back, what is written, what is refused and where.

use std::collections::BTreeMap;

use keepstone_ecs_persist::{
    Column, ColumnData, ComponentSchema, Encoding, Error, Json, JsonProblem, Lengths, ReadOptions, Table,
    WorldDoc, WorldFormat, WriteOptions,
};
use keepstone_format::{Limits, plain::Plain};
use serde::{Deserialize, Serialize};

use crate::json_values::{Everything, everything};
use crate::support::{Id, Name, Pos, column, decode, encode, links, plain, rows, small_world};

pub(crate) fn to_json(doc: &WorldDoc<'_>, options: &WriteOptions) -> String {
    let mut out = Vec::new();
    Json.save(&[doc], &mut out, options).unwrap();
    String::from_utf8(out).unwrap()
}

pub(crate) fn from_json(text: &str) -> Result<WorldDoc<'static>, Error> {
    Json.load(&mut text.as_bytes(), &ReadOptions::default())
}

/// Columnar, JSON both ways, columnar: nothing may change.
pub(crate) fn check(doc: &WorldDoc<'_>) -> String {
    let doc = decode(&encode(doc)).unwrap();
    let mut pretty = String::new();
    for options in [WriteOptions::default().pretty(false), WriteOptions::default()] {
        pretty = to_json(&doc, &options);
        serde_json::from_str::<serde_json::Value>(&pretty).unwrap();
        let back = from_json(&pretty).unwrap_or_else(|error| panic!("{error}\n{pretty}"));
        assert_eq!(back, doc, "{pretty}");
        assert_eq!(to_json(&back, &options), pretty);
        assert_eq!(encode(&back), encode(&doc));
    }
    pretty
}

pub(crate) fn only<T: Serialize + for<'de> Deserialize<'de> + 'static>(values: &[T]) -> WorldDoc<'static> {
    one(column("c", false, rows(values)).into_owned(), values.len())
}

pub(crate) fn only_plain<T: Plain>(values: &[T]) -> WorldDoc<'static> {
    one(column("c", false, plain(values)).into_owned(), values.len())
}

fn one(column: Column<'static>, count: usize) -> WorldDoc<'static> {
    let mut doc = WorldDoc::default();
    doc.tables = vec![Table { rows: u32::try_from(count).unwrap(), components: vec![0] }];
    doc.columns = vec![column];
    doc
}

/// Every kind of column, several tables, entities without components, what the application says.
fn full_world() -> WorldDoc<'static> {
    let mut doc = small_world();
    doc.meta.created_at_ns = Some(1_770_956_760_000_000_001);
    doc.meta.name = Some("before the \"bridge\"\n".into());
    doc.meta.tick = Some(u64::MAX);
    doc.meta.world_version = Some(7);
    doc.meta.custom.insert("mods".into(), vec![0xFF, 0]);
    doc.meta.custom.insert("text".into(), b"plain".to_vec());
    let opaque = ColumnData::Opaque { data: vec![1, 2, 0xAB].into(), lengths: Lengths::each(vec![2, 0, 1]) };
    doc.columns.insert(3, column("d.foreign", false, (Encoding::Opaque { origin: "pecs".into() }, opaque)));
    doc.tables[2].components = vec![3];
    doc.tables.push(Table { rows: 2, components: vec![] });
    doc.tables.push(Table { rows: 1, components: vec![0, 1] });
    doc.columns[0] = column("a.pos", false, plain(&[Pos { x: 0.1, y: -0.0 }; 4])).into_owned();
    doc.columns[1] = column(
        "b.name",
        false,
        rows(&[Name("ann".into()), Name("bo".into()), Name("\u{1}\u{1F600}/".into())]),
    )
    .into_owned();
    doc
}

#[test]
fn every_encoding_and_table_comes_back() {
    check(&small_world());
    check(&WorldDoc::default());
    let text = check(&full_world());
    assert!(text.contains("\"table\": 1"), "two tables with the same components stay two:\n{text}");
}

#[test]
fn the_bytes_of_a_world_are_these() {
    let golden = include_str!("golden/world-v1-full.json");
    assert_eq!(to_json(&full_world(), &WriteOptions::default()), golden);
    assert_eq!(from_json(golden).unwrap(), decode(&encode(&full_world())).unwrap());
}

#[test]
fn references_follow_ids_and_not_places() {
    let mut doc = small_world();
    let values = [(Some(Id(5)), vec![Id(3), Id(0)]), (None, vec![])];
    doc.columns[1] = column("b.name", false, refs(&values)).into_owned();
    let text = check(&doc);
    assert!(text.contains("\"b.name\": [5, [3, 0]]"), "{text}");
    // Without the entity 4 the ordinals behind it move up, and what names them still does.
    let cut = text
        .replace("    {\"id\": 4, \"components\": {}},\n", "")
        .replace("\"entity_count\": 6", "\"entity_count\": 5");
    assert_ne!(cut, text);
    let back = from_json(&cut).unwrap();
    let ColumnData::Rows { targets, .. } = &back.columns[1].data else { panic!() };
    assert_eq!(targets.as_ref(), [4, 3, 0]);
    let gone = text.replace("\"id\": 3,", "\"id\": 33,");
    assert_fault(
        &gone,
        "b.name",
        |problem| matches!(problem, JsonProblem::UnknownEntity { id } if id == "3"),
    );
    let twice = text.replace("\"id\": 3,", "\"id\": 2,");
    assert_fault(
        &twice,
        "$.entities[3]",
        |problem| matches!(problem, JsonProblem::DuplicateEntity { id } if id == "2"),
    );
}

fn refs<T: Serialize>(values: &[T]) -> (Encoding, ColumnData<'static>) {
    let options = keepstone_value::Options::default();
    let rows = keepstone_value::encode(values.iter(), Some(&mut crate::support::SameIds), &options).unwrap();
    let data = ColumnData::Rows {
        data: rows.data.into(),
        lengths: Lengths::each(rows.lens),
        targets: rows.targets.into(),
    };
    (Encoding::Rows { shape: rows.shape, human_readable: false }, data)
}

#[test]
fn maps_that_are_keyed_by_entities_come_back() {
    let map = |keys: &[u64]| keys.iter().map(|&key| (IdKey(Id(key)), key)).collect::<BTreeMap<_, _>>();
    let mut doc = only_plain(&[0_u8; 9]);
    doc.columns.push(column("d", true, refs(&[map(&[8, 3, 5])])));
    check(&doc);
    doc.foreign_ids = Some((0..9).rev().collect());
    check(&doc);
}

#[derive(Serialize)]
struct IdKey(Id);

impl PartialEq for IdKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.0 == other.0.0
    }
}

impl Eq for IdKey {}

impl PartialOrd for IdKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for IdKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.0.cmp(&other.0.0)
    }
}

#[test]
fn relationships_keep_their_order_and_foreign_ids_name_entities() {
    let mut doc = small_world();
    doc.tables[1].rows = 3;
    doc.columns[0] = column("a.pos", false, plain(&[Pos { x: 0.0, y: 0.0 }; 5])).into_owned();
    doc.columns[2] = column("c.parent", false, links(&[0, 0, u32::MAX], Some(&[1, 0, 0])));
    let text = check(&doc);
    assert!(
        text.contains(r#""c.parent": {"target": 0, "rank": 1}"#) && text.contains(r#""target": "none""#),
        "{text}"
    );
    doc.columns[2] = column("c.parent", false, links(&[0, 7, u32::MAX], None));
    let ids: Vec<u128> = (0..8).map(|at| at * 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff).collect();
    doc.foreign_ids = Some(ids.into());
    let text = check(&doc);
    assert!(text.contains(r#"{"id": "00112233445566778899aabbccddeeff","#), "{text}");
    doc.foreign_ids = Some(vec![9; 8].into());
    let text = check(&doc);
    assert!(text.contains(r#"{"id": 7, "foreign_id": "00000000000000000000000000000009","#), "{text}");
}

#[test]
fn changing_one_component_changes_one_line() {
    let world = |changed: usize, value: f32| {
        let mut values: Vec<Pos> = (0..100_u8).map(|at| Pos { x: at.into(), y: 1.0 }).collect();
        values[changed].y = value;
        let mut doc = only_plain(&values);
        doc.columns.push(column("d", false, rows(&(0..100).collect::<Vec<u32>>())).into_owned());
        doc.tables[0].components.push(1);
        to_json(&doc, &WriteOptions::default())
    };
    let before = world(0, 1.0);
    for changed in 0..100 {
        let after = world(changed, 2.5);
        assert_eq!(before.lines().count(), after.lines().count());
        let lines: Vec<_> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].1.contains("\"y\": 2.5"));
    }
}

#[test]
fn the_four_shapes_of_pecs_are_read() {
    for (text, ids) in [
        (include_str!("fixtures/pecs/01_empty.json"), 0),
        (include_str!("fixtures/pecs/01_empty_compact_noschema.json"), 0),
        (include_str!("fixtures/pecs/02_one_entity.json"), 1),
        (include_str!("fixtures/pecs/06_fixed_ids.json"), 5),
        (include_str!("fixtures/pecs/06_fixed_ids_compact_noschema.json"), 5),
    ] {
        let doc = from_json(text).unwrap();
        assert_eq!(doc.entity_count(), ids);
        assert!(doc.meta.created_at_ns.unwrap() > 1_700_000_000_000_000_000);
        assert_eq!(from_json(&to_json(&doc, &WriteOptions::default())).unwrap(), doc);
        if ids == 5 {
            let ids = doc.foreign_ids.as_deref().unwrap();
            assert_eq!(
                ids[..2],
                [0x0011_2233_4455_6677_8899_aabb_ccdd_eeff, 0x550e_8400_e29b_41d4_a716_4466_5544_0000]
            );
        }
    }
    let plan = include_str!("fixtures/pecs/shape_plan.json");
    let doc = from_json(plan).unwrap();
    assert_eq!(
        doc.columns.iter().map(|c| c.schema.name.as_str()).collect::<Vec<_>>(),
        ["Position", "Velocity"]
    );
    assert_eq!(doc.foreign_ids.as_deref().unwrap()[1], 0x550e_8400_e29b_41d4_a716_4466_5544_0001);
    assert_eq!(doc.meta.created_at_ns, Some(1_770_956_760_000_000_000));
    let guide = from_json(include_str!("fixtures/pecs/shape_guide.json")).unwrap();
    assert_eq!(
        guide.foreign_ids.as_deref().unwrap(),
        [98_765_432_109_876_543_210, 98_765_432_109_876_543_211]
    );
    assert_eq!(guide.tables.iter().map(|table| table.components.len()).collect::<Vec<_>>(), [1, 0]);
    // With a schema the values are what a program's own columns are.
    let mut known = WorldDoc::default();
    known.columns =
        vec![column("Position", false, plain::<Pos>(&[])), column("Velocity", false, plain::<Pos>(&[]))];
    let schema = known.schema();
    let options = ReadOptions::default().schema(&schema);
    let doc = Json.load(&mut plan.as_bytes(), &options).unwrap();
    assert_eq!(doc.columns[0].schema.encoding, known.columns[0].schema.encoding);
    let ColumnData::Plain(pieces) = &doc.columns[0].data else { panic!() };
    let bytes: Vec<u8> = [1.0_f32, 2.0, 5.0, 3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(pieces.concat(), bytes);
}

#[test]
fn a_file_without_a_schema_is_read_with_the_one_given() {
    let doc = decode(&encode(&full_world())).unwrap();
    let text = to_json(&doc, &WriteOptions::default().schema(false));
    assert!(!text.contains("\"types\""));
    let schema = doc.schema();
    let back = Json.load(&mut text.as_bytes(), &ReadOptions::default().schema(&schema)).unwrap();
    assert_eq!(back, doc);
    let mut part = doc.clone();
    part.columns.truncate(1);
    let part = part.schema();
    let incomplete = ReadOptions::default().schema(&part);
    assert!(Json.load(&mut text.as_bytes(), &incomplete).is_err());
    let filled = Json.load(&mut text.as_bytes(), &incomplete.guess(true)).unwrap();
    assert_eq!((&filled.tables, &filled.columns[0]), (&doc.tables, &doc.columns[0]));
    let guessed = from_json(&text).unwrap();
    assert_eq!(guessed.tables, doc.tables);
    assert!(guessed.columns[1].schema.encoding.to_string().contains("str"));
}

fn assert_fault(text: &str, in_path: &str, is: impl Fn(&JsonProblem) -> bool) {
    match from_json(text) {
        Err(Error::Json { path, line, column, problem }) => {
            assert!(path.contains(in_path), "{path} {line}:{column} {problem}");
            assert!(is(&problem), "{path} {line}:{column} {problem:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_wrong_is_named_with_path_line_and_column() {
    let text = to_json(&small_world(), &WriteOptions::default());
    let wrong = text.replace("\"a.pos\": {\"x\": 3.0", "\"a.pos\": {\"x\": \"three\"");
    let Err(Error::Json { path, line, column, problem }) = from_json(&wrong) else { panic!() };
    assert_eq!(path, "$.entities[1].components[\"a.pos\"].x");
    assert!(problem.to_string().contains("found \"three\", expected f32"), "{problem}");
    let found = wrong.lines().nth(usize::try_from(line).unwrap() - 1).unwrap();
    assert!(
        found.get(usize::try_from(column).unwrap() - 1..).unwrap().starts_with("\"three\""),
        "{found} {column}"
    );

    let unknown = text.replace("\"b.name\": \"bo\"", "\"b.nmae\": \"bo\"");
    assert_fault(
        &unknown,
        "$.entities[1].components",
        |problem| matches!(problem, JsonProblem::UnknownComponent { name, known } if name == "b.nmae" && known.contains("b.name")),
    );
    let missing = text.replace("{\"x\": 3.0, \"y\": 4.0}", "{\"x\": 3.0}");
    assert_fault(
        &missing,
        "a.pos",
        |problem| matches!(problem, JsonProblem::MissingKey { key } if key == "y"),
    );
    let more = text.replace("{\"x\": 3.0,", "{\"z\": 3.0, \"x\": 3.0,");
    assert_fault(
        &more,
        "a.pos",
        |problem| matches!(problem, JsonProblem::UnknownKey { key, .. } if key == "z"),
    );
    let twice = text.replace("{\"x\": 3.0,", "{\"x\": 3.0, \"x\": 3.0,");
    assert_fault(
        &twice,
        "a.pos",
        |problem| matches!(problem, JsonProblem::DuplicateKey { key } if key == "x"),
    );
    let huge = text.replace("{\"x\": 3.0,", "{\"x\": 1e99,");
    assert_fault(&huge, "a.pos", |problem| matches!(problem, JsonProblem::Unexpected { .. }));
    let count = text.replace("\"entity_count\": 6", "\"entity_count\": 7");
    assert_fault(&count, "$", |problem| matches!(problem, JsonProblem::Count { said: 7, found: 6 }));
    let none = text.replace("\"z.clock\": 99", "");
    assert_fault(&none, "z.clock", |problem| matches!(problem, JsonProblem::MissingKey { .. }));
    assert!(matches!(
        from_json(&text.replace("\"version\": 1,\n  \"entity", "\"version\": 2,\n  \"entity")),
        Err(Error::NewerFormat { found: 2, .. })
    ));
}

#[test]
fn fields_in_another_order_are_the_same_world() {
    let text = to_json(&small_world(), &WriteOptions::default());
    let turned = text.replace("{\"x\": 3.0, \"y\": 4.0}", "{ \"y\" : 4 , \"x\" : 3e0 }");
    assert_ne!(turned, text);
    assert_eq!(from_json(&turned).unwrap(), small_world());
}

#[test]
fn no_cut_and_no_changed_byte_makes_a_reader_panic() {
    let mut doc = full_world();
    doc.columns.push(column("zz", true, rows(&[vec![everything(6), everything(3)]])).into_owned());
    let text = to_json(&doc, &WriteOptions::default().pretty(false));
    let doc = from_json(&text).unwrap();
    for len in 0..text.len() {
        if let Some(cut) = text.get(..len) {
            from_json(cut).unwrap_err();
        }
    }
    let mut read = 0;
    for at in 0..text.len() {
        for byte in [b'"', b'[', b'}', b'9', 0xFF] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = byte;
            let result = Json.load(&mut bytes.as_slice(), &ReadOptions::default());
            if let Ok(back) = result {
                back.check().unwrap();
                to_json(&back, &WriteOptions::default());
                read += usize::from(back != doc);
            }
        }
    }
    assert!(read > 0, "some of the changes are other worlds");
}

#[test]
fn hostile_text_is_refused_and_not_followed() {
    let deep = format!(
        r#"{{"version":1,"entities":[{{"components":{{"a":{}{}}}}}]}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_fault(&deep, "$.entities[0].components.a", |problem| matches!(problem, JsonProblem::Value(_)));
    let deep = format!(
        r#"{{"version":1,"types":[{{"name":"a","encoding":"rows","shape":{}"u8"{}}}],"entities":[]}}"#,
        "{\"seq\":".repeat(50_000),
        "}".repeat(50_000)
    );
    assert_fault(&deep, "$.types[0].shape", |problem| matches!(problem, JsonProblem::Limit { .. }));
    let unclosed = "[".repeat(100_000);
    assert_fault(&unclosed, "$", |problem| matches!(problem, JsonProblem::Syntax(_)));
    let number = format!(r#"{{"version":1,"entities":[{{"components":{{"a":{}}}}}]}}"#, "9".repeat(100_000));
    assert_fault(&number, "a", |problem| matches!(problem, JsonProblem::Value(_)));
    let array = r#"{"version":1,"types":[{"name":"a","encoding":"plain","layout":{"array":"u8","count":4294967295}}],"entities":[]}"#;
    assert_fault(array, "$.types[0].layout", |problem| matches!(problem, JsonProblem::Layout(_)));
    let surrogate = r#"{"version":1,"entities":[{"components":{"a":"\ud800"}}]}"#;
    assert!(from_json(surrogate).is_err());
    let twice = r#"{"version":1,"version":1,"entities":[]}"#;
    assert_fault(twice, "$", |problem| matches!(problem, JsonProblem::DuplicateKey { .. }));
}

#[test]
fn a_string_beyond_the_limit_is_refused() {
    let mut limits = Limits::for_file_len(0);
    limits.decoded_max = 1 << 20;
    let text = format!(
        r#"{{"version":1,"types":[{{"name":"a","encoding":"rows","shape":"str"}}],"entities":[{{"components":{{"a":"{}"}}}}]}}"#,
        "x".repeat(100 << 20)
    );
    let error = Json.load(&mut text.as_bytes(), &ReadOptions::default().limits(limits)).unwrap_err();
    assert!(
        matches!(&error, Error::Json { problem, .. } if matches!(**problem, JsonProblem::Limit { allowed: 1_048_576, .. })),
        "{error}"
    );
}

#[test]
fn random_worlds_come_back() {
    for seed in 0..30_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut doc = WorldDoc::default();
        for _ in 0..random(6) {
            let components = (0..5_u16).filter(|_| random(2) == 0).collect();
            doc.tables.push(Table { rows: u32::try_from(random(5)).unwrap() + 1, components });
        }
        let count = |doc: &WorldDoc<'_>, at: u16| {
            doc.tables
                .iter()
                .filter(|table| table.components.contains(&at))
                .map(|table| table.rows)
                .sum::<u32>()
        };
        let entities = u64::from(doc.entity_count());
        let positions: Vec<Pos> = (0..count(&doc, 0))
            .map(|_| Pos { x: f32::from_bits(u32::try_from(random(1 << 32)).unwrap()), y: 0.5 })
            .collect();
        let values: Vec<Everything> =
            (0..count(&doc, 1)).map(|_| everything(u8::try_from(random(256)).unwrap())).collect();
        let targets: Vec<u32> =
            (0..count(&doc, 2)).map(|_| u32::try_from(random(entities)).unwrap()).collect();
        let holders: Vec<Vec<Id>> =
            (0..count(&doc, 3)).map(|_| (0..random(4)).map(|_| Id(random(entities))).collect()).collect();
        let wide: Vec<[u64; 3]> =
            (0..count(&doc, 4)).map(|_| [random(u64::MAX), random(9), u64::MAX]).collect();
        doc.columns = vec![
            column("a", false, plain(&positions)),
            column("b", false, rows(&values)),
            column("c", false, links(&targets, None)),
            column("d", false, refs(&holders)),
            column("e", false, plain(&wide)),
        ];
        if entities > 0 && random(3) == 0 {
            doc.foreign_ids = Some((0..entities).map(|_| u128::from(random(12))).collect());
        } else if entities > 0 && random(2) == 0 {
            doc.foreign_ids = Some((0..entities).map(|at| u128::from(at) ^ u128::MAX).collect());
        }
        eprintln!("seed {seed}");
        check(&doc);
    }
}

#[test]
fn a_schema_of_two_components_is_one_line_each() {
    let schema = ComponentSchema::new("c", 1, false, Encoding::Reference { linked: true });
    let data = ColumnData::References { targets: Vec::new().into(), ranks: None };
    let mut doc = WorldDoc::default();
    doc.columns = vec![Column { schema, data }];
    let text = check(&doc);
    assert!(
        text.contains("\n    {\"name\": \"c\", \"version\": 1, \"encoding\": \"relationship\"}\n"),
        "{text}"
    );
}
