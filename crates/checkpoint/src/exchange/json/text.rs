//! JSON text that is known to be sound, without a look at its values.

/// The text without the white space that is in no string.
pub(super) fn compact(json: &str) -> String {
    let mut state = Place::default();
    json.chars().filter(|letter| state.keeps(*letter)).collect()
}

/// Whether there is none of that, and no list or object deeper in others than this.
pub(super) fn is_compact(json: &str, depth_max: u32) -> bool {
    let mut state = Place::default();
    json.chars().all(|letter| state.keeps(letter) && state.depth <= depth_max)
}

/// A place in the text.
#[derive(Default)]
struct Place {
    in_string: bool,
    is_escaped: bool,
    depth: u32,
}

impl Place {
    fn keeps(&mut self, letter: char) -> bool {
        if self.in_string {
            self.in_string = self.is_escaped || letter != '"';
            self.is_escaped = letter == '\\' && !self.is_escaped;
            return true;
        }
        match letter {
            '"' => self.in_string = true,
            '[' | '{' => self.depth = self.depth.saturating_add(1),
            ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        !letter.is_ascii_whitespace()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_but_in_strings() {
        let json = " { \"a \\\" b\" : [ 1 , \" ] \" ] ,\n\"\\\\\" : 2 } ";
        let short = "{\"a \\\" b\":[1,\" ] \"],\"\\\\\":2}";
        assert_eq!(compact(json), short);
        assert!(is_compact(short, 2) && !is_compact(json, 2));
    }

    #[test]
    fn depth_is_counted_outside_of_strings() {
        assert!(is_compact("[[\"[[[\"],[]]", 2) && !is_compact("[[[]]]", 2));
    }
}
