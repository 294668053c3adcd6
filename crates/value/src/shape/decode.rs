use crate::error::{Error, Problem, ShapeProblem};
use crate::fault::Fault;
use crate::options::DEPTH_MAX;
use crate::shape::{
    Alternative, Body, COUNT_MAX, Counts, Field, MAP, OPTION, Payload, Position, Prim, SEQ, Shape, TUPLE,
    TYPE, Type, Variant, by_place,
};
use crate::wire::{take, take_byte, take_varint};

type Result<T, E = ShapeProblem> = std::result::Result<T, E>;

impl Shape {
    /// Reads the bytes that [`encode`](Self::encode) returned; they have to end with the shape.
    ///
    /// # Errors
    ///
    /// `Error::Shape` if the bytes break any rule of the canonical form.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader { rest: bytes, counts: Counts::default() };
        reader.shape().map_err(|problem| {
            let read = bytes.len().saturating_sub(reader.rest.len());
            Error::Shape { offset: u64::try_from(read).unwrap_or(u64::MAX), problem }
        })
    }
}

/// How many things room is made for before the first of them is read.
const RESERVED_MAX: usize = 16;

/// Whether no two are equal.
fn are_unique<T: Ord>(things: impl Iterator<Item = T>) -> bool {
    let mut things: Vec<T> = things.collect();
    things.sort_unstable();
    things.windows(2).all(|pair| !matches!(pair, [a, b] if a == b))
}

struct Reader<'a> {
    rest: &'a [u8],
    counts: Counts,
}

impl Reader<'_> {
    fn shape(&mut self) -> Result<Shape> {
        let count = self.count()?;
        let types = self.many(count, Self::one_type)?;
        let root = self.position(0)?;
        if !self.rest.is_empty() {
            return Err(ShapeProblem::Trailing);
        }
        let shape = Shape { types, root };
        shape.check_order()?;
        Ok(shape)
    }

    fn one_type(&mut self) -> Result<Type> {
        let kind = self.byte()?;
        let name = self.name()?;
        let body = match kind {
            1 => Body::Struct(self.fields()?),
            2 => Body::TupleStruct(self.items(0)?),
            3 => Body::Newtype(self.position(0)?),
            4 => Body::Unit,
            5 => Body::Enum(self.variants()?),
            found => return Err(ShapeProblem::Code { found }),
        };
        Ok(Type { name, body })
    }

    fn variants(&mut self) -> Result<Vec<Variant>> {
        let mode = self.byte()?;
        let count = self.count()?;
        if count == 0 {
            return Err(ShapeProblem::Empty);
        }
        self.counts.variants(count)?;
        let variants = self.many(count, Self::variant)?;
        if variants.windows(2).any(|pair| matches!(pair, [a, b] if a.key() >= b.key())) {
            return Err(ShapeProblem::Order);
        }
        match (mode, by_place(&variants)) {
            (0, false) | (1, true) => Ok(variants),
            (0 | 1, _) => Err(ShapeProblem::Mode),
            (found, _) => Err(ShapeProblem::Code { found }),
        }
    }

    fn variant(&mut self) -> Result<Variant> {
        let index = self.varint()?;
        let name = self.name()?;
        let payload = match self.byte()? {
            0 => Payload::Unit,
            1 => Payload::Newtype(self.position(0)?),
            2 => Payload::Tuple(self.items(0)?),
            3 => Payload::Struct(self.fields()?),
            found => return Err(ShapeProblem::Code { found }),
        };
        Ok(Variant { index, name, payload })
    }

    fn fields(&mut self) -> Result<Vec<Field>> {
        let count = self.count()?;
        self.counts.fields(count)?;
        let fields = self.many(count, Self::field)?;
        if are_unique(fields.iter().map(|field| field.name.as_str())) {
            Ok(fields)
        } else {
            Err(ShapeProblem::Order)
        }
    }

    fn field(&mut self) -> Result<Field> {
        let name = self.name()?;
        let required = match self.byte()? {
            0 => false,
            1 => true,
            found => return Err(ShapeProblem::Code { found }),
        };
        Ok(Field { name, required, position: self.position(0)? })
    }

    fn items(&mut self, depth: u32) -> Result<Vec<Position>> {
        let count = self.count()?;
        self.many(count, |reader| reader.position(depth))
    }

    fn position(&mut self, depth: u32) -> Result<Position> {
        if depth > DEPTH_MAX {
            return Err(ShapeProblem::Depth);
        }
        let count = self.count()?;
        self.counts.alternatives(count)?;
        self.many(count, |reader| reader.alternative(depth + 1)).map(Position)
    }

    fn alternative(&mut self, depth: u32) -> Result<Alternative> {
        let found = self.byte()?;
        if let Some(prim) = found.checked_sub(1).and_then(|at| Prim::ALL.get(usize::from(at))) {
            return Ok(Alternative::Prim(*prim));
        }
        match found {
            OPTION => Ok(Alternative::Option(self.position(depth)?)),
            SEQ => Ok(Alternative::Seq(self.position(depth)?)),
            MAP => Ok(Alternative::Map(self.position(depth)?, self.position(depth)?)),
            TUPLE => Ok(Alternative::Tuple(self.items(depth)?)),
            TYPE => Ok(Alternative::Type(self.varint()?)),
            _ => Err(ShapeProblem::Code { found }),
        }
    }

    fn many<T>(&mut self, count: usize, one: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut found = Vec::with_capacity(count.min(RESERVED_MAX));
        for _ in 0..count {
            found.push(one(self)?);
        }
        Ok(found)
    }

    /// Everything counted takes at least one byte.
    fn count(&mut self) -> Result<usize> {
        let count = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if count > COUNT_MAX {
            return Err(ShapeProblem::Count);
        }
        if count > self.rest.len() { Err(ShapeProblem::Truncated) } else { Ok(count) }
    }

    fn name(&mut self) -> Result<String> {
        let len = self.byte()?;
        let bytes = take(&mut self.rest, u64::from(len)).map_err(problem)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| ShapeProblem::Utf8)
    }

    fn byte(&mut self) -> Result<u8> {
        take_byte(&mut self.rest).map_err(problem)
    }

    fn varint(&mut self) -> Result<u32> {
        let value = take_varint(&mut self.rest, 32).map_err(problem)?;
        u32::try_from(value).map_err(|_| ShapeProblem::Varint)
    }
}

fn problem(fault: Fault) -> ShapeProblem {
    match fault.into_problem() {
        Some(Problem::Varint) => ShapeProblem::Varint,
        _ => ShapeProblem::Truncated,
    }
}

impl Shape {
    /// Checks what can be checked only once all types are known.
    fn check_order(&self) -> Result<()> {
        if !are_unique(self.types.iter().map(Type::key)) {
            return Err(ShapeProblem::Types);
        }
        check_position(&self.root, &self.types)?;
        for found in &self.types {
            let mut result = Ok(());
            found.each(&mut |position| {
                if result.is_ok() {
                    result = check_position(position, &self.types);
                }
            });
            result?;
        }
        let met = self.met();
        if met.len() == self.types.len() && (0..).zip(&met).all(|(number, index)| number == *index) {
            Ok(())
        } else {
            Err(ShapeProblem::Types)
        }
    }
}

fn check_position(position: &Position, types: &[Type]) -> Result<()> {
    let known = |alternative: &Alternative| match alternative {
        Alternative::Type(index) => usize::try_from(*index).is_ok_and(|index| index < types.len()),
        _ => true,
    };
    if !position.0.iter().all(known) {
        return Err(ShapeProblem::Types);
    }
    if position.0.windows(2).any(|pair| matches!(pair, [a, b] if a.key(types) >= b.key(types))) {
        return Err(ShapeProblem::Order);
    }
    let mut result = Ok(());
    for alternative in &position.0 {
        alternative.each(&mut |inner| {
            if result.is_ok() {
                result = check_position(inner, types);
            }
        });
    }
    result
}
