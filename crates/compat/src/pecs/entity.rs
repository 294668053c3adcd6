use crate::pecs::{ComponentType, File, Id};

/// One entity of a [`File`].
#[derive(Debug, Clone, Copy)]
pub struct Entity<'f> {
    file: &'f File<'f>,
    /// Its place in the file.
    pub ordinal: u32,
    /// Its stable id.
    pub id: Id,
    component_count: u32,
    components: &'f [u8],
}

/// One component of an [`Entity`].
#[derive(Debug, Clone, Copy)]
pub struct Component<'f> {
    /// The place of its type in [`File::types`].
    pub type_index: u16,
    /// Its type.
    pub component_type: &'f ComponentType<'f>,
    /// Its bytes, which only the program that wrote them can interpret.
    pub data: &'f [u8],
}

impl<'f> Entity<'f> {
    /// Takes the entity apart whose bytes begin at `start`.
    pub(super) fn new(file: &'f File<'f>, ordinal: u32, start: &'f [u8]) -> Option<Self> {
        let (id, rest) = start.split_first_chunk()?;
        let (component_count, components) = rest.split_first_chunk()?;
        Some(Self {
            file,
            ordinal,
            id: Id(u128::from_le_bytes(*id)),
            component_count: u32::from_le_bytes(*component_count),
            components,
        })
    }

    /// Returns how many components it has, repeated ones included.
    pub fn component_count(&self) -> u32 {
        self.component_count
    }

    /// Returns its components in file order, repeated ones included.
    pub fn components(&self) -> impl Iterator<Item = Component<'f>> + use<'f> {
        let file = self.file;
        let mut rest = self.components;
        (0..self.component_count).map_while(move |_| {
            let (type_id, behind) = rest.split_first_chunk()?;
            let (len, behind) = behind.split_first_chunk()?;
            let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
            let (data, behind) = behind.split_at_checked(len)?;
            rest = behind;
            let type_index = *file.by_id.get(&u128::from_le_bytes(*type_id))?;
            let component_type = file.types.get(usize::from(type_index))?;
            Some(Component { type_index, component_type, data })
        })
    }
}
