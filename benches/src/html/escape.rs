/// Text between tags or in an attribute: it can be no tag, end no attribute, and turn no direction.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter if letter.is_control() || turns(letter) => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

fn turns(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_text_becomes_a_tag_or_ends_an_attribute() {
        assert_eq!(super::text("<b a='1' b=\"2\">&"), "&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;");
        assert_eq!(super::text("a\u{202e}b\u{0}c"), "a\u{fffd}b\u{fffd}c");
    }
}
