//! The schema as JSON: layouts and shapes.

use keepstone_format::plain::{OwnedLayout, Primitive};

use crate::{
    json::{
        JsonProblem,
        key::Key,
        members::{Members, check_keys, find, members, need},
        put::Style,
        scalar::prim_name,
        text::{Cursor, Result, Within, member, put_string},
        tree::{Alt, Body, Field, PRIMS, Payload, Pos, Tree, Type, Variant},
    },
    schema::{ComponentSchema, Encoding},
};

/// Layouts and shapes nest at most 128 levels.
const DEPTH_MAX: u32 = 300;

pub(super) fn put_component(out: &mut Vec<u8>, schema: &ComponentSchema, tree: Option<&Tree>, style: Style) {
    out.push(b'{');
    style.key(out, "name");
    put_string(out, &schema.name);
    put_member(out, style, "version", &schema.version.to_string());
    if schema.resource {
        put_member(out, style, "resource", "true");
    }
    let name = match &schema.encoding {
        Encoding::Plain(_) => "plain",
        Encoding::Rows { .. } => "rows",
        Encoding::Reference { linked: false } => "reference",
        Encoding::Reference { linked: true } => "relationship",
        Encoding::Opaque { .. } => "opaque",
    };
    put_member(out, style, "encoding", &format!("\"{name}\""));
    match &schema.encoding {
        Encoding::Plain(layout) => {
            style.comma(out, false);
            style.key(out, "layout");
            put_layout(out, layout, style);
        }
        Encoding::Rows { human_readable, .. } => {
            if *human_readable {
                put_member(out, style, "human_readable", "true");
            }
            if let Some(tree) = tree {
                style.comma(out, false);
                style.key(out, "shape");
                Shapes { tree, met: vec![false; tree.types.len()], style }.position(out, &tree.root);
            }
        }
        Encoding::Opaque { origin } => {
            style.comma(out, false);
            style.key(out, "origin");
            put_string(out, origin);
        }
        Encoding::Reference { .. } => {}
    }
    out.push(b'}');
}

pub(super) fn put_member(out: &mut Vec<u8>, style: Style, key: &str, value: &str) {
    style.comma(out, false);
    style.key(out, key);
    out.extend_from_slice(value.as_bytes());
}

fn put_layout(out: &mut Vec<u8>, layout: &OwnedLayout, style: Style) {
    match layout {
        OwnedLayout::Primitive(primitive) => put_string(out, prim_name(primitive.code())),
        OwnedLayout::Array(element, count) => {
            out.push(b'{');
            style.key(out, "array");
            put_layout(out, element, style);
            put_member(out, style, "count", &count.to_string());
            out.push(b'}');
        }
        OwnedLayout::Struct(fields) => {
            out.push(b'{');
            style.key(out, "struct");
            out.push(b'{');
            for (index, (name, field)) in fields.iter().enumerate() {
                style.comma(out, index == 0);
                style.key(out, name);
                put_layout(out, field, style);
            }
            out.extend_from_slice(b"}}");
        }
    }
}

struct Shapes<'a> {
    tree: &'a Tree,
    met: Vec<bool>,
    style: Style,
}

impl<'a> Shapes<'a> {
    fn open(&self, out: &mut Vec<u8>, key: &str) {
        out.push(b'{');
        self.style.key(out, key);
    }

    fn position(&mut self, out: &mut Vec<u8>, pos: &'a Pos) {
        match pos.0.as_slice() {
            [] => put_string(out, "unknown"),
            [alt] => self.alternative(out, alt),
            several => {
                self.open(out, "any");
                out.push(b'[');
                for (index, alt) in several.iter().enumerate() {
                    self.style.comma(out, index == 0);
                    self.alternative(out, alt);
                }
                out.extend_from_slice(b"]}");
            }
        }
    }

    fn alternative(&mut self, out: &mut Vec<u8>, alt: &'a Alt) {
        match alt {
            Alt::Prim(prim) => return put_string(out, prim_name(*prim)),
            Alt::Option(inner) => {
                self.open(out, "option");
                self.position(out, inner);
            }
            Alt::Seq(inner) => {
                self.open(out, "seq");
                self.position(out, inner);
            }
            Alt::Map(key, value) => {
                self.open(out, "map");
                out.push(b'[');
                self.position(out, key);
                self.style.comma(out, false);
                self.position(out, value);
                out.push(b']');
            }
            Alt::Tuple(items) => {
                self.open(out, "tuple");
                self.items(out, items);
            }
            Alt::Type(index) => return self.one_type(out, *index),
        }
        out.push(b'}');
    }

    /// A type is told where it is first met, and by its number after that.
    fn one_type(&mut self, out: &mut Vec<u8>, index: usize) {
        let tree = self.tree;
        let known = self.met.get_mut(index).is_none_or(|met| std::mem::replace(met, true));
        let (false, Some(found)) = (known, tree.types.get(index)) else {
            self.open(out, "type");
            out.extend_from_slice(index.to_string().as_bytes());
            out.push(b'}');
            return;
        };
        let kind = match &found.body {
            Body::Struct(_) => "struct",
            Body::TupleStruct(_) => "tuple_struct",
            Body::Newtype(_) => "newtype",
            Body::Unit => "unit_struct",
            Body::Enum(_) => "enum",
        };
        self.open(out, kind);
        put_string(out, &found.name);
        match &found.body {
            Body::Struct(fields) => self.fields(out, fields),
            Body::TupleStruct(items) => {
                self.style.comma(out, false);
                self.style.key(out, "items");
                self.items(out, items);
            }
            Body::Newtype(inner) => {
                self.style.comma(out, false);
                self.style.key(out, "inner");
                self.position(out, inner);
            }
            Body::Unit => {}
            Body::Enum(variants) => {
                self.style.comma(out, false);
                self.style.key(out, "variants");
                out.push(b'[');
                for (number, variant) in variants.iter().enumerate() {
                    self.style.comma(out, number == 0);
                    self.variant(out, variant);
                }
                out.push(b']');
            }
        }
        out.push(b'}');
    }

    fn variant(&mut self, out: &mut Vec<u8>, variant: &'a Variant) {
        self.open(out, "name");
        put_string(out, &variant.key.name);
        put_member(out, self.style, "index", &variant.index.to_string());
        match &variant.payload {
            Payload::Unit => {}
            Payload::Newtype(inner) => {
                self.style.comma(out, false);
                self.style.key(out, "newtype");
                self.position(out, inner);
            }
            Payload::Tuple(items) => {
                self.style.comma(out, false);
                self.style.key(out, "tuple");
                self.items(out, items);
            }
            Payload::Struct(fields) => self.fields(out, fields),
        }
        out.push(b'}');
    }

    fn fields(&mut self, out: &mut Vec<u8>, fields: &'a [Field]) {
        self.style.comma(out, false);
        self.open_fields(out);
        for (index, field) in fields.iter().enumerate() {
            self.style.comma(out, index == 0);
            self.style.key(out, &field.key.name);
            if field.required {
                self.position(out, &field.pos);
            } else {
                self.open(out, "optional");
                self.position(out, &field.pos);
                out.push(b'}');
            }
        }
        out.push(b'}');
    }

    fn open_fields(&self, out: &mut Vec<u8>) {
        self.style.key(out, "fields");
        out.push(b'{');
    }

    fn items(&mut self, out: &mut Vec<u8>, items: &'a [Pos]) {
        out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            self.style.comma(out, index == 0);
            self.position(out, item);
        }
        out.push(b']');
    }
}

pub(super) fn take_u32(mut cursor: Cursor<'_>, expected: &str) -> Result<u32> {
    match cursor.number().and_then(|number| number.parse().ok()) {
        Some(number) => Ok(number),
        None => cursor.unexpected(expected),
    }
}

pub(super) fn take_string(mut cursor: Cursor<'_>, expected: &str) -> Result<String> {
    match cursor.string()? {
        Some(text) => Ok(text.into_owned()),
        None => cursor.unexpected(expected),
    }
}

/// A name that a container can hold.
fn take_name(cursor: Cursor<'_>) -> Result<String> {
    const EXPECTED: &str = "a name of at most 255 bytes";
    let name = take_string(cursor, EXPECTED)?;
    if name.len() > 255 { cursor.unexpected(EXPECTED) } else { Ok(name) }
}

pub(super) fn take_layout(mut cursor: Cursor<'_>) -> Result<OwnedLayout> {
    let layout = layout(&mut cursor, 0)?;
    if let Err(error) = layout.encode(&mut Vec::new()) {
        return cursor.problem(JsonProblem::Layout(error));
    }
    Ok(layout)
}

fn too_deep<T>(cursor: Cursor<'_>) -> Result<T> {
    let (what, allowed) = ("levels of a schema", DEPTH_MAX.into());
    cursor.problem(JsonProblem::Limit { what, needs: allowed + 1, allowed })
}

fn layout(cursor: &mut Cursor<'_>, depth: u32) -> Result<OwnedLayout> {
    const EXPECTED: &str =
        "a layout: a number type such as \"f32\", {\"array\": layout, \"count\": n} or {\"struct\": {...}}";
    let start = *cursor;
    if depth > DEPTH_MAX {
        return too_deep(start);
    }
    if let Some(name) = cursor.string()? {
        let code = PRIMS.iter().position(|known| *known == name).and_then(|at| u8::try_from(at + 1).ok());
        return match code.and_then(Primitive::from_code) {
            Some(primitive) => Ok(OwnedLayout::Primitive(primitive)),
            None => start.unexpected(EXPECTED),
        };
    }
    let found = members(cursor, EXPECTED)?;
    if let Some(mut element) = find(start, &found, "array") {
        check_keys(&found, &["array", "count"])?;
        let count = take_u32(need(start, &found, "count")?, "a count")?;
        let element = layout(&mut element, depth + 1).within(|| ".array".to_owned())?;
        return Ok(OwnedLayout::Array(Box::new(element), count));
    }
    check_keys(&found, &["struct"])?;
    let mut inside = need(start, &found, "struct")?;
    let fields = members(&mut inside, "an object of layouts")?;
    let mut list = Vec::with_capacity(fields.len());
    for (name, at, value) in fields {
        if name.len() > 255 {
            return start.go(at).unexpected("a name of at most 255 bytes");
        }
        let field = layout(&mut start.go(value), depth + 1).within(|| member(&name))?;
        list.push((name.into_owned(), field));
    }
    Ok(OwnedLayout::Struct(list))
}

/// Reads a shape.
pub(super) fn take_shape(cursor: Cursor<'_>) -> Result<Tree> {
    let mut shape = TakeShape { types: Vec::new() };
    let root = shape.position(cursor, 0)?;
    let types = shape.types.into_iter().flatten().collect();
    Ok(Tree::new(types, root))
}

struct TakeShape {
    types: Vec<Option<Type>>,
}

const EXPECTED_SHAPE: &str = "a shape, such as \"u32\" or {\"seq\": shape}";

impl TakeShape {
    fn position(&mut self, mut cursor: Cursor<'_>, depth: u32) -> Result<Pos> {
        let start = cursor;
        if depth > DEPTH_MAX {
            return too_deep(start);
        }
        if let Some(name) = cursor.string()? {
            if name == "unknown" {
                return Ok(Pos::default());
            }
            let code = PRIMS.iter().position(|known| *known == name);
            return match code.and_then(|at| u8::try_from(at + 1).ok()) {
                Some(prim) => Ok(Pos(vec![Alt::Prim(prim)])),
                None => start.unexpected(EXPECTED_SHAPE),
            };
        }
        let found = members(&mut cursor, EXPECTED_SHAPE)?;
        let Some((key, _, value)) = found.first() else { return start.unexpected(EXPECTED_SHAPE) };
        let value = start.go(*value);
        if key == "any" {
            check_keys(&found, &["any"])?;
            let mut all = Vec::new();
            self.each(value, &mut |this, _, element| {
                all.extend(this.position(element, depth + 1)?.0);
                Ok(())
            })?;
            return Ok(Pos(all));
        }
        let alt = match key.as_ref() {
            "option" => Alt::Option(self.position(value, depth + 1)?),
            "seq" => Alt::Seq(self.position(value, depth + 1)?),
            "tuple" => Alt::Tuple(self.items(value, depth)?),
            "map" => match <[Pos; 2]>::try_from(self.items(value, depth)?) {
                Ok([key, value]) => Alt::Map(key, value),
                Err(_) => return value.unexpected("the shapes of keys and of values"),
            },
            "type" => {
                let number = take_u32(value, "the number of a type that was told before")?;
                Alt::Type(usize::try_from(number).unwrap_or(usize::MAX))
            }
            kind => return self.one_type(start, &found, kind, depth),
        };
        check_keys(&found, &[key])?;
        Ok(Pos(vec![alt]))
    }

    fn one_type(&mut self, start: Cursor<'_>, found: &Members<'_>, kind: &str, depth: u32) -> Result<Pos> {
        let inside = match kind {
            "struct" => "fields",
            "tuple_struct" => "items",
            "newtype" => "inner",
            "unit_struct" => "",
            "enum" => "variants",
            _ => return start.unexpected(EXPECTED_SHAPE),
        };
        let known = [kind, inside];
        check_keys(found, known.get(..if inside.is_empty() { 1 } else { 2 }).unwrap_or_default())?;
        let name = take_name(need(start, found, kind)?)?;
        let index = self.types.len();
        self.types.push(None);
        let body = match kind {
            "struct" => Body::Struct(self.fields(need(start, found, inside)?, depth)?),
            "tuple_struct" => Body::TupleStruct(self.items(need(start, found, inside)?, depth)?),
            "newtype" => Body::Newtype(self.position(need(start, found, inside)?, depth + 1)?),
            "unit_struct" => Body::Unit,
            _ => Body::Enum(self.variants(need(start, found, inside)?, depth)?),
        };
        if let Some(place) = self.types.get_mut(index) {
            *place = Some(Type { name, body });
        }
        Ok(Pos(vec![Alt::Type(index)]))
    }

    fn each<'t>(
        &mut self,
        mut cursor: Cursor<'t>,
        read: &mut dyn FnMut(&mut Self, usize, Cursor<'t>) -> Result<()>,
    ) -> Result<()> {
        if !cursor.open(b'[') {
            return cursor.unexpected("an array");
        }
        let mut index = 0;
        while cursor.element(index == 0)? {
            read(self, index, cursor).within(|| format!("[{index}]"))?;
            cursor.skip()?;
            index += 1;
        }
        Ok(())
    }

    fn items(&mut self, cursor: Cursor<'_>, depth: u32) -> Result<Vec<Pos>> {
        let mut items = Vec::new();
        self.each(cursor, &mut |this, _, element| {
            items.push(this.position(element, depth + 1)?);
            Ok(())
        })?;
        Ok(items)
    }

    fn fields(&mut self, mut cursor: Cursor<'_>, depth: u32) -> Result<Vec<Field>> {
        let start = cursor;
        let mut fields = Vec::new();
        for (name, at, value) in members(&mut cursor, "an object of shapes")? {
            if name.len() > 255 {
                return start.go(at).unexpected("a name of at most 255 bytes");
            }
            let mut value = start.go(value);
            let whole = value;
            let optional = if value.peek() == Some(b'{') {
                find(whole, &members(&mut value, "a shape")?, "optional")
            } else {
                None
            };
            let pos = self.position(optional.unwrap_or(whole), depth + 1).within(|| member(&name))?;
            fields.push(Field { key: Key::of_data(name.into_owned()), required: optional.is_none(), pos });
        }
        Ok(fields)
    }

    fn variants(&mut self, cursor: Cursor<'_>, depth: u32) -> Result<Vec<Variant>> {
        let mut variants = Vec::new();
        self.each(cursor, &mut |this, _, mut element| {
            let start = element;
            let found = members(&mut element, "a variant")?;
            check_keys(&found, &["name", "index", "newtype", "tuple", "fields"])?;
            let name = take_name(need(start, &found, "name")?)?;
            let index = take_u32(need(start, &found, "index")?, "the index of a variant")?;
            let payload = if let Some(inner) = find(start, &found, "newtype") {
                Payload::Newtype(this.position(inner, depth + 1)?)
            } else if let Some(items) = find(start, &found, "tuple") {
                Payload::Tuple(this.items(items, depth)?)
            } else if let Some(fields) = find(start, &found, "fields") {
                Payload::Struct(this.fields(fields, depth)?)
            } else {
                Payload::Unit
            };
            variants.push(Variant::new(index, name, payload));
            Ok(())
        })?;
        Ok(variants)
    }
}
