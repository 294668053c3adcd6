use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Fields, Index, Member, Result, ext::IdentExt, spanned::Spanned};

use crate::{
    attributes::{Attributes, require_fixed_layout},
    evolve::evolve,
    partial::partial,
};

pub(crate) fn persist(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = Attributes::parse(input)?;
    let Attributes { name, version, krate, .. } = &attributes;
    let ident = &input.ident;

    check_relationship(input, &attributes)?;
    check_from(input, &attributes)?;
    let partial = partial(input, &attributes)?;
    if attributes.transient {
        return Ok(transient(input, &attributes));
    }
    if attributes.relationship {
        return relationship(input, &attributes);
    }
    let unit = matches!(&input.data, Data::Struct(data) if matches!(data.fields, Fields::Unit));
    let (codec, plain) = if attributes.pod {
        require_fixed_layout(input)?;
        let plain = plain_impl(input, krate)?;
        match evolve(input, krate)? {
            Some(evolve) => (quote!(AsEvolving), quote!(#plain #evolve)),
            None => (quote!(AsPlain), plain),
        }
    } else if let Some(partial) = partial {
        (quote!(AsPartial), partial)
    } else if unit && input.generics.params.is_empty() {
        // No bytes: nothing about the layout needs to be promised.
        (
            quote!(AsMarker),
            quote!(#[automatically_derived] impl #krate::__derive::Marker for #ident { const VALUE: Self = #ident; }),
        )
    } else {
        (quote!(AsSerde), TokenStream::new())
    };
    let mut generics = input.generics.clone();
    if !generics.params.is_empty() {
        let predicates = &mut generics.make_where_clause().predicates;
        predicates.push(syn::parse_quote!(Self: 'static));
        predicates.push(syn::parse_quote!(#krate::__derive::#codec: #krate::__derive::Codec<Self>));
        if let Some(old) = &attributes.from {
            predicates.push(syn::parse_quote!(#old: #krate::__derive::Persist));
            let converts = quote!(::core::convert::TryFrom<#old, Error: ::core::fmt::Display>);
            predicates.push(syn::parse_quote!(Self: #converts));
        }
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    // A generic type is registered for each use: the derive can't know them. A retired one is in no world.
    let registration = if input.generics.params.is_empty() && !attributes.retired {
        quote!(#krate::__register!(#ident);)
    } else {
        TokenStream::new()
    };
    let codec = match &attributes.from {
        Some(old) => quote!(AsSince<#krate::__derive::#codec, #old>),
        None => codec,
    };
    let (aliases, asks) = (aliases(&attributes), asks(&attributes));
    Ok(quote! {
        #plain
        #[automatically_derived]
        impl #impl_generics #krate::__derive::Persist for #ident #type_generics #where_clause {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            #aliases
            type Codec = #krate::__derive::#codec;
            #asks
        }
        #registration
    })
}

fn aliases(attributes: &Attributes) -> TokenStream {
    let aliases = &attributes.aliases;
    if aliases.is_empty() {
        return TokenStream::new();
    }
    quote!(const ALIASES: &'static [&'static str] = &[#(#aliases),*];)
}

fn asks(attributes: &Attributes) -> TokenStream {
    let Some(path) = &attributes.persistent_if else { return TokenStream::new() };
    quote_spanned! {path.span()=>
        const ASKS_EACH: bool = true;
        fn is_persistent(&self) -> bool {
            #path(self)
        }
    }
}

/// A type that is left out of saves: it has neither a name nor rows.
fn transient(input: &DeriveInput, attributes: &Attributes) -> TokenStream {
    let (ident, krate) = (&input.ident, &attributes.krate);
    let mut generics = input.generics.clone();
    if !generics.params.is_empty() {
        generics.make_where_clause().predicates.push(syn::parse_quote!(Self: 'static));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let registration = if input.generics.params.is_empty() {
        quote!(#krate::__register!(#ident);)
    } else {
        TokenStream::new()
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::__derive::PersistTransient for #ident #type_generics #where_clause {}
        #registration
    }
}

/// Finds relationships that would be saved as values, and lists that should not be saved at all.
fn check_relationship(input: &DeriveInput, attributes: &Attributes) -> Result<()> {
    for attribute in &input.attrs {
        if attributes.transient {
            continue;
        }
        if attribute.path().is_ident("relationship_target") {
            let message = "the list on the target of a relationship is rebuilt on load: leave out Persist here, and derive it for the relationship";
            return Err(syn::Error::new_spanned(attribute, message));
        }
        if attribute.path().is_ident("relationship") && !attributes.relationship {
            let message = "this component is a relationship: write #[persist(relationship)], so that the list on its target is rebuilt in its order";
            return Err(syn::Error::new_spanned(attribute, message));
        }
    }
    Ok(())
}

/// Finds definitions that come before themselves.
fn check_from(input: &DeriveInput, attributes: &Attributes) -> Result<()> {
    match &attributes.from {
        Some(old @ syn::Type::Path(path))
            if path.path.is_ident(&input.ident) || path.path.is_ident("Self") =>
        {
            let message = "a definition can't be the one before itself: keep the old one under another Rust name, with #[persist(name = \"...\", retired)], and name that here";
            Err(syn::Error::new_spanned(old, message))
        }
        _ => Ok(()),
    }
}

/// A relationship is saved as its target: it has a name and a version, and no rows of its own.
fn relationship(input: &DeriveInput, attributes: &Attributes) -> Result<TokenStream> {
    let Attributes { name, version, krate, .. } = attributes;
    let ident = &input.ident;
    if attributes.pod || !input.generics.params.is_empty() {
        let message = "persist(relationship) is for types without parameters, and without pod";
        return Err(syn::Error::new(ident.span(), message));
    }
    if attributes.from.is_some() || attributes.retired {
        let message = "persist(relationship) has neither from nor retired: its target is all that is saved";
        return Err(syn::Error::new(ident.span(), message));
    }
    if let Some(path) = &attributes.persistent_if {
        let message =
            "persist(relationship) has no persistent_if: a relationship is saved with the entity that has it";
        return Err(syn::Error::new_spanned(path, message));
    }
    let aliases = aliases(attributes);
    Ok(quote! {
        #[automatically_derived]
        impl #krate::__derive::PersistRelationship for #ident {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            #aliases
        }
        #krate::__register_relationship!(#ident);
    })
}

/// Writes the `unsafe impl Plain`, and a constant that fails to compile when the type has padding.
fn plain_impl(input: &DeriveInput, krate: &syn::Path) -> Result<TokenStream> {
    let ident = &input.ident;
    if let Some(parameter) = input.generics.params.first() {
        let message = "persist(pod) types can't be generic: padding can't be ruled out for every use; use serde or a type of its own";
        return Err(syn::Error::new_spanned(parameter, message));
    }
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new(
            ident.span(),
            "persist(pod) is for structs: an enum or union has invalid bit patterns",
        ));
    };
    let fields = data.fields.iter().enumerate().map(|(index, field)| {
        let name = match &field.ident {
            Some(name) => Member::Named(name.unraw()),
            None => Member::Unnamed(Index::from(index)),
        };
        let (name, ty) = (quote!(#name).to_string(), &field.ty);
        quote!((#name, <#ty as #krate::__derive::Plain>::LAYOUT))
    });
    Ok(quote! {
        // SAFETY: repr(C) or transparent was checked by the macro; every field is Plain by the bound that naming its
        // LAYOUT demands; the sizes of the fields add up to the size of the struct by the assertion below, so
        // there is no padding.
        #[automatically_derived]
        unsafe impl #krate::__derive::Plain for #ident {
            const LAYOUT: #krate::__derive::Layout = #krate::__derive::Layout::Struct(&[#(#fields),*]);
        }
        const _: () = ::core::assert!(
            ::core::mem::size_of::<#ident>() == <#ident as #krate::__derive::Plain>::LAYOUT.size(),
            "persist(pod): the type has padding; reorder its fields or fill the gap with an explicit array of u8",
        );
    })
}
