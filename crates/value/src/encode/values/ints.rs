use crate::shape::Prim;

/// An integer in a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Int {
    Small(i128),
    /// Above `i128::MAX`.
    Big(u128),
}

/// Integer types in the order in which they are tried, which is that of their codes.
const PRIMS: [Prim; 10] = [
    Prim::U8,
    Prim::U16,
    Prim::U32,
    Prim::U64,
    Prim::U128,
    Prim::I8,
    Prim::I16,
    Prim::I32,
    Prim::I64,
    Prim::I128,
];

impl Int {
    pub(super) fn fits(self, prim: Prim) -> bool {
        match (self, prim) {
            (Self::Small(value), Prim::U8) => u8::try_from(value).is_ok(),
            (Self::Small(value), Prim::U16) => u16::try_from(value).is_ok(),
            (Self::Small(value), Prim::U32) => u32::try_from(value).is_ok(),
            (Self::Small(value), Prim::U64) => u64::try_from(value).is_ok(),
            (Self::Small(value), Prim::U128) => value >= 0,
            (Self::Small(value), Prim::I8) => i8::try_from(value).is_ok(),
            (Self::Small(value), Prim::I16) => i16::try_from(value).is_ok(),
            (Self::Small(value), Prim::I32) => i32::try_from(value).is_ok(),
            (Self::Small(value), Prim::I64) => i64::try_from(value).is_ok(),
            (Self::Small(_), Prim::I128) | (Self::Big(_), Prim::U128) => true,
            _ => false,
        }
    }
}

/// The integers of one position.
pub(super) struct Ints {
    /// For each type of [`PRIMS`] whether a value may take it.
    may: [bool; PRIMS.len()],
    /// For each type of [`PRIMS`] whether a value takes it.
    taken: [bool; PRIMS.len()],
    /// Whether a value fits no type that it may take.
    misfit: bool,
    /// The least and the greatest value.
    range: Option<(Int, Int)>,
}

impl Ints {
    /// No values, which may be of these types.
    pub(super) fn new(may: impl Fn(Prim) -> bool) -> Self {
        Self { may: PRIMS.map(may), taken: [false; PRIMS.len()], misfit: false, range: None }
    }

    /// Takes note of a value.
    pub(super) fn add(&mut self, value: Int) {
        let mut slots = self.taken.iter_mut().zip(self.may).zip(PRIMS);
        match slots.find(|((_, may), prim)| *may && value.fits(*prim)) {
            Some(((slot, _), _)) => *slot = true,
            None => self.misfit = true,
        }
        let (least, most) = self.range.unwrap_or((value, value));
        let key = |value: Int| match value {
            Int::Small(value) => (false, value, 0),
            Int::Big(value) => (true, 0, value),
        };
        let least = if key(value) < key(least) { value } else { least };
        let most = if key(value) > key(most) { value } else { most };
        self.range = Some((least, most));
    }

    /// The types of the integers, ascending.
    pub(super) fn prims(&self) -> Vec<Prim> {
        let Some((least, most)) = self.range else { return Vec::new() };
        if !self.misfit {
            let taken = PRIMS.iter().zip(self.taken).filter(|(_, taken)| *taken);
            return taken.map(|(prim, _)| *prim).collect();
        }
        let holds = |prim: &Prim| least.fits(*prim) && most.fits(*prim);
        match [Prim::U64, Prim::I64, Prim::U128, Prim::I128].into_iter().find(holds) {
            Some(prim) => vec![prim],
            None => vec![Prim::U128, Prim::I128],
        }
    }
}
