//! The alternatives of positions: found, or added where a value is the first of its kind.

use crate::encode::values::hints::{Hint, by_field, inside};
use crate::encode::values::record::{
    Alternative, Body, Named, Payload, Record, Recorder, Run, Variant, form, fresh, get, get_mut, last,
};
use crate::record::fields::FieldsRecord;
use crate::shape::{self, Prim, TypeKey};
use crate::value::Fields;

/// Of so many variants each is looked at: that takes less than a look into a map.
const FEW: usize = 16;

impl<'v, 'h> Recorder<'v, 'h> {
    /// What `pick` finds among the alternatives of a position; if nothing, what `make` adds.
    fn join<R>(
        &mut self,
        at: u32,
        pick: impl Fn(&Alternative) -> Option<R>,
        make: impl FnOnce(&mut Self) -> (Alternative, R),
    ) -> R {
        if let Some(found) = get(&self.places, at).and_then(|place| place.alternatives.iter().find_map(pick))
        {
            return found;
        }
        let (alternative, result) = make(self);
        if let Some(place) = get_mut(&mut self.places, at) {
            place.alternatives.push(alternative);
        }
        result
    }

    pub(super) fn prim(&mut self, at: u32, prim: Prim) {
        let same = |found: &Alternative| (*found == Alternative::Prim(prim)).then_some(());
        self.join(at, same, |_| (Alternative::Prim(prim), ()));
    }

    fn fresh(&mut self, hint: Hint<'h>) -> u32 {
        fresh(&mut self.places, hint)
    }

    pub(super) fn option(&mut self, at: u32) -> u32 {
        let pick = |found: &Alternative| if let Alternative::Option(at) = found { Some(*at) } else { None };
        self.join(at, pick, |this| {
            let hint = inside(this.hint(at), |found| match found {
                shape::Alternative::Option(inner) => Some(inner),
                _ => None,
            });
            let inner = this.fresh(hint);
            (Alternative::Option(inner), inner)
        })
    }

    pub(super) fn seq(&mut self, at: u32) -> u32 {
        let pick = |found: &Alternative| if let Alternative::Seq(at) = found { Some(*at) } else { None };
        self.join(at, pick, |this| {
            let hint = inside(this.hint(at), |found| match found {
                shape::Alternative::Seq(inner) => Some(inner),
                _ => None,
            });
            let inner = this.fresh(hint);
            (Alternative::Seq(inner), inner)
        })
    }

    pub(super) fn map(&mut self, at: u32) -> (u32, u32) {
        let pick = |found: &Alternative| match found {
            Alternative::Map(key, value) => Some((*key, *value)),
            _ => None,
        };
        self.join(at, pick, |this| {
            let keys = inside(this.hint(at), |found| match found {
                shape::Alternative::Map(key, _) => Some(key),
                _ => None,
            });
            let values = inside(this.hint(at), |found| match found {
                shape::Alternative::Map(_, value) => Some(value),
                _ => None,
            });
            let (key, value) = (this.fresh(keys), this.fresh(values));
            (Alternative::Map(key, value), (key, value))
        })
    }

    pub(super) fn tuple(&mut self, at: u32, count: usize) -> Run {
        let pick = |found: &Alternative| match found {
            Alternative::Tuple(run) if run.count == count => Some(*run),
            _ => None,
        };
        self.join(at, pick, |this| {
            let run = this.run(count, |this, place| {
                inside(this.hint(at), |found| match found {
                    shape::Alternative::Tuple(items) if items.len() == count => items.get(place),
                    _ => None,
                })
            });
            (Alternative::Tuple(run), run)
        })
    }

    fn run(&mut self, count: usize, hint: impl Fn(&Self, usize) -> Hint<'h>) -> Run {
        let first = last(self.places.len() + 1);
        for place in 0..count {
            let hint = hint(self, place);
            self.fresh(hint);
        }
        Run { first, count }
    }

    fn record(&mut self, hints: Vec<&'h [shape::Field]>) -> u32 {
        let by_name = by_field(&hints);
        self.structs.push(Record { fields: FieldsRecord::default(), hints, by_name });
        last(self.structs.len())
    }

    /// The type of this kind, name and count, as an alternative of the position.
    fn named(&mut self, at: u32, key: TypeKey<'v>, body: impl FnOnce(&mut Self) -> Body<'v>) -> u32 {
        let index = self.index.get(&key).copied().unwrap_or_else(|| {
            let body = body(self);
            self.types.push(Named { name: key.1, body });
            let index = last(self.types.len());
            self.index.insert(key, index);
            index
        });
        let same = |found: &Alternative| (*found == Alternative::Type(index)).then_some(());
        self.join(at, same, |_| (Alternative::Type(index), ()));
        index
    }

    pub(super) fn structure(&mut self, at: u32, name: &'v str, fields: &Fields<'_>) -> Option<Payload> {
        let found = match fields {
            Fields::Unit => self.named(at, (4, name, 0), |_| Body::Unit),
            Fields::Newtype(_) => self.named(at, (3, name, 0), |this| {
                let hint = this.hints.newtype(name);
                Body::Newtype(this.fresh(hint))
            }),
            Fields::Tuple(items) => {
                let count = items.len();
                let hint = |this: &Self, place| this.hints.item(name, count, place);
                self.named(at, (2, name, count), |this| Body::Tuple(this.run(count, hint)))
            }
            Fields::Named(_) => self.named(at, (1, name, 0), |this| {
                let hints = this.hints.fields(name);
                Body::Struct(this.record(hints))
            }),
        };
        match &get(&self.types, found)?.body {
            Body::Unit => Some(Payload::Unit),
            Body::Newtype(inner) => Some(Payload::Newtype(*inner)),
            Body::Tuple(run) => Some(Payload::Tuple(*run)),
            Body::Struct(record) => Some(Payload::Struct(*record)),
            Body::Enum(_) => None,
        }
    }

    pub(super) fn variant(
        &mut self,
        at: u32,
        of: &'v str,
        tag: (u32, &'v str),
        fields: &Fields<'_>,
    ) -> Payload {
        let found = self.named(at, (5, of, 0), |_| Body::Enum(Vec::new()));
        let ((index, name), (kind, count)) = (tag, form(fields));
        let key = (found, index, name, kind, count);
        let same = |other: &&Variant<'_>| {
            other.index == index && other.name == name && other.payload.form() == (kind, count)
        };
        if let Some(Named { body: Body::Enum(variants), .. }) = get(&self.types, found) {
            let few = variants.len() <= FEW;
            let known = if few { variants.iter().find(same).map(|known| known.payload) } else { None };
            if let Some(known) = known.or_else(|| self.variants.get(&key).copied().filter(|_| !few)) {
                return known;
            }
        }
        let hints = self.hints.payloads(of, (index, name, kind, count));
        let payload = match fields {
            Fields::Unit => Payload::Unit,
            Fields::Newtype(_) => {
                let inner = hints.iter().filter_map(|payload| match payload {
                    shape::Payload::Newtype(inner) => Some(inner),
                    _ => None,
                });
                let hint = inner.collect();
                Payload::Newtype(self.fresh(hint))
            }
            Fields::Tuple(_) => Payload::Tuple(self.run(count, |_, place| {
                let item = hints.iter().filter_map(|payload| match payload {
                    shape::Payload::Tuple(items) => items.get(place),
                    _ => None,
                });
                item.collect()
            })),
            Fields::Named(_) => {
                let lists = hints.iter().filter_map(|payload| match payload {
                    shape::Payload::Struct(fields) => Some(fields.as_slice()),
                    _ => None,
                });
                let lists = lists.collect();
                Payload::Struct(self.record(lists))
            }
        };
        if let Some(Named { body: Body::Enum(variants), .. }) = get_mut(&mut self.types, found) {
            variants.push(Variant { index, name, payload });
            self.variants.insert(key, payload);
        }
        payload
    }
}
