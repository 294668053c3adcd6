//! Serializers by themselves, without a file: what each takes for the same data, both ways, and how many bytes come out.

use std::{hint::black_box, path::Path};

use anyhow::{Context, Result, ensure};
use keepstone::format::SectionId;
use keepstone_benches::{Case, Plan, Watch, bundle::Data};
use keepstone_slots::{FromPayload, Payload};
use rkyv::{
    Archive, Deserialize, Serialize,
    api::high::{HighDeserializer, HighSerializer, HighValidator},
    bytecheck::CheckBytes,
    rancor,
    ser::allocator::ArenaHandle,
    util::AlignedVec,
};
use serde::de::DeserializeOwned;

use crate::data;

const BYTES_LEN: u32 = 1 << 20;
const ROWS: u32 = 100_000;
const BUNDLE_LEN: u32 = 100 * 1024;

/// The cases: each kind of data there and back.
pub(crate) fn plans() -> Vec<Plan> {
    let both = |size: &'static str, amount: u32, case: fn(&Plan, bool) -> Result<Case>| {
        ["serialize", "deserialize"]
            .map(|name| Plan::new(name, size, amount, move |plan, _: &Path| case(plan, name == "serialize")))
    };
    let mut plans = Vec::new();
    plans.extend(both("0x42, 1 MB", BYTES_LEN, |plan, there| {
        case(plan, there, &data::bytes(Data::Repeated, usize::try_from(plan.amount)?))
    }));
    plans.extend(both("random, 1 MB", BYTES_LEN, |plan, there| {
        case(plan, there, &data::bytes(Data::Random, usize::try_from(plan.amount)?))
    }));
    plans.extend(both("rows of the mixed world, 100k", ROWS, |plan, there| {
        case(plan, there, &data::rows(plan.amount))
    }));
    plans.extend(both("SaveBundleV2, 100 KB", BUNDLE_LEN, |plan, there| {
        case(plan, there, &data::bundle(usize::try_from(plan.amount)?))
    }));
    let name = "deserialize, beside access in place";
    plans.push(Plan::new(name, "rows of the mixed world, 100k", ROWS, |plan, _| {
        in_place(plan, &data::rows(plan.amount))
    }));
    plans.push(Plan::new(name, "SaveBundleV2, 100 KB", BUNDLE_LEN, |plan, _| {
        in_place(plan, &data::bundle(usize::try_from(plan.amount)?))
    }));
    plans
}

/// What all of them can write and read.
trait Value:
    Clone
    + PartialEq
    + serde::Serialize
    + DeserializeOwned
    + bitcode::Encode
    + bitcode::DecodeOwned
    + Archive<
        Archived: for<'a> CheckBytes<HighValidator<'a, rancor::Error>>
                      + Deserialize<Self, HighDeserializer<rancor::Error>>,
    > + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, rancor::Error>>
    + 'static
{
}

impl<T> Value for T where
    T: Clone
        + PartialEq
        + serde::Serialize
        + DeserializeOwned
        + bitcode::Encode
        + bitcode::DecodeOwned
        + Archive<
            Archived: for<'a> CheckBytes<HighValidator<'a, rancor::Error>>
                          + Deserialize<T, HighDeserializer<rancor::Error>>,
        > + for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, rancor::Error>>
        + 'static
{
}

/// Takes the bytes of a value.
type Sink<'a> = &'a mut dyn FnMut(&[u8]);

/// A serializer, as its documentation shows it.
struct Format<T> {
    name: &'static str,
    /// Hands the bytes to a sink.
    encode: fn(&T, Sink<'_>) -> Result<()>,
    decode: fn(&[u8]) -> Result<T>,
}

/// A value behind its shape, as it stands in a save.
fn ours<T: Value>() -> Format<T> {
    Format {
        name: "keepstone",
        encode: |value, sink| {
            let prepared = value.prepare()?;
            let (_, bytes) = prepared.as_section().context("a value is one section")?;
            sink(bytes);
            Ok(())
        },
        decode: |bytes| Ok(T::from_section(SectionId::VALUE, bytes).context("a value is one section")??),
    }
}

fn rivals<T: Value>() -> [Format<T>; 7] {
    [
        Format {
            name: "postcard",
            encode: |value, sink| give(sink, postcard::to_allocvec(value)),
            decode: |bytes| Ok(postcard::from_bytes(bytes)?),
        },
        Format {
            name: "bitcode",
            encode: |value, sink| give(sink, anyhow::Ok(bitcode::encode(value))),
            decode: |bytes| Ok(bitcode::decode(bytes)?),
        },
        Format {
            name: "rkyv",
            encode: |value, sink| give(sink, rkyv::to_bytes::<rancor::Error>(value)),
            decode: |bytes| Ok(rkyv::from_bytes::<T, rancor::Error>(bytes)?),
        },
        Format {
            name: "MessagePack",
            encode: |value, sink| give(sink, rmp_serde::to_vec(value)),
            decode: |bytes| Ok(rmp_serde::from_slice(bytes)?),
        },
        Format {
            name: "CBOR",
            encode: |value, sink| {
                let mut bytes = Vec::new();
                ciborium::into_writer(value, &mut bytes)?;
                give(sink, anyhow::Ok(bytes))
            },
            decode: |bytes| Ok(ciborium::from_reader(bytes)?),
        },
        Format {
            name: "JSON",
            encode: |value, sink| give(sink, serde_json::to_vec(value)),
            decode: |bytes| Ok(serde_json::from_slice(bytes)?),
        },
        Format {
            name: "RON",
            encode: |value, sink| give(sink, ron::to_string(value)),
            decode: |bytes| Ok(ron::de::from_bytes(bytes)?),
        },
    ]
}

fn give<B: AsRef<[u8]>, E: Into<anyhow::Error>>(sink: Sink<'_>, bytes: Result<B, E>) -> Result<()> {
    sink(bytes.map_err(Into::into)?.as_ref());
    Ok(())
}

impl<T: Value> Format<T> {
    /// The bytes of a value, aligned as rkyv wants them, after they were read and found to be the same.
    fn checked(&self, value: &T) -> Result<AlignedVec> {
        let mut bytes = AlignedVec::new();
        (self.encode)(value, &mut |piece| bytes.extend_from_slice(piece))?;
        ensure!((self.decode)(&bytes)? == *value, "{} gives another value", self.name);
        Ok(bytes)
    }

    fn side(self, value: &T, is_there: bool) -> Result<impl FnMut(&mut Watch) -> Result<()> + use<T>> {
        let (bytes, value) = (self.checked(value)?, value.clone());
        Ok(move |watch: &mut Watch| {
            watch.note_bytes(bytes.len() as u64);
            if is_there {
                let mut len = 0;
                watch.together(|| {
                    (self.encode)(black_box(&value), &mut |bytes| len += black_box(bytes).len())
                })?;
                ensure!(len >= bytes.len(), "{} gave less than it did before", self.name);
                Ok(())
            } else {
                watch.each(|| (self.decode)(black_box(&bytes)))
            }
        })
    }
}

fn case<T: Value>(plan: &Plan, is_there: bool, value: &T) -> Result<Case> {
    let mut case = plan.case().ours(ours().side(value, is_there)?);
    for format in rivals() {
        case = case.rival(format.name, format.side(value, is_there)?);
    }
    Ok(case)
}

/// What rkyv is made for: the archive checked and used where it lies, without a value that a program owns.
fn in_place<T: Value>(plan: &Plan, value: &T) -> Result<Case> {
    let archived = rivals::<T>().into_iter().find(|format| format.name == "rkyv");
    let bytes = archived.context("rkyv is a rival")?.checked(value)?;
    let case = plan.case().rivals_promise_less().ours(ours().side(value, false)?);
    Ok(case.rival("rkyv, in place", move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.together(|| {
            let archived = rkyv::access::<T::Archived, rancor::Error>(black_box(&bytes))?;
            Ok(std::ptr::from_ref(archived).addr())
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Value>(value: &T) {
        ours().checked(value).unwrap();
        for format in rivals() {
            format.checked(value).unwrap();
        }
    }

    #[test]
    fn each_serializer_gives_back_the_same() {
        check(&data::bytes(Data::Repeated, 3000));
        check(&data::bytes(Data::Random, 3000));
        check(&data::rows(1200));
        check(&data::bundle(3000));
    }

    #[test]
    fn other_bytes_are_another_value() {
        let format: Format<data::Bytes> = Format {
            name: "one that forgets",
            encode: |_, sink| give(sink, anyhow::Ok([1])),
            decode: |bytes| Ok(data::bytes(Data::Repeated, bytes.len())),
        };
        assert!(format.checked(&data::bytes(Data::Repeated, 3)).is_err());
    }
}
