//! A browser that a test drives, over the loopback interface: feature `browser`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a test that gets no answer has failed"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _, stdout},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

const DRIVER: &str = "/usr/bin/chromedriver";
const BROWSERS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/google-chrome"];
/// No answer takes longer, but of a browser that hangs.
const PATIENCE: Duration = Duration::from_secs(90);
/// What WebDriver calls elements by.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys, as WebDriver writes them.
pub const ENTER: &str = "\u{e007}";
/// See [`ENTER`].
pub const ESCAPE: &str = "\u{e00c}";
/// See [`ENTER`].
pub const DOWN: &str = "\u{e015}";
/// See [`ENTER`].
pub const END: &str = "\u{e010}";

/// Chromium without a window. It ends when this is dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Removed with this.
    profile: TempDir,
}

impl Browser {
    /// Starts one; none where there is no Chromium.
    pub fn start() -> Option<Self> {
        let is_there = |path: &&&str| Path::new(path).exists();
        let binary = BROWSERS.iter().find(is_there).filter(|_| Path::new(DRIVER).exists());
        let Some(binary) = binary else {
            // Whoever reads the log of the tests is told.
            drop(writeln!(stdout(), "skipped: no Chromium"));
            return None;
        };
        let profile = TempDir::new().unwrap();
        let mut driver = Command::new(DRIVER)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let port = line.split_once("successfully on port ")?.1;
            port.trim_end_matches('.').parse().ok()
        });
        // It stops if nobody reads what it says.
        thread::spawn(move || lines.for_each(drop));
        let mut browser = Self { driver, port: port.unwrap(), session: String::new(), profile };
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1280,900",
        ];
        let mut args: Vec<String> = args.map(str::to_owned).into();
        args.push(format!("--user-data-dir={}", browser.profile.path().display()));
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"binary": binary, "args": args},
            "goog:loggingPrefs": {"browser": "ALL"},
            "unhandledPromptBehavior": "ignore",
        }}});
        let begun = browser.ask("POST", "/session", Some(&wanted));
        begun["sessionId"].as_str().unwrap_or_else(|| panic!("{begun}")).clone_into(&mut browser.session);
        Some(browser)
    }

    /// Opens a page of a file and waits until it is drawn.
    pub fn open(&self, path: &str, hash: &str) {
        // An address that differs in its last part only would not load it again.
        self.post("/url", &json!({"url": "about:blank"}));
        self.post("/url", &json!({"url": format!("file://{path}{hash}")}));
        assert_eq!(self.run("return document.documentElement.dataset.ready"), "true");
    }

    /// Runs a script in the page and returns what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Clicks on an element.
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Types into an element.
    pub fn press(&self, selector: &str, keys: &str) {
        let element = self.find(selector);
        self.post(&format!("/element/{element}/value"), &json!({"text": keys}));
    }

    /// The text of an element as it is seen.
    pub fn text(&self, selector: &str) -> String {
        let element = self.find(selector);
        let text = self.ask("GET", &format!("{}/element/{element}/text", self.base()), None);
        text.as_str().unwrap().to_owned()
    }

    /// How many elements there are.
    pub fn count(&self, selector: &str) -> u64 {
        let found = self.post("/elements", &json!({"using": "css selector", "value": selector}));
        found.as_array().unwrap().len() as u64
    }

    /// Sets the size of the window.
    pub fn resize(&self, width: u32, height: u32) {
        self.post("/window/rect", &json!({"width": width, "height": height}));
    }

    /// Asserts that the page has said nothing on the console, fetched nothing and opened no dialog.
    pub fn is_quiet(&self) {
        let dialog = self.ask("GET", &format!("{}/alert/text", self.base()), None);
        assert_eq!(dialog["error"], "no such alert");
        assert_eq!(
            self.run("return performance.getEntriesByType('resource').map((entry) => entry.name)"),
            json!([])
        );
        assert_eq!(self.said(), json!([]));
    }

    /// What the page has said on the console since this was last asked.
    pub fn said(&self) -> Value {
        self.post("/se/log", &json!({"type": "browser"}))
    }

    fn find(&self, selector: &str) -> String {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("{selector}: {found}")).to_owned()
    }

    fn base(&self) -> String {
        format!("/session/{}", self.session)
    }

    fn post(&self, what: &str, body: &Value) -> Value {
        let answer = self.ask("POST", &format!("{}{what}", self.base()), Some(body));
        assert!(answer["error"].is_null(), "{what} {body}: {answer}");
        answer
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (port, len) = (self.port, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = BufReader::new(stream);
        let mut len = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                len = value.trim().parse().unwrap();
            }
        }
        let mut bytes = vec![0; len];
        answer.read_exact(&mut bytes).unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        document["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A test that has failed may have left a browser that answers no more: its driver is ended in any case, and takes it along.
        if !self.session.is_empty() && !thread::panicking() {
            self.ask("DELETE", &self.base(), None);
        }
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            drop(stream.set_read_timeout(Some(Duration::from_secs(10))));
            let bye = "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
            drop(stream.write_all(bye.as_bytes()));
            drop(stream.read(&mut [0; 512]));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
