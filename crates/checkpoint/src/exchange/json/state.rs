use std::borrow::Cow;

use keepstone_store::{Dynamic, Payload};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{base64, text, value};
use crate::{
    checkpoint::StateLayout,
    state::{State, capture},
};

/// How deep JSON that is in a state may be: what is deeper is written as text, for readers that recurse.
const DEPTH_MAX: u32 = 100;

/// A state that is written.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateOut<'s> {
    /// Bytes that are compact JSON.
    Json(&'s RawValue),
    /// Bytes that are text.
    Text(&'s str),
    /// Bytes.
    Bytes(String),
    /// A serde value.
    Value(value::Shown),
    /// A serde value that JSON has no place for.
    ValueBytes(String),
    /// Sections.
    Sections(String),
}

/// A state that is read.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateIn<'s> {
    #[serde(borrow)]
    Json(&'s RawValue),
    #[serde(borrow)]
    Text(Cow<'s, str>),
    #[serde(borrow)]
    Bytes(Cow<'s, str>),
    Value(serde_json::Value),
    #[serde(borrow)]
    ValueBytes(Cow<'s, str>),
    #[serde(borrow)]
    Sections(Cow<'s, str>),
}

impl<'s> StateOut<'s> {
    pub(crate) fn of(state: &'s State) -> Self {
        let bytes = state.bytes();
        match state.layout() {
            StateLayout::Bytes => Self::of_bytes(bytes),
            StateLayout::Value => {
                Self::of_value(state).unwrap_or_else(|| Self::ValueBytes(base64::encode(bytes)))
            }
            StateLayout::Sections => Self::Sections(base64::encode(bytes)),
        }
    }

    fn of_bytes(bytes: &'s [u8]) -> Self {
        let Ok(text) = str::from_utf8(bytes) else { return Self::Bytes(base64::encode(bytes)) };
        let is_wanted = text.starts_with(['{', '[']) && text::is_compact(text, DEPTH_MAX);
        match serde_json::from_str(text) {
            Ok(json) if is_wanted => Self::Json(json),
            _ => Self::Text(text),
        }
    }

    fn of_value(state: &State) -> Option<Self> {
        let Dynamic { value, .. } = state.decode().ok()?;
        value::Shown::of(value, DEPTH_MAX).map(Self::Value)
    }
}

impl StateIn<'_> {
    /// The layout and the bytes, or what is wrong.
    pub(crate) fn into_bytes(self) -> Result<(StateLayout, Vec<u8>), String> {
        let decoded = |text: &str| base64::decode(text).ok_or_else(|| "its state is no base64".to_owned());
        Ok(match self {
            Self::Json(json) => (StateLayout::Bytes, text::compact(json.get()).into_bytes()),
            Self::Text(text) => (StateLayout::Bytes, text.into_owned().into_bytes()),
            Self::Bytes(text) => (StateLayout::Bytes, decoded(&text)?),
            Self::ValueBytes(text) => (StateLayout::Value, decoded(&text)?),
            Self::Sections(text) => (StateLayout::Sections, decoded(&text)?),
            Self::Value(value) => {
                let mut bytes = Vec::new();
                let value = value::Read(&value);
                let prepared = value.prepare().map_err(|source| source.to_string())?;
                let captured = capture(prepared, &mut bytes).map_err(|source| source.to_string())?;
                (captured.layout, bytes)
            }
        })
    }
}
