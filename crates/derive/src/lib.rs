//! `#[derive(Persist)]`: a component's stable name, version and encoding, and its registration.
//!
//! ```
//! use keepstone_derive::Persist;
//! use keepstone_ecs_persist::Persist;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Persist, Clone, Copy)]
//! #[persist(crate = "keepstone_ecs_persist", name = "game.position", pod)]
//! #[repr(C)]
//! struct Position {
//!     x: f32,
//!     y: f32,
//!     z: f32,
//! }
//!
//! #[derive(Persist, Serialize, Deserialize)]
//! #[persist(crate = "keepstone_ecs_persist", name = "game.inventory", version = 2)]
//! struct Inventory {
//!     items: Vec<String>,
//! }
//!
//! assert_eq!((Position::NAME, Position::VERSION), ("game.position", 1));
//! assert_eq!((Inventory::NAME, Inventory::VERSION), ("game.inventory", 2));
//! ```
//!
//! | attribute | meaning | default |
//! |---|---|---|
//! | `name = "..."` | the name in files, 1 to 255 bytes | the bare type name |
//! | `version = N` | the version of the definition, from 1 | 1 |
//! | `pod` | rows are the value's bytes: needs `#[repr(C)]` or `#[repr(transparent)]`, `Copy`, and fields that are `Plain` (fixed-width numbers, arrays of them, other such structs) without padding between them; all of it is checked at compile time | serde |
//! | `alias = "..."` | a name that the component had before: files that have it under this name are read; may be repeated | none |
//! | `relationship` | the component is a relationship of the ECS: its target is saved, and the list on the target is rebuilt in its order; fields beside the target take what the ECS gives them | off |
//! | `transient` | the type is left out of saves on purpose, so reports don't count it as lost; it needs no serde | off |
//! | `persistent_if = "path"` | a `fn(&Self) -> bool`, such as `Self::should_save`: values that it says no to are left out, and their entities are saved without them | all are saved |
//! | `skip` on a field of a struct | the field is not saved; the value gets its `Default` when loaded, or what `skip, default = "path"` names: a function without arguments | saved |
//! | `from = Type` | the definition before this one: a type that derives `Persist` with its own version, and of which this type is `From` or `TryFrom`. Columns of that version are read as it and converted; it may have another name, and a `from` of its own | none |
//! | `retired` | the type is only the `from` of another: it is not registered, and needs no ECS | off |
//! | `default` on a field of a `pod` type | where a file lacks the field, it gets its `Default`, or what `default = "path"` names | an error that names the field |
//! | `alias = "..."` on a field of a `pod` type | a name that the field had before | none |
//! | `crate = "..."` | the crate that the generated code refers to | `keepstone` |
//!
//! Padding, a field that has invalid bit patterns, and a layout that the compiler may change don't compile:
//!
//! ```compile_fail,E0080
//! # use keepstone_derive::Persist;
//! #[derive(Persist, Clone, Copy)]
//! #[persist(crate = "keepstone_ecs_persist", pod)]
//! #[repr(C)]
//! struct Padded {
//!     small: u8,
//!     large: u32,
//! }
//! ```
//!
//! ```compile_fail,E0277
//! # use keepstone_derive::Persist;
//! #[derive(Persist, Clone, Copy)]
//! #[persist(crate = "keepstone_ecs_persist", pod)]
//! #[repr(C)]
//! struct Flag {
//!     set: bool,
//! }
//! ```
//!
//! ```compile_fail
//! # use keepstone_derive::Persist;
//! #[derive(Persist, Clone, Copy)]
//! #[persist(crate = "keepstone_ecs_persist", pod)]
//! struct Unordered {
//!     x: f32,
//! }
//! ```
//!
//! Definitions change, and files stay. Fields that were removed, reordered or widened need no code; of a `pod` type these say the rest
//! (others have `#[serde(default)]` and `#[serde(alias)]`), and what fields can't say, `from` does:
//!
//! ```
//! use keepstone_derive::Persist;
//! use keepstone_ecs_persist::Persist;
//!
//! #[derive(Persist, Clone, Copy)]
//! #[persist(crate = "keepstone_ecs_persist", name = "game.heading", version = 2, pod, from = Degrees)]
//! #[repr(C)]
//! struct Heading {
//!     #[persist(alias = "angle")]
//!     radians: f32,
//!     #[persist(default = "half")]
//!     certainty: f32,
//! }
//!
//! #[derive(Persist, Clone, Copy)]
//! #[persist(crate = "keepstone_ecs_persist", name = "game.heading", version = 1, pod, retired)]
//! #[repr(C)]
//! struct Degrees {
//!     angle: u32,
//! }
//!
//! impl From<Degrees> for Heading {
//!     fn from(old: Degrees) -> Self {
//!         Self { radians: (old.angle as f32).to_radians(), certainty: half() }
//!     }
//! }
//!
//! fn half() -> f32 {
//!     0.5
//! }
//!
//! assert_eq!((Degrees::VERSION, Heading::VERSION), (1, 2));
//! ```
//!
//! A definition that has the name of the one before it needs a later version:
//!
//! ```compile_fail,E0080
//! # use keepstone_derive::Persist;
//! # use keepstone_ecs_persist::{Persist, Registry};
//! #[derive(Persist, Clone, Copy)]
//! #[persist(crate = "keepstone_ecs_persist", name = "game.heading", pod, retired)]
//! #[repr(C)]
//! struct Degrees(u32);
//!
//! #[derive(Persist, Clone, Copy)]
//! #[persist(crate = "keepstone_ecs_persist", name = "game.heading", pod, retired, from = Degrees)]
//! #[repr(C)]
//! struct Heading(u32);
//!
//! impl From<Degrees> for Heading {
//!     fn from(old: Degrees) -> Self {
//!         Self(old.0)
//!     }
//! }
//!
//! Registry::<()>::default().insert::<Heading>(()).unwrap();
//! ```
//!
//! ```compile_fail
//! # use keepstone_derive::Persist;
//! #[derive(Persist, Clone, Copy)]
//! #[persist(crate = "keepstone_ecs_persist", version = 2, pod, retired, from = Heading)]
//! #[repr(C)]
//! struct Heading(u32);
//! ```
//!
//! Without `pod` the type needs serde's `Serialize` and `Deserialize`. A unit struct needs neither: it has no bytes. Nor does
//! a struct with `skip` on a field: the serde code for the others is generated, and `#[serde(...)]` attributes on such a type are
//! refused, as nothing would look at them (`#[serde(skip)]` is the way there).
//!
//! ```
//! use keepstone_derive::Persist;
//! use keepstone_ecs_persist::Persist;
//!
//! #[derive(Persist)]
//! #[persist(crate = "keepstone_ecs_persist", name = "game.agent", alias = "game.npc", persistent_if = "Agent::is_real")]
//! struct Agent {
//!     goal: String,
//!     #[persist(skip)]
//!     path: Vec<[f32; 2]>,
//!     #[persist(skip, default = "fresh")]
//!     patience: u32,
//! }
//!
//! impl Agent {
//!     fn is_real(&self) -> bool {
//!         !self.goal.is_empty()
//!     }
//! }
//!
//! fn fresh() -> u32 {
//!     100
//! }
//!
//! assert_eq!(Agent::ALIASES, ["game.npc"]);
//! let nobody = Agent { goal: String::new(), path: Vec::new(), patience: fresh() };
//! assert!(Agent::ASKS_EACH && !nobody.is_persistent());
//! # let _ = (nobody.path, nobody.patience);
//! ```
//!
//! ```compile_fail
//! # use keepstone_derive::Persist;
//! #[derive(Persist, Clone, Copy)]
//! #[persist(crate = "keepstone_ecs_persist", pod)]
//! #[repr(C)]
//! struct Half {
//!     x: f32,
//!     #[persist(skip)]
//!     y: f32,
//! }
//! ```
//!
//! ```compile_fail
//! # use keepstone_derive::Persist;
//! # use serde::{Deserialize, Serialize};
//! #[derive(Persist, Serialize, Deserialize)]
//! #[persist(crate = "keepstone_ecs_persist")]
//! enum Weather {
//!     Fair,
//!     #[persist(skip)]
//!     Foul,
//! }
//! ```
//!
//! A type without type parameters registers itself with the ECS adapters of that crate; a generic one is registered for each
//! use, with `registry.add::<T<U>>()`.
#![forbid(unsafe_code)]

mod attributes;
mod evolve;
mod expand;
mod partial;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `Persist`, and `Plain` for `#[persist(pod)]`; see the crate's documentation for the attributes.
#[proc_macro_derive(Persist, attributes(persist))]
pub fn persist(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::persist(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
