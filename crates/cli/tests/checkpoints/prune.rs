use serde_json::{Value, json};

use super::{Store, noise};

fn numbers(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|each| each["number"].as_u64().unwrap()).collect()
}

/// A store of ten checkpoints, the fifth with a tag and an annotation.
fn of_ten() -> Store {
    let store = Store::new();
    let mut state = noise(1, 4000);
    for number in 1..=10_u8 {
        state[usize::from(number)] = number;
        let more: &[&str] = if number == 5 { &["--tag", "release", "--annotate", "why=this"] } else { &[] };
        store.create(&state, more);
    }
    store
}

#[test]
fn a_dry_run_says_what_a_prune_does() {
    let store = of_ten();
    let rules = ["--keep-last", "2", "--keep-tag", "release"];
    let before: Vec<_> = [5, 9, 10].iter().map(|number: &u64| store.state(&number.to_string())).collect();
    let dry = store.json("prune", &[&rules[..], &["--dry-run"]].concat());
    assert_eq!((&dry["dry_run"], numbers(&dry["kept"])), (&json!(true), vec![5, 9, 10]));
    assert_eq!(numbers(&dry["gone"]), [1, 2, 3, 4, 6, 7, 8]);
    let text = store.text("prune", &[&rules[..], &["--dry-run"]].concat());
    assert!(text.contains("7 of 10 checkpoints go, 3 stay") && text.contains("tag release"), "{text}");
    assert_eq!(store.numbers(&[]).len(), 10);
    let done = store.json("prune", &rules);
    assert_eq!((&done["dry_run"], &done["gone"], &done["kept"]), (&json!(false), &dry["gone"], &dry["kept"]));
    assert_eq!(store.numbers(&[]), [10, 9, 5]);
    let after: Vec<_> = [5, 9, 10].iter().map(|number: &u64| store.state(&number.to_string())).collect();
    assert!(before == after);
    store.text("verify", &[]);
    let text = store.text("prune", &rules);
    assert!(text.starts_with("0 checkpoints gone, 3 kept\n"), "{text}");
    let log = store.text("log", &[]);
    assert!(log.contains("(went on from #8, which is gone)"), "{log}");
    assert!(store.text("show", &["9"]).contains("#8, which is gone"));
}

#[test]
fn every_rule_keeps_what_it_says() {
    for (rule, kept) in [
        (&["--keep-last", "3"][..], &[8, 9, 10][..]),
        (&["--keep-tagged"], &[5, 10]),
        (&["--keep-annotated", "why"], &[5, 10]),
        (&["--keep-within", "1"], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (&["--max-bytes", "0"], &[10]),
        (&["--keep-last", "9", "--keep-tagged", "--max-bytes", "1"], &[5, 10]),
    ] {
        let store = of_ten();
        let dry = store.json("prune", &[rule, &["--dry-run"]].concat());
        assert_eq!(numbers(&dry["kept"]), kept, "{rule:?}");
    }
    let store = of_ten();
    // All were made within minutes, so that few of them are the last of anything.
    for rule in ["--keep-hourly", "--keep-daily", "--keep-weekly", "--keep-monthly", "--keep-yearly"] {
        let dry = store.json("prune", &[rule, "5", "--dry-run"]);
        let kept = numbers(&dry["kept"]);
        assert!(kept.len() <= 4 && kept.contains(&10), "{rule}: {kept:?}");
        let reasons = dry["kept"].as_array().unwrap().last().unwrap()["reasons"].to_string();
        assert!(reasons.contains(&rule[7..]), "{rule}: {reasons}");
    }
}

#[test]
fn a_prune_may_be_for_some_sessions() {
    let store = of_ten();
    for state in [b"1", b"2", b"3"] {
        store.create_in("other", state, &[]);
    }
    store.text("prune", &["--keep-last", "1", "--session", "other"]);
    assert_eq!(store.numbers(&["--session", "main"]).len(), 10);
    assert_eq!(store.numbers(&["--session", "other"]), [13]);
    store.fails("prune", &["--keep-last", "1", "--session", "nobody"], 1, "not_found");
    store.fails("prune", &["--keep-last", "1", "--session", "nobody", "--dry-run"], 1, "not_found");
}

#[test]
fn what_undo_goes_back_to_stays_for_the_grace() {
    let store = of_ten();
    store.bytes("restore", &["1"]);
    store.text("prune", &["--keep-last", "1", "--session", "main"]);
    assert_eq!(store.numbers(&[]), [10, 1]);
    store.create(b"11", &[]);
    let dry = store.json("prune", &["--keep-last", "1", "--dry-run"]);
    assert_eq!(numbers(&dry["gone"]), [1]);
    let done = store.json("prune", &["--keep-last", "1", "--grace", "0"]);
    assert_eq!((numbers(&done["gone"]), numbers(&done["kept"])), (vec![1, 10], vec![11]));
    assert!(!done["ended_undo"].as_array().unwrap().is_empty(), "{done}");
}

#[test]
fn space_is_given_back_when_the_grace_is_over() {
    let store = Store::new();
    for number in 0..6 {
        store.create(&noise(number, 50_000), &[]);
    }
    store.open().close().unwrap();
    let bytes = || store.contents().iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    let before = bytes();
    let done = store.json("prune", &["--keep-last", "1"]);
    assert_eq!((&done["bytes_removed"], &done["packs_waiting"]), (&json!(0), &json!(1)));
    let text = store.text("prune", &["--keep-last", "1", "--grace", "0"]);
    assert!(text.contains("bytes of files removed\n"), "{text}");
    assert!(bytes() < before - 200_000, "{before} {}", bytes());
    assert_eq!(store.state("6"), noise(5, 50_000));
}

#[test]
fn a_prune_without_a_rule_is_misuse() {
    let store = of_ten();
    for more in [&[][..], &["--dry-run"], &["--session", "main"], &["--per-branch"]] {
        let answer = store.checkpoint("prune", more);
        assert_eq!((answer.exit, answer.out.as_str()), (2, ""), "{more:?}");
        assert!(answer.err.contains("--keep-last"), "{}", answer.err);
    }
    assert_eq!(store.numbers(&[]).len(), 10);
}

#[test]
fn counts_may_be_of_each_branch() {
    let store = of_ten();
    store.text("branch", &["--session", "main", "try", "--from", "3"]);
    for state in [b"a", b"b", b"c", b"d"] {
        store.create(state, &["--branch", "try"]);
    }
    let kept = |more: &[&str]| {
        numbers(&store.json("prune", &[&["--keep-last", "2", "--dry-run"], more].concat())["kept"])
    };
    assert_eq!(kept(&[]), [3, 10, 11, 13, 14]);
    assert_eq!(kept(&["--per-branch"]), [3, 9, 10, 11, 13, 14]);
}
