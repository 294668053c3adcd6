use std::{
    fmt,
    io::{self, ErrorKind, Write},
    str,
};

use keepstone::{
    Kind,
    storage::{
        Lsn,
        wal::{Log, Record},
    },
};
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeSeq as _},
};

use crate::args::CatArgs;
use crate::error::Error;
use crate::log::{self, Damage};
use crate::output::{Exit, Report};
use crate::text::Hex;

/// What `wal cat` printed, for people by then.
#[derive(Debug, Serialize)]
pub(super) struct Printed {
    /// The first record that was asked for.
    from: u64,
    /// The number that the next record of the log would get.
    end: u64,
    damage: Vec<Damage>,
    #[serde(skip)]
    warnings: Vec<String>,
    records: Option<Records>,
}

/// Prints the records of a log.
pub(super) fn run(args: &CatArgs, json: bool) -> Result<Printed, Error> {
    let found = log::open(&args.dir)?;
    let from = args.from.unwrap_or(found.start());
    // Behind the end there is nothing, which is no error: the log may not have grown so far yet.
    let mut reader = found.log.read_from(Lsn(from))?;
    let mut damage = found.damage();
    damage.retain(|place| place.lost().is_none_or(|(_, behind)| behind > from));
    let mut out = (!json).then(|| io::BufWriter::new(io::stdout().lock()));
    loop {
        match reader.next() {
            Ok(None) => break,
            Ok(Some(record)) => {
                let written = out.as_mut().map_or(Ok(()), |out| {
                    out.write_all(record.bytes)?;
                    out.write_all(b"\n")
                });
                if !keeps_reading(written)? {
                    // What it still holds must not be tried again.
                    out.take().map(io::BufWriter::into_parts);
                    break;
                }
            }
            Err(error) => found.note(&mut damage, error)?,
        }
    }
    keeps_reading(out.as_mut().map_or(Ok(()), Write::flush))?;
    drop(out.map(io::BufWriter::into_parts));
    let warnings = damage.iter().map(ToString::to_string).collect();
    let end = found.end();
    let records = json.then_some(Records { log: found.log, from: Lsn(from) });
    Ok(Printed { from, end, damage, warnings, records })
}

/// Whether anybody still reads what is written.
fn keeps_reading(written: io::Result<()>) -> Result<bool, Error> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(source) => Err(Error::Stdout { source }),
    }
}

/// The records of a log, read again while they are printed: all of them may not fit into memory.
#[derive(Debug)]
struct Records {
    log: Log,
    from: Lsn,
}

impl Serialize for Records {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let mut reader = self.log.read_from(self.from).map_err(S::Error::custom)?;
        loop {
            match reader.next() {
                Ok(Some(record)) => list.serialize_element(&Shown::of(&record))?,
                Ok(None) => return list.end(),
                // It is in the list of damage already.
                Err(error) if error.kind() == Kind::Damaged => {}
                Err(error) => return Err(S::Error::custom(error)),
            }
        }
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    lsn: u64,
    /// How `data` stands for the bytes: `utf-8` or `hex`.
    encoding: &'static str,
    data: Data<'a>,
    /// Whether the next record belongs to the same batch.
    batch_goes_on: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Text(&'a str),
    #[serde(serialize_with = "as_hex")]
    Bytes(&'a [u8]),
}

impl<'a> Shown<'a> {
    fn of(record: &Record<'a>) -> Self {
        let (encoding, data) = match str::from_utf8(record.bytes) {
            Ok(text) => ("utf-8", Data::Text(text)),
            Err(_) => ("hex", Data::Bytes(record.bytes)),
        };
        Self { lsn: record.lsn.0, encoding, data, batch_goes_on: record.batch_goes_on }
    }
}

fn as_hex<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(bytes))
}

impl Report for Printed {
    fn exit(&self) -> Exit {
        if self.damage.is_empty() { Exit::Good } else { Exit::Bad }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Printed {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
