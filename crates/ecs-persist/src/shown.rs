use std::fmt;

use keepstone_format::plain::OwnedLayout;

/// Shows a layout as a person would write it.
pub(crate) struct Shown<'l>(pub(crate) &'l OwnedLayout);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            OwnedLayout::Primitive(primitive) => f.write_str(&format!("{primitive:?}").to_lowercase()),
            OwnedLayout::Array(element, count) => write!(f, "[{}; {count}]", Shown(element)),
            OwnedLayout::Struct(fields) => {
                f.write_str("{")?;
                for (at, (name, field)) in fields.iter().enumerate() {
                    let separator = if at == 0 { " " } else { ", " };
                    write!(f, "{separator}{name}: {}", Shown(field))?;
                }
                f.write_str(if fields.is_empty() { "}" } else { " }" })
            }
        }
    }
}
