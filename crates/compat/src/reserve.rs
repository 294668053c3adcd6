use crate::error::Error;

/// Returns an empty vector with room for `count` elements, or an error where the usual way aborts
/// the process.
pub(crate) fn reserve<T>(count: usize) -> Result<Vec<T>, Error> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(count).map_err(|source| Error::OutOfMemory {
        needs: (count as u64).saturating_mul(size_of::<T>() as u64),
        source,
    })?;
    Ok(vec)
}

#[cfg(test)]
mod tests {
    use keepstone_format::Kind;

    use super::*;

    #[test]
    fn room_that_is_not_there_is_an_error() {
        let err = reserve::<[u8; 128]>(usize::MAX).unwrap_err();
        assert!(matches!(err, Error::OutOfMemory { needs: u64::MAX, .. }));
        assert_eq!(err.kind(), Kind::Limit);
        assert_eq!(reserve::<u8>(10).unwrap().capacity(), 10);
    }
}
