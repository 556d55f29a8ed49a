//! How files look, which words are never written, and what the lock file may name.

use crate::source::{Complaints, File, code, is_rust, is_test, places};

const LONGEST: usize = 500;
/// Files that are longer until somebody splits them, with the most they may have. The list only gets shorter.
const STILL_LONG: &[(&str, usize)] = &[("tests/it/money.rs", 719), ("tests/it/routing.rs", 527)];

/// Not to be built: a second TLS or clock library beside the ones that are used.
pub(crate) const BANNED_CRATES: &[&str] = &[
    "openssl",
    "openssl-sys",
    "native-tls",
    "chrono",
    "async-std",
    "anyhow",
];
/// The lock file names `ring` for features that nobody turns on; a third name here means that it is really built.
const MAY_NAME_RING: &[&str] = &["quinn-proto", "rustls-webpki"];

pub(crate) fn form(files: &[File]) -> Complaints {
    let mut all = Complaints::new();
    for file in files.iter().filter(|file| is_rust(file)) {
        let lines = file.text.lines().count();
        let most = STILL_LONG
            .iter()
            .find(|(path, _)| *path == file.path)
            .map_or(LONGEST, |(_, most)| *most);
        if lines > most {
            all.push(format!("{}: {lines} lines, at most {most}: split it by subject, tests into a file of their own", file.path));
        }
        match file
            .text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .count()
        {
            0 => all.push(format!(
                "{}: begin with `//!`: what it is for, and what it must not do",
                file.path
            )),
            1..=12 => {}
            more => all.push(format!(
                "{}: {more} lines of `//!`, at most 12: the rest belongs to docs/",
                file.path
            )),
        }
    }
    all
}

pub(crate) fn words(files: &[File]) -> Complaints {
    let never: [(&str, &str); 8] = [
        (
            concat!("#[al", "low("),
            "write #[expect(lint, reason = \"…\")]",
        ),
        (
            concat!("#![al", "low("),
            "write #![expect(lint, reason = \"…\")]",
        ),
        (concat!("un", "safe "), "find a safe way"),
        (concat!("unbounded", "_channel"), "every queue has a limit"),
        (concat!("unbounded", "()"), "every queue has a limit"),
        (concat!("to", "do!"), "finish it, or leave it out"),
        (concat!("unimple", "mented!"), "finish it, or leave it out"),
        (concat!("FIX", "ME"), "fix it, or write an issue"),
    ];
    let mut all = Complaints::new();
    for file in files.iter().filter(|file| is_rust(file)) {
        for (n, line) in file.text.lines().enumerate() {
            for (word, remedy) in never.iter().filter(|(word, _)| line.contains(word)) {
                all.push(format!("{}:{}: `{word}`: {remedy}", file.path, n + 1));
            }
        }
    }
    all
}

pub(crate) fn floats(files: &[File]) -> Complaints {
    let low = [
        "src/types/",
        "src/ecom/",
        "src/epayment/",
        "src/translate/",
        "src/routing/",
    ];
    let mut all = Complaints::new();
    // The reader of `20000.0` in ecom/lenient.rs is the one place that meets a float, and turns it away or into an integer;
    // ecom/fold.rs hands every type of JSON on and looks at none.
    let judged = files.iter().filter(|file| {
        low.iter().any(|start| file.path.starts_with(start))
            && !is_test(&file.path)
            && !["src/ecom/lenient.rs", "src/ecom/fold.rs"].contains(&file.path.as_str())
    });
    for file in judged {
        for (n, line) in code(file, false) {
            if ["f64", "f32"]
                .iter()
                .any(|word| places(line, word).next().is_some())
            {
                all.push(format!(
                    "{}:{n}: a float below F3: money is `Amount`, shares are integers",
                    file.path
                ));
            }
        }
    }
    all
}

/// Whether a line has `host:PORT` with a port that somebody else may have.
pub(crate) fn has_fixed_port(line: &str) -> bool {
    line.match_indices(':').any(|(at, _)| {
        let digits: String = line[at + 1..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let host = line[..at].ends_with(|c: char| c.is_alphanumeric() || c == ']');
        host && digits.len() >= 4
            && digits
                .parse::<u32>()
                .is_ok_and(|port| (1024..=65_535).contains(&port))
    })
}

pub(crate) fn tests_wait_and_listen_well(files: &[File]) -> Complaints {
    let mut all = Complaints::new();
    for file in files
        .iter()
        .filter(|file| is_rust(file) && file.path.starts_with("tests/it/"))
    {
        for (n, line) in code(file, true) {
            if line.contains("sleep(") {
                all.push(format!("{}:{n}: a test sleeps: wait for what must become true (support::until), or move a ManualClock", file.path));
            }
            if has_fixed_port(line) {
                all.push(format!(
                    "{}:{n}: a fixed port: bind port 0 and ask which one it became",
                    file.path
                ));
            }
        }
    }
    all
}

pub(crate) fn lock_file(text: &str) -> Complaints {
    let mut all = Complaints::new();
    for package in text.split("[[package]]").skip(1) {
        let name = package
            .lines()
            .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
            .unwrap_or_default();
        if BANNED_CRATES.contains(&name) {
            all.push(format!("Cargo.lock: `{name}` is banned: `cargo tree -i {name}` says who brings it; turn that feature off"));
        }
        if package.lines().any(|line| line.trim() == "\"ring\",") && !MAY_NAME_RING.contains(&name)
        {
            all.push(format!(
                "Cargo.lock: `{name}` brings `ring` beside aws-lc-rs: choose its aws-lc-rs feature"
            ));
        }
    }
    all
}

pub(crate) fn places_of_this_machine(files: &[File]) -> Complaints {
    let never = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("crates", ".io"),
        concat!("docker", ".io"),
        concat!("gcr", ".io"),
        concat!("ghcr", ".io"),
        concat!("quay", ".io"),
        concat!("rustup", ".rs"),
    ];
    let mut all = Complaints::new();
    for file in files
        .iter()
        .filter(|file| !file.path.ends_with("Cargo.lock"))
    {
        for (n, line) in file.text.lines().enumerate() {
            for word in never.iter().filter(|word| line.contains(**word)) {
                all.push(format!("{}:{}: `{word}`: no paths of one machine and no hosts of registries in the project", file.path, n + 1));
            }
        }
    }
    all
}

/// Tests that the README names as proof of a guarantee must be there.
pub(crate) fn named_tests(files: &[File]) -> Complaints {
    let mut all = Complaints::new();
    let named = files
        .iter()
        .filter(|file| file.path == "README.md")
        .flat_map(|file| file.text.split('`').skip(1).step_by(2))
        .filter(|word| word.matches('_').count() >= 3 && !word.starts_with("bridge_"))
        .filter(|word| {
            word.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        });
    for name in named {
        let head = format!("fn {name}(");
        if !files
            .iter()
            .any(|file| is_rust(file) && file.text.contains(&head))
        {
            all.push(format!(
                "README.md: there is no test `{name}`: name the one that guards this now"
            ));
        }
    }
    all
}
