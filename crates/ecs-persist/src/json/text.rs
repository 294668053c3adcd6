//! Walking through JSON text whose syntax was checked, and writing it.

use std::borrow::Cow;

use crate::{
    error::Error,
    json::{JsonProblem, tree::class},
};

/// What is wrong, at which byte, and the path to it from the inside out.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) path: Vec<String>,
    pub(super) problem: JsonProblem,
}

pub(super) type Result<T, E = Box<Fault>> = std::result::Result<T, E>;

pub(super) fn fault<T>(at: usize, problem: JsonProblem) -> Result<T> {
    Err(Box::new(Fault { at, path: Vec::new(), problem }))
}

/// Adds a step to the path of a fault.
pub(super) trait Within<T> {
    fn within(self, step: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Within<T> for Result<T> {
    fn within(self, step: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|mut fault| {
            fault.path.push(step());
            fault
        })
    }
}

/// A step of a path to the member of an object.
pub(super) fn member(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !key.is_empty() && key.bytes().all(plain) { format!(".{key}") } else { format!("[{:?}]", short(key)) }
}

/// The start of a text, for messages.
pub(super) fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    let start: String = text.chars().take(SHOWN).collect();
    if start.len() < text.len() { start + "..." } else { start }
}

impl Fault {
    pub(super) fn into_error(self, text: &str) -> Error {
        let before = text.get(..self.at).unwrap_or(text);
        let line = before.matches('\n').count() as u64 + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
        let path = self.path.into_iter().rev().fold("$".to_owned(), |path, step| path + &step);
        Error::Json { path, line, column, problem: Box::new(self.problem) }
    }
}

/// A place in JSON text. The text as a whole was found to be JSON before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn go(self, at: usize) -> Self {
        Self { at, ..self }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The first byte of what comes next.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// Which kind of value comes next.
    pub(super) fn class(&mut self) -> u8 {
        match self.peek() {
            Some(b'n') => class::NULL,
            Some(b't' | b'f') => class::BOOL,
            Some(b'"') => class::STRING,
            Some(b'[') => class::ARRAY,
            Some(b'{') => class::OBJECT,
            first => {
                let number = self.clone().token();
                match first {
                    _ if number.contains(['.', 'e', 'E']) => class::FLOAT,
                    Some(b'-') => class::NEGATIVE,
                    _ => class::NATURAL,
                }
            }
        }
    }

    pub(super) fn unexpected<T>(mut self, expected: impl Into<String>) -> Result<T> {
        self.peek();
        let mut end = self;
        end.skip();
        let found = short(self.text.get(self.at..end.at).unwrap_or_default());
        fault(self.at, JsonProblem::Unexpected { found, expected: expected.into() })
    }

    pub(super) fn problem<T>(mut self, problem: JsonProblem) -> Result<T> {
        self.peek();
        fault(self.at, problem)
    }

    /// Takes a number, `true`, `false` or `null`.
    fn token(&mut self) -> &'t str {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') = self.byte() {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Takes a number as it is written, if one comes next.
    pub(super) fn number(&mut self) -> Option<&'t str> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => Some(self.token()),
            _ => None,
        }
    }

    /// Takes `null`, if it comes next.
    pub(super) fn null(&mut self) -> bool {
        let null = self.peek() == Some(b'n');
        if null {
            self.token();
        }
        null
    }

    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self.peek() {
            Some(b't' | b'f') => Some(self.token() == "true"),
            _ => None,
        }
    }

    /// Takes a string, if one comes next.
    pub(super) fn string(&mut self) -> Result<Option<Cow<'t, str>>> {
        if self.peek() != Some(b'"') {
            return Ok(None);
        }
        let start = self.at;
        let escaped = self.skip_string();
        if !escaped {
            return Ok(Some(Cow::Borrowed(self.text.get(start + 1..self.at - 1).unwrap_or_default())));
        }
        match serde_json::from_str(self.text.get(start..self.at).unwrap_or_default()) {
            Ok(text) => Ok(Some(Cow::Owned(text))),
            Err(error) => fault(start, JsonProblem::Syntax(error.to_string())),
        }
    }

    /// Passes a string; whether it has escapes.
    fn skip_string(&mut self) -> bool {
        let mut escaped = false;
        self.at += 1;
        while let Some(byte) = self.byte() {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 1;
                }
                _ => {}
            }
        }
        escaped
    }

    /// Passes a value, however deep.
    pub(super) fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.skip_string();
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    if self.token().is_empty() {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Goes into an array or an object.
    pub(super) fn open(&mut self, bracket: u8) -> bool {
        let open = self.peek() == Some(bracket);
        if open {
            self.at += 1;
        }
        open
    }

    /// Goes to the next element of an open array, or behind its end.
    pub(super) fn element(&mut self) -> bool {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                true
            }
            Some(b']') | None => {
                self.at += 1;
                false
            }
            Some(_) => true,
        }
    }

    /// Takes the next key of an open object, or goes behind its end.
    pub(super) fn key(&mut self) -> Result<Option<(usize, Cow<'t, str>)>> {
        if self.peek() == Some(b',') {
            self.at += 1;
        }
        if self.peek() != Some(b'"') {
            self.at += 1;
            return Ok(None);
        }
        let at = self.at;
        let key = self.string()?.unwrap_or_default();
        if self.peek() == Some(b':') {
            self.at += 1;
        }
        self.peek();
        Ok(Some((at, key)))
    }
}

/// Appends a string with quotes.
pub(super) fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut chars = tail.chars();
        match chars.next() {
            Some('\n') => out.extend_from_slice(b"\\n"),
            Some('\r') => out.extend_from_slice(b"\\r"),
            Some('\t') => out.extend_from_slice(b"\\t"),
            Some(found @ ('"' | '\\')) => out.extend_from_slice(format!("\\{found}").as_bytes()),
            Some(found) => out.extend_from_slice(format!("\\u{:04x}", u32::from(found)).as_bytes()),
            None => {}
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// Appends bytes as lower-case hexadecimal digits in quotes.
pub(super) fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
    out.push(b'"');
    for byte in bytes {
        out.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    out.push(b'"');
}

/// Appends the bytes that hexadecimal digits stand for; false if they are none.
pub(super) fn take_hex(text: &str, out: &mut Vec<u8>) -> bool {
    let pairs = text.as_bytes().chunks(2);
    for pair in pairs {
        let half = |at: usize| pair.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let byte = half(0).zip(half(1)).and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
        let Some(byte) = byte else { return false };
        out.push(byte);
    }
    true
}
