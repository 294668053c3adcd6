use blake3::Hasher;

/// Bytes that are hashed together: many small calls would cost more than the hash itself.
const BUFFER: usize = 64 << 10;

/// Collects bytes for a hash.
pub(super) struct Feed {
    hasher: Hasher,
    buffer: Vec<u8>,
}

impl Feed {
    /// Starts a hash for one purpose.
    pub(super) fn new(context: &'static str) -> Self {
        Self { hasher: Hasher::new_derive_key(context), buffer: Vec::with_capacity(BUFFER) }
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush();
        }
        if bytes.len() >= BUFFER {
            self.hasher.update(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// A number, always as 8 bytes.
    pub(super) fn number(&mut self, number: u64) {
        self.put(&number.to_le_bytes());
    }

    /// Bytes and how many they are.
    pub(super) fn counted(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.put(bytes);
    }

    pub(super) fn finish(mut self) -> [u8; 16] {
        self.flush();
        *self.hasher.finalize().as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes")
    }

    fn flush(&mut self) {
        self.hasher.update(&self.buffer);
        self.buffer.clear();
    }
}
