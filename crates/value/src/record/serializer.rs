use serde::ser::{self, Serialize, Serializer};

use crate::entity::MARK;
use crate::error::Problem;
use crate::fault::Fault;
use crate::record::fields::Visit;
use crate::record::{Body, Form, Named, Payload, Recorder, Run, at, at_mut};
use crate::shape::Prim;

/// A position that takes one value.
pub(super) struct Slot<'r> {
    pub(super) recorder: &'r mut Recorder,
    pub(super) position: u32,
    pub(super) depth: u32,
    /// Whether serde named the entity type here.
    pub(super) reference: bool,
}

impl<'r> Slot<'r> {
    fn prim(self, prim: Prim) -> Result<(), Fault> {
        if self.reference && prim != Prim::U64 {
            return Err(Problem::EntityForm.into());
        }
        self.recorder.prim(self.position, if self.reference { Prim::Reference } else { prim });
        Ok(())
    }

    fn plain(&self) -> Result<(), Fault> {
        if self.reference { Err(Problem::EntityForm.into()) } else { Ok(()) }
    }

    /// The level inside this container.
    fn enter(&self) -> Result<u32, Fault> {
        self.plain()?;
        self.recorder.enter(self.depth)
    }

    fn items(self, run: Run, depth: u32) -> Items<'r> {
        Items { recorder: self.recorder, next: run.first, left: run.count, depth }
    }

    fn fields(self, fields: u32, depth: u32) -> Fields<'r> {
        let visit =
            at_mut(&mut self.recorder.fields, fields).map(super::FieldsRecord::start).unwrap_or_default();
        Fields { recorder: self.recorder, record: fields, visit, depth }
    }
}

impl<'r> Serializer for Slot<'r> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Seq<'r>;
    type SerializeTuple = Items<'r>;
    type SerializeTupleStruct = Items<'r>;
    type SerializeTupleVariant = Items<'r>;
    type SerializeMap = Map<'r>;
    type SerializeStruct = Fields<'r>;
    type SerializeStructVariant = Fields<'r>;

    fn is_human_readable(&self) -> bool {
        self.recorder.human_readable
    }

    fn serialize_bool(self, _: bool) -> Result<(), Fault> {
        self.prim(Prim::Bool)
    }

    fn serialize_i8(self, _: i8) -> Result<(), Fault> {
        self.prim(Prim::I8)
    }

    fn serialize_i16(self, _: i16) -> Result<(), Fault> {
        self.prim(Prim::I16)
    }

    fn serialize_i32(self, _: i32) -> Result<(), Fault> {
        self.prim(Prim::I32)
    }

    fn serialize_i64(self, _: i64) -> Result<(), Fault> {
        self.prim(Prim::I64)
    }

    fn serialize_i128(self, _: i128) -> Result<(), Fault> {
        self.prim(Prim::I128)
    }

    fn serialize_u8(self, _: u8) -> Result<(), Fault> {
        self.prim(Prim::U8)
    }

    fn serialize_u16(self, _: u16) -> Result<(), Fault> {
        self.prim(Prim::U16)
    }

    fn serialize_u32(self, _: u32) -> Result<(), Fault> {
        self.prim(Prim::U32)
    }

    fn serialize_u64(self, value: u64) -> Result<(), Fault> {
        if self.reference {
            self.recorder.references.push(value);
        }
        self.prim(Prim::U64)
    }

    fn serialize_u128(self, _: u128) -> Result<(), Fault> {
        self.prim(Prim::U128)
    }

    fn serialize_f32(self, _: f32) -> Result<(), Fault> {
        self.prim(Prim::F32)
    }

    fn serialize_f64(self, _: f64) -> Result<(), Fault> {
        self.prim(Prim::F64)
    }

    fn serialize_char(self, _: char) -> Result<(), Fault> {
        self.prim(Prim::Char)
    }

    fn serialize_str(self, _: &str) -> Result<(), Fault> {
        self.prim(Prim::Str)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Fault> {
        self.prim(Prim::Bytes)
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.enter()?;
        self.recorder.option(self.position);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        let depth = self.enter()?;
        let inner = self.recorder.option(self.position);
        self.recorder.value(value, inner, depth)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        self.prim(Prim::Unit)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Fault> {
        self.plain()?;
        self.recorder.named(self.position, (4, name, 0), |_| Body::Unit);
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Fault> {
        self.plain()?;
        self.recorder.variant(self.position, name, index, variant, Form::Unit);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        if name == MARK {
            let reference = self.recorder.has_entities;
            return value.serialize(Slot { reference, ..self });
        }
        let depth = self.enter()?;
        let found =
            self.recorder.named(self.position, (3, name, 0), |recorder| Body::Newtype(recorder.fresh()));
        match at(&self.recorder.types, found) {
            Some(Named { body: Body::Newtype(inner), .. }) => {
                let inner = *inner;
                self.recorder.value(value, inner, depth)
            }
            _ => Err(Problem::Unstable.into()),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        let depth = self.enter()?;
        match self.recorder.variant(self.position, name, index, variant, Form::Newtype) {
            Payload::Newtype(inner) => self.recorder.value(value, inner, depth),
            _ => Err(Problem::Unstable.into()),
        }
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Seq<'r>, Fault> {
        let depth = self.enter()?;
        let element = self.recorder.seq(self.position);
        Ok(Seq { recorder: self.recorder, element, depth, is_recorded: false })
    }

    fn serialize_tuple(self, len: usize) -> Result<Items<'r>, Fault> {
        let depth = self.enter()?;
        let run = self.recorder.tuple(self.position, len);
        Ok(self.items(run, depth))
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Items<'r>, Fault> {
        let depth = self.enter()?;
        let body = |recorder: &mut Recorder| Body::TupleStruct(recorder.fresh_run(len));
        let found = self.recorder.named(self.position, (2, name, len), body);
        match at(&self.recorder.types, found) {
            Some(Named { body: Body::TupleStruct(run), .. }) => {
                let run = *run;
                Ok(self.items(run, depth))
            }
            _ => Err(Problem::Unstable.into()),
        }
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items<'r>, Fault> {
        let depth = self.enter()?;
        match self.recorder.variant(self.position, name, index, variant, Form::Tuple(len)) {
            Payload::Tuple(run) => Ok(self.items(run, depth)),
            _ => Err(Problem::Unstable.into()),
        }
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Map<'r>, Fault> {
        let depth = self.enter()?;
        let (key, value) = self.recorder.map(self.position);
        Ok(Map { recorder: self.recorder, key, value, depth })
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'r>, Fault> {
        let depth = self.enter()?;
        let body = |recorder: &mut Recorder| Body::Struct(recorder.fresh_fields());
        let found = self.recorder.named(self.position, (1, name, 0), body);
        match at(&self.recorder.types, found) {
            Some(Named { body: Body::Struct(fields), .. }) => {
                let fields = *fields;
                Ok(self.fields(fields, depth))
            }
            _ => Err(Problem::Unstable.into()),
        }
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'r>, Fault> {
        let depth = self.enter()?;
        match self.recorder.variant(self.position, name, index, variant, Form::Struct) {
            Payload::Struct(fields) => Ok(self.fields(fields, depth)),
            _ => Err(Problem::Unstable.into()),
        }
    }
}

pub(super) struct Seq<'r> {
    recorder: &'r mut Recorder,
    element: u32,
    depth: u32,
    is_recorded: bool,
}

/// Whether all values of a type have one shape, and none can be taken for a reference.
fn has_one_shape<T: ?Sized>() -> bool {
    let id = typeid::of::<T>();
    macro_rules! is_one_of {
        ($($number:ty),*) => {
            // A sequence hands out its elements by reference.
            $(id == typeid::of::<$number>() || id == typeid::of::<&$number>() ||)* false
        };
    }
    is_one_of!(u8, i8, u16, i16, u32, i32, f32, f64, bool)
}

impl ser::SerializeSeq for Seq<'_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        // A million bytes say no more than the first of them.
        if self.is_recorded && has_one_shape::<T>() {
            return Ok(());
        }
        self.is_recorded = has_one_shape::<T>();
        self.recorder.value(value, self.element, self.depth)
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}

pub(super) struct Items<'r> {
    recorder: &'r mut Recorder,
    next: u32,
    left: usize,
    depth: u32,
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let position = self.next;
        self.next += 1;
        self.left = self.left.checked_sub(1).ok_or(Problem::Count)?;
        self.recorder.value(value, position, self.depth)
    }

    fn finish(self) -> Result<(), Fault> {
        if self.left == 0 { Ok(()) } else { Err(Problem::Count.into()) }
    }
}

impl ser::SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.item(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Items<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.item(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Items<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.item(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

pub(super) struct Map<'r> {
    recorder: &'r mut Recorder,
    key: u32,
    value: u32,
    depth: u32,
}

impl ser::SerializeMap for Map<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.recorder.value(key, self.key, self.depth)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.recorder.value(value, self.value, self.depth)
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}

pub(super) struct Fields<'r> {
    recorder: &'r mut Recorder,
    record: u32,
    visit: Visit,
    depth: u32,
}

impl Fields<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Fault> {
        let Recorder { positions, fields, .. } = &mut *self.recorder;
        let fresh = || {
            positions.push(Vec::new());
            super::last(positions.len())
        };
        let position =
            at_mut(fields, self.record).and_then(|fields| fields.field(&mut self.visit, name, fresh));
        let Some(position) = position else { return Err(Problem::DuplicateField(name.to_owned()).into()) };
        self.recorder.value(value, position, self.depth)
    }
}

impl ser::SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Fault> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}

impl ser::SerializeStructVariant for Fields<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Fault> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}
