use std::fmt;

use serde::{Deserialize, Serialize};

/// The 16 bytes that tell one save from another; displayed as a hyphenated UUID.
///
/// ```
/// use keepstone_compat::awsv::SaveId;
///
/// let id = SaveId([0xa0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 2]);
/// assert_eq!(id.to_string(), "a0000000-0000-4000-8000-000000000002");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SaveId(pub [u8; 16]);

impl fmt::Display for SaveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}
