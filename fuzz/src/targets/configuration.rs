//! The configuration's file.

use crate::settings::{diff, from_text, show};

/// A configuration is in force or every problem is named; what is shown of it holds no secret.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // Files that it names are looked at: not those of the machine.
    if text.contains("/dev") || text.contains("/proc") || text.contains("/sys") {
        return;
    }
    match from_text(text) {
        Ok(settings) => {
            assert!(diff(&settings, &settings).is_empty());
            assert!(!show(&settings).contains("canary"));
            for warning in settings.warnings() {
                assert!(!warning.to_string().contains("canary"), "{warning}");
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.to_string().is_empty());
            }
        }
    }
}
