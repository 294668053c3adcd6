//! JSON text that is known to be sound, without a look at its values.

/// What is between the white space outside of strings: put together, the compact text.
pub(super) fn pieces(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let mut tokens = Tokens::new(rest);
        let end = tokens.find(|(_, byte)| byte.is_ascii_whitespace()).map_or(rest.len(), |(at, _)| at);
        let piece;
        (piece, rest) = rest.split_at_checked(end)?;
        (!piece.is_empty()).then_some(piece)
    })
}

/// How deep lists and objects are nested.
pub(super) fn depth(json: &str) -> u64 {
    let (mut depth, mut deepest) = (0_u64, 0);
    for (_, byte) in Tokens::new(json) {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// A member of an object.
pub(super) struct Member<'a> {
    /// The white space before it, its key and its value.
    pub(super) all: &'a str,
    /// Its key, as a string of JSON.
    pub(super) key: &'a str,
    /// Its value, with white space around it.
    pub(super) value: &'a str,
}

/// The members of an object, in their order; none for anything else.
pub(super) fn members(json: &str) -> impl Iterator<Item = Member<'_>> {
    let mut rest =
        json.trim_ascii().strip_prefix('{').and_then(|json| json.strip_suffix('}')).unwrap_or_default();
    std::iter::from_fn(move || {
        let all = rest.get(..end_of(rest, b','))?;
        rest = rest.get(all.len()..)?;
        rest = rest.strip_prefix(',').unwrap_or(rest);
        let (key, value) = all.split_at_checked(end_of(all, b':'))?;
        Some(Member { all, key: key.trim_ascii(), value: value.strip_prefix(':')? })
    })
}

/// The elements of a list, in their order; none for anything else.
pub(super) fn elements(json: &str) -> impl Iterator<Item = &str> {
    let mut rest =
        json.trim_ascii().strip_prefix('[').and_then(|json| json.strip_suffix(']')).unwrap_or_default();
    std::iter::from_fn(move || {
        let element = rest.get(..end_of(rest, b','))?;
        rest = rest.get(element.len()..)?;
        rest = rest.strip_prefix(',').unwrap_or(rest);
        let element = element.trim_ascii();
        (!element.is_empty()).then_some(element)
    })
}

/// Where a byte stands that is in no list, object or string; the end without one.
fn end_of(json: &str, byte: u8) -> usize {
    let mut depth = 0_u64;
    for (at, found) in Tokens::new(json) {
        match found {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ if found == byte && depth == 0 => return at,
            _ => {}
        }
    }
    json.len()
}

/// The bytes that are in no string, and where they stand.
struct Tokens<'a> {
    bytes: std::iter::Enumerate<std::slice::Iter<'a, u8>>,
}

impl<'a> Tokens<'a> {
    fn new(json: &'a str) -> Self {
        Self { bytes: json.as_bytes().iter().enumerate() }
    }
}

impl Iterator for Tokens<'_> {
    type Item = (usize, u8);

    fn next(&mut self) -> Option<(usize, u8)> {
        let (at, byte) = self.bytes.next()?;
        if *byte == b'"' {
            while let Some((_, byte)) = self.bytes.next() {
                match byte {
                    b'"' => break,
                    // What is escaped ends nothing.
                    b'\\' => drop(self.bytes.next()),
                    _ => {}
                }
            }
        }
        Some((at, *byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str =
        " { \"a\\\"b\" : [ 1 , {\"x\" : \" } , \"} ] ,\n\t\"c\\\\\": \"\\\\\" , \"d\" : { } } ";

    #[test]
    fn compact_text_has_no_white_space_but_that_of_strings() {
        let compact: String = pieces(JSON).collect();
        assert_eq!(compact, "{\"a\\\"b\":[1,{\"x\":\" } , \"}],\"c\\\\\":\"\\\\\",\"d\":{}}");
        assert_eq!(pieces(" ").count(), 0);
    }

    #[test]
    fn members_are_those_of_the_outermost_object() {
        let found: Vec<_> = members(JSON).map(|member| (member.key, member.value.trim_ascii())).collect();
        let expected =
            [("\"a\\\"b\"", "[ 1 , {\"x\" : \" } , \"} ]"), ("\"c\\\\\"", "\"\\\\\""), ("\"d\"", "{ }")];
        assert_eq!(found, expected);
        for none in ["{}", " { } ", "[1]", "1", "\"{a:1}\""] {
            assert_eq!(members(none).count(), 0, "{none}");
        }
    }

    #[test]
    fn elements_are_those_of_the_outermost_list() {
        let found: Vec<_> = elements(" [ 1 ,[2,3] , {\"a\":[\",\"]}, \"]\" ] ").collect();
        assert_eq!(found, ["1", "[2,3]", "{\"a\":[\",\"]}", "\"]\""]);
        for none in ["[]", " [ ] ", "{\"a\":1}", "1"] {
            assert_eq!(elements(none).count(), 0, "{none}");
        }
    }

    #[test]
    fn depth_counts_what_is_open_and_not_what_is_in_strings() {
        for (json, expected) in [("1", 0), ("\"[[[\"", 0), ("[]", 1), ("[[],{\"a\":[]}]", 3), (JSON, 3)] {
            assert_eq!(depth(json), expected, "{json}");
        }
    }
}
