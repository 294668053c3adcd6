//! What was written is what is read, over many bundles of every shape.

use keepstone_compat::awsv::{File, SaveBundle, Warning};

use crate::awsv::files::read;
use crate::awsv::wire::{self, Companion, Id, Inventory, Item, Map, V1, V2, World};

/// A reproducible source of values (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Of every magnitude, so that every varint length occurs.
    fn number(&mut self) -> u64 {
        let shift = self.below(64);
        self.next() >> shift
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn text(&mut self) -> String {
        let letters = ['a', ' ', '\0', '\u{e9}', '\u{82f1}', '\u{1f3ae}'];
        (0..self.below(9)).map(|_| letters[usize::from(self.byte()) % letters.len()]).collect()
    }

    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(5)).map(|_| element(self)).collect()
    }

    /// Keys that differ by their number.
    fn map<V>(&mut self, mut value: impl FnMut(&mut Self) -> V) -> Map<V> {
        let count = self.below(5);
        Map((0..count).rev().map(|n| (format!("{n}{}", self.text()), value(self))).collect())
    }

    fn companion(&mut self) -> Companion {
        Companion {
            id: self.text(),
            name: self.text(),
            level: self.byte(),
            skills: self.list(Self::text),
            facts: self.list(Self::text),
            episodes_summarized: self.list(Self::text),
        }
    }

    fn bundle(&mut self) -> V2 {
        V2 {
            schema: 2,
            save_id: Id((0..16).map(|_| self.byte()).collect()),
            created_at: wire::DATE,
            player_id: self.text(),
            slot: self.byte(),
            world: World {
                tick: self.number(),
                ecs_blob: (0..self.below(300)).map(|_| self.byte() & 3).collect(),
                state_hash: self.next(),
            },
            companions: self.list(Self::companion),
            inventory: Inventory {
                credits: self.number(),
                items: self.list(|dice| Item {
                    kind: dice.text(),
                    qty: u32::try_from(dice.number() & 0xffff_ffff).unwrap(),
                    attrs: dice.map(|dice| i64::from_le_bytes(dice.number().to_le_bytes())),
                }),
            },
            meta: self.map(Self::text),
        }
    }
}

/// A save of many shapes, the same for a seed.
pub(super) fn save(seed: u64) -> V2 {
    Dice(seed).bundle()
}

fn check(file: &File, bundle: &SaveBundle, written: &V2) {
    assert_eq!(file.warnings, [Warning::Uncompressed]);
    assert_eq!(bundle.schema, 2);
    assert_eq!(bundle.created_at, 1_760_000_000_123_456_789);
    assert_eq!(bundle.created_at_offset_seconds, 0);
    assert_eq!(bundle.player_id, written.player_id);
    assert_eq!(bundle.slot, written.slot);
    assert_eq!(bundle.world.tick, written.world.tick);
    assert_eq!(bundle.world.ecs_blob, written.world.ecs_blob);
    assert_eq!(bundle.world.state_hash, written.world.state_hash);
    assert_eq!(bundle.inventory.credits, written.inventory.credits);
    assert_eq!(bundle.inventory.items.len(), written.inventory.items.len());
    for (item, expected) in bundle.inventory.items.iter().zip(&written.inventory.items) {
        assert_eq!((&item.kind, item.qty), (&expected.kind, expected.qty));
        assert_eq!(item.attrs, expected.attrs.to_btree());
    }
    assert_eq!(bundle.companions.len(), written.companions.len());
    for (companion, expected) in bundle.companions.iter().zip(&written.companions) {
        assert_eq!(companion.id, expected.id);
        assert_eq!(companion.name, expected.name);
        assert_eq!(companion.level, expected.level);
        assert_eq!(companion.skills, expected.skills);
        assert_eq!(companion.facts, expected.facts);
        assert_eq!(companion.episodes_summarized, expected.episodes_summarized);
    }
    assert_eq!(bundle.meta, written.meta.to_btree());
}

#[test]
fn what_postcard_writes_is_read_back() {
    for seed in 0..500 {
        println!("seed {seed}");
        let mut v2 = save(seed);
        let file = read(&wire::plain(2, &v2)).unwrap();
        check(&file, &file.bundle, &v2);
        assert_eq!(file.bundle.save_id.unwrap().0.as_slice(), v2.save_id.0);
        #[cfg(feature = "lz4")]
        {
            let packed = read(&wire::packed(2, &v2)).unwrap();
            assert_eq!(packed.bundle, file.bundle);
            assert_eq!(packed.warnings, []);
        }

        v2.companions.truncate(1);
        let v1 = V1 {
            player_id: v2.player_id.clone(),
            slot: v2.slot,
            created_at: v2.created_at,
            world: v2.world.clone(),
            inventory: v2.inventory.clone(),
            companion: v2.companions.first().cloned(),
            meta: v2.meta.clone(),
        };
        let file = read(&wire::plain(1, &v1)).unwrap();
        check(&file, &file.bundle, &v2);
        assert_eq!((file.bundle.version, file.bundle.save_id), (1, None));
        #[cfg(feature = "lz4")]
        assert_eq!(read(&wire::packed(1, &v1)).unwrap().bundle, file.bundle);
    }
}

#[test]
fn dates_become_nanoseconds_since_1970_in_utc() {
    let cases = [
        ((1970, 1, 0, 0, 0, 0, 0, 0, 0), 0, 0),
        ((1969, 365, 23, 59, 59, 999_999_999, 0, 0, 0), -1, 0),
        ((2000, 366, 0, 0, 0, 0, 0, 0, 0), 978_220_800_000_000_000, 0),
        ((2025, 282, 10, 53, 20, 5, 2, 0, 0), 1_760_000_000_000_000_005, 7200),
        ((2025, 282, 5, 23, 20, 5, -3, -30, 0), 1_760_000_000_000_000_005, -12_600),
        ((2262, 101, 23, 47, 16, 854_775_807, 0, 0, 0), i64::MAX, 0),
        ((1677, 264, 0, 12, 43, 145_224_192, 0, 0, 0), i64::MIN, 0),
    ];
    for (created_at, nanos, offset) in cases {
        let bundle = V2 { created_at, ..wire::small() };
        let file = read(&wire::plain(2, &bundle)).unwrap();
        assert_eq!(file.bundle.created_at, nanos, "{created_at:?}");
        assert_eq!(file.bundle.created_at_offset_seconds, offset, "{created_at:?}");
        assert_eq!(file.warnings, [Warning::Uncompressed], "{created_at:?}");
    }
}
