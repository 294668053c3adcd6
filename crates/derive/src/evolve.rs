//! Plain structs with `#[persist(default)]` or `#[persist(alias = "...")]` on fields.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Field, Member, Path, Result, spanned::Spanned};

use crate::attributes::{Filled, OnField, on_field};

/// The implementation of `Evolve`, if some field says what becomes of it.
pub(crate) fn evolve(input: &DeriveInput, krate: &Path) -> Result<Option<TokenStream>> {
    let Data::Struct(data) = &input.data else { return Ok(None) };
    let fields: Vec<(Member, &Field, OnField)> = data
        .fields
        .members()
        .zip(&data.fields)
        .map(|(member, field)| Ok((member, field, on_field(field)?)))
        .collect::<Result<_>>()?;
    if fields.iter().all(|(_, _, on)| on.default.is_none() && on.aliases.is_empty()) {
        return Ok(None);
    }
    let name = |member: &Member| match member {
        Member::Named(name) => syn::ext::IdentExt::unraw(name).to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    };
    let defaulted =
        fields.iter().filter(|(_, _, on)| on.default.is_some()).map(|(member, _, _)| name(member));
    let aliases = fields.iter().flat_map(|(member, _, on)| {
        let name = name(member);
        on.aliases.iter().map(move |alias| quote!((#name, #alias))).collect::<Vec<_>>()
    });
    let values = fields.iter().map(|(member, field, on)| match &on.default {
        Some(Filled::Function(path)) => quote_spanned!(path.span()=> #member: #path()),
        Some(Filled::Default) => {
            quote_spanned!(derived(field)=> #member: ::core::default::Default::default())
        }
        // Not looked at: any value will do, and all bytes of a plain one are valid.
        None => quote_spanned!(derived(field)=> #member: #krate::__derive::zeroed()),
    });
    let ident = &input.ident;
    Ok(Some(quote! {
        #[automatically_derived]
        impl #krate::__derive::Evolve for #ident {
            const DEFAULTED: &'static [&'static str] = &[#(#defaulted),*];
            const FIELD_ALIASES: &'static [(&'static str, &'static str)] = &[#(#aliases),*];

            fn defaults() -> Self {
                Self { #(#values),* }
            }
        }
    }))
}

/// Where the type of a field stands, for messages; lints know that nobody wrote it there.
fn derived(field: &Field) -> Span {
    Span::call_site().located_at(field.ty.span())
}
