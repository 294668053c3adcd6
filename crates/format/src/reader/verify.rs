use super::Reader;
use crate::{Error, ReadAt};

/// What [`Reader::verify`] went through.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyReport {
    /// Bytes of the container, all of which were checked.
    pub bytes: u64,
    /// Chunks and pieces.
    pub chunks: u64,
    /// Sections.
    pub sections: u32,
    /// Places that are damaged; each was reported.
    pub damaged: u64,
    /// Chunks whose checksums hold but which this build can't decode.
    pub undecoded: u64,
}

impl<R: ReadAt> Reader<R> {
    /// Checks every byte that opening did not: headers, payloads and padding of all sections. Calls
    /// `on_damage` for each damaged chunk and goes on behind it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the source fails; damage is no error.
    pub fn verify(&self, on_damage: &mut dyn FnMut(Error)) -> Result<VerifyReport, Error> {
        let mut report = VerifyReport { bytes: self.bytes(), ..VerifyReport::default() };
        for section in self.sections() {
            report.sections += 1;
            report.chunks += u64::from(section.chunk_count());
            let mut chunks = self.chunks(section)?;
            while let Some(result) = chunks.verify_next() {
                match result {
                    Ok(()) => {}
                    Err(error @ (Error::Io { .. } | Error::OutOfMemory { .. })) => {
                        return Err(error);
                    }
                    Err(
                        Error::CodecNotBuilt { .. }
                        | Error::UnknownCodec { .. }
                        | Error::UnknownFilter { .. },
                    ) => {
                        report.undecoded += 1;
                    }
                    Err(error) => {
                        report.damaged += 1;
                        on_damage(error);
                    }
                }
            }
        }
        Ok(report)
    }
}
