//! JSON as a world.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use keepstone_format::Limits;

use crate::{
    doc::{Table, WorldDoc},
    json::{
        JsonProblem,
        id::{Id, Ordinals, id},
        members::{Members, check_keys, find, members, need},
        meta::{entity_count, take_meta},
        text::{Cursor, Result, Within, fault, member},
        tree::Tree,
        types::{take_layout, take_shape, take_string, take_u32},
    },
    schema::{ComponentSchema, Encoding, Schema},
};

/// What an entity and a value take in memory until columns are made of them.
pub(super) const ENTITY_COST: u64 = 160;
pub(super) const VALUE_COST: u64 = 48;

/// Sections of a container can be told apart for so many.
const COMPONENTS_MAX: u64 = 16_383;

const KEYS: [&str; 9] = [
    "version",
    "world",
    "timestamp",
    "meta",
    "entity_count",
    "types",
    "component_types",
    "resources",
    "entities",
];

const VERSION: &str = "a version from 1";

/// What is known of a component.
pub(super) struct Spec {
    pub(super) version: u32,
    pub(super) resource: bool,
    pub(super) encoding: Option<(Encoding, Option<Tree>)>,
}

pub(super) struct World<'t, 's> {
    pub(super) cursor: Cursor<'t>,
    schema: Option<&'s Schema>,
    /// Whether the schema may lack components.
    guess: bool,
    pub(super) limits: Limits,
    charged: u64,
    pub(super) specs: BTreeMap<String, Spec>,
    /// Whether the file lists its components.
    listed: bool,
    /// Names by the ids that the shape with `component_types` gives them.
    type_ids: HashMap<String, String>,
}

/// The entities as they stand in the file.
#[derive(Default)]
struct Scan {
    ids: Vec<Option<Id>>,
    places: Vec<usize>,
    foreign: Vec<Option<u128>>,
    tags: Vec<u32>,
    /// The component and the place of each value, entity by entity.
    values: Vec<Vec<(u32, usize)>>,
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl<'t, 's> World<'t, 's> {
    pub(super) fn new(cursor: Cursor<'t>, schema: Option<&'s Schema>, guess: bool, limits: Limits) -> Self {
        let (specs, type_ids) = (BTreeMap::new(), HashMap::new());
        Self { cursor, schema, guess, limits, charged: 0, specs, listed: false, type_ids }
    }

    pub(super) fn charge(&mut self, at: usize, bytes: u64) -> Result<()> {
        self.charged = self.charged.saturating_add(bytes);
        let (needs, allowed) = (self.charged, self.limits.decoded_max);
        if needs > allowed {
            return fault(at, JsonProblem::Limit { what: "decoded bytes of a world", needs, allowed });
        }
        Ok(())
    }

    /// Reads the world whose object has these members.
    pub(super) fn read(mut self, found: &Members<'t>) -> Result<WorldDoc<'static>> {
        let (doc, resources) = self.head(found)?;
        let root = self.cursor;
        let entities = need(root, found, "entities")?;
        let scan = self.scan(entities).within(|| ".entities".to_owned())?;
        let count = scan.ids.len() as u64;
        match entity_count(root, found)? {
            Some((start, said)) if said != count => start.problem(JsonProblem::Count { said, found: count }),
            _ => self.build(doc, &scan, &resources),
        }
    }

    /// Reads what is not about entities, and takes the resources apart.
    pub(super) fn head(&mut self, found: &Members<'t>) -> Result<(WorldDoc<'static>, Members<'t>)> {
        check_keys(found, &KEYS)?;
        let root = self.cursor;
        let mut doc = WorldDoc { meta: take_meta(root, found)?, ..WorldDoc::default() };
        if let Some(name) = find(root, found, "world") {
            doc.name = take_string(name, "the name of the world").within(|| ".world".to_owned())?;
        }
        for key in ["types", "component_types"] {
            if let Some(types) = find(root, found, key) {
                self.take_types(types).within(|| format!(".{key}"))?;
            }
        }
        let resources = match find(root, found, "resources") {
            Some(mut resources) => members(&mut resources, "an object of resources")?,
            None => Vec::new(),
        };
        for (name, at, _) in &resources {
            self.know(name, *at, true).within(|| ".resources".to_owned())?;
        }
        Ok((doc, resources))
    }

    fn take_types(&mut self, mut cursor: Cursor<'t>) -> Result<()> {
        if !cursor.open(b'[') {
            return cursor.unexpected("an array");
        }
        let mut index = 0;
        while cursor.element(index == 0)? {
            self.listed = true;
            self.take_type(&mut cursor).within(|| format!("[{index}]"))?;
            index += 1;
        }
        Ok(())
    }

    fn take_type(&mut self, cursor: &mut Cursor<'t>) -> Result<()> {
        let start = *cursor;
        let found = members(cursor, "a component")?;
        check_keys(
            &found,
            &[
                "name",
                "id",
                "type_id",
                "type_name",
                "version",
                "type_version",
                "resource",
                "encoding",
                "layout",
                "shape",
                "human_readable",
                "origin",
            ],
        )?;
        let any = |keys: &[&str]| keys.iter().find_map(|key| find(start, &found, key));
        let Some(name_at) = any(&["name", "type_name", "id"]) else {
            return start.problem(JsonProblem::MissingKey { key: "name".to_owned() });
        };
        let name = take_string(name_at, "a name")?;
        if name.len() > 255 {
            return name_at.unexpected("a name of at most 255 bytes");
        }
        let version = match any(&["version", "type_version"]) {
            Some(at) => match take_u32(at, VERSION)? {
                0 => return at.unexpected(VERSION),
                version => version,
            },
            None => 1,
        };
        if let Some(type_id) = find(start, &found, "type_id") {
            self.type_ids.insert(take_string(type_id, "a type id")?, name.clone());
        }
        let resource = take_flag(start, &found, "resource")?;
        let encoding = take_encoding(start, &found)?;
        if self.specs.insert(name.clone(), Spec { version, resource, encoding }).is_some() {
            return name_at.problem(JsonProblem::DuplicateKey { key: name });
        }
        self.charge(start.at, VALUE_COST)
    }

    /// Finds out what a component is when its first value is met.
    pub(super) fn know(&mut self, name: &str, at: usize, resource: bool) -> Result<()> {
        let given = self
            .schema
            .and_then(|schema| schema.components().iter().find(|component| component.name == name));
        if let Some(spec) = self.specs.get_mut(name) {
            if spec.encoding.is_none()
                && let Some(given) = given
            {
                spec.encoding = Some(with_tree(given, at)?);
            }
            if spec.resource != resource {
                let expected = if spec.resource { "a resource" } else { "a component of an entity" };
                let expected = format!("{expected}, as the schema says");
                return fault(at, JsonProblem::Unexpected { found: name.to_owned(), expected });
            }
            return Ok(());
        }
        let spec = match given {
            Some(given) => Spec { version: given.version, resource, encoding: Some(with_tree(given, at)?) },
            None if self.listed || (self.schema.is_some() && !self.guess) => {
                let listed = self.specs.keys().map(String::as_str);
                let given = self.schema.iter().flat_map(|schema| schema.components());
                let known: BTreeSet<&str> =
                    listed.chain(given.map(|component| component.name.as_str())).take(20).collect();
                let known = known.into_iter().collect::<Vec<_>>().join(", ");
                return fault(at, JsonProblem::UnknownComponent { name: name.to_owned(), known });
            }
            None => Spec { version: 1, resource, encoding: None },
        };
        if name.len() > 255 {
            let expected = "a name of at most 255 bytes".to_owned();
            return fault(at, JsonProblem::Unexpected { found: name.to_owned(), expected });
        }
        self.specs.insert(name.to_owned(), spec);
        let (needs, allowed) = (self.specs.len() as u64, COMPONENTS_MAX);
        if needs > allowed {
            return fault(at, JsonProblem::Limit { what: "components of a world", needs, allowed });
        }
        Ok(())
    }

    /// Goes through the entities without reading their values.
    fn scan(&mut self, mut cursor: Cursor<'t>) -> Result<Scan> {
        let mut scan = Scan::default();
        if !cursor.open(b'[') {
            return cursor.unexpected("an array of entities");
        }
        while cursor.element(scan.ids.is_empty())? {
            let index = scan.ids.len();
            if index as u64 >= self.limits.rows_max.into() {
                let (what, allowed) = ("entities", u64::from(self.limits.rows_max));
                return cursor.problem(JsonProblem::Limit { what, needs: allowed + 1, allowed });
            }
            self.charge(cursor.at, ENTITY_COST)?;
            self.entity(&mut cursor, &mut scan).within(|| format!("[{index}]"))?;
        }
        Ok(scan)
    }

    fn entity(&mut self, cursor: &mut Cursor<'t>, scan: &mut Scan) -> Result<()> {
        let start = *cursor;
        let found = members(cursor, "an entity")?;
        check_keys(&found, &["id", "stable_id", "foreign_id", "table", "components"])?;
        let mut own = match find(start, &found, "id") {
            Some(mut at) => Some(id(&mut at).within(|| ".id".to_owned())?),
            None => None,
        };
        if let Some(at) = find(start, &found, "stable_id") {
            let text = take_string(at, "a stable id: a decimal number as a string")?;
            match text.parse() {
                Ok(id) => own = Some(Id::Foreign(id)),
                Err(_) => return at.unexpected("a stable id: a decimal number as a string"),
            }
        }
        let mut foreign = match own {
            Some(Id::Foreign(id)) => Some(id),
            _ => None,
        };
        if let Some(mut at) = find(start, &found, "foreign_id") {
            let place = at;
            match id(&mut at).within(|| ".foreign_id".to_owned())? {
                Id::Foreign(id) => foreign = Some(id),
                Id::Number(_) => return place.unexpected("32 hexadecimal digits"),
            }
        }
        let tag = match find(start, &found, "table") {
            Some(at) => take_u32(at, "the number of a table")?,
            None => 0,
        };
        let mut values = Vec::new();
        if let Some(mut at) = find(start, &found, "components") {
            if at.peek() == Some(b'[') {
                self.list(at, scan, &mut values).within(|| ".components".to_owned())?;
            } else {
                for (name, key_at, value) in members(&mut at, "an object of components")? {
                    self.value(&name, key_at, value, scan, &mut values)
                        .within(|| ".components".to_owned())?;
                }
            }
        }
        scan.ids.push(own);
        scan.places.push(start.at);
        scan.foreign.push(foreign);
        scan.tags.push(tag);
        scan.values.push(values);
        Ok(())
    }

    /// Components as an array of objects with type and data.
    fn list(
        &mut self,
        mut cursor: Cursor<'t>,
        scan: &mut Scan,
        values: &mut Vec<(u32, usize)>,
    ) -> Result<()> {
        cursor.open(b'[');
        while cursor.element(values.is_empty())? {
            let start = cursor;
            let found = members(&mut cursor, "a component")?;
            check_keys(&found, &["type_id", "type_name", "name", "data"])?;
            let mut name = None;
            for key in ["type_name", "name"] {
                if let Some(at) = find(start, &found, key) {
                    name = Some(take_string(at, "a name")?);
                }
            }
            if name.is_none()
                && let Some(at) = find(start, &found, "type_id")
            {
                let type_id = take_string(at, "a type id")?;
                name = Some(self.type_ids.get(&type_id).cloned().unwrap_or(type_id));
            }
            let Some(name) = name else {
                return start.problem(JsonProblem::MissingKey { key: "type_name".to_owned() });
            };
            let data = need(start, &found, "data")?;
            if scan.numbers.get(&name).is_some_and(|number| values.iter().any(|(known, _)| known == number)) {
                return start.problem(JsonProblem::DuplicateKey { key: name });
            }
            self.value(&name, start.at, data.at, scan, values)?;
        }
        Ok(())
    }

    fn value(
        &mut self,
        name: &str,
        at: usize,
        value: usize,
        scan: &mut Scan,
        values: &mut Vec<(u32, usize)>,
    ) -> Result<()> {
        let number = if let Some(number) = scan.numbers.get(name) {
            *number
        } else {
            self.know(name, at, false)?;
            let number = u32::try_from(scan.names.len()).unwrap_or(u32::MAX);
            scan.names.push(name.to_owned());
            scan.numbers.insert(name.to_owned(), number);
            number
        };
        values.push((number, value));
        self.charge(at, VALUE_COST)
    }

    /// Puts entities into tables and values into columns.
    fn build(
        mut self,
        mut doc: WorldDoc<'static>,
        scan: &Scan,
        resources: &Members<'t>,
    ) -> Result<WorldDoc<'static>> {
        let specs = std::mem::take(&mut self.specs);
        let names: Vec<&String> = specs.keys().collect();
        let place = |name: &String| names.binary_search(&name).ok().and_then(|at| u16::try_from(at).ok());
        let numbers: Vec<u16> = scan.names.iter().filter_map(place).collect();
        let (tables, order) = arrange(scan, &numbers);
        let mut ordinals = HashMap::with_capacity(order.len());
        for (ordinal, &entity) in (0..).zip(&order) {
            if let Some(Some(id)) = scan.ids.get(entity)
                && ordinals.insert(*id, ordinal).is_some()
            {
                let at = scan.places.get(entity).copied().unwrap_or_default();
                let id = id.to_string();
                return fault(at, JsonProblem::DuplicateEntity { id })
                    .within(|| format!(".entities[{entity}]"));
            }
        }
        let ordinals = Ordinals::Listed(ordinals);
        doc.tables = tables;
        doc.foreign_ids = foreign_ids(scan, &order)?;
        let mut places: Vec<Vec<(usize, Option<usize>)>> = vec![Vec::new(); specs.len()];
        for &entity in &order {
            for (number, at) in scan.values.get(entity).into_iter().flatten() {
                let column = numbers.get(*number as usize).copied().unwrap_or(u16::MAX);
                if let Some(places) = places.get_mut(usize::from(column)) {
                    places.push((*at, Some(entity)));
                }
            }
        }
        for (name, _, at) in resources {
            if let Some(places) =
                specs.keys().position(|known| known == name).and_then(|at| places.get_mut(at))
            {
                places.push((*at, None));
            }
        }
        for ((name, spec), places) in specs.into_iter().zip(places) {
            let column = self.column(&name, spec, &places, &ordinals).map_err(|(row, mut fault)| {
                fault.path.push(member(&name));
                let entity = places.get(row).and_then(|(_, entity)| *entity);
                fault.path.push(match entity {
                    Some(entity) => format!(".entities[{entity}].components"),
                    None => ".resources".to_owned(),
                });
                fault
            })?;
            doc.columns.push(column);
        }
        Ok(doc)
    }
}

fn take_encoding<'t>(start: Cursor<'t>, found: &Members<'t>) -> Result<Option<(Encoding, Option<Tree>)>> {
    let Some(at) = find(start, found, "encoding") else { return Ok(None) };
    let encoding = match take_string(at, "the name of an encoding")?.as_str() {
        "plain" => {
            Encoding::Plain(take_layout(need(start, found, "layout")?).within(|| ".layout".to_owned())?)
        }
        "rows" => {
            let at = need(start, found, "shape")?;
            let tree = take_shape(at).within(|| ".shape".to_owned())?;
            let shape = tree.to_shape().or_else(|error| at.problem(JsonProblem::Value(error)))?;
            let human_readable = take_flag(start, found, "human_readable")?;
            return Ok(Some((Encoding::Rows { shape, human_readable }, Some(tree))));
        }
        "reference" => Encoding::Reference { linked: false },
        "relationship" => Encoding::Reference { linked: true },
        "opaque" => {
            let origin = take_string(need(start, found, "origin")?, "an origin")?;
            Encoding::Opaque { origin }
        }
        "guess" => return Ok(None),
        _ => {
            return at
                .unexpected("\"plain\", \"rows\", \"reference\", \"relationship\", \"opaque\" or \"guess\"");
        }
    };
    Ok(Some((encoding, None)))
}

fn with_tree(given: &ComponentSchema, at: usize) -> Result<(Encoding, Option<Tree>)> {
    let tree = match &given.encoding {
        Encoding::Rows { shape, .. } => match Tree::of(shape) {
            Ok(tree) => Some(tree),
            Err(error) => return fault(at, JsonProblem::Syntax(error.to_string())),
        },
        _ => None,
    };
    Ok((given.encoding.clone(), tree))
}

/// Entities with the same components make a table, in the order in which they stand. What comes back are the tables and the
/// entities in their order.
fn arrange(scan: &Scan, numbers: &[u16]) -> (Vec<Table>, Vec<usize>) {
    let mut tables: Vec<(Table, Vec<usize>)> = Vec::new();
    let mut known: HashMap<(Vec<u16>, u32), usize> = HashMap::new();
    for (entity, (values, tag)) in scan.values.iter().zip(&scan.tags).enumerate() {
        let number = |(number, _): &(u32, usize)| numbers.get(*number as usize).copied();
        let mut components: Vec<u16> = values.iter().filter_map(number).collect();
        components.sort_unstable();
        let at = *known.entry((components, *tag)).or_insert_with_key(|(components, _)| {
            tables.push((Table { rows: 0, components: components.clone() }, Vec::new()));
            tables.len() - 1
        });
        if let Some((table, entities)) = tables.get_mut(at) {
            table.rows = table.rows.saturating_add(1);
            entities.push(entity);
        }
    }
    let order = tables.iter().flat_map(|(_, entities)| entities.iter().copied()).collect();
    (tables.into_iter().map(|(table, _)| table).collect(), order)
}

fn foreign_ids(scan: &Scan, order: &[usize]) -> Result<Option<Cow<'static, [u128]>>> {
    if scan.foreign.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut ids = Vec::with_capacity(order.len());
    for &entity in order {
        let Some(Some(id)) = scan.foreign.get(entity) else {
            let at = scan.places.get(entity).copied().unwrap_or_default();
            let missing = JsonProblem::MissingKey { key: "foreign_id".to_owned() };
            return fault(at, missing).within(|| format!(".entities[{entity}]"));
        };
        ids.push(*id);
    }
    Ok(Some(Cow::Owned(ids)))
}

fn take_flag(start: Cursor<'_>, found: &Members<'_>, key: &str) -> Result<bool> {
    match find(start, found, key) {
        None => Ok(false),
        Some(mut at) => match at.boolean() {
            Some(flag) => Ok(flag),
            None => at.unexpected("true or false"),
        },
    }
}
