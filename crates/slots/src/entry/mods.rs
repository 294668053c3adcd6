use crate::Error;

/// Bytes of a name or a version at most.
const LEN_MAX: usize = 255;

/// A modification of a game.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mod {
    /// Its name, at most 255 bytes.
    pub name: String,
    /// Its version, at most 255 bytes.
    pub version: String,
}

impl Mod {
    /// Names a modification and its version.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into() }
    }

    /// Whether they can all be written.
    pub(crate) fn check_all(mods: &[Self]) -> Result<(), Error> {
        let texts = mods.iter().flat_map(|each| [&each.name, &each.version]);
        match texts.map(String::len).find(|len| *len > LEN_MAX) {
            Some(len) => {
                let (needs, allowed) = (len as u64, LEN_MAX as u64);
                Err(Error::TooLong { what: "name or version of a modification", needs, allowed })
            }
            None => Ok(()),
        }
    }

    /// What stands in a head, of modifications that [`Mod::check_all`] lets pass; of longer ones, a value that no container takes.
    pub(crate) fn encode_all(mods: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in mods.iter().flat_map(|each| [&each.name, &each.version]) {
            let Ok(len) = u8::try_from(text.len()) else { return vec![u8::MAX] };
            bytes.push(len);
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    /// What stands in a head, up to where it breaks a rule.
    pub(super) fn decode_all(mut bytes: &[u8]) -> Vec<Self> {
        let mut mods = Vec::new();
        while let Some((name, rest)) = text(bytes)
            && let Some((version, rest)) = text(rest)
        {
            mods.push(Self::new(name, version));
            bytes = rest;
        }
        mods
    }
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked((*len).into())?;
    Some((str::from_utf8(text).ok()?, rest))
}
