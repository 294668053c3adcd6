use std::collections::HashSet;

use crate::error::ShapeProblem;
use crate::shape::{
    Alternative, Body, COUNT_MAX, Counts, Field, NAME_MAX, Payload, Position, Shape, Type, Variant, type_at,
};

enum Step<'a> {
    Position(&'a Position),
    Alternative(&'a Alternative),
}

impl Shape {
    /// The types in the order in which a walk from the root meets them first.
    pub(crate) fn met(&self) -> Vec<u32> {
        let mut order = Vec::new();
        let mut seen = HashSet::new();
        let mut todo = vec![Step::Position(&self.root)];
        while let Some(step) = todo.pop() {
            match step {
                Step::Position(position) => todo.extend(position.0.iter().rev().map(Step::Alternative)),
                Step::Alternative(Alternative::Type(index)) => {
                    if let Some(found) = type_at(&self.types, *index)
                        && seen.insert(*index)
                    {
                        order.push(*index);
                        let start = todo.len();
                        found.each(&mut |position| todo.push(Step::Position(position)));
                        todo.get_mut(start..).unwrap_or_default().reverse();
                    }
                }
                Step::Alternative(alternative) => {
                    let start = todo.len();
                    alternative.each(&mut |position| todo.push(Step::Position(position)));
                    todo.get_mut(start..).unwrap_or_default().reverse();
                }
            }
        }
        order
    }

    /// Gives the types the numbers that the canonical form asks for.
    pub(crate) fn renumber(mut self) -> Self {
        let order = self.met();
        let mut numbers = vec![0; self.types.len()];
        for (number, index) in (0..).zip(&order) {
            if let Some(slot) = usize::try_from(*index).ok().and_then(|index| numbers.get_mut(index)) {
                *slot = number;
            }
        }
        let mut taken: Vec<_> = std::mem::take(&mut self.types).into_iter().map(Some).collect();
        let mut place =
            |index: u32| usize::try_from(index).ok().and_then(|index| taken.get_mut(index)?.take());
        self.types = order.iter().filter_map(|index| place(*index)).collect();
        let mut rename = |index: &mut u32| {
            *index =
                usize::try_from(*index).ok().and_then(|index| numbers.get(index)).copied().unwrap_or(*index);
        };
        self.root.each_type(&mut rename);
        for found in &mut self.types {
            found.each_mut(&mut |position| position.each_type(&mut rename));
        }
        self
    }

    /// Checks the limits of counts and names.
    pub(crate) fn measure(&self) -> Result<(), ShapeProblem> {
        let mut counts = Counts::default();
        if self.types.len() > COUNT_MAX {
            return Err(ShapeProblem::Count);
        }
        measure_position(&self.root, &mut counts)?;
        for found in &self.types {
            measure_name(&found.name)?;
            match &found.body {
                Body::Struct(fields) => measure_fields(fields, &mut counts)?,
                Body::TupleStruct(items) if items.len() > COUNT_MAX => return Err(ShapeProblem::Count),
                Body::Enum(variants) => measure_variants(variants, &mut counts)?,
                _ => {}
            }
            let mut result = Ok(());
            found.each(&mut |position| {
                if result.is_ok() {
                    result = measure_position(position, &mut counts);
                }
            });
            result?;
        }
        Ok(())
    }
}

fn measure_name(name: &str) -> Result<(), ShapeProblem> {
    if name.len() > NAME_MAX { Err(ShapeProblem::Name) } else { Ok(()) }
}

fn measure_fields(fields: &[Field], counts: &mut Counts) -> Result<(), ShapeProblem> {
    counts.fields(fields.len())?;
    fields.iter().try_for_each(|field| measure_name(&field.name))
}

fn measure_variants(variants: &[Variant], counts: &mut Counts) -> Result<(), ShapeProblem> {
    counts.variants(variants.len())?;
    for variant in variants {
        measure_name(&variant.name)?;
        match &variant.payload {
            Payload::Struct(fields) => measure_fields(fields, counts)?,
            Payload::Tuple(items) if items.len() > COUNT_MAX => return Err(ShapeProblem::Count),
            _ => {}
        }
    }
    Ok(())
}

fn measure_position(position: &Position, counts: &mut Counts) -> Result<(), ShapeProblem> {
    counts.alternatives(position.0.len())?;
    let mut result = Ok(());
    for alternative in &position.0 {
        if let Alternative::Tuple(items) = alternative
            && items.len() > COUNT_MAX
        {
            return Err(ShapeProblem::Count);
        }
        alternative.each(&mut |inner| {
            if result.is_ok() {
                result = measure_position(inner, counts);
            }
        });
    }
    result
}

impl Alternative {
    /// Calls `visit` with each position inside, in written order.
    pub(crate) fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Position)) {
        match self {
            Self::Prim(_) | Self::Type(_) => {}
            Self::Option(inner) | Self::Seq(inner) => visit(inner),
            Self::Map(key, value) => {
                visit(key);
                visit(value);
            }
            Self::Tuple(items) => items.iter().for_each(visit),
        }
    }
}

impl Position {
    fn each_type(&mut self, visit: &mut dyn FnMut(&mut u32)) {
        for alternative in &mut self.0 {
            match alternative {
                Alternative::Prim(_) => {}
                Alternative::Type(index) => visit(index),
                Alternative::Option(inner) | Alternative::Seq(inner) => inner.each_type(visit),
                Alternative::Map(key, value) => {
                    key.each_type(visit);
                    value.each_type(visit);
                }
                Alternative::Tuple(items) => items.iter_mut().for_each(|item| item.each_type(visit)),
            }
        }
    }
}

impl Type {
    /// Calls `visit` with each position of the type, in written order.
    pub(crate) fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Position)) {
        match &self.body {
            Body::Struct(fields) => fields.iter().for_each(|field| visit(&field.position)),
            Body::TupleStruct(items) => items.iter().for_each(visit),
            Body::Newtype(inner) => visit(inner),
            Body::Unit => {}
            Body::Enum(variants) => {
                for variant in variants {
                    match &variant.payload {
                        Payload::Unit => {}
                        Payload::Newtype(inner) => visit(inner),
                        Payload::Tuple(items) => items.iter().for_each(&mut *visit),
                        Payload::Struct(fields) => fields.iter().for_each(|field| visit(&field.position)),
                    }
                }
            }
        }
    }

    fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Position)) {
        match &mut self.body {
            Body::Struct(fields) => fields.iter_mut().for_each(|field| visit(&mut field.position)),
            Body::TupleStruct(items) => items.iter_mut().for_each(visit),
            Body::Newtype(inner) => visit(inner),
            Body::Unit => {}
            Body::Enum(variants) => {
                for variant in variants {
                    match &mut variant.payload {
                        Payload::Unit => {}
                        Payload::Newtype(inner) => visit(inner),
                        Payload::Tuple(items) => items.iter_mut().for_each(&mut *visit),
                        Payload::Struct(fields) => {
                            for field in fields {
                                visit(&mut field.position);
                            }
                        }
                    }
                }
            }
        }
    }
}
