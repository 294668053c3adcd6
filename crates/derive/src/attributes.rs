use syn::{Attribute, DeriveInput, LitInt, LitStr, Path, Result, ext::IdentExt, spanned::Spanned};

/// What `#[persist(...)]` says.
pub(crate) struct Attributes {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) pod: bool,
    pub(crate) relationship: bool,
    pub(crate) krate: Path,
}

impl Attributes {
    pub(crate) fn parse(input: &DeriveInput) -> Result<Self> {
        let mut found = Self {
            name: input.ident.unraw().to_string(),
            version: 1,
            pod: false,
            relationship: false,
            krate: syn::parse_quote!(::keepstone),
        };
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("persist")) {
            found.apply(attribute)?;
        }
        Ok(found)
    }

    fn apply(&mut self, attribute: &Attribute) -> Result<()> {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                let name: LitStr = meta.value()?.parse()?;
                self.name = name.value();
                if self.name.is_empty() || self.name.len() > 255 {
                    return Err(syn::Error::new(name.span(), "a name has 1 to 255 bytes"));
                }
            } else if meta.path.is_ident("version") {
                let version: LitInt = meta.value()?.parse()?;
                self.version = version.base10_parse()?;
                if self.version == 0 {
                    return Err(syn::Error::new(version.span(), "versions start at 1"));
                }
            } else if meta.path.is_ident("pod") {
                self.pod = true;
            } else if meta.path.is_ident("relationship") {
                self.relationship = true;
            } else if meta.path.is_ident("crate") {
                self.krate = meta.value()?.parse::<LitStr>()?.parse_with(Path::parse_mod_style)?;
            } else {
                return Err(
                    meta.error("unknown attribute; known are name, version, pod, relationship and crate")
                );
            }
            Ok(())
        })
    }
}

/// Checks that the layout of a type is fixed by its declaration.
pub(crate) fn require_fixed_layout(input: &DeriveInput) -> Result<()> {
    let mut fixed = false;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("repr")) {
        attribute.parse_nested_meta(|meta| {
            fixed |= meta.path.is_ident("C") || meta.path.is_ident("transparent");
            if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<proc_macro2::TokenStream>()?;
            }
            Ok(())
        })?;
    }
    if fixed {
        Ok(())
    } else {
        let message = "persist(pod) needs #[repr(C)] or #[repr(transparent)]: otherwise the compiler may reorder the fields";
        Err(syn::Error::new(input.ident.span().join(input.span()).unwrap_or(input.ident.span()), message))
    }
}
