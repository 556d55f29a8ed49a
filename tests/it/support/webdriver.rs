//! A real browser without a screen: headless Chromium, driven by `chromedriver` with JSON over HTTP (W3C's protocol).
//!
//! Where either is missing, the test says loudly that it was skipped. Both end with the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::soon;

/// How an element is named in answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) struct Browser {
    driver: Child,
    at: SocketAddr,
    session: String,
    http: reqwest::Client,
    _profile: TempDir,
}

impl Drop for Browser {
    /// Ends Chromium first: its driver would leave it behind.
    fn drop(&mut self) {
        if let Ok(mut socket) = TcpStream::connect(self.at) {
            let text = format!(
                "DELETE /session/{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                self.session, self.at
            );
            let _sent = socket.write_all(text.as_bytes());
            let _read = socket.read(&mut [0; 1024]);
        }
        let _killed = self.driver.kill();
        let _ended = self.driver.wait();
    }
}

fn found(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut all = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.find(|file| file.is_file())
}

impl Browser {
    pub(crate) async fn start() -> Option<Self> {
        let programs =
            found(&["chromium", "chromium-browser", "google-chrome"]).zip(found(&["chromedriver"]));
        let Some((chromium, driver)) = programs else {
            // Past the capture of test output, which would swallow it.
            let told = "\n*** SKIPPED: no Chromium and ChromeDriver: the pages were not opened in a browser ***\n";
            std::io::stderr().write_all(told.as_bytes()).unwrap();
            return None;
        };
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("ChromeDriver tells its port");
        // Its pipe must not fill, nor break.
        std::thread::spawn(move || lines.count());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self {
            driver,
            at: ([127, 0, 0, 1], port).into(),
            session: String::new(),
            http,
            _profile: profile,
        };
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--window-size=1280,900",
            &folder,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "timeouts": {"implicit": 5_000},
            "goog:chromeOptions": {"binary": chromium, "args": arguments},
        }}});
        let made = browser.ask("POST", "/session", Some(wanted)).await;
        browser.session = made["sessionId"].as_str().unwrap().to_owned();
        Some(browser)
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("http://{}{path}", self.at);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = soon(request.send()).await.unwrap();
        let text = soon(answer.text()).await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let value = answer["value"].clone();
        assert!(value["error"].is_null(), "{method} {path}: {value}");
        value
    }

    async fn of(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.ask(method, &path, body).await
    }

    pub(crate) async fn open(&self, url: &str) {
        self.of("POST", "/url", Some(json!({"url": url}))).await;
    }

    /// The element at a path; waited for.
    async fn find(&self, xpath: &str) -> String {
        let by = json!({"using": "xpath", "value": xpath});
        let found = self.of("POST", "/element", Some(by)).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub(crate) async fn click(&self, xpath: &str) {
        let element = self.find(xpath).await;
        self.of(
            "POST",
            &format!("/element/{element}/click"),
            Some(json!({})),
        )
        .await;
    }

    pub(crate) async fn write(&self, xpath: &str, text: &str) {
        let element = self.find(xpath).await;
        let path = format!("/element/{element}/value");
        self.of("POST", &path, Some(json!({"text": text}))).await;
    }

    /// Waits until the page says this.
    pub(crate) async fn says(&self, text: &str) {
        self.find(&format!("//body[contains(normalize-space(.), '{text}')]"))
            .await;
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.of("POST", "/execute/sync", Some(body)).await
    }

    pub(crate) async fn url(&self) -> String {
        self.of("GET", "/url", None)
            .await
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A command of Chromium's own.
    pub(crate) async fn devtools(&self, command: &str, params: Value) -> Value {
        let body = json!({"cmd": command, "params": params});
        self.of("POST", "/goog/cdp/execute", Some(body)).await
    }

    /// Light or dark, by the wish that the system tells; so wide.
    pub(crate) async fn look(&self, scheme: &str, width: u32, height: u32) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features}))
            .await;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    /// The whole page as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let whole = json!({"captureBeyondViewport": true, "format": "png"});
        let shot = self.devtools("Page.captureScreenshot", whole).await;
        let data = shot["data"].as_str().unwrap();
        base64::engine::general_purpose::STANDARD
            .decode(data)
            .unwrap()
    }
}
