//! Whether rows of a shape can hold references to entities.

use keepstone_format::{Error, wire::Input};
use keepstone_value::Shape;

const REFERENCE: u8 = 0x12;
const OPTION: u8 = 0x20;
const SEQUENCE: u8 = 0x21;
const MAP: u8 = 0x22;
const TUPLE: u8 = 0x23;
const TYPE: u8 = 0x24;

/// Whether a position of the shape has an entity reference among its alternatives.
pub(super) fn holds_references(shape: &Shape) -> Result<bool, Error> {
    let bytes = shape.encode();
    let mut walk = Walk { input: Input::new("shape", &bytes), found: false };
    for _ in 0..walk.input.varint_u32()? {
        walk.one_type()?;
    }
    walk.position()?;
    Ok(walk.found)
}

/// Goes through the bytes of FORMAT.md section 4.2. They are those of a shape that was checked, so nesting has an end.
struct Walk<'b> {
    input: Input<'b>,
    found: bool,
}

impl Walk<'_> {
    fn positions(&mut self) -> Result<(), Error> {
        for _ in 0..self.input.varint_u32()? {
            self.position()?;
        }
        Ok(())
    }

    fn position(&mut self) -> Result<(), Error> {
        for _ in 0..self.input.varint_u32()? {
            match self.input.u8()? {
                REFERENCE => self.found = true,
                OPTION | SEQUENCE => self.position()?,
                MAP => {
                    self.position()?;
                    self.position()?;
                }
                TUPLE => self.positions()?,
                TYPE => drop(self.input.varint_u32()?),
                _ => {}
            }
        }
        Ok(())
    }

    fn one_type(&mut self) -> Result<(), Error> {
        let kind = self.input.u8()?;
        self.input.name()?;
        match kind {
            1 => self.fields(),
            2 => self.positions(),
            3 => self.position(),
            5 => {
                self.input.u8()?;
                for _ in 0..self.input.varint_u32()? {
                    self.variant()?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn fields(&mut self) -> Result<(), Error> {
        for _ in 0..self.input.varint_u32()? {
            self.input.name()?;
            self.input.u8()?;
            self.position()?;
        }
        Ok(())
    }

    fn variant(&mut self) -> Result<(), Error> {
        self.input.varint_u32()?;
        self.input.name()?;
        match self.input.u8()? {
            1 => self.position(),
            2 => self.positions(),
            3 => self.fields(),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use keepstone_value::{Entities, EntityType, Options, encode};
    use serde::{Serialize, Serializer};

    use super::*;

    #[derive(Clone, Copy)]
    struct Id(u64);

    impl Serialize for Id {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_u64(self.0)
        }
    }

    struct Same;

    impl Entities for Same {
        fn entity(&self) -> EntityType {
            EntityType::of::<Id>()
        }

        fn ordinal(&mut self, bits: u64) -> u32 {
            u32::try_from(bits).unwrap()
        }
    }

    #[derive(Serialize)]
    enum Any {
        Unit,
        Newtype(u8),
        Tuple(u8, Option<String>),
        Struct { entity: u32, more: Vec<(char, f32)> },
        Map(std::collections::BTreeMap<u32, i8>),
        At { whom: Option<(Id, u8)> },
    }

    fn holds<T: Serialize>(rows: &[T]) -> bool {
        let rows = encode(rows.iter(), Some(&mut Same), &Options::default()).unwrap();
        let found = holds_references(&rows.shape).unwrap();
        assert!(found || rows.targets.is_empty());
        found
    }

    #[test]
    fn only_shapes_with_a_reference_hold_one() {
        let without = [
            Any::Unit,
            Any::Newtype(1),
            Any::Tuple(1, None),
            Any::Tuple(1, Some("entity".to_owned())),
            Any::Struct { entity: 1, more: vec![('a', 1.0)] },
            Any::Map([(1, 1)].into()),
        ];
        assert!(!holds(&without));
        assert!(!holds(&[Any::At { whom: None }]), "what was never seen isn't in the shape");
        assert!(holds(&[Any::Unit, Any::At { whom: Some((Id(1), 2)) }]));
        assert!(holds(&[vec![vec![Id(1)]]]));
    }
}
