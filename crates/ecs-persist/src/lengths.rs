/// The length of each row of a serde column. Columns whose rows have one length don't list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lengths(Repr);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Repr {
    Same { len: u32, rows: u32 },
    Each(Vec<u32>),
}

impl Lengths {
    /// All rows have one length. No memory is taken for them.
    pub fn same(len: u32, rows: u32) -> Self {
        Self(Repr::Same { len: if rows == 0 { 0 } else { len }, rows })
    }

    /// Each row has its own.
    pub fn each(lengths: Vec<u32>) -> Self {
        let first = lengths.first().copied().unwrap_or(0);
        match u32::try_from(lengths.len()) {
            Ok(rows) if lengths.iter().all(|&len| len == first) => Self::same(first, rows),
            _ => Self(Repr::Each(lengths)),
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        match &self.0 {
            Repr::Same { rows, .. } => u64::from(*rows),
            Repr::Each(lengths) => lengths.len() as u64,
        }
    }

    /// How many bytes all rows have.
    pub fn sum(&self) -> u64 {
        match &self.0 {
            Repr::Same { len, rows } => u64::from(*len) * u64::from(*rows),
            Repr::Each(lengths) => lengths.iter().map(|&len| u64::from(len)).sum(),
        }
    }

    /// The length that all rows have, if they have one.
    pub fn common(&self) -> Option<u32> {
        match &self.0 {
            Repr::Same { len, .. } => Some(*len),
            Repr::Each(_) => None,
        }
    }

    /// The lengths in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let (same, each) = match &self.0 {
            Repr::Same { len, rows } => (Some(std::iter::repeat_n(*len, *rows as usize)), None),
            Repr::Each(lengths) => (None, Some(lengths.iter().copied())),
        };
        same.into_iter().flatten().chain(each.into_iter().flatten())
    }
}
