/// Whether a number of 64 bits is the same number again when its JSON is read.
pub(super) fn is_exact(number: f64) -> bool {
    let text = serde_json::to_string(&number).unwrap_or_default();
    serde_json::from_str(&text).is_ok_and(|read: f64| read.to_bits() == number.to_bits())
}
