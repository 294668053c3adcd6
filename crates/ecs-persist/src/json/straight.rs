//! Worlds whose text is laid out as it is written here, in one pass.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use crate::{
    doc::{Column, Table, WorldDoc},
    format::ReadOptions,
    json::{
        column::Filling,
        id::{Id, Ordinals, id},
        key::Key,
        members::{Members, distinct, need},
        meta::entity_count,
        read::{ENTITY_COST, VALUE_COST, World},
        text::{Cursor, Result},
        types::take_u32,
    },
};

/// Reads a world whose members, entities and components stand as this format writes them, table by table.
///
/// Everything else, and whatever is wrong, is `None`: the reader that goes through the text several times knows what to make of
/// it. Syntax is checked on the way.
pub(super) fn load(text: &str, options: &ReadOptions<'_>) -> Option<WorldDoc<'static>> {
    let doc = read(text, options).ok()?;
    if options.world.as_ref().is_some_and(|name| *name != doc.name) { None } else { Some(doc) }
}

fn read(text: &str, options: &ReadOptions<'_>) -> Result<WorldDoc<'static>> {
    let mut cursor = Cursor::new(text, false);
    // What stands before the entities is checked when it is passed.
    let root = Cursor::new(text, true);
    if !cursor.open(b'{') {
        return cursor.bad();
    }
    let mut found: Members<'_> = Vec::new();
    loop {
        match cursor.key(found.is_empty())? {
            Some((_, key)) if key == "entities" => break,
            Some((at, key)) => {
                found.push((key, at, cursor.at));
                cursor.skip()?;
            }
            None => return cursor.bad(),
        }
    }
    distinct(&found)?;
    let version = take_u32(need(root, &found, "version")?, "a version")?;
    let Some((_, count)) = entity_count(root, &found)? else { return cursor.bad() };
    let (super::VERSION, Ok(count)) = (version, u32::try_from(count)) else { return cursor.bad() };
    let mut world = World::new(root, options.schema, options.guess, options.limits_for(text.len()));
    let (doc, resources) = world.head(&found)?;
    let mut straight = Straight {
        world,
        cursor,
        ordinals: Ordinals::Counted(count),
        foreign: Vec::new(),
        slots: Vec::new(),
        numbers: HashMap::new(),
        tables: Vec::new(),
        current: Vec::new(),
    };
    straight.entities(count)?;
    if !straight.cursor.open(b'}') || straight.cursor.peek().is_some() {
        return straight.cursor.bad();
    }
    straight.finish(doc, &resources)
}

struct Straight<'t, 's> {
    world: World<'t, 's>,
    cursor: Cursor<'t>,
    ordinals: Ordinals,
    /// What another system calls the entities: all of them, or none.
    foreign: Vec<u128>,
    /// The columns in the order in which they were met.
    slots: Vec<Slot>,
    numbers: HashMap<String, usize>,
    tables: Vec<(Table, Vec<usize>)>,
    /// The slots of the entity.
    current: Vec<usize>,
}

struct Slot {
    key: Key,
    filling: Filling,
}

impl Straight<'_, '_> {
    fn entities(&mut self, count: u32) -> Result<()> {
        if !self.cursor.open(b'[') || count > self.world.limits.rows_max {
            return self.cursor.bad();
        }
        let mut kinds = HashSet::new();
        let mut tag = 0;
        let mut ordinal = 0;
        while self.cursor.element(ordinal == 0)? {
            if ordinal == count {
                return self.cursor.bad();
            }
            let found = self.entity(ordinal)?;
            match self.tables.last_mut() {
                Some((table, slots)) if *slots == self.current && found == tag => table.rows += 1,
                _ => {
                    // A table that comes back would have to join the one before; its rows stand elsewhere.
                    if !kinds.insert((self.current.clone(), found)) || !self.ascends() {
                        return self.cursor.bad();
                    }
                    self.tables.push((Table { rows: 1, components: Vec::new() }, self.current.clone()));
                    tag = found;
                }
            }
            ordinal += 1;
        }
        let named = self.foreign.is_empty() || self.foreign.len() == count as usize;
        if ordinal == count && named { Ok(()) } else { self.cursor.bad() }
    }

    /// Reads the components of the entity with this ordinal; the number of its table.
    fn entity(&mut self, ordinal: u32) -> Result<u32> {
        self.world.charge(self.cursor.at, ENTITY_COST)?;
        if !self.cursor.open(b'{') || !self.cursor.pass_key(b"\"id\"", true) {
            return self.cursor.bad();
        }
        if ordinal == 0 && self.cursor.peek() == Some(b'"') {
            self.ordinals = Ordinals::Later(RefCell::default());
        }
        match (id(&mut self.cursor)?, &self.ordinals) {
            (Id::Number(found), Ordinals::Counted(_)) if found == u64::from(ordinal) => {
                if self.cursor.pass_key(b"\"foreign_id\"", false) {
                    let Id::Foreign(found) = id(&mut self.cursor)? else { return self.cursor.bad() };
                    self.foreign.push(found);
                }
            }
            (Id::Foreign(found), Ordinals::Later(_)) => self.foreign.push(found),
            _ => return self.cursor.bad(),
        }
        let mut tag = Some(0);
        if self.cursor.pass_key(b"\"table\"", false) {
            tag = self.cursor.number().and_then(|number| number.parse().ok());
        }
        let (Some(tag), true) = (tag, self.cursor.pass_key(b"\"components\"", false)) else {
            return self.cursor.bad();
        };
        if !self.cursor.open(b'{') {
            return self.cursor.bad();
        }
        self.current.clear();
        while let Some(number) = self.component()? {
            let Some(slot) = self.slots.get_mut(number) else { return self.cursor.bad() };
            self.current.push(number);
            let at = self.cursor.at;
            let len = slot.filling.take(&mut self.cursor, &self.ordinals)?;
            self.world.charge(at, VALUE_COST + len + 4)?;
        }
        if self.cursor.open(b'}') { Ok(tag) } else { self.cursor.bad() }
    }

    /// Passes the next key of an entity's components; its slot.
    fn component(&mut self) -> Result<Option<usize>> {
        let place = self.current.len();
        // It is most likely what the entity before has there.
        if let Some((_, slots)) = self.tables.last()
            && let Some(&number) = slots.get(place)
            && let Some(slot) = self.slots.get(number)
            && self.cursor.pass_key(slot.key.quoted(), place == 0)
        {
            return Ok(Some(number));
        }
        let Some((at, name)) = self.cursor.key(place == 0)? else { return Ok(None) };
        if let Some(&number) = self.numbers.get(name.as_ref()) {
            return Ok(Some(number));
        }
        self.world.know(&name, at, false)?;
        let spec = self.world.specs.get_mut(name.as_ref());
        let Some((encoding, tree)) = spec.and_then(|spec| spec.encoding.take()) else {
            return self.cursor.bad();
        };
        let number = self.slots.len();
        self.numbers.insert(name.to_string(), number);
        self.slots.push(Slot { key: Key::of_component(&name), filling: Filling::new(encoding, tree) });
        Ok(Some(number))
    }

    /// Whether the components of the entity stand in the order of their names, so that none is there twice.
    fn ascends(&self) -> bool {
        let name = |number: &usize| self.slots.get(*number).map(|slot| &slot.key.name);
        self.current.windows(2).all(|pair| matches!(pair, [a, b] if name(a) < name(b)))
    }

    /// The ordinals of entities that are called by the ids of another system.
    fn ordinals_by_id(&self) -> Result<HashMap<u128, u32>> {
        let mut ordinals = HashMap::new();
        if let Ordinals::Later(_) = &self.ordinals {
            ordinals.extend(self.foreign.iter().copied().zip(0..));
            if ordinals.len() != self.foreign.len() {
                return self.cursor.bad();
            }
        }
        Ok(ordinals)
    }

    fn finish(mut self, mut doc: WorldDoc<'static>, resources: &Members<'_>) -> Result<WorldDoc<'static>> {
        let ordinals = self.ordinals_by_id()?;
        let specs = std::mem::take(&mut self.world.specs);
        let place = |slot: &Slot| specs.keys().position(|name| *name == slot.key.name);
        let places: Vec<u16> =
            self.slots.iter().filter_map(place).filter_map(|place| u16::try_from(place).ok()).collect();
        for (mut table, slots) in self.tables {
            table.components = slots.iter().filter_map(|slot| places.get(*slot).copied()).collect();
            doc.tables.push(table);
        }
        let mut fillings: Vec<Option<Filling>> =
            self.slots.into_iter().map(|slot| Some(slot.filling)).collect();
        for (name, spec) in specs {
            let met = self.numbers.get(&name).and_then(|number| fillings.get_mut(*number)?.take());
            let mut filling = match (met, spec.encoding) {
                (Some(filling), _) => filling,
                (None, Some((encoding, tree))) => Filling::new(encoding, tree),
                (None, None) => return self.cursor.bad(),
            };
            if spec.resource {
                let Some((_, _, at)) = resources.iter().find(|(found, ..)| *found == name) else {
                    return self.cursor.bad();
                };
                let len = filling.take(&mut self.world.cursor.go(*at), &self.ordinals)?;
                self.world.charge(*at, len + 4)?;
            }
            if let Ordinals::Later(ids) = &self.ordinals {
                let ids = ids.borrow();
                let ordinal = |place: u32| ordinals.get(ids.get(place as usize)?).copied();
                if !filling.resolve(ordinal) {
                    return self.cursor.bad();
                }
            }
            let column: Result<Column<'static>, _> = filling.finish(&name, spec.version, spec.resource);
            let Ok(column) = column else { return self.cursor.bad() };
            doc.columns.push(column);
        }
        doc.foreign_ids = (!self.foreign.is_empty()).then_some(Cow::Owned(self.foreign));
        Ok(doc)
    }
}
