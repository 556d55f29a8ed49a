//! Asks the running bridge on its operator's listener: address and token come from the configuration.
//!
//! No proxies, no redirects, no repeats. Must not: send the token anywhere else, or show it.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{Config, healthcheck};

/// A registration may ask Vipps several times.
const PATIENCE: Duration = Duration::from_secs(40);

/// Connects to the running bridge.
pub(super) struct Running {
    http: reqwest::Client,
    addr: SocketAddr,
    token: Option<SecretString>,
    patience: Duration,
}

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Of the bridge's answer, where it gave one.
    pub(super) status: Option<u16>,
    /// What is wrong, and what to do.
    pub(super) told: String,
}

impl Trouble {
    pub(super) fn new(told: impl Into<String>) -> Self {
        Self {
            status: None,
            told: told.into(),
        }
    }

    /// The same, with what to do where the bridge answered with this status.
    pub(super) fn advice(mut self, status: u16, advice: &str) -> Self {
        if self.status == Some(status) {
            self.told = format!("{}. {advice}", self.told);
        }
        self
    }
}

/// Does `work` with the bridge of this configuration, and prints what it gives.
pub(super) fn with(
    config: &Config,
    work: impl AsyncFnOnce(&Running) -> Result<String, Trouble>,
) -> ExitCode {
    with_code(config, async |bridge| Ok((work(bridge).await?, true)))
}

/// The same; the exit code says whether what it gives is good.
pub(super) fn with_code(
    config: &Config,
    work: impl AsyncFnOnce(&Running) -> Result<(String, bool), Trouble>,
) -> ExitCode {
    let settings = match config.load() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let done = Running::new(settings.admin.listen, settings.admin.token).and_then(|running| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Trouble::new(format!("the runtime can't be started: {error}")))?;
        runtime.block_on(work(&running))
    });
    match done {
        Ok((text, good)) => {
            // A reader who has gone wants no more.
            let _gone = std::io::stdout().write_all(text.as_bytes());
            if good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(trouble) => {
            eprintln!("error: {}", trouble.told);
            ExitCode::FAILURE
        }
    }
}

impl Running {
    /// The bridge whose operator's listener is at `listen`.
    pub(super) fn new(listen: SocketAddr, token: Option<SecretString>) -> Result<Self, Trouble> {
        Self::patient(listen, token, PATIENCE)
    }

    /// The same, asked so long at most.
    pub(super) fn patient(
        listen: SocketAddr,
        token: Option<SecretString>,
        patience: Duration,
    ) -> Result<Self, Trouble> {
        if listen.port() == 0 {
            return Err(Trouble::new(
                "admin.listen has port 0, so the running bridge chose one that nobody knows: give it a port",
            ));
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(patience)
            .build()
            .map_err(|error| Trouble::new(format!("the client can't be made: {error}")))?;
        Ok(Self {
            http,
            addr: healthcheck::reachable(listen),
            token,
            patience,
        })
    }

    /// Where it is asked.
    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `GET` of what answers in JSON whether all is well or not.
    pub(super) async fn either(&self, path: &str) -> Result<Value, Trouble> {
        let (status, json) = self.exchange(Method::GET, path, &[], None).await?;
        json.ok_or_else(|| self.refused(status, None))
    }

    /// `GET` with a query.
    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, Trouble> {
        self.ask(Method::GET, path, query, None).await
    }

    /// `POST`.
    pub(super) async fn post(&self, path: &str, body: Option<Value>) -> Result<Value, Trouble> {
        self.ask(Method::POST, path, &[], body).await
    }

    /// `DELETE`.
    pub(super) async fn delete(&self, path: &str) -> Result<Value, Trouble> {
        self.ask(Method::DELETE, path, &[], None).await
    }

    /// `DELETE` with a body.
    pub(super) async fn delete_with(&self, path: &str, body: Value) -> Result<Value, Trouble> {
        self.ask(Method::DELETE, path, &[], Some(body)).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<Value>,
    ) -> Result<Value, Trouble> {
        match self.exchange(method, path, query, body).await? {
            (200..=299, Some(json)) => Ok(json),
            (status, json) => Err(self.refused(status, json.as_ref())),
        }
    }

    /// The status, and the body where it is JSON.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<Value>,
    ) -> Result<(u16, Option<Value>), Trouble> {
        let addr = self.addr;
        let mut url = Url::parse(&format!("http://{addr}{path}"))
            .map_err(|_| Trouble::new(format!("{path} can't be asked for")))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            let mut value =
                reqwest::header::HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
                    .map_err(|_| {
                        Trouble::new("admin.token has characters that no header can hold")
                    })?;
            value.set_sensitive(true);
            request = request.header(reqwest::header::AUTHORIZATION, value);
        }
        if let Some(body) = body {
            request = request
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.map_err(|error| {
            Trouble::new(if error.is_connect() {
                format!(
                    "nothing answers at {addr} (admin.listen). Is the bridge running, and is this its configuration \
                     (--config FILE)?"
                )
            } else if error.is_timeout() {
                format!("{addr} did not answer in {} s. Look at the bridge's log", self.patience.as_secs())
            } else {
                format!("{addr} (admin.listen) broke off. Is it the bridge that listens there?")
            })
        })?;
        let status = answer.status().as_u16();
        let text = answer.bytes().await.unwrap_or_default();
        Ok((status, serde_json::from_slice(&text).ok()))
    }

    fn refused(&self, status: u16, json: Option<&Value>) -> Trouble {
        let addr = self.addr;
        let detail = json
            .and_then(|json| json.get("detail"))
            .and_then(Value::as_str);
        let told = match (status, detail) {
            (401, _) => match &self.token {
                Some(_) => format!(
                    "the bridge at {addr} does not take this token. admin.token must be the one that it was started with"
                ),
                None => format!(
                    "the bridge at {addr} wants a token. Give the one that it was started with: admin.token, or \
                     ECOM_BRIDGE__ADMIN__TOKEN"
                ),
            },
            (_, Some(detail)) => {
                let all = json.and_then(|json| json.get("problems"));
                let all = all.and_then(Value::as_array).into_iter().flatten();
                let lines = all
                    .filter_map(Value::as_str)
                    .map(|one| format!("\n  {}", plain(one)));
                format!("{}{}", plain(detail), lines.collect::<String>())
            }
            (_, None) => format!(
                "{addr} (admin.listen) answers {status}, but not as a bridge of this release. Is it one?"
            ),
        };
        Trouble {
            status: detail.map(|_| status),
            told,
        }
    }
}

/// Rows under headings, as wide as they must be; the last column is not padded.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = headings.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let headings: Vec<String> = headings.iter().map(|h| (*h).to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&headings).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The name of the machine's user.
pub(super) fn user() -> Option<String> {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    user.ok().filter(|user| !user.trim().is_empty())
}

/// Nothing that moves the cursor: orders and notes come from outside.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// A moment to the minute, in UTC.
pub(super) fn minute(moment: &str) -> String {
    let text: String = moment.chars().take(16).collect();
    text.replace('T', " ")
}

/// A moment to the second.
pub(super) fn second(moment: &str) -> String {
    let text: String = moment.chars().take(19).collect();
    format!("{} UTC", text.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_headings() {
        let row = |cells: &[&str]| cells.iter().map(|c| (*c).to_owned()).collect();
        let rows: Vec<Vec<String>> = vec![row(&["1", "dead", "a"]), row(&["12345", "ok", "bc"])];
        assert_eq!(
            table(&["ID", "STATE", "X"], &rows),
            "ID     STATE  X\n1      dead   a\n12345  ok     bc\n"
        );
    }

    #[test]
    fn what_comes_from_outside_moves_no_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a?[2Jb?c");
        assert_eq!(minute("2026-11-24T14:18:15.742Z"), "2026-11-24 14:18");
        assert_eq!(
            second("2026-11-24T14:18:15.742Z"),
            "2026-11-24 14:18:15 UTC"
        );
    }

    #[test]
    fn port_0_can_not_be_asked() {
        let refused = Running::new("127.0.0.1:0".parse().unwrap(), None).err();
        assert!(refused.unwrap().told.contains("port 0"));
    }
}
