use keepstone_format::Metadata;

/// What the application says about a saved world. All of it is optional; nothing is filled in by keepstone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorldMeta {
    /// A name for people, at most 255 bytes.
    pub name: Option<String>,
    /// Creation time in nanoseconds UTC since 1970, as the caller's clock has it.
    pub created_at_ns: Option<i64>,
    /// The application that writes.
    pub application: Option<String>,
    /// Its version.
    pub application_version: Option<String>,
    /// The application's own version of what a world means to it.
    pub world_version: Option<u32>,
    /// The simulation tick at which the world was captured.
    pub tick: Option<u64>,
    /// Keys (at most 255 bytes) and values of the application's choice, in order of the keys.
    pub custom: std::collections::BTreeMap<String, Vec<u8>>,
}

impl WorldMeta {
    /// Writes the set fields as head metadata. What is too long for a file is found when the file is written.
    pub fn to_metadata(&self) -> Metadata {
        let mut head = Metadata::default();
        if let Some(name) = &self.name {
            head.set_name(name);
        }
        if let Some(at) = self.created_at_ns {
            head.set_created_at(at);
        }
        if let Some(application) = &self.application {
            head.set_application(application);
        }
        if let Some(version) = &self.application_version {
            head.set_application_version(version);
        }
        if let Some(version) = self.world_version {
            head.set_world_version(version);
        }
        if let Some(tick) = self.tick {
            head.set_tick(tick);
        }
        for (key, value) in &self.custom {
            head.set_custom(key, value);
        }
        head
    }

    /// Reads what head metadata says; tags of later versions are passed over.
    pub fn from_metadata(head: &Metadata) -> Self {
        Self {
            name: head.name().map(str::to_owned),
            created_at_ns: head.created_at(),
            application: head.application().map(str::to_owned),
            application_version: head.application_version().map(str::to_owned),
            world_version: head.world_version(),
            tick: head.tick(),
            custom: head.customs().map(|(key, value)| (key.to_owned(), value.to_vec())).collect(),
        }
    }
}
