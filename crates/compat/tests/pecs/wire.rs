//! Builds files as PECS lays them out, independent of the reader.

pub(super) type Component = (u128, Vec<u8>);

/// What a file holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Spec {
    pub(super) flags: u32,
    /// Type id, name, version.
    pub(super) types: Vec<(u128, String, u32)>,
    /// Stable id, components.
    pub(super) entities: Vec<(u128, Vec<Component>)>,
}

impl Spec {
    pub(super) fn of_types(types: &[(u128, &str, u32)]) -> Self {
        let types = types.iter().map(|(id, name, version)| (*id, (*name).to_owned(), *version)).collect();
        Self { types, ..Self::default() }
    }

    pub(super) fn entity(mut self, id: u128, components: &[(u128, &[u8])]) -> Self {
        let components = components.iter().map(|(id, data)| (*id, data.to_vec())).collect();
        self.entities.push((id, components));
        self
    }

    /// The file without its checksum.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut out = b"PECS\x01\0\0\0".to_vec();
        out.extend(self.flags.to_le_bytes());
        out.extend((self.entities.len() as u64).to_le_bytes());
        out.extend(len(&self.types));
        for (id, name, version) in &self.types {
            out.extend(id.to_le_bytes());
            out.extend(len(name.as_bytes()));
            out.extend(name.as_bytes());
            out.extend(version.to_le_bytes());
        }
        for (id, components) in &self.entities {
            out.extend(id.to_le_bytes());
            out.extend(len(components));
            for (id, data) in components {
                out.extend(id.to_le_bytes());
                out.extend(len(data));
                out.extend(data);
            }
        }
        out
    }

    pub(super) fn file(&self) -> Vec<u8> {
        sealed(self.body())
    }
}

fn len<T>(list: &[T]) -> [u8; 4] {
    u32::try_from(list.len()).unwrap().to_le_bytes()
}

/// Puts the right checksum behind a body, whatever it holds.
pub(super) fn sealed(mut body: Vec<u8>) -> Vec<u8> {
    let crc = crc(&body);
    body.extend(crc.to_le_bytes());
    body
}

/// CRC-64/WE, one bit after the other.
pub(super) fn crc(bytes: &[u8]) -> u64 {
    let mut crc = u64::MAX;
    for byte in bytes {
        crc ^= u64::from(*byte) << 56;
        for _ in 0..8 {
            crc = (crc << 1) ^ ((crc >> 63) * 0x42F0_E1EB_A9EA_3693);
        }
    }
    !crc
}

/// A sequence of numbers that is the same in every run.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}
