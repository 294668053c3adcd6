//! Saves of a game whose save bundle has changed twice: loaded as they are, then all brought to the current version.
//!
//! The first two versions are those of aw-save; the third is made for this example.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{collections::BTreeMap, error::Error, ops::ControlFlow, sync::Arc, time::Duration};

use keepstone_slots::{Migrations, SaveManager, SaveOptions, SaveRequest};
use keepstone_storage::MemFiles;
use serde::{Deserialize, Serialize};

const TYPE: &str = "veilweaver.save";

/// Version 1: at most one companion, and no number of its own.
#[derive(Serialize, Deserialize)]
struct SaveBundleV1 {
    player_id: String,
    slot: u8,
    created_at: i64,
    world: WorldState,
    inventory: PlayerInventory,
    companion: Option<CompanionProfile>,
    meta: BTreeMap<String, String>,
}

/// Version 2: any number of companions.
#[derive(Serialize, Deserialize)]
struct SaveBundleV2 {
    schema: u16,
    save_id: [u8; 16],
    created_at: i64,
    player_id: String,
    slot: u8,
    world: WorldState,
    companions: Vec<CompanionProfile>,
    inventory: PlayerInventory,
    meta: BTreeMap<String, String>,
}

/// Version 3: what the head of a save says is said there alone, companions have a party, and items of one kind are one stack.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct SaveBundle {
    world: WorldState,
    party: Party,
    credits: u64,
    items: BTreeMap<String, u64>,
    meta: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Party {
    leader: Option<String>,
    members: BTreeMap<String, CompanionProfile>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct WorldState {
    tick: u64,
    ecs_blob: Vec<u8>,
    state_hash: u64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct CompanionProfile {
    id: String,
    name: String,
    level: u8,
    skills: Vec<String>,
    facts: Vec<String>,
    episodes_summarized: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct PlayerInventory {
    credits: u64,
    items: Vec<ItemStack>,
}

#[derive(Serialize, Deserialize)]
struct ItemStack {
    kind: String,
    qty: u32,
    attrs: BTreeMap<String, i64>,
}

/// What aw-save does when it reads a file of version 1.
fn upgrade(old: SaveBundleV1) -> SaveBundleV2 {
    SaveBundleV2 {
        schema: 2,
        // aw-save makes one up at each read. Here the head of the save has one that stays.
        save_id: [0; 16],
        created_at: old.created_at,
        player_id: old.player_id,
        slot: old.slot,
        world: old.world,
        companions: old.companion.into_iter().collect(),
        inventory: old.inventory,
        meta: old.meta,
    }
}

/// Fails rather than lose one of two companions.
fn gather(old: SaveBundleV2) -> Result<SaveBundle, String> {
    let leader = old.companions.first().map(|companion| companion.id.clone());
    let mut members = BTreeMap::new();
    for companion in old.companions {
        if let Some(twice) = members.insert(companion.id.clone(), companion) {
            return Err(format!("there are two companions {:?}", twice.id));
        }
    }
    let mut items = BTreeMap::new();
    for stack in old.inventory.items {
        *items.entry(stack.kind).or_default() += u64::from(stack.qty);
    }
    let party = Party { leader, members };
    Ok(SaveBundle { world: old.world, party, credits: old.inventory.credits, items, meta: old.meta })
}

fn bundle(tick: u64) -> SaveBundleV1 {
    let stack = |qty| ItemStack { kind: "ember".into(), qty, attrs: BTreeMap::from([("heat".into(), 7)]) };
    let companion = CompanionProfile {
        id: "aria".into(),
        name: "Aria".into(),
        level: 4,
        skills: vec!["weave".into()],
        facts: vec!["knows the tide".into()],
        episodes_summarized: vec!["crossed the veil".into()],
    };
    SaveBundleV1 {
        player_id: "lyra".into(),
        slot: 0,
        created_at: 1_700_000_000_000_000_000,
        world: WorldState { tick, ecs_blob: vec![7; 1000], state_hash: tick ^ 0xA5 },
        inventory: PlayerInventory { credits: 250, items: vec![stack(3), stack(4)] },
        companion: Some(companion),
        meta: BTreeMap::from([("difficulty".into(), "hard".into())]),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // In memory, so that nothing is left behind; a game leaves this out.
    let files = Arc::new(MemFiles::new());
    let options = |version| SaveOptions::default().files(files.clone()).schema(TYPE, version);

    // Years ago: the first version of the game.
    let old = SaveManager::open("saves", options(1))?;
    for slot in 0..3 {
        for tick in [100, 200] {
            let request =
                SaveRequest::new().name("At the gate").tick(tick).play_time(Duration::from_secs(tick));
            old.save_with("lyra", slot, &bundle(tick), &request)?;
        }
    }
    let before = old.list("lyra")?;
    drop(old);

    // Today.
    let migrations = Migrations::<SaveBundle>::new(TYPE, 3).step(1, upgrade).try_step(2, gather);
    let saves = SaveManager::open("saves", options(3))?;

    // A load migrates in memory. The file stays as it is, so nobody waits for more than this one save.
    let loaded = saves.load_latest_migrated("lyra", 0, &migrations)?;
    println!("slot 0 was saved as version {:?}, and has {:?}", loaded.migrated_from, loaded.value.items);
    assert_eq!((loaded.migrated_from, loaded.value.world.tick), (Some(1), 200));
    assert_eq!((loaded.value.items.get("ember"), loaded.value.party.leader), (Some(&7), Some("aria".into())));

    // In idle time: one save, then something else.
    let mut bulk = saves.migrate(&migrations)?;
    bulk.step();
    println!("{} of {} saves are migrated; the game goes on", bulk.progress().done, bulk.progress().total);
    // In a loading screen: all that are left.
    let progress = bulk.run(|progress| {
        println!("{:>3.0} %, {} bytes written", progress.fraction() * 100.0, progress.bytes);
        ControlFlow::Continue(())
    });
    assert_eq!((progress.done, progress.failed), (6, 0));

    // The saves are what they were, and of the current version.
    let after = saves.list("lyra")?;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.id(), before.name(), before.tick()), (after.id(), after.name(), after.tick()));
    }
    assert_eq!(before.len(), after.len());
    let loaded = saves.load_latest::<SaveBundle>("lyra", 0)?;
    assert_eq!((loaded.migrated_from, loaded.value.credits), (None, 250));
    drop(saves);

    // The first version of the game leaves newer saves alone.
    let old = SaveManager::open("saves", options(1))?;
    let refused = old.load_latest::<SaveBundleV1>("lyra", 0).err().ok_or("a newer save was loaded")?;
    println!("{refused}");
    Ok(())
}

#[test]
fn saves_of_the_first_version_become_those_of_the_third() {
    main().unwrap();
}
