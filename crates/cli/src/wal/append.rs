use std::{
    fmt,
    io::{self, BufRead, BufReader, ErrorKind, Read, StdinLock, StdoutLock, Write},
};

use keepstone::storage::{Durability, Lsn, Wal, WalOptions};
use serde::Serialize;

use crate::args::{AppendArgs, DurabilityName};
use crate::error::{Error, with_causes};
use crate::output::{Exit, Report};

/// How much of standard input is read at once.
const INPUT_LEN: usize = 1 << 16;

/// What `wal append` did; people have seen it by then.
#[derive(Debug, Serialize)]
pub(super) struct Appended {
    durability: &'static str,
    /// Whether there was no log before.
    created: bool,
    records: u64,
    bytes: u64,
    /// The first record that was appended, and the last; none without any.
    first_lsn: Option<u64>,
    last_lsn: Option<u64>,
    /// The last record that is durable, with all before it.
    acked: Option<u64>,
    warnings: Vec<String>,
}

/// Appends one record for each line of standard input.
pub(super) fn run(args: &AppendArgs, json: bool) -> Result<Appended, Error> {
    let options = WalOptions::default();
    let record_len_max = options.record_bytes_max;
    let wal = Wal::open(&args.dir, options).map_err(Error::Out)?;
    let mut appended = Appended {
        durability: args.durability.name(),
        created: wal.opened().created,
        records: 0,
        bytes: 0,
        first_lsn: None,
        last_lsn: None,
        acked: None,
        warnings: wal.opened().damage.iter().map(|error| with_causes(error)).collect(),
    };
    let mut lines = Lines::new(record_len_max);
    let mut answers = Answers::new(json);
    let done = append(&wal, args.durability, &mut lines, &mut answers, &mut appended);
    // Also after an error: what was appended before it is to stay. Records that a write lost don't count.
    let last_lsn =
        Some(wal.end().0 - 1).filter(|last| appended.first_lsn.is_some_and(|first| first <= *last));
    let closed = wal.close().map_err(Error::Out);
    if let (Ok(()), Some(lsn)) = (&closed, last_lsn.filter(|_| appended.acked != last_lsn)) {
        appended.acked = Some(lsn);
        answers.say("ACK", lsn).and_then(|()| answers.flush()).map_err(|source| Error::Stdout { source })?;
    }
    let stopped = |source| Error::AppendStopped {
        path: args.dir.clone(),
        acked: appended.acked,
        source: Box::new(source),
    };
    done.and(closed).map_err(stopped)?;
    Ok(appended)
}

fn append(
    wal: &Wal,
    durability: DurabilityName,
    lines: &mut Lines,
    answers: &mut Answers,
    appended: &mut Appended,
) -> Result<(), Error> {
    let stdout = |source| Error::Stdout { source };
    while let Some(line) = lines.next().map_err(|source| Error::Stdin { source })? {
        let Lsn(lsn) = wal.append(line, durability.into()).map_err(Error::Out)?;
        appended.records += 1;
        appended.bytes += line.len() as u64;
        appended.first_lsn.get_or_insert(lsn);
        appended.last_lsn = Some(lsn);
        if durability == DurabilityName::Durable {
            appended.acked = Some(lsn);
            answers.say("ACK", lsn).and_then(|()| answers.flush()).map_err(stdout)?;
            continue;
        }
        answers.say("LSN", lsn).map_err(stdout)?;
        if lines.would_wait() {
            answers.flush().map_err(stdout)?;
        }
    }
    answers.flush().map_err(stdout)
}

/// The lines of standard input, as bytes without the newline.
struct Lines {
    input: BufReader<StdinLock<'static>>,
    line: Vec<u8>,
    len_max: u64,
}

impl Lines {
    fn new(len_max: u64) -> Self {
        let input = BufReader::with_capacity(INPUT_LEN, io::stdin().lock());
        Self { input, line: Vec::new(), len_max }
    }

    /// The next line, or of one that is too long a part that is too long as well.
    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        // One for the newline, and one to be too long.
        let mut limited = (&mut self.input).take(self.len_max.saturating_add(2));
        if limited.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.ends_with(b"\n") {
            self.line.pop();
        }
        Ok(Some(&self.line))
    }

    /// Whether the next line may have to be waited for.
    fn would_wait(&self) -> bool {
        !self.input.buffer().contains(&b'\n')
    }
}

/// What is printed as it happens; with JSON nothing is.
struct Answers {
    out: Option<io::BufWriter<StdoutLock<'static>>>,
}

impl Answers {
    fn new(json: bool) -> Self {
        Self { out: (!json).then(|| io::BufWriter::new(io::stdout().lock())) }
    }

    fn say(&mut self, word: &str, lsn: u64) -> io::Result<()> {
        let said = self.out.as_mut().map_or(Ok(()), |out| writeln!(out, "{word} {lsn}"));
        self.unless_unread(said)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.as_mut().map_or(Ok(()), Write::flush);
        self.unless_unread(flushed)
    }

    /// Who stopped reading wants no answers, but the records all the same.
    fn unless_unread(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                // What it still holds must not be tried again.
                self.out.take().map(io::BufWriter::into_parts);
                Ok(())
            }
            result => result,
        }
    }
}

impl DurabilityName {
    fn name(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Buffered => "buffered",
        }
    }
}

impl From<DurabilityName> for Durability {
    fn from(name: DurabilityName) -> Self {
        match name {
            DurabilityName::Durable => Self::Durable,
            DurabilityName::Buffered => Self::Buffered,
        }
    }
}

impl Report for Appended {
    fn exit(&self) -> Exit {
        Exit::Good
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Appended {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
