//! Containers that a writer would not write, put together from the specification alone: the lengths of
//! chunks, the tables and the checksums are whatever a test wants.

use keepstone_format::{crc32, crc64};

pub(crate) const HEADER: usize = 64;
pub(crate) const TRAILER: usize = 64;
pub(crate) const SECTION: usize = 48;
pub(crate) const CHUNK: usize = 16;
pub(crate) const MAGIC: usize = 8;

/// One chunk of a coded section.
#[derive(Clone)]
pub(crate) struct Piece {
    pub(crate) codec: u8,
    pub(crate) filter: u8,
    pub(crate) parameter: u16,
    pub(crate) decoded_len: u32,
    pub(crate) payload: Vec<u8>,
}

impl Piece {
    pub(crate) fn stored(payload: &[u8]) -> Self {
        Self::coded(0, len32(payload), payload)
    }

    pub(crate) fn coded(codec: u8, decoded_len: u32, payload: &[u8]) -> Self {
        Self { codec, filter: 0, parameter: 0, decoded_len, payload: payload.to_vec() }
    }
}

/// A section to be forged.
#[derive(Clone)]
pub(crate) enum Part {
    Coded(u32, u32, Vec<Piece>),
    Raw(u32, u32, Vec<u8>),
}

/// Sizes of the parts of a forged container.
pub(crate) struct Forged {
    pub(crate) bytes: Vec<u8>,
    pub(crate) footer: usize,
    pub(crate) sections: usize,
}

impl Forged {
    /// Where entry `index` of the section table begins.
    pub(crate) fn section_at(&self, index: usize) -> usize {
        self.footer + MAGIC + index * SECTION
    }

    /// Where entry `index` of the chunk table begins.
    pub(crate) fn chunk_at(&self, index: usize) -> usize {
        self.section_at(self.sections) + index * CHUNK
    }

    /// Overwrites bytes and makes the checksums of head and footer right again.
    pub(crate) fn patch(&self, at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut patched = self.bytes.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        reseal(&mut patched);
        patched
    }
}

/// A file with coded sections of several chunks, a raw one, empty ones, metadata and an epoch.
pub(crate) fn sample() -> Forged {
    sample_of_epoch(5)
}

pub(crate) fn sample_of_epoch(epoch: u64) -> Forged {
    forge(
        epoch,
        &[
            Part::Coded(
                1,
                0,
                vec![Piece::stored(b"12345678"), Piece::stored(b"abcdefgh"), Piece::stored(b"xy")],
            ),
            Part::Coded(0x1000, 3, vec![Piece::stored(b"")]),
            Part::Raw(0x1001, 0, b"raw bytes in one piece".to_vec()),
            Part::Raw(0x8000_1001, 1, Vec::new()),
            Part::Coded(0x1000, 4, vec![Piece::stored(b"the end")]),
        ],
    )
}

pub(crate) fn forge(epoch: u64, parts: &[Part]) -> Forged {
    let mut bytes = b"\x89KEEP\r\n\x1a\x01\0\0\0\x02\0\0\0".to_vec();
    bytes.extend(u64::from(epoch != 0).to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend([7; 16]);
    bytes.extend(epoch.to_le_bytes());
    let head = b"\x01\x00\x04\x00name\x00\x01\x03\x00\x01kv";
    bytes.extend(len32(head).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(head);
    bytes.extend([0; 4]);
    pad(&mut bytes, 8);

    let (mut sections, mut chunks) = (Vec::new(), Vec::new());
    for part in parts {
        let (offset, first) = (bytes.len(), chunks.len() / CHUNK);
        let (id, instance, decoded, layout) = match part {
            Part::Coded(id, instance, pieces) => {
                let decoded = put_coded(&mut bytes, &mut chunks, epoch, (*id, *instance), pieces);
                (id, instance, decoded, 0)
            }
            Part::Raw(id, instance, payload) => {
                put_raw(&mut bytes, &mut chunks, epoch, (*id, *instance), payload);
                (id, instance, payload.len() as u64, 1)
            }
        };
        sections.extend(id.to_le_bytes());
        sections.extend(instance.to_le_bytes());
        sections.extend((offset as u64).to_le_bytes());
        sections.extend(((bytes.len() - offset) as u64).to_le_bytes());
        sections.extend(decoded.to_le_bytes());
        sections.extend(u32::try_from(first).unwrap().to_le_bytes());
        sections.extend(u32::try_from(chunks.len() / CHUNK - first).unwrap().to_le_bytes());
        sections.extend([layout, 0, 0, 0, 0, 0, 0, 0]);
    }
    let (footer, chunk_count) = (bytes.len(), chunks.len() / CHUNK);
    bytes.extend(b"KFOOTER\n");
    bytes.extend(sections);
    bytes.extend(chunks);
    let tail = b"\x81\x00\x08\x00\x02\0\0\0\0\0\0\0";
    bytes.extend(tail);
    pad(&mut bytes, 8);
    bytes.extend((footer as u64).to_le_bytes());
    bytes.extend(u32::try_from(parts.len()).unwrap().to_le_bytes());
    bytes.extend(u32::try_from(chunk_count).unwrap().to_le_bytes());
    bytes.extend(len32(tail).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(((bytes.len() + 40) as u64).to_le_bytes());
    bytes.extend(epoch.to_le_bytes());
    bytes.extend([0; 16]);
    bytes.extend(b"KEEPEND\n");
    reseal(&mut bytes);
    Forged { bytes, footer, sections: parts.len() }
}

/// Makes header CRC, head CRC, container CRC and trailer CRC right.
pub(crate) fn reseal(bytes: &mut [u8]) {
    let header_crc = crc32(&bytes[..60]);
    bytes[60..64].copy_from_slice(&header_crc.to_le_bytes());
    let head_end = HEADER + usize::try_from(u32::from_le_bytes(bytes[56..60].try_into().unwrap())).unwrap();
    let head_crc = crc32(&[&bytes[..60], &bytes[HEADER..head_end]].concat());
    bytes[head_end..head_end + 4].copy_from_slice(&head_crc.to_le_bytes());
    let body = (head_end + 4).next_multiple_of(8);
    let trailer = bytes.len() - TRAILER;
    let footer = u64::from_le_bytes(bytes[trailer..trailer + 8].try_into().unwrap());
    let footer = usize::try_from(footer).unwrap_or(trailer).min(trailer);
    let crc = crc64(&[&bytes[..body], &bytes[footer..trailer + 40]].concat());
    bytes[trailer + 40..trailer + 48].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32(&bytes[trailer..trailer + 52]);
    bytes[trailer + 52..trailer + 56].copy_from_slice(&crc.to_le_bytes());
}

pub(crate) fn seeded(epoch: u64, (id, instance): (u32, u32), index: u32, bytes: &[u8]) -> u32 {
    let seed = [id, instance, index].map(u32::to_le_bytes).concat();
    crc32(&[&epoch.to_le_bytes()[..], &seed, bytes].concat())
}

/// Makes the CRC of the chunk header or raw header at the start of `header` right.
pub(crate) fn reseal_frame(epoch: u64, header: &mut [u8]) {
    let crc = crc32(&[&epoch.to_le_bytes()[..], &header[..36]].concat());
    header[36..40].copy_from_slice(&crc.to_le_bytes());
}

fn put_coded(
    bytes: &mut Vec<u8>,
    chunks: &mut Vec<u8>,
    epoch: u64,
    name: (u32, u32),
    pieces: &[Piece],
) -> u64 {
    let mut decoded = 0;
    for (index, piece) in pieces.iter().enumerate() {
        let crc = seeded(epoch, name, u32::try_from(index).unwrap(), &piece.payload);
        let mut header = b"KCHK".to_vec();
        header.extend(name.0.to_le_bytes());
        header.extend(name.1.to_le_bytes());
        header.extend(u32::try_from(index).unwrap().to_le_bytes());
        header.extend([piece.codec, piece.filter, u8::from(index + 1 == pieces.len()), 0]);
        header.extend(len32(&piece.payload).to_le_bytes());
        header.extend(piece.decoded_len.to_le_bytes());
        header.extend(piece.parameter.to_le_bytes());
        header.extend([0; 2]);
        header.extend(crc.to_le_bytes());
        header.extend([0; 4]);
        reseal_frame(epoch, &mut header);
        bytes.extend(header);
        bytes.extend(&piece.payload);
        pad(bytes, 8);
        chunks.extend(len32(&piece.payload).to_le_bytes());
        chunks.extend(piece.decoded_len.to_le_bytes());
        chunks.extend(crc.to_le_bytes());
        chunks.extend([piece.codec, piece.filter]);
        chunks.extend(piece.parameter.to_le_bytes());
        decoded += u64::from(piece.decoded_len);
    }
    decoded
}

fn put_raw(bytes: &mut Vec<u8>, chunks: &mut Vec<u8>, epoch: u64, name: (u32, u32), payload: &[u8]) {
    let mut header = b"KRAW".to_vec();
    header.extend(name.0.to_le_bytes());
    header.extend(name.1.to_le_bytes());
    header.extend([0; 4]);
    header.extend((payload.len() as u64).to_le_bytes());
    header.extend([0; 16]);
    reseal_frame(epoch, &mut header);
    bytes.extend(header);
    pad(bytes, 64);
    bytes.extend(payload);
    pad(bytes, 8);
    let mut array = Vec::new();
    for (index, piece) in payload.chunks(1 << 20).enumerate() {
        let crc = seeded(epoch, name, u32::try_from(index).unwrap(), piece);
        array.extend(crc.to_le_bytes());
        chunks.extend(len32(piece).to_le_bytes());
        chunks.extend(len32(piece).to_le_bytes());
        chunks.extend(crc.to_le_bytes());
        chunks.extend([0; 4]);
    }
    bytes.extend(&array);
    bytes.extend(seeded(epoch, name, u32::MAX, &array).to_le_bytes());
    pad(bytes, 8);
}

fn pad(bytes: &mut Vec<u8>, align: usize) {
    bytes.resize(bytes.len().next_multiple_of(align), 0);
}

fn len32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}
