//! Where a running bridge reads its configuration again: the same files in the same order, and the environment.
//!
//! Must not: keep what stands in the files (there may be secrets), only a hash of it.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::disk::Named;
use super::{ConfigProblem, Settings, environment, load_texts};

type Variables = Arc<dyn Fn() -> Vec<(String, String)> + Send + Sync>;

/// Files and environment.
#[derive(Clone)]
pub struct Sources {
    files: Vec<PathBuf>,
    variables: Variables,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// Tells contents of the files apart: the same for the same texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    hash: [u8; 32],
    /// Of the files that the configuration names.
    named: Vec<Named>,
    /// Files in which nothing stands.
    empty: Vec<String>,
}

/// The texts of all files as they were at one moment, by name; in place of one that can't be read, why not.
pub struct Texts {
    pub(super) files: Vec<(String, Result<String, ErrorKind>)>,
    /// Those that the configuration in force names, as they are now.
    named: Vec<Named>,
}

impl Texts {
    pub(super) fn read(files: &[PathBuf]) -> Self {
        let one = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).map_err(|error| error.kind());
            (path.display().to_string(), text)
        };
        Self {
            files: files.iter().map(one).collect(),
            named: Vec::new(),
        }
    }

    /// What they are known by.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        for (name, text) in &self.files {
            let (mark, text) = match text {
                Ok(text) => ("text", text.clone()),
                Err(kind) => ("unread", kind.to_string()),
            };
            // Lengths first, so that no two lists of texts are one string.
            for part in [name.as_str(), mark, text.as_str()] {
                hash.update(part.len().to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
        Fingerprint {
            hash: hash.finalize().into(),
            named: self.named.clone(),
            empty: self.empty(),
        }
    }

    fn empty(&self) -> Vec<String> {
        let is_empty = |text: &Result<String, ErrorKind>| {
            text.as_ref().is_ok_and(|text| {
                let mut lines = text.lines().map(str::trim);
                lines.all(|line| line.is_empty() || line.starts_with('#'))
            })
        };
        let empty = self.files.iter().filter(|(_, text)| is_empty(text));
        empty.map(|(name, _)| name.clone()).collect()
    }
}

impl Fingerprint {
    /// With the files that these settings name, as they were when the settings were read.
    #[must_use]
    pub fn with_named(mut self, settings: &Settings) -> Self {
        self.named.clone_from(&settings.named);
        self
    }
}

impl Sources {
    /// These files and the variables of this process.
    #[must_use]
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            variables: Arc::new(|| environment().collect()),
        }
    }

    /// The same files with other variables: for tests.
    #[must_use]
    pub fn with_variables(
        mut self,
        variables: impl Fn() -> Vec<(String, String)> + Send + Sync + 'static,
    ) -> Self {
        self.variables = Arc::new(variables);
        self
    }

    /// Reads the files.
    #[must_use]
    pub fn texts(&self) -> Texts {
        Texts::read(&self.files)
    }

    /// Reads the files, and those that the settings in force name.
    #[must_use]
    pub fn look(&self, in_force: &Settings) -> Texts {
        let mut texts = self.texts();
        texts.named = in_force.named.iter().map(Named::again).collect();
        texts
    }

    /// What these texts and the environment amount to, as at a start.
    ///
    /// # Errors
    /// Every problem found, not only the first.
    pub fn load(&self, texts: Texts) -> Result<Settings, Vec<ConfigProblem>> {
        load_texts(texts, (self.variables)().into_iter())
    }

    /// The same for a bridge that runs with `held`: a file that was emptied since then was more likely cut off while it
    /// was written than meant so, and does not put the defaults in force.
    ///
    /// # Errors
    /// Every problem found, not only the first.
    pub fn load_again(
        &self,
        texts: Texts,
        held: &Fingerprint,
    ) -> Result<Settings, Vec<ConfigProblem>> {
        let emptied = texts.empty().into_iter();
        let mut problems: Vec<_> = emptied
            .filter(|name| !held.empty.contains(name))
            .map(|name| {
                ConfigProblem::new(
                    &name,
                    "nothing stands in the file any more, as if it were half written",
                    "Write it whole. To run with the defaults alone, start again without it",
                )
            })
            .collect();
        match self.load(texts) {
            Ok(settings) if problems.is_empty() => Ok(settings),
            Ok(_) => Err(problems),
            Err(more) => {
                problems.extend(more);
                Err(problems)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[(&str, &str)]) -> Texts {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), Ok((*text).to_owned()));
        Texts {
            files: all.iter().map(own).collect(),
            named: Vec::new(),
        }
    }

    #[test]
    fn a_fingerprint_is_of_the_content() {
        let of = |all: &[(&str, &str)]| texts(all).fingerprint();
        assert_eq!(of(&[("a", "x")]), of(&[("a", "x")]));
        assert_ne!(of(&[("a", "x")]), of(&[("a", "y")]));
        assert_ne!(of(&[("a", "x"), ("b", "")]), of(&[("a", ""), ("b", "x")]));
        let gone = |kind| {
            let files = vec![("a".to_owned(), Err(kind))];
            let named = Vec::new();
            Texts { files, named }.fingerprint()
        };
        assert_eq!(gone(ErrorKind::NotFound), gone(ErrorKind::NotFound));
        assert_ne!(gone(ErrorKind::NotFound), of(&[("a", "")]));
    }

    #[test]
    fn an_emptied_file_is_refused_while_the_bridge_runs() {
        let sources = Sources::new(Vec::new()).with_variables(Vec::new);
        for text in ["", " \n", "# nothing\n\n"] {
            assert!(sources.load(texts(&[("a", text)])).is_ok());
            let held = texts(&[("a", "[proxy]"), ("b", "")]).fingerprint();
            let refused = sources.load_again(texts(&[("a", text), ("b", "x = 1")]), &held);
            assert_eq!(refused.unwrap_err().len(), 2, "{text:?}");
            let read = sources.load_again(texts(&[("a", "[proxy]"), ("b", text)]), &held);
            assert!(read.is_ok(), "it was empty before");
        }
    }
}
