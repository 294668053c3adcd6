//! Each format as its documentation shows it. None of them syncs what it writes, so each save is given the same end:
//! fdatasync, rename, sync of the directory.

use std::{fs::File, io::BufWriter, path::Path, sync::Arc};

use anyhow::{Context, Result, ensure};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, UInt64Array};
use arrow_buffer::Buffer;
use arrow_ipc::{
    convert::try_fb_to_schema,
    reader::{FileDecoder, read_footer_length},
    root_as_footer,
    writer::FileWriter,
};
use arrow_schema::{DataType, Field};
use keepstone_benches::{
    mapped, protocol,
    vectors::{Vectors, WIDTH},
};
use rkyv::{Archive, Serialize, rancor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{STEP, sum};

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Rkyv,
    SafeTensors,
    Arrow,
}

/// Vectors in the memory of a program that saves them in a format.
pub(crate) enum Saved {
    Rkyv(Index),
    SafeTensors { values: Vec<u8>, ids: Vec<u8>, count: usize },
    Arrow(RecordBatch),
}

/// What rkyv archives.
#[derive(Archive, Serialize)]
pub(crate) struct Index {
    values: Vec<f32>,
    ids: Vec<u64>,
}

impl Saved {
    /// Puts the vectors where the format wants them; this is not timed.
    pub(crate) fn new(format: Format, vectors: &Vectors) -> Result<Self> {
        let Vectors { values, ids } = vectors.clone();
        Ok(match format {
            Format::Rkyv => Self::Rkyv(Index { values, ids }),
            Format::SafeTensors => Self::SafeTensors {
                values: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
                ids: ids.iter().flat_map(|id| id.to_le_bytes()).collect(),
                count: ids.len(),
            },
            Format::Arrow => {
                let field = Arc::new(Field::new_list_field(DataType::Float32, false));
                let values: ArrayRef = Arc::new(Float32Array::from(values));
                let rows = FixedSizeListArray::try_new(field, i32::try_from(WIDTH)?, values, None)?;
                let columns: [(&str, ArrayRef); 2] =
                    [("vectors", Arc::new(rows)), ("ids", Arc::new(UInt64Array::from(ids)))];
                Self::Arrow(RecordBatch::try_from_iter(columns)?)
            }
        })
    }

    /// Puts them, durable, in the place of what was there before.
    #[expect(clippy::disallowed_methods, reason = "the formats write files of the standard library")]
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let temporary = path.with_extension("tmp");
        match self {
            Self::Rkyv(index) => {
                let bytes = rkyv::to_bytes::<rancor::Error>(index)?;
                return Ok(protocol::replace_by_hand(path, &bytes)?);
            }
            Self::SafeTensors { values, ids, count } => {
                let shape = vec![*count, usize::try_from(WIDTH)?];
                let tensors = [
                    ("vectors", TensorView::new(Dtype::F32, shape, values)?),
                    ("ids", TensorView::new(Dtype::U64, vec![*count], ids)?),
                ];
                safetensors::serialize_to_file(tensors, None, &temporary)?;
                protocol::finish_by_hand(File::open(&temporary)?, &temporary, path)?;
            }
            Self::Arrow(batch) => {
                let file = BufWriter::new(File::create(&temporary)?);
                let mut writer = FileWriter::try_new(file, &batch.schema())?;
                writer.write(batch)?;
                writer.finish()?;
                let file = writer.into_inner()?.into_inner()?;
                protocol::finish_by_hand(file, &temporary, path)?;
            }
        }
        Ok(())
    }
}

impl Format {
    pub(crate) const ALL: [Self; 3] = [Self::Rkyv, Self::SafeTensors, Self::Arrow];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rkyv => "rkyv",
            Self::SafeTensors => "safetensors",
            Self::Arrow => "Arrow IPC",
        }
    }

    /// Maps a file, opens it and adds up some of its vectors.
    pub(crate) fn look(self, path: &Path) -> Result<f32> {
        let map = mapped::by_hand(path)?;
        let width = usize::try_from(WIDTH)?;
        match self {
            Self::Rkyv => {
                let index = rkyv::access::<ArchivedIndex, rancor::Error>(&map)?;
                ensure!(index.values.len() == index.ids.len() * width, "ids are missing");
                sum(index
                    .values
                    .chunks_exact(width)
                    .step_by(STEP)
                    .map(|vector| Ok(vector.iter().map(|value| value.to_native()).collect::<Vec<f32>>())))
            }
            Self::SafeTensors => {
                let tensors = SafeTensors::deserialize(&map)?;
                let vectors = tensors.tensor("vectors")?;
                ensure!(tensors.tensor("ids")?.shape().first() == vectors.shape().first(), "ids are missing");
                let numbers = |vector: &[u8]| {
                    let (numbers, _) = vector.as_chunks();
                    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<f32>>()
                };
                sum(vectors.data().chunks_exact(4 * width).step_by(STEP).map(|vector| Ok(numbers(vector))))
            }
            Self::Arrow => {
                let batch = batch(&bytes::Bytes::from_owner(map).into())?;
                let rows = batch.column_by_name("vectors").context("there are no vectors")?;
                let rows =
                    rows.as_any().downcast_ref::<FixedSizeListArray>().context("vectors are no lists")?;
                let values = rows.values().as_any().downcast_ref::<Float32Array>();
                let values = values.context("vectors have no numbers")?.values();
                ensure!(batch.column_by_name("ids").is_some(), "ids are missing");
                sum(values.chunks_exact(width).step_by(STEP).map(Ok))
            }
        }
    }
}

/// The one batch of an Arrow file, its arrays where they lie.
fn batch(file: &Buffer) -> Result<RecordBatch> {
    let trailer_at = file.len().checked_sub(10).context("the file is shorter than a trailer")?;
    let trailer = file.as_slice().last_chunk().context("ten bytes are left")?;
    let footer_at = trailer_at.checked_sub(read_footer_length(*trailer)?).context("a longer footer")?;
    let footer = file.as_slice().get(footer_at..trailer_at).context("the footer lies elsewhere")?;
    let footer = root_as_footer(footer).ok().context("the footer is damaged")?;
    let schema = try_fb_to_schema(footer.schema().context("there is no schema")?)?;
    let decoder = FileDecoder::new(Arc::new(schema), footer.version());
    let batches = footer.recordBatches().context("there are no batches")?;
    let block = batches.iter().next().context("there is no batch")?;
    let len = usize::try_from(block.bodyLength())? + usize::try_from(block.metaDataLength())?;
    let data = file.slice_with_length(usize::try_from(block.offset())?, len);
    decoder.read_record_batch(block, &data)?.context("the batch is empty")
}
