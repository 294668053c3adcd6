//! The members of this workspace, as `cargo metadata` tells them.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// What the checks need to know of a member.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Folder relative to the workspace root, with forward slashes.
    pub(crate) folder: String,
    pub(crate) publishable: bool,
    pub(crate) library: bool,
    /// Whether leaving the default features out changes anything.
    pub(crate) has_defaults: bool,
    /// Each feature and what it switches on.
    pub(crate) features: Vec<(String, Vec<String>)>,
    pub(crate) deps: Vec<Dep>,
}

/// One dependency line of a member's manifest.
#[derive(Debug, Clone)]
pub(crate) struct Dep {
    pub(crate) name: String,
    pub(crate) kind: DependencyKind,
    pub(crate) default_features: bool,
    pub(crate) features: Vec<String>,
}

/// The members and where cargo puts what it builds.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) members: Vec<Member>,
    /// Each example behind the name of its member.
    pub(crate) examples: Vec<(String, String)>,
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(root().join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("cargo metadata failed")?;
        let packages = metadata.workspace_packages();
        let members = packages.iter().map(|package| member(package, &metadata));
        let examples = packages.iter().flat_map(|package| {
            let examples = package.targets.iter().filter(|target| target.is_example());
            examples.map(|example| (package.name.to_string(), example.name.clone()))
        });
        Ok(Self {
            examples: examples.collect(),
            members: members.collect::<Result<_>>()?,
            target: metadata.target_directory.clone().into_std_path_buf(),
        })
    }
}

/// The workspace root: the folder above xtask.
///
/// Cargo names that folder when it runs a command. What was compiled in may be another checkout
/// that shares the target folder, so it is only the second choice.
pub(crate) fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let mut root = PathBuf::from(here);
    root.pop();
    root
}

fn member(package: &Package, metadata: &Metadata) -> Result<Member> {
    let folder = package
        .manifest_path
        .parent()
        .and_then(|folder| folder.strip_prefix(&metadata.workspace_root).ok())
        .with_context(|| format!("{} lies outside the workspace", package.name))?;
    let deps = package.dependencies.iter().map(|dep| Dep {
        name: dep.name.clone(),
        kind: dep.kind,
        default_features: dep.uses_default_features,
        features: dep.features.clone(),
    });
    Ok(Member {
        name: package.name.to_string(),
        folder: folder.as_str().replace('\\', "/"),
        publishable: package.publish.as_ref().is_none_or(|registries| !registries.is_empty()),
        library: package.targets.iter().any(|target| target.is_lib() || target.is_proc_macro()),
        has_defaults: package.features.get("default").is_some_and(|list| !list.is_empty()),
        features: package.features.iter().map(|(name, list)| (name.clone(), list.clone())).collect(),
        deps: deps.collect(),
    })
}
