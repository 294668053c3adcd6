use syn::{
    Attribute, DeriveInput, ExprPath, Field, LitInt, LitStr, Path, Result, Type, ext::IdentExt,
    meta::ParseNestedMeta, spanned::Spanned,
};

/// What `#[persist(...)]` says on a type.
#[expect(clippy::struct_excessive_bools, reason = "each is an attribute of its own")]
pub(crate) struct Attributes {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) aliases: Vec<String>,
    pub(crate) pod: bool,
    pub(crate) relationship: bool,
    pub(crate) transient: bool,
    pub(crate) persistent_if: Option<ExprPath>,
    pub(crate) from: Option<Type>,
    pub(crate) retired: bool,
    pub(crate) krate: Path,
}

impl Attributes {
    pub(crate) fn parse(input: &DeriveInput) -> Result<Self> {
        let mut found = Self {
            name: input.ident.unraw().to_string(),
            version: 1,
            aliases: Vec::new(),
            pod: false,
            relationship: false,
            transient: false,
            persistent_if: None,
            from: None,
            retired: false,
            krate: syn::parse_quote!(::keepstone),
        };
        // Whether something was said that only saved types can use.
        let mut saved = false;
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("persist")) {
            attribute.parse_nested_meta(|meta| {
                saved |= !(meta.path.is_ident("transient") || meta.path.is_ident("crate"));
                found.apply(&meta)
            })?;
        }
        if found.transient && saved {
            let message =
                "persist(transient) says that the type is never saved: nothing but crate goes with it";
            return Err(syn::Error::new(input.ident.span(), message));
        }
        Ok(found)
    }

    fn apply(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("name") {
            self.name = name(meta)?;
        } else if meta.path.is_ident("alias") {
            self.aliases.push(name(meta)?);
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
        } else if meta.path.is_ident("transient") {
            self.transient = true;
        } else if meta.path.is_ident("persistent_if") {
            self.persistent_if = Some(meta.value()?.parse::<LitStr>()?.parse()?);
        } else if meta.path.is_ident("from") {
            self.from = Some(earlier(meta)?);
        } else if meta.path.is_ident("retired") {
            self.retired = true;
        } else if meta.path.is_ident("crate") {
            self.krate = meta.value()?.parse::<LitStr>()?.parse_with(Path::parse_mod_style)?;
        } else {
            return Err(meta.error(
                "unknown attribute; known are name, version, alias, pod, from, retired, relationship, transient, persistent_if and crate, and skip, default and alias on fields",
            ));
        }
        Ok(())
    }
}

/// A type, bare or in quotes as serde has it.
fn earlier(meta: &ParseNestedMeta<'_>) -> Result<Type> {
    let value = meta.value()?;
    if value.peek(LitStr) { value.parse::<LitStr>()?.parse() } else { value.parse() }
}

fn name(meta: &ParseNestedMeta<'_>) -> Result<String> {
    let name: LitStr = meta.value()?.parse()?;
    let len = name.value().len();
    if len == 0 || len > 255 {
        return Err(syn::Error::new(name.span(), "a name has 1 to 255 bytes"));
    }
    Ok(name.value())
}

/// Where a value comes from that isn't in the file.
pub(crate) enum Filled {
    Default,
    Function(ExprPath),
}

/// What `#[persist(...)]` says on a field.
#[derive(Default)]
pub(crate) struct OnField {
    /// It is not saved, and becomes this on load.
    pub(crate) skipped: Option<Filled>,
    /// It is saved, and becomes this where a file lacks it.
    pub(crate) default: Option<Filled>,
    /// Names that it had before.
    pub(crate) aliases: Vec<String>,
}

/// What `#[persist(...)]` says on a field.
pub(crate) fn on_field(field: &Field) -> Result<OnField> {
    let (mut skip, mut default, mut aliases) = (false, None, Vec::new());
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("persist")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("skip") {
                skip = true;
            } else if meta.path.is_ident("default") {
                default = Some(if meta.input.peek(syn::Token![=]) {
                    Filled::Function(meta.value()?.parse::<LitStr>()?.parse()?)
                } else {
                    Filled::Default
                });
            } else if meta.path.is_ident("alias") {
                aliases.push(name(&meta)?);
            } else {
                return Err(meta.error("unknown attribute of a field; known are skip, default and alias"));
            }
            Ok(())
        })?;
    }
    if skip && !aliases.is_empty() {
        let message = "a field that is not saved has no name in files: leave out alias";
        return Err(syn::Error::new_spanned(field, message));
    }
    Ok(if skip {
        OnField { skipped: Some(default.unwrap_or(Filled::Default)), ..OnField::default() }
    } else {
        OnField { skipped: None, default, aliases }
    })
}

/// The first attribute of serde on a type or its fields.
pub(crate) fn serde_attribute(input: &DeriveInput) -> Option<&Attribute> {
    let fields = match &input.data {
        syn::Data::Struct(data) => data.fields.iter().flat_map(|field| &field.attrs).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    input.attrs.iter().chain(fields).find(|attribute| attribute.path().is_ident("serde"))
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
