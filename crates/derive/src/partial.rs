//! Structs with `#[persist(skip)]` on fields: the saved ones go through stand-ins that serde is derived for.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Field, Fields, Member, Result, ext::IdentExt, spanned::Spanned};

use crate::attributes::{Attributes, Filled, on_field, serde_attribute};

/// The implementation of `Partial`, if some field is skipped.
pub(crate) fn partial(input: &DeriveInput, attributes: &Attributes) -> Result<Option<TokenStream>> {
    refuse_on_variants(input)?;
    let fields = fields(input, attributes)?;
    let Some((first, _)) = fields.iter().find(|(_, skipped)| skipped.is_some()) else { return Ok(None) };
    check(input, attributes, first)?;
    let Data::Struct(data) = &input.data else { return Ok(None) };
    let (ident, krate) = (&input.ident, &attributes.krate);
    let name = ident.unraw().to_string();
    let serde = quote!(#krate::__derive::serde).to_string().replace(' ', "");
    let named = matches!(data.fields, Fields::Named(_));
    let saved: Vec<(&Field, Member)> = data
        .fields
        .members()
        .zip(&fields)
        .filter(|(_, (_, skipped))| skipped.is_none())
        .map(|(member, (field, _))| (*field, member))
        .collect();
    let borrowed = saved.iter().map(|(field, _)| {
        let (name, ty) = (field.ident.iter(), &field.ty);
        quote!(#(#name:)* &'keepstone #ty)
    });
    let owned = saved.iter().map(|(field, _)| {
        let (name, ty) = (field.ident.iter(), &field.ty);
        quote!(#(#name:)* #ty)
    });
    // Tuples as well have braces in expressions: the members of the stand-ins are counted anew.
    let places: Vec<Member> = if named {
        saved.iter().map(|(_, member)| member.clone()).collect()
    } else {
        (0..saved.len()).map(Member::from).collect()
    };
    let members = saved.iter().map(|(_, member)| member);
    let to_ref = places.iter().zip(members).map(|(place, member)| quote!(#place: &self.#member));
    let from_owned = from_owned(&data.fields, &fields, &places);
    let (ref_body, owned_body) = if named {
        (quote!({ #(#borrowed,)* }), quote!({ #(#owned,)* }))
    } else {
        (quote!((#(#borrowed,)*);), quote!((#(#owned,)*);))
    };
    // Without a saved field the lifetime has no use otherwise.
    let ref_type =
        if saved.is_empty() { quote!(KeepstoneSaved) } else { quote!(KeepstoneSavedRef<'keepstone>) };
    let ref_name = if saved.is_empty() { quote!(KeepstoneSaved) } else { quote!(KeepstoneSavedRef) };
    let ref_struct = if saved.is_empty() {
        TokenStream::new()
    } else {
        quote! {
            #[derive(#krate::__derive::serde::Serialize)]
            #[serde(crate = #serde, rename = #name)]
            struct KeepstoneSavedRef<'keepstone> #ref_body
        }
    };
    let owned_serialize = saved.is_empty().then(|| quote!(#krate::__derive::serde::Serialize,));
    Ok(Some(quote! {
        const _: () = {
            #ref_struct
            #[derive(#owned_serialize #krate::__derive::serde::Deserialize)]
            #[serde(crate = #serde, rename = #name)]
            struct KeepstoneSaved #owned_body

            #[automatically_derived]
            impl #krate::__derive::Partial for #ident {
                type Ref<'keepstone> = #ref_type;
                type Owned = KeepstoneSaved;

                fn to_ref(&self) -> Self::Ref<'_> {
                    #ref_name { #(#to_ref,)* }
                }

                fn from_owned(saved: KeepstoneSaved) -> Self {
                    let _ = &saved;
                    Self { #(#from_owned,)* }
                }
            }
        };
    }))
}

/// The fields of a struct, and what each becomes if it is skipped.
fn fields<'i>(input: &'i DeriveInput, attributes: &Attributes) -> Result<Vec<(&'i Field, Option<Filled>)>> {
    let fields: Vec<&Field> = match &input.data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|variant| &variant.fields).collect(),
        Data::Union(data) => data.fields.named.iter().collect(),
    };
    let saved = |field: &Field| attributes_of_saved(field, attributes);
    fields
        .into_iter()
        .map(|field| {
            saved(field)?;
            Ok((field, on_field(field)?.skipped))
        })
        .collect()
}

/// Refuses what nothing would look at: serde has attributes of its own for fields that files lack or call otherwise.
fn attributes_of_saved(field: &Field, attributes: &Attributes) -> Result<()> {
    let on = on_field(field)?;
    if attributes.pod || (on.default.is_none() && on.aliases.is_empty()) {
        return Ok(());
    }
    let message = "default and alias on a saved field are for persist(pod) types: write #[serde(default)] or #[serde(alias = \"...\")]";
    Err(syn::Error::new_spanned(field, message))
}

fn check(input: &DeriveInput, attributes: &Attributes, field: &Field) -> Result<()> {
    let message = if attributes.pod {
        "persist(pod) saves every byte: a field can't be skipped; leave out pod, or move the field to a component of its own"
    } else if attributes.relationship {
        "persist(relationship) saves the target alone: the other fields are skipped already"
    } else if attributes.transient {
        "persist(transient) saves nothing: there is no field to skip"
    } else if !matches!(input.data, Data::Struct(_)) {
        "persist(skip) is for fields of structs; use #[serde(skip)] here"
    } else if !input.generics.params.is_empty() {
        "persist(skip) is for types without parameters; use #[serde(skip)] here"
    } else if let Some(attribute) = serde_attribute(input) {
        let message = "persist(skip) writes the serde code of this type itself and doesn't look at #[serde(...)]: use #[serde(skip)] instead of it";
        return Err(syn::Error::new_spanned(attribute, message));
    } else {
        return Ok(());
    };
    Err(syn::Error::new_spanned(field, message))
}

/// Finds attributes where nothing would look at them.
fn refuse_on_variants(input: &DeriveInput) -> Result<()> {
    let Data::Enum(data) = &input.data else { return Ok(()) };
    let mut attributes = data.variants.iter().flat_map(|variant| &variant.attrs);
    match attributes.find(|attribute| attribute.path().is_ident("persist")) {
        Some(attribute) => {
            let message = "#[persist(...)] belongs to the type or to a field of a struct: nothing looks at it on a variant";
            Err(syn::Error::new_spanned(attribute, message))
        }
        None => Ok(()),
    }
}

/// Every field of the type, from the stand-in or from its default.
fn from_owned<'f>(
    fields: &'f Fields,
    skipped: &'f [(&Field, Option<Filled>)],
    places: &'f [Member],
) -> impl Iterator<Item = TokenStream> + 'f {
    let mut places = places.iter();
    fields.members().zip(skipped).map(move |(member, (field, skipped))| match skipped {
        Some(Filled::Default) => {
            quote_spanned!(field.ty.span()=> #member: ::core::default::Default::default())
        }
        Some(Filled::Function(path)) => quote_spanned!(path.span()=> #member: #path()),
        None => {
            let place = places.next();
            quote!(#member: saved.#place)
        }
    })
}
