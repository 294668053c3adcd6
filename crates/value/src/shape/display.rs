use std::fmt::{self, Display, Formatter};

use crate::shape::{Alternative, Body, Field, Payload, Position, Shape, Type, type_at};

/// Types one a line, the type of the rows first; rows that are no single named type get a line of their own in front.
impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let named = matches!(self.root.0.as_slice(), [Alternative::Type(_)]);
        if !named {
            self.position(f, &self.root)?;
        }
        for (number, found) in self.types.iter().enumerate() {
            if number > 0 || !named {
                writeln!(f)?;
            }
            self.one_type(f, found)?;
        }
        Ok(())
    }
}

impl Shape {
    fn one_type(&self, f: &mut Formatter<'_>, found: &Type) -> fmt::Result {
        let name = found.name.escape_debug();
        match &found.body {
            Body::Struct(fields) => {
                write!(f, "struct {name} ")?;
                self.fields(f, fields)
            }
            Body::TupleStruct(items) => {
                write!(f, "struct {name}")?;
                self.items(f, items)
            }
            Body::Newtype(inner) => {
                write!(f, "struct {name} = ")?;
                self.position(f, inner)
            }
            Body::Unit => write!(f, "struct {name}"),
            Body::Enum(variants) => {
                write!(f, "enum {name} {{ ")?;
                for (number, variant) in variants.iter().enumerate() {
                    f.write_str(if number > 0 { ", " } else { "" })?;
                    write!(f, "{}", variant.name.escape_debug())?;
                    match &variant.payload {
                        Payload::Unit => {}
                        Payload::Newtype(inner) => {
                            f.write_str("(")?;
                            self.position(f, inner)?;
                            f.write_str(")")?;
                        }
                        Payload::Tuple(items) => self.items(f, items)?,
                        Payload::Struct(fields) => {
                            f.write_str(" ")?;
                            self.fields(f, fields)?;
                        }
                    }
                }
                f.write_str(" }")
            }
        }
    }

    fn fields(&self, f: &mut Formatter<'_>, fields: &[Field]) -> fmt::Result {
        if fields.is_empty() {
            return f.write_str("{}");
        }
        f.write_str("{ ")?;
        for (number, field) in fields.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            let mark = if field.required { "" } else { "?" };
            write!(f, "{comma}{}{mark}: ", field.name.escape_debug())?;
            self.position(f, &field.position)?;
        }
        f.write_str(" }")
    }

    fn items(&self, f: &mut Formatter<'_>, items: &[Position]) -> fmt::Result {
        f.write_str("(")?;
        for (number, item) in items.iter().enumerate() {
            f.write_str(if number > 0 { ", " } else { "" })?;
            self.position(f, item)?;
        }
        f.write_str(if items.len() == 1 { ",)" } else { ")" })
    }

    fn position(&self, f: &mut Formatter<'_>, position: &Position) -> fmt::Result {
        if position.0.is_empty() {
            return f.write_str("_");
        }
        for (number, alternative) in position.0.iter().enumerate() {
            f.write_str(if number > 0 { " | " } else { "" })?;
            match alternative {
                Alternative::Prim(prim) => f.write_str(prim.name())?,
                Alternative::Option(inner) => {
                    f.write_str("Option<")?;
                    self.position(f, inner)?;
                    f.write_str(">")?;
                }
                Alternative::Seq(inner) => {
                    f.write_str("[")?;
                    self.position(f, inner)?;
                    f.write_str("]")?;
                }
                Alternative::Map(key, value) => {
                    f.write_str("{")?;
                    self.position(f, key)?;
                    f.write_str(": ")?;
                    self.position(f, value)?;
                    f.write_str("}")?;
                }
                Alternative::Tuple(items) => self.items(f, items)?,
                Alternative::Type(index) => {
                    let name = type_at(&self.types, *index).map_or("?", |found| &found.name);
                    write!(f, "{}", name.escape_debug())?;
                }
            }
        }
        Ok(())
    }
}
