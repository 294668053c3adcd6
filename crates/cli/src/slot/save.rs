use std::{
    fmt,
    io::{self, Read as _},
};

use keepstone::{
    format::Codec,
    slots::{Bytes, Compression, Keep, Overwrite, SaveId, SaveOptions, SaveRequest},
};
use serde::Serialize;

use super::manager;
use crate::args::SaveArgs;
use crate::error::Error;
use crate::output::{Exit, Report, acknowledge};
use crate::saves::Save;
use crate::source;

/// The longest thumbnail that is read; what of it a save may have is up to the library.
const THUMBNAIL_LEN_MAX: u64 = 64 << 20;

/// What `slot save` saved; people have seen the id by then.
#[derive(Debug, Serialize)]
pub(super) struct Saved {
    id: String,
    save: Save,
    /// Saves that made room for it.
    rotated_out: Vec<String>,
    warnings: Vec<String>,
}

/// Saves standard input.
pub(super) fn run(args: &SaveArgs, json: bool) -> Result<Saved, Error> {
    let mut request = request(args);
    if let Some(path) = &args.thumbnail {
        request = request.thumbnail(source::read(path, THUMBNAIL_LEN_MAX)?);
    }
    let options = SaveOptions::default().keep(Keep::all(args.to.keep.keep));
    // Before anything is read: whoever may not write is told so at once.
    let manager = manager::open(&args.root, options)?;
    let mut payload = Vec::new();
    io::stdin().lock().read_to_end(&mut payload).map_err(|source| Error::Stdin { source })?;
    let saved = manager.save_with(&args.to.player, args.to.slot, &Bytes::from(payload), &request)?;
    if !json {
        acknowledge(&saved.id())?;
    }
    let maintained = manager.maintain();
    Ok(Saved {
        id: saved.id().to_string(),
        save: Save::new(&saved.save),
        rotated_out: saved.rotated_out.iter().map(SaveId::to_string).collect(),
        // The save is durable whatever becomes of an index.
        warnings: maintained.err().map(|error| crate::error::with_causes(&error)).into_iter().collect(),
    })
}

fn request(args: &SaveArgs) -> SaveRequest {
    let compression = Compression { codec: Codec::from(args.codec), ..Compression::default() };
    let mut request = SaveRequest::new().compression(compression);
    request.kind = args.kind.map(Into::into);
    request.name.clone_from(&args.name);
    request.place.clone_from(&args.place);
    request.tick = args.tick;
    request.play_time = args.play_time;
    if args.refuse {
        request = request.overwrite(Overwrite::Refuse);
    }
    for (key, value) in &args.meta {
        request = request.custom(key, value.as_bytes());
    }
    request
}

impl Report for Saved {
    fn exit(&self) -> Exit {
        Exit::Good
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for Saved {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
