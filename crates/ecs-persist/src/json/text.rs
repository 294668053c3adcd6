//! Walking through JSON text, and writing it.

use std::borrow::Cow;

use serde::de::IgnoredAny;

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

/// A place in JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    /// Whether what is passed was found to be JSON before. Otherwise it is when it is passed.
    pub(super) checked: bool,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, checked: bool) -> Self {
        Self { text, at: 0, checked }
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
        end.pass();
        let found = short(self.text.get(self.at..end.at).unwrap_or_default());
        fault(self.at, JsonProblem::Unexpected { found, expected: expected.into() })
    }

    pub(super) fn problem<T>(mut self, problem: JsonProblem) -> Result<T> {
        self.peek();
        fault(self.at, problem)
    }

    /// Takes what looks like a number, `true`, `false` or `null`.
    fn token(&mut self) -> &'t str {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') = self.byte() {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn literal(&mut self, text: &str) -> bool {
        self.peek();
        let mut ahead = *self;
        let found = ahead.token() == text;
        if found {
            *self = ahead;
        }
        found
    }

    /// Passes digits; whether there are some.
    fn digits(&mut self) -> bool {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        self.at > start
    }

    /// Takes a number as it is written, if one comes next.
    pub(super) fn number(&mut self) -> Option<&'t str> {
        self.peek();
        let mut end = *self;
        if end.byte() == Some(b'-') {
            end.at += 1;
        }
        match end.byte()? {
            b'0' => end.at += 1,
            b'1'..=b'9' => {
                end.digits();
            }
            _ => return None,
        }
        if end.byte() == Some(b'.') {
            end.at += 1;
            if !end.digits() {
                return None;
            }
        }
        if let Some(b'e' | b'E') = end.byte() {
            end.at += 1;
            if let Some(b'+' | b'-') = end.byte() {
                end.at += 1;
            }
            if !end.digits() {
                return None;
            }
        }
        let start = std::mem::replace(&mut self.at, end.at);
        self.text.get(start..self.at)
    }

    /// Takes `null`, if it comes next.
    pub(super) fn null(&mut self) -> bool {
        self.peek() == Some(b'n') && self.literal("null")
    }

    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self.peek() {
            Some(b't') if self.literal("true") => Some(true),
            Some(b'f') if self.literal("false") => Some(false),
            _ => None,
        }
    }

    /// Takes a string, if one comes next.
    pub(super) fn string(&mut self) -> Result<Option<Cow<'t, str>>> {
        if self.peek() != Some(b'"') {
            return Ok(None);
        }
        let start = self.at;
        let rest = self.text.as_bytes().get(start + 1..).unwrap_or_default();
        let special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
        if let Some(len) = rest.iter().position(special)
            && rest.get(len) == Some(&b'"')
        {
            self.at = start + len + 2;
            return Ok(self.text.get(start + 1..self.at - 1).map(Cow::Borrowed));
        }
        self.skip_string();
        match serde_json::from_str(self.text.get(start..self.at).unwrap_or_default()) {
            Ok(text) => Ok(Some(Cow::Owned(text))),
            Err(error) => fault(start, JsonProblem::Syntax(error.to_string())),
        }
    }

    /// Passes a string.
    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.byte() {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
    }

    /// Passes a value, however deep, and checks its syntax if nobody has.
    pub(super) fn skip(&mut self) -> Result<()> {
        if self.checked {
            self.pass();
            return Ok(());
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {
                self.at += values.byte_offset();
                Ok(())
            }
            Some(Err(error)) => fault(self.at, JsonProblem::Syntax(error.to_string())),
            None => self.bad(),
        }
    }

    /// Passes a value whose syntax was checked.
    fn pass(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.skip_string(),
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

    /// The text is not JSON, or not laid out as is read in one pass.
    #[cold]
    pub(super) fn bad<T>(self) -> Result<T> {
        fault(self.at, JsonProblem::Syntax("the text is not JSON".to_owned()))
    }

    /// Passes a bracket, comma or colon, if it comes next.
    pub(super) fn open(&mut self, bracket: u8) -> bool {
        let open = self.peek() == Some(bracket);
        if open {
            self.at += 1;
        }
        open
    }

    /// Goes to the next element of an open array, or behind its end.
    pub(super) fn element(&mut self, first: bool) -> Result<bool> {
        if self.open(b']') {
            return Ok(false);
        }
        if !first && (!self.open(b',') || self.peek() == Some(b']')) {
            return self.bad();
        }
        Ok(true)
    }

    /// Takes the next key of an open object, or goes behind its end.
    pub(super) fn key(&mut self, first: bool) -> Result<Option<(usize, Cow<'t, str>)>> {
        if self.open(b'}') {
            return Ok(None);
        }
        if !first && !self.open(b',') {
            return self.bad();
        }
        self.peek();
        let at = self.at;
        let Some(key) = self.string()? else { return self.bad() };
        if !self.open(b':') {
            return self.bad();
        }
        self.peek();
        Ok(Some((at, key)))
    }

    /// Passes this key of an open object, if it comes next and is written as it would be here.
    pub(super) fn pass_key(&mut self, quoted: &[u8], first: bool) -> bool {
        let mut ahead = *self;
        if !first && !ahead.open(b',') {
            return false;
        }
        ahead.peek();
        let rest = self.text.as_bytes().get(ahead.at..).unwrap_or_default();
        if !rest.starts_with(quoted) {
            return false;
        }
        ahead.at += quoted.len();
        let passed = ahead.open(b':');
        if passed {
            *self = ahead;
        }
        passed
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
