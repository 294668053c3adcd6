//! Keys of objects whose text is worked out once.

use crate::json::{
    JsonProblem,
    put::Style,
    text::{Result, fault, put_string},
};

/// A key that is known before any row is looked at.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    quoted: Vec<u8>,
}

impl Key {
    /// A key that is data.
    pub(super) fn of_data(name: String) -> Self {
        let mut quoted = Vec::new();
        put_string(&mut quoted, &escaped(&name));
        Self { name, quoted }
    }

    /// The name of a component, which is written as it is.
    pub(super) fn of_component(name: &str) -> Self {
        let mut quoted = Vec::new();
        put_string(&mut quoted, name);
        Self { name: name.to_owned(), quoted }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>, style: Style) {
        out.extend_from_slice(&self.quoted);
        style.colon(out);
    }

    /// As it is written, with quotes.
    pub(super) fn quoted(&self) -> &[u8] {
        &self.quoted
    }
}

/// Data must not look like what this format itself says.
pub(super) fn escaped(key: &str) -> String {
    if key.starts_with('$') { format!("${key}") } else { key.to_owned() }
}

pub(super) fn unescape(key: &str, at: usize) -> Result<&str> {
    match key.strip_prefix('$') {
        Some(rest) if !rest.starts_with('$') => fault(
            at,
            JsonProblem::UnknownKey { key: key.to_owned(), known: "keys of data, $ doubled".into() },
        ),
        Some(rest) => Ok(rest),
        None => Ok(key),
    }
}
