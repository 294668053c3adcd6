use std::{fmt::Display, marker::PhantomData, ops::Range};

use keepstone_value::{Batches, Entities, Learner, Resolve};

use crate::{
    codec::{Codec, Runs, refused},
    doc::{Column, ColumnData},
    error::Error,
    evolve::ColumnStep,
    persist::Persist,
    schema::{ComponentSchema, Encoding},
};

/// Rows are those of `C`; columns of the definition before, `Old`, are read as `Old` and converted value by value.
///
/// Derived: `#[persist(version = 2, from = Old)]`. `Old` may have another name, and a definition before itself. Which definition a
/// column is of, its name and version in the file say, so each step is taken once; a version between two definitions is an error. So where both have one name the
/// version has to be later than that of `Old`; otherwise it doesn't compile. Steps are taken while a
/// column is decoded: nothing is written, and references are those of the world.
#[derive(Debug)]
pub struct AsSince<C, Old>(PhantomData<(C, Old)>);

impl<T, C, Old> Codec<T> for AsSince<C, Old>
where
    T: Persist + TryFrom<Old, Error: Display>,
    C: Codec<T>,
    Old: Persist,
{
    const HAS_EARLIER: bool = {
        assert!(
            T::VERSION > Old::VERSION || !are_same(T::NAME, Old::NAME),
            "a definition has the name of the one before it, and no later version: nothing could tell their columns apart. Raise `version`",
        );
        // Definitions in a circle don't compile.
        let _ = <Old::Codec as Codec<Old>>::HAS_EARLIER;
        true
    };

    fn capture<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        C::capture(rows, entities)
    }

    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<T>, Error> {
        const { assert!(<Self as Codec<T>>::HAS_EARLIER) };
        if Self::is_own(&column.schema) {
            return C::decode(column, rows, entities);
        }
        Self::steps(&column.schema, &mut Vec::new())?;
        let old = Old::Codec::decode(column, rows, entities)?;
        let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
        let new = (0..).zip(old).map(|(row, old)| T::try_from(old).map_err(|why| wrap(refused(row, &why))));
        new.collect()
    }

    fn encoding() -> Option<Encoding> {
        C::encoding()
    }

    fn learn(
        rows: Runs<'_, T>,
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        C::learn(rows, entities, learner)
    }

    fn capture_batch<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        C::capture_batch(rows, entities, batches)
    }

    fn overwrite_plain(bytes: &[u8], values: &mut [T], written: &mut dyn FnMut(Range<usize>)) -> bool {
        C::overwrite_plain(bytes, values, written)
    }

    fn append_plain(bytes: &[u8], values: &mut Vec<T>) -> bool {
        C::append_plain(bytes, values)
    }

    fn is_own(schema: &ComponentSchema) -> bool {
        is_called::<T>(schema) && schema.version == T::VERSION
    }

    fn steps(schema: &ComponentSchema, steps: &mut Vec<ColumnStep>) -> Result<(), Error> {
        let (name, found) = (schema.name.clone(), schema.version);
        if is_called::<T>(schema) && found >= T::VERSION {
            let newest = T::VERSION;
            return if found == newest { Ok(()) } else { Err(Error::NewerComponent { name, found, newest }) };
        }
        let is_old = is_said::<Old>(schema) || (Old::NAME == T::NAME && is_called::<T>(schema));
        if is_old && found > Old::VERSION && !is_called::<T>(schema) {
            return Err(Error::NewerComponent { name, found, newest: Old::VERSION });
        }
        if is_old && found == Old::VERSION {
            // Where the definition before is itself the first, its own codec reads it.
        } else if Old::Codec::HAS_EARLIER && !(is_old && found > Old::VERSION) {
            match Old::Codec::steps(schema, steps) {
                // Later than its old namesake, and older than this definition.
                Err(Error::NewerComponent { .. }) if is_called::<T>(schema) => {
                    return Err(Error::NoMigration { name, found, known: known::<T, Old>() });
                }
                known => known?,
            }
        } else {
            return Err(Error::NoMigration { name, found, known: known::<T, Old>() });
        }
        steps.push(ColumnStep {
            from: Old::NAME.to_owned(),
            from_version: Old::VERSION,
            into: T::NAME.to_owned(),
            into_version: T::VERSION,
        });
        Ok(())
    }

    fn earlier_names(names: &mut Vec<&'static str>) {
        const { assert!(<Self as Codec<T>>::HAS_EARLIER) };
        for name in std::iter::once(Old::NAME).chain(Old::ALIASES.iter().copied()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Old::Codec::earlier_names(names);
    }
}

/// Whether a column has a name of this definition: also one that no definition says, as then a program gave it to the type.
fn is_called<T: Persist>(schema: &ComponentSchema) -> bool {
    let name = schema.name.as_str();
    if name == T::NAME || T::ALIASES.contains(&name) {
        return true;
    }
    let mut earlier = Vec::new();
    T::Codec::earlier_names(&mut earlier);
    !earlier.contains(&name)
}

/// Whether a column has a name that the definition before says.
fn is_said<Old: Persist>(schema: &ComponentSchema) -> bool {
    schema.name == Old::NAME || Old::ALIASES.contains(&schema.name.as_str())
}

const fn are_same(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while let ([first, rest_a @ ..], [other, rest_b @ ..]) = (a, b) {
        if *first != *other {
            return false;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.is_empty() && b.is_empty()
}

fn known<T: Persist, Old: Persist>() -> String {
    format!("{} {} -> {} {}", Old::NAME, Old::VERSION, T::NAME, T::VERSION)
}
