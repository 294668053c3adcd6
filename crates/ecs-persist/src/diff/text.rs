use std::fmt::Write as _;

use keepstone_value::{Fields, Value};

/// The most bytes of a value's text.
const LEN_MAX: usize = 1000;

/// Writes a value as Rust would, with references as the ids of their targets. Text that is long is cut.
pub(super) fn of(value: &Value<'_>, label: &dyn Fn(u32) -> String) -> String {
    let mut text = Text { out: String::new(), label };
    text.value(value);
    if text.out.len() > LEN_MAX {
        let end = text.out.floor_char_boundary(LEN_MAX);
        text.out.truncate(end);
        text.out.push_str(" ...");
    }
    text.out
}

/// Bytes as digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 + bytes.len() * 2);
    out.push_str("0x");
    for byte in bytes {
        // Writing to a String never fails.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

struct Text<'l> {
    out: String,
    label: &'l dyn Fn(u32) -> String,
}

impl Text<'_> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn value(&mut self, value: &Value<'_>) {
        // What is behind is cut off anyway.
        if self.out.len() > LEN_MAX {
            return;
        }
        match value {
            Value::Entity(number) => {
                let label = (self.label)(*number);
                self.put("entity ");
                self.put(&label);
            }
            Value::Bytes(bytes) => {
                let shown = bytes.get(..LEN_MAX).unwrap_or(bytes);
                self.put(&hex(shown));
                if shown.len() < bytes.len() {
                    let _ = write!(self.out, " ... ({} bytes)", bytes.len());
                }
            }
            Value::Option(Some(value)) => {
                self.put("Some(");
                self.value(value);
                self.put(")");
            }
            Value::Seq(values) => self.list("[", values, "]"),
            Value::Tuple(values) => self.list("(", values, ")"),
            Value::Map(entries) => {
                self.put("{");
                for (index, (key, value)) in entries.iter().enumerate() {
                    self.put(if index == 0 { "" } else { ", " });
                    self.value(key);
                    self.put(": ");
                    self.value(value);
                }
                self.put("}");
            }
            Value::Struct(found) => self.held(&found.name, &found.fields),
            Value::Variant(found) => self.held(&found.name, &found.fields),
            other => {
                let _ = write!(self.out, "{other}");
            }
        }
    }

    fn list(&mut self, open: &str, values: &[Value<'_>], close: &str) {
        self.put(open);
        for (index, value) in values.iter().enumerate() {
            if self.out.len() > LEN_MAX {
                return;
            }
            self.put(if index == 0 { "" } else { ", " });
            self.value(value);
        }
        self.put(close);
    }

    fn held(&mut self, name: &str, fields: &Fields<'_>) {
        self.put(name);
        match fields {
            Fields::Unit => {}
            Fields::Newtype(value) => {
                self.put("(");
                self.value(value);
                self.put(")");
            }
            Fields::Tuple(values) => self.list("(", values, ")"),
            Fields::Named(fields) => {
                self.put(if name.is_empty() { "{" } else { " {" });
                for (index, (name, value)) in fields.iter().enumerate() {
                    self.put(if index == 0 { " " } else { ", " });
                    self.put(name);
                    self.put(": ");
                    self.value(value);
                }
                self.put(if fields.is_empty() { "}" } else { " }" });
            }
        }
    }
}
