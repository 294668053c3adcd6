use std::{
    env, fmt,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use clap::error::ErrorKind;
use keepstone::Kind;
use serde::Serialize;

use crate::error::{Error, kind_name};
use crate::text::Shown;

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Good,
    /// Damaged or not found.
    Bad,
    /// Everything else.
    Failed,
}

impl Exit {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Damaged | Kind::NotFound => Self::Bad,
            _ => Self::Failed,
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Failed => 2,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What a verb answers: text for people through `Display`, the same for programs through `Serialize`.
pub(crate) trait Report: Serialize + fmt::Display {
    fn exit(&self) -> Exit;

    /// What is odd and keeps nothing from being done: for standard error, where the text doesn't have it.
    fn warnings(&self) -> &[String] {
        &[]
    }
}

/// What every verb prints with `--json`: these keys, then those of the verb.
#[derive(Serialize)]
struct Document<'a, R> {
    verb: Option<&'a str>,
    path: Option<String>,
    ok: bool,
    exit: u8,
    error: Option<Failure>,
    #[serde(flatten)]
    report: Option<R>,
}

#[derive(Serialize)]
struct Failure {
    kind: &'static str,
    message: String,
}

/// Where a verb's answer goes.
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Prints what a verb answers, and says how the command ends.
    pub(crate) fn finish<R: Report>(self, verb: &str, path: Option<&Path>, result: Result<R, Error>) -> Exit {
        let exit = match &result {
            Ok(report) => report.exit(),
            // There 1 says that two files differ, or two states.
            Err(_) if matches!(verb, "diff" | "checkpoint diff") => Exit::Failed,
            Err(error) => Exit::of(error.kind()),
        };
        let path = path.map(|path| path.display().to_string());
        let print_document = |error, report| {
            let ok = exit == Exit::Good;
            print_json(&Document { verb: Some(verb), path, ok, exit: exit.code(), error, report })
        };
        let printed = match result {
            Ok(report) if self.json => print_document(None, Some(report)),
            Ok(report) => {
                for warning in report.warnings() {
                    write_error(&format!("warning: {}\n", Shown(warning)));
                }
                print(&report.to_string())
            }
            Err(error) if self.json => {
                let failure = Failure { kind: kind_name(error.kind()), message: error.message() };
                print_document(Some(failure), None)
            }
            Err(error) => {
                complain(&error.message());
                Ok(())
            }
        };
        end(exit, printed)
    }
}

/// Prints clap's help, or why it refuses the arguments.
pub(crate) fn refuse(refusal: &clap::Error) -> Exit {
    let asked_for = matches!(refusal.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let text = refusal.render().to_string();
    if asked_for {
        return end(Exit::Good, print(&text));
    }
    // The arguments were not understood, so what they ask for is looked up by hand.
    if env::args_os().take_while(|arg| arg != "--").any(|arg| arg == "--json") {
        let message = text.trim_end().trim_start_matches("error: ").to_owned();
        let error = Some(Failure { kind: kind_name(Kind::Misuse), message });
        let exit = Exit::Failed;
        let document =
            Document::<()> { verb: None, path: None, ok: false, exit: exit.code(), error, report: None };
        return end(exit, print_json(&document));
    }
    write_error(&text);
    Exit::Failed
}

/// Prints a document as it is made: as text it may take many times what it is made of.
fn print_json(document: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer_pretty(&mut stdout, document)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes bytes out as they are, for another program. Who doesn't read them all has what it wants.
pub(crate) fn put_bytes(bytes: &[u8]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|source| Error::Stdout { source }),
    }
}

/// Says that what has this id is on the disk. Who doesn't read that has it there all the same.
pub(crate) fn acknowledge(id: &dyn fmt::Display) -> Result<(), Error> {
    put_bytes(format!("ACK {id}\n").as_bytes())
}

/// A reader that stopped reading has what it wants; any other failure to print is one of the command.
fn end(exit: Exit, printed: io::Result<()>) -> Exit {
    match printed {
        Ok(()) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(error) => {
            complain(&format!("standard output: {error}"));
            Exit::Failed
        }
    }
}

fn complain(message: &str) {
    write_error(&format!("error: {}\n", Shown(message)));
}

fn write_error(text: &str) {
    // Nobody is left to tell when this fails; the exit code says the rest.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
