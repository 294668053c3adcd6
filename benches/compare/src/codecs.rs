//! Codecs by themselves, without a file: what each takes for the same bytes, both ways, and how much shorter they get. Ours is a container
//! with its checksums and the codec that it has unless told otherwise, with one thread; the others are the codecs alone.

use std::{
    hint::black_box,
    io::{Read as _, Write as _},
    num::NonZeroUsize,
};

use anyhow::{Result, ensure};
use brotli::enc::BrotliEncoderParams;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use keepstone::{
    Codec,
    format::{FileKind, Limits, Metadata, Reader, SectionId, Writer, WriterOptions},
};
use keepstone_benches::{Case, Plan, Watch, bundle::Data, columns::Columns, mixed};

use crate::data;

const LEN: u32 = 1 << 20;
const ROWS: u32 = 40_000;
/// Compresses about as hard as zstd at its default level.
const BROTLI_LEVEL: i32 = 5;

/// Makes the bytes of a plan.
type Source = fn(&Plan) -> Result<Vec<u8>>;

/// The cases: each kind of data there and back.
pub(crate) fn plans() -> Vec<Plan> {
    let sources: [(&'static str, u32, Source); 4] = [
        ("0x42, 1 MB", LEN, |plan| Ok(Data::Repeated.bytes(usize::try_from(plan.amount)?))),
        ("random, 1 MB", LEN, |plan| Ok(Data::Random.bytes(usize::try_from(plan.amount)?))),
        ("columns of the mixed world, 40k", ROWS, |plan| {
            let columns = Columns::new(mixed::rows(plan.amount));
            Ok([columns.plain_bytes(), columns.other_bytes()?].concat())
        }),
        ("SaveBundleV2, 1 MB", LEN, |plan| {
            Ok(postcard::to_allocvec(&data::bundle(usize::try_from(plan.amount)?))?)
        }),
    ];
    let both = sources.into_iter().flat_map(|(size, amount, source)| {
        ["codec encode", "codec decode"].map(|name| {
            Plan::new(name, size, amount, move |plan, _| case(plan, &source(plan)?, name == "codec encode"))
        })
    });
    both.collect()
}

/// A codec, as its documentation shows it.
#[derive(Clone, Copy)]
struct Coder {
    name: &'static str,
    encode: fn(&[u8]) -> Result<Vec<u8>>,
    /// Is told how long the bytes are.
    decode: fn(&[u8], usize) -> Result<Vec<u8>>,
}

const OURS: Coder = Coder {
    name: "keepstone",
    encode: |bytes| {
        let options = WriterOptions::new(FileKind::SAVE).codec(Codec::Lz4).threads(NonZeroUsize::MIN);
        let mut writer = Writer::new(Vec::new(), options)?;
        writer.coded_from(SectionId::BYTES, 0, &[bytes])?;
        Ok(writer.finish(Metadata::new())?.0)
    },
    decode: |bytes, _| {
        let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64))?;
        Ok(reader.read(reader.find(SectionId::BYTES, 0)?)?.into_owned())
    },
};

const ZSTD: fn(&[u8], usize) -> Result<Vec<u8>> = |bytes, len| Ok(zstd::bulk::decompress(bytes, len)?);

const RIVALS: [Coder; 6] = [
    Coder {
        name: "LZ4",
        encode: |bytes| Ok(lz4_flex::block::compress(bytes)),
        decode: |bytes, len| Ok(lz4_flex::block::decompress(bytes, len)?),
    },
    Coder { name: "zstd 1", encode: |bytes| Ok(zstd::bulk::compress(bytes, 1)?), decode: ZSTD },
    Coder { name: "zstd 3", encode: |bytes| Ok(zstd::bulk::compress(bytes, 3)?), decode: ZSTD },
    Coder { name: "zstd 9", encode: |bytes| Ok(zstd::bulk::compress(bytes, 9)?), decode: ZSTD },
    Coder {
        name: "deflate",
        encode: |bytes| {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes)?;
            Ok(encoder.finish()?)
        },
        decode: |bytes, len| {
            let mut out = Vec::with_capacity(len);
            DeflateDecoder::new(bytes).read_to_end(&mut out)?;
            Ok(out)
        },
    },
    Coder {
        name: "brotli 5",
        encode: |bytes| {
            let params = BrotliEncoderParams { quality: BROTLI_LEVEL, ..BrotliEncoderParams::default() };
            let mut out = Vec::new();
            brotli::BrotliCompress(&mut &*bytes, &mut out, &params)?;
            Ok(out)
        },
        decode: |bytes, len| {
            let mut out = Vec::with_capacity(len);
            brotli::BrotliDecompress(&mut &*bytes, &mut out)?;
            Ok(out)
        },
    },
];

impl Coder {
    /// The bytes encoded, after they were decoded and found to be the same.
    fn checked(self, bytes: &[u8]) -> Result<Vec<u8>> {
        let encoded = (self.encode)(bytes)?;
        ensure!((self.decode)(&encoded, bytes.len())? == bytes, "{} gives other bytes", self.name);
        Ok(encoded)
    }

    fn side(self, bytes: &[u8], is_there: bool) -> Result<impl FnMut(&mut Watch) -> Result<()> + use<>> {
        let (encoded, bytes) = (self.checked(bytes)?, bytes.to_vec());
        let [before, after] = [u32::try_from(bytes.len())?, u32::try_from(encoded.len())?];
        Ok(move |watch: &mut Watch| {
            watch.note_bytes(encoded.len() as u64);
            let ratio = f64::from(before) / f64::from(after);
            watch.note_remark(format!("{before} bytes become {after}: ratio {ratio:.2}"));
            if is_there {
                watch.each(|| (self.encode)(black_box(&bytes)))
            } else {
                watch.each(|| (self.decode)(black_box(&encoded), bytes.len()))
            }
        })
    }
}

fn case(plan: &Plan, bytes: &[u8], is_there: bool) -> Result<Case> {
    let mut case = plan.case().ours(OURS.side(bytes, is_there)?);
    for coder in RIVALS {
        case = case.rival(coder.name, coder.side(bytes, is_there)?);
    }
    let (same, mut out) = (bytes.to_vec(), Vec::new());
    Ok(case.floor(1.0, "memcpy of the bytes", move |watch| {
        watch.note_bytes(same.len() as u64);
        watch.together(|| {
            out.clear();
            out.extend_from_slice(black_box(&same));
            black_box(&out);
            Ok(out.len())
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_codec_gives_back_the_same() {
        for data in [Data::Repeated, Data::Random, Data::Mixed] {
            let bytes = data.bytes(100_000);
            for coder in [OURS].into_iter().chain(RIVALS) {
                let len = coder.checked(&bytes).unwrap().len();
                let is_shorter = len < bytes.len();
                assert_eq!(is_shorter, data != Data::Random, "{} of {data:?}: {len}", coder.name);
            }
        }
    }
}
