use keepstone::checkpoint::Bytes;
use keepstone_testkit::browser::{Browser, DOWN, END, ENTER, ESCAPE};
use serde_json::json;

use super::Store;
use crate::checkpoints::noise;

/// The number of the checkpoint that the keys are at.
const ACTIVE: &str = "return document.querySelector('[aria-selected=true]').dataset.number";

#[test]
fn a_page_shows_checkpoints_to_mouse_and_keys() {
    let Some(browser) = Browser::start() else { return };
    let store = Store::sample();
    store.page(&[]);
    let path = store.beside("page.html");
    browser.open(&path, "");
    assert_eq!(browser.count(".row.entry"), 8);
    assert_eq!(browser.count(".row.move"), 1);
    assert_eq!(browser.count("svg.graph path"), 6, "one line to each parent");
    assert_eq!(browser.count("svg.graph path.fork"), 2, "two lines leave that of main");
    assert_eq!(browser.text(".row.move .moved"), "\u{21ba}main went back to #2 from #3");

    browser.click("#row-4");
    assert_eq!(browser.text("#detail h2"), "the key fits");
    assert_eq!(browser.text("#detail tr.gone .line"), "door: shut");
    assert_eq!(browser.text("#detail tr.new .line"), "door: open");
    let address = browser.run("return location.hash");
    assert_eq!(address, json!(format!("#checkpoint={}", store.id_of(4))));

    browser.press("#list", "j");
    assert_eq!(browser.text("#detail h2"), "a wrong turn", "an open panel follows the keys");
    browser.press("#list", ESCAPE);
    assert_eq!(browser.run("return document.getElementById('detail').hidden"), true);
    browser.press("#list", &format!("k{DOWN}{DOWN}"));
    assert_eq!(browser.run(ACTIVE), "2");
    browser.press("#list", ENTER);
    assert_eq!(browser.text("#detail h2"), "light");

    browser.press("#query", "window");
    assert_eq!(browser.count(".row.entry"), 1);
    assert_eq!(browser.text(".row .message"), "out of the window");
    browser.run(
        "const box = document.getElementById('query'); box.value = ''; box.dispatchEvent(new Event('input'))",
    );
    browser.click("#tags button");
    assert_eq!(browser.count(".row.entry"), 2, "those with the tag that most have");
    browser.click("#tags button");
    browser.run("const pick = document.getElementById('session'); pick.value = '1'; pick.dispatchEvent(new Event('change'))");
    assert_eq!(browser.count(".row.entry"), 6);

    browser.open(&path, &format!("#checkpoint={}", store.id_of(6)));
    assert_eq!(browser.text("#detail h2"), "no message");
    assert!(browser.text("#detail .facts").contains("automatic: before a tool call"));
    assert_eq!(browser.count("#detail .dump"), 2);

    browser.resize(400, 800);
    browser.open(&path, "");
    let overhang = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.run(overhang), 0, "nothing sticks out");
    browser.is_quiet();
}

#[test]
fn hostile_texts_stay_texts() {
    let Some(browser) = Browser::start() else { return };
    let store = Store::sample();
    store.page(&[]);
    browser.open(&store.beside("page.html"), "");
    let shown =
        "</script><img src=x onerror=\"alert(1)\"> <!-- \\u{202e}olleh\\u{202c} \\u{2028}\\u{0}&lt;b&gt; ]]>";
    assert_eq!(browser.text("#row-7 .message"), shown);
    browser.click("#row-7");
    assert_eq!(browser.text("#detail h2"), shown);
    browser.click("#row-8");
    assert!(browser.text("#detail .diff").contains("\"</script><svg onload=alert(2)>\""));
    assert!(browser.text("#detail").contains("\"><script>alert(3)</script>"));
    assert_eq!(
        browser.count("main img, main script, main svg:not(.graph), main i b, [onload], [onerror]"),
        0
    );
    assert_eq!(browser.text(".row.session h2"), "<i>hostile</i>");
    browser.is_quiet();
}

#[test]
fn a_page_may_neither_fetch_nor_make_tags_of_texts() {
    let Some(browser) = Browser::start() else { return };
    let store = Store::sample();
    store.page(&[]);
    browser.open(&store.beside("page.html"), "");
    browser.is_quiet();
    let made =
        "try { document.body.innerHTML = '<b>x</b>'; return 'made' } catch (error) { return error.name }";
    assert_eq!(browser.run(made), "TypeError");
    let fetched = "return fetch('http://127.0.0.1:9/').then(() => 'fetched', () => 'refused')";
    assert_eq!(browser.run(fetched), "refused");
    let said = browser.said();
    assert!(said.to_string().contains("Content Security Policy"), "{said}");
}

#[test]
fn ten_thousand_checkpoints_are_a_few_rows_at_a_time() {
    let Some(browser) = Browser::start() else { return };
    let store = Store::new();
    let program = store.open();
    let session = program.session("main").unwrap();
    let mut state = noise(3, 200);
    let mut bytes = Vec::new();
    for step in 0..10_000_usize {
        state[step % 200] ^= 1;
        bytes.push(Bytes::from(state.clone()));
    }
    for (step, state) in bytes.iter().enumerate() {
        let draft = session.checkpoint(state).message(format!("step {step}"));
        draft.durability(keepstone::storage::Durability::Buffered).commit().unwrap();
    }
    program.close().unwrap();
    let page = store.page(&[]);
    assert!(page.len() < 16 << 20, "{}", page.len());
    browser.open(&store.beside("page.html"), "");
    assert!(browser.count(".row.entry") < 60);
    let ready = browser
        .run("return performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart");
    assert!(ready.as_u64().unwrap() < 20_000, "{ready} ms");
    browser.press("#list", END);
    assert_eq!(browser.run(ACTIVE), "1");
    browser.press("#query", "#5000");
    assert_eq!(browser.text(".row .message"), "step 4999");
    browser.click(".row.entry");
    assert_eq!(browser.text("#detail .summary"), "1 range of bytes, 1 byte in all");
    browser.is_quiet();
}
