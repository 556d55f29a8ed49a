//! The printout: lines of at most 80 characters, plain ASCII, colours only on a terminal.
//!
//! A reader who has gone (a closed pipe) ends the printing, not the day. Must not: know what is printed.

use std::io::{IsTerminal, Write};

use super::brief::{self, Detail};

/// No line is longer.
const WIDTH: usize = 80;

/// Where the text beside a label begins.
const INDENT: usize = 12;

/// How a line looks on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Look {
    Plain,
    Heading,
    Sent,
    Upstream,
    Good,
    Bad,
    Quiet,
}

impl Look {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Heading => "1",
            Self::Sent => "36",
            Self::Upstream => "35",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Quiet => "2",
        }
    }
}

/// What is printed on.
pub(in crate::cli) struct Page {
    out: Box<dyn Write + Send>,
    colours: bool,
    open: bool,
}

impl Page {
    /// Standard output.
    pub(in crate::cli) fn stdout() -> Self {
        let out = std::io::stdout();
        let colours = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self::on(Box::new(out), colours)
    }

    fn on(out: Box<dyn Write + Send>, colours: bool) -> Self {
        Self {
            out,
            colours,
            open: true,
        }
    }

    /// One line as it stands; too long a one is cut.
    fn raw(&mut self, look: Look, label: &str, text: &str) {
        let (label, text) = (plain(label), plain(text));
        let text: String = text.chars().take(WIDTH - label.chars().count()).collect();
        let text = text.trim_end();
        if !self.open {
            return;
        }
        let code = look.code();
        let written = if !self.colours || code.is_empty() {
            writeln!(self.out, "{}", format!("{label}{text}").trim_end())
        } else if label.is_empty() {
            writeln!(self.out, "\x1b[{code}m{text}\x1b[0m")
        } else {
            writeln!(self.out, "\x1b[{code}m{label}\x1b[0m{text}")
        };
        self.open = written.and_then(|()| self.out.flush()).is_ok();
    }

    /// An empty line.
    pub(in crate::cli) fn gap(&mut self) {
        self.raw(Look::Plain, "", "");
    }

    /// A heading with a rule under it.
    pub(in crate::cli) fn heading(&mut self, text: &str) {
        self.gap();
        self.raw(Look::Heading, "", text);
        self.raw(Look::Quiet, "", &"-".repeat(WIDTH - 1));
    }

    /// A paragraph.
    pub(in crate::cli) fn text(&mut self, text: &str) {
        for line in brief::wrap(text, WIDTH - 1) {
            self.raw(Look::Plain, "", &line);
        }
    }

    /// A line that is copied from the terminal, such as a command; it must be short enough.
    pub(in crate::cli) fn exact(&mut self, text: &str) {
        self.raw(Look::Plain, "", text);
    }

    /// A label and what stands beside it, over as many lines as it takes.
    pub(in crate::cli) fn beside(&mut self, look: Look, label: &str, text: &str) {
        self.lines(look, label, brief::wrap(text, WIDTH - INDENT));
    }

    /// A heading with a verdict at the end of its line.
    pub(in crate::cli) fn verdict(&mut self, look: Look, text: &str, verdict: &str) {
        let width = WIDTH.saturating_sub(verdict.len() + 1);
        self.raw(look, "", &format!("{text:<width$} {verdict}"));
    }

    /// JSON beside a label, shortened to what matters.
    pub(in crate::cli) fn json(&mut self, value: &serde_json::Value, detail: Detail) {
        let lines = brief::json(value, detail, WIDTH - INDENT);
        self.lines(Look::Plain, "", lines);
    }

    fn lines(&mut self, look: Look, label: &str, lines: Vec<String>) {
        let mut label = format!("  {label:<width$}", width = INDENT - 2);
        for line in lines {
            self.raw(look, &label, &line);
            label = " ".repeat(INDENT);
        }
    }
}

/// Nothing that moves the cursor or is wider than it looks.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn printed(colours: bool, f: impl FnOnce(&mut Page)) -> String {
        let kept = Kept::default();
        f(&mut Page::on(Box::new(kept.clone()), colours));
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        let text = printed(false, |page| {
            page.heading(&"h".repeat(200));
            page.beside(Look::Good, "ok", &"word ".repeat(60));
            page.beside(Look::Good, "ok", &"w".repeat(300));
            page.json(
                &serde_json::json!({"a": "x".repeat(500), "b": [1, 2, 3]}),
                Detail::Full,
            );
            page.text("tab\tbell\u{7} \u{1b}[31mred");
        });
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(!text.contains(['\t', '\u{7}', '\u{1b}']));
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        let print = |page: &mut Page| page.beside(Look::Bad, "DIFFERS", "so");
        assert!(printed(true, print).contains("\u{1b}[1;31m"));
        assert_eq!(printed(false, print), "  DIFFERS   so\n");
    }
}
