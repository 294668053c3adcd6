//! Numbers of operations and bits of flags, FORMAT.md section 14.2.

/// The first byte of an operation.
pub(super) mod tag {
    pub(crate) const CHECKPOINT: u8 = 1;
    pub(crate) const HEAD: u8 = 2;
    pub(crate) const BRANCH: u8 = 3;
    pub(crate) const SESSION: u8 = 4;
    pub(crate) const WRITER: u8 = 5;
    pub(crate) const TAGS: u8 = 6;
    pub(crate) const ANNOTATE: u8 = 7;
    pub(crate) const MESSAGE: u8 = 8;
    pub(crate) const LOCK: u8 = 9;
    pub(crate) const PRUNE: u8 = 10;
    pub(crate) const RENAME: u8 = 11;
    pub(crate) const DESCRIBE: u8 = 12;
    pub(crate) const RENAME_BRANCH: u8 = 13;
    pub(crate) const END_BRANCH: u8 = 14;
    pub(crate) const END_SESSION: u8 = 15;
    pub(crate) const SKIP: u8 = 16;
    pub(crate) const ENDED_BRANCH: u8 = 17;
    pub(crate) const COUNTERS: u8 = 18;
    pub(crate) const MOVED: u8 = 19;
    pub(crate) const HEAD_IS: u8 = 20;
    pub(crate) const REBASE: u8 = 21;

    pub(crate) const LAST: u8 = REBASE;
}

/// Flags of a checkpoint.
pub(super) mod checkpoint {
    pub(crate) const FORM: u32 = 0b11;
    pub(crate) const FULL: u32 = 0;
    /// A difference to the checkpoint just before.
    pub(crate) const DELTA_NEAR: u32 = 1;
    pub(crate) const DELTA: u32 = 2;
    pub(crate) const SAME: u32 = 3;

    pub(crate) const TIME: u32 = 1 << 2;

    pub(crate) const LAYOUT: u32 = 0b11 << 3;
    pub(crate) const BYTES: u32 = 0;
    pub(crate) const VALUE: u32 = 1 << 3;
    pub(crate) const SECTIONS: u32 = 2 << 3;

    pub(crate) const PARENT: u32 = 0b11 << 5;
    pub(crate) const PARENT_HEAD: u32 = 0;
    /// The base, or without one the checkpoint just before.
    pub(crate) const PARENT_NEAR: u32 = 1 << 5;
    pub(crate) const PARENT_GIVEN: u32 = 2 << 5;
    pub(crate) const PARENT_NONE: u32 = 3 << 5;

    /// In the journal the bytes are in a pack, in a manifest they are in the operation.
    pub(crate) const ELSEWHERE: u32 = 1 << 7;

    pub(crate) const MESSAGE: u32 = 1 << 8;

    pub(crate) const TRIGGER: u32 = 0b11 << 9;
    pub(crate) const MANUAL: u32 = 0;
    pub(crate) const AUTOMATIC: u32 = 1 << 9;
    pub(crate) const SCHEDULED: u32 = 2 << 9;

    pub(crate) const TAGS: u32 = 1 << 11;
    pub(crate) const TICK: u32 = 1 << 12;
    pub(crate) const STATE_HASH: u32 = 1 << 13;
    pub(crate) const ANNOTATIONS: u32 = 1 << 14;
    pub(crate) const LOCKED: u32 = 1 << 15;
    pub(crate) const ID: u32 = 1 << 16;

    pub(crate) const ALL: u32 = (1 << 17) - 1;
}

/// Flags of a session.
pub(super) mod session {
    pub(crate) const TIME: u32 = 1;
    pub(crate) const METADATA: u32 = 1 << 1;

    pub(crate) const ALL: u32 = 0b11;
}

/// Flags of a head that moves, and of a move that was made before.
pub(super) mod head {
    pub(crate) const CAUSE: u32 = 0b111;
    pub(crate) const CHECKPOINT: u32 = 0;
    pub(crate) const RESTORE: u32 = 1;
    pub(crate) const FORK: u32 = 2;
    pub(crate) const UNDO: u32 = 3;
    pub(crate) const PRUNE: u32 = 4;

    pub(crate) const TIME: u32 = 1 << 3;

    pub(crate) const ALL: u32 = 0b1111;

    /// Of moves alone: what isn't given follows from the move before.
    pub(crate) const NUMBER: u32 = 1 << 4;
    pub(crate) const FROM: u32 = 1 << 5;
    pub(crate) const TO: u32 = 1 << 6;

    pub(crate) const ALL_OF_MOVED: u32 = 0b111_1111;
}

/// Flags of a state that is kept in another way.
pub(super) mod rebase {
    pub(crate) const FORM: u32 = 0b11;
    pub(crate) const FULL: u32 = 0;
    pub(crate) const DELTA: u32 = 1;
    pub(crate) const SAME: u32 = 2;

    pub(crate) const ALL: u32 = 0b11;
}

/// Flags that stand alone.
pub(super) const PRESENT: u32 = 1;
