//! What lets the configuration be read again: files that change, vanish, are half written or swapped; SIGHUP; a command.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Process};
use crate::reload::reloads;
use crate::support::app::{TestApp, with};
use crate::support::shop::order;
use crate::support::{eventually, soon, until};

/// Often enough that no test waits.
const OFTEN: Duration = Duration::from_millis(5);

async fn watched() -> TestApp {
    with(&[]).looks(OFTEN).start().await
}

/// The same configuration with new payments to `side`.
fn text(app: &TestApp, side: &str) -> String {
    let (text, _) = app.configuration();
    format!("{text}\n[routing]\ninitiate = \"{side}\"\n")
}

async fn times(app: &TestApp, outcome: &str, count: u64) {
    eventually(async || reloads(app, outcome).await == count).await;
}

async fn route(app: &TestApp, id: &str) -> String {
    let answer = app.initiate(id, 1_000).await;
    answer.ok();
    answer.route().to_owned()
}

#[tokio::test]
async fn b6_a_file_that_vanishes_or_is_half_written_changes_nothing() {
    let app = watched().await;
    let whole = text(&app, "ecom");
    // In the order of a writer who empties the file, writes some of it and is killed.
    for (n, part) in [(1, ""), (2, &whole[..whole.len() - 5]), (3, "[proxy")] {
        app.write(part);
        times(&app, "refused", n).await;
        assert_eq!(route(&app, &format!("order-000{n}")).await, "epayment");
        assert!(app.metric("bridge_reload_failed").await > 0.0);
    }
    fs::remove_file(app.file()).unwrap();
    times(&app, "refused", 4).await;
    assert_eq!(route(&app, "order-0004").await, "epayment");
    app.write(&whole);
    times(&app, "applied", 1).await;
    assert_eq!(route(&app, "order-0005").await, "ecom");
    assert!(app.metric("bridge_reload_failed").await < 1.0);
    // Each content was named once, however often it was looked at.
    assert_eq!(reloads(&app, "refused").await, 4);
    let log = app.log.text();
    let errors = log
        .lines()
        .filter(|line| line.contains("\"level\":\"ERROR\""));
    assert_eq!(errors.count(), 4, "{log}");
    assert!(log.contains("half written") && log.contains("cannot be read"));
}

#[tokio::test]
async fn a_file_is_followed_through_renames_and_swapped_links() {
    let app = watched().await;
    let dir = app.file().parent().unwrap().to_owned();
    // As an editor does it.
    fs::write(dir.join("bridge.toml.tmp"), text(&app, "ecom")).unwrap();
    fs::rename(dir.join("bridge.toml.tmp"), app.file()).unwrap();
    times(&app, "applied", 1).await;
    // As Kubernetes does it: the file is a link through a link to a folder, and that link is exchanged.
    for (name, side) in [("one", "ecom"), ("two", "epayment")] {
        fs::create_dir(dir.join(name)).unwrap();
        fs::write(dir.join(name).join("bridge.toml"), text(&app, side)).unwrap();
    }
    symlink("one", dir.join("data")).unwrap();
    symlink("data/bridge.toml", dir.join("link")).unwrap();
    fs::rename(dir.join("link"), app.file()).unwrap();
    assert_eq!(route(&app, "order-0001").await, "ecom");
    symlink("two", dir.join("data.tmp")).unwrap();
    fs::rename(dir.join("data.tmp"), dir.join("data")).unwrap();
    times(&app, "applied", 2).await;
    assert_eq!(route(&app, "order-0002").await, "epayment");
    // The same content in another file is nothing new.
    assert_eq!(reloads(&app, "unchanged").await, 0);
    assert_eq!(reloads(&app, "refused").await, 0);
    // A comment is: it is read, and nothing differs.
    app.write(&format!("# a word\n{}", text(&app, "epayment")));
    times(&app, "unchanged", 1).await;
}

#[tokio::test]
async fn sighup_lets_a_running_program_read_its_file() {
    let app = process::app().await;
    let process = Process::start(&app).await;
    let said = |words: &str| app.log.text().matches(words).count();
    process.signal("-HUP");
    until(|| said("no setting differs") == 1).await;
    assert!(said("\"why\":\"SIGHUP\"") > 0);
    app.write(&text(&app, "ecom"));
    process.signal("-HUP");
    until(|| said("a setting was changed") == 1).await;
    let ask = app.initiating(&order("order-0001", 1_000));
    let answer = ask.to(process.addr()).send().await;
    answer.ok();
    assert_eq!(answer.route(), "ecom");
    app.write("[routing");
    process.signal("-HUP");
    until(|| said("this is not TOML") > 0).await;
    let ask = app.initiating(&order("order-0002", 1_000));
    assert_eq!(ask.to(process.addr()).send().await.route(), "ecom");
}

#[tokio::test]
async fn the_command_says_what_was_changed_or_why_not() {
    let app = with(&[])
        .looks(Duration::from_secs(24 * 3600))
        .start()
        .await;
    let run = async |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecom-bridge"));
        command.arg("reload").arg("--config").arg(app.file());
        command.args(["--by", "ann"]).args(more);
        command.env("ECOM_BRIDGE__ADMIN__LISTEN", app.admin_addr().to_string());
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = soon(ran).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.success(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (good, out, _) = run(&[]).await;
    assert!(
        good && out == "No setting differs from what is in force.\n",
        "{out}"
    );
    app.write(&text(&app, "ecom"));
    let (good, out, _) = run(&["--why", "step two"]).await;
    assert!(
        good && out == "In force:\nrouting.initiate: \"epayment\" -> \"ecom\"\n",
        "{out}"
    );
    let listed = app.admin("/api/changes").await.ok();
    assert_eq!(listed["changes"][0]["why"], "step two");
    app.write(&text(&app, "ecom").replace("[proxy]\n", "[proxy]\nmax_in_flight = 7\n"));
    let (good, out, err) = run(&[]).await;
    assert!(!good && out.is_empty(), "{out}");
    assert!(
        err.contains("\n  proxy.max_in_flight needs a restart: "),
        "{err}"
    );
}
