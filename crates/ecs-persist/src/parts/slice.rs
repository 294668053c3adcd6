use std::ops::Range;

/// Rows of which some can be taken: what an adapter calls a source of a column.
pub trait Slice: Sized {
    /// How many rows there are.
    fn rows(&self) -> usize;

    /// Those of them in a range of their own places.
    fn slice(&self, own: Range<usize>) -> Self;
}

/// How far the rows of some sources have been handed out.
#[derive(Debug)]
pub struct Slices<'s, S> {
    sources: &'s [S],
    /// How much of the first of them is taken.
    taken: usize,
}

impl<'s, S: Slice> Slices<'s, S> {
    /// Starts before the first row.
    pub fn new(sources: &'s [S]) -> Self {
        Self { sources, taken: 0 }
    }

    /// The next rows, at most so many; nothing behind the last.
    pub fn take(&mut self, rows: usize) -> Vec<S> {
        let mut left = rows;
        let mut taken = Vec::new();
        while let Some((source, rest)) = self.sources.split_first().filter(|_| left > 0) {
            let to = source.rows().min(self.taken.saturating_add(left));
            if to > self.taken {
                taken.push(source.slice(self.taken..to));
            }
            left -= to - self.taken;
            self.taken = to;
            if to == source.rows() {
                (self.sources, self.taken) = (rest, 0);
            }
        }
        taken
    }

    /// The rest, so many rows at a time.
    pub fn by(mut self, rows: usize) -> impl Iterator<Item = Vec<S>> {
        std::iter::from_fn(move || Some(self.take(rows.max(1))).filter(|taken| !taken.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Slice for Range<usize> {
        fn rows(&self) -> usize {
            self.len()
        }

        fn slice(&self, own: Range<usize>) -> Self {
            self.start + own.start..self.start + own.end
        }
    }

    #[test]
    fn rows_are_taken_once_and_in_their_order_across_sources() {
        let sources = [0..3, 5..5, 5..6, 9..13];
        let all: Vec<usize> = sources.iter().cloned().flatten().collect();
        for rows in 1..10 {
            let taken: Vec<Vec<Range<usize>>> = Slices::new(&sources).by(rows).collect();
            assert!(taken.iter().all(|some| some.iter().map(Slice::rows).sum::<usize>() <= rows));
            assert_eq!(taken.len(), all.len().div_ceil(rows));
            assert_eq!(taken.into_iter().flatten().flatten().collect::<Vec<_>>(), all);
        }
    }
}
