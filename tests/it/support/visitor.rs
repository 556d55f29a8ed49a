//! An operator's browser without a screen: keeps its cookie, reads forms, sends them, follows nothing by itself.

use std::net::SocketAddr;

use super::app::TestApp;
use super::client::{Answer, Client};

pub(crate) const TOKEN: &str = "canary-admin-token";
pub(crate) const WHO: [(&str, &str); 2] = [("who", "ann"), ("why", "a drill")];

/// Of this app, not signed in.
pub(crate) fn visitor(app: &TestApp) -> Visitor {
    Visitor::to(app.admin_addr())
}

pub(crate) struct Visitor {
    addr: SocketAddr,
    pub(crate) cookie: Option<String>,
    /// Sent with every request.
    pub(crate) headers: Vec<(String, String)>,
}

/// Text as a form has it.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

/// The value of a hidden field; the first form's where there are several.
pub(crate) fn hidden(html: &str, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let at = html
        .find(&field)
        .unwrap_or_else(|| panic!("no {name} in {html}"));
    let rest = &html[at + field.len()..];
    rest[..rest.find('"').unwrap()].to_owned()
}

impl Visitor {
    pub(crate) const fn to(addr: SocketAddr) -> Self {
        Self {
            addr,
            cookie: None,
            headers: Vec::new(),
        }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n");
        if let Some(cookie) = &self.cookie {
            text.push_str(&format!("Cookie: other=1; {cookie}\r\n"));
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            let length = body.len();
            let kind = "application/x-www-form-urlencoded";
            text.push_str(&format!(
                "Content-Type: {kind}\r\nContent-Length: {length}\r\n"
            ));
        }
        text.push_str(&format!("\r\n{}", body.unwrap_or_default()));
        let mut client = Client::to(self.addr).await;
        client.send(text).await;
        client.read(method == "HEAD").await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// A page that must be there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        answer.text()
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        self.send("POST", path, Some(&pairs.join("&"))).await
    }

    /// Loads `page`, fills the form in that leads to `path`, and sends it.
    pub(crate) async fn fill(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let html = self.page(page).await;
        assert!(
            html.contains(&format!("action=\"{path}\"")),
            "{path}: {html}"
        );
        let (csrf, once) = (hidden(&html, "csrf"), hidden(&html, "once"));
        let mut all = vec![("csrf", csrf.as_str()), ("once", once.as_str())];
        all.extend(fields);
        self.post(path, &all).await
    }

    /// The same, and the page that it leads to.
    pub(crate) async fn done(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.fill(page, path, fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        self.page(answer.header("location").unwrap()).await
    }

    /// Signs in, and keeps the cookie where it was let in.
    pub(crate) async fn sign_in(&mut self, token: &str) -> Answer {
        let answer = self
            .post("/sign-in", &[("token", token), ("next", "/callbacks")])
            .await;
        if let Some(set) = answer.header("set-cookie") {
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        answer
    }
}
