//! How long texts may be.

use crate::{Error, checkpoint::Fields, trigger::Trigger};

/// Bytes of the name of a session or branch, of a tag, of the cause of a trigger, of the name of an annotation.
pub(crate) const NAME_LEN_MAX: usize = 255;
/// Bytes of a message, and of an annotation.
pub(crate) const TEXT_LEN_MAX: usize = 64 << 10;
/// Tags of a checkpoint.
pub(crate) const TAGS_MAX: usize = 64;

pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    check(what, name, 1, NAME_LEN_MAX)
}

pub(crate) fn check_tag(tag: &str) -> Result<(), Error> {
    check("tag", tag, 1, NAME_LEN_MAX)
}

pub(crate) fn check_message(message: &str) -> Result<(), Error> {
    check("message", message, 0, TEXT_LEN_MAX)
}

pub(crate) fn check_annotation(key: &str, value: &str) -> Result<(), Error> {
    check("name of an annotation", key, 1, NAME_LEN_MAX)?;
    check("annotation", value, 0, TEXT_LEN_MAX)
}

/// What is said about a checkpoint, with each tag once.
pub(crate) fn check_note(
    message: &str,
    tags: &[impl AsRef<str>],
    annotations: &Fields,
    trigger: &Trigger,
) -> Result<(), Error> {
    check("message", message, 0, TEXT_LEN_MAX)?;
    tags.iter().try_for_each(|tag| check_tag(tag.as_ref()))?;
    if tags.len() > TAGS_MAX {
        return Err(Error::Tags { needs: tags.len() as u64, allowed: TAGS_MAX as u64 });
    }
    annotations.iter().try_for_each(|(key, value)| check_annotation(key, value))?;
    match trigger {
        Trigger::Automatic(cause) => check("cause of a trigger", cause, 1, NAME_LEN_MAX),
        _ => Ok(()),
    }
}

fn check(what: &'static str, text: &str, least: usize, most: usize) -> Result<(), Error> {
    if (least..=most).contains(&text.len()) {
        return Ok(());
    }
    Err(Error::Length { what, needs: text.len() as u64, allowed: most as u64 })
}
