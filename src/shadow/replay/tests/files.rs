//! Files that are long, damaged, cut, or something else.

use super::*;
use crate::shadow::record::line::{Header, LONGEST_LINE};

fn header() -> Vec<u8> {
    let mut header = serde_json::to_vec(&Header::own()).expect("JSON");
    header.push(b'\n');
    header
}

#[tokio::test]
async fn damaged_lines_are_named_and_the_rest_is_compared() {
    let lines = recorded(&reads()).await;
    let mut bytes = file(&lines[..3]);
    bytes.extend(b"{\"at\":\"half\n\n");
    bytes.extend(vec![b'x'; LONGEST_LINE + 10]);
    bytes.push(b'\n');
    bytes.extend(b"{\"at\":\"2026\",\"operation\":\"juggle\"}\n");
    bytes.extend(b"\xff\xfe\n");
    bytes.extend(file(&lines[3..5]));
    let report = run(&bytes);
    let named: Vec<(u64, &str)> = report
        .unreadable_lines
        .iter()
        .map(|one| (one.line, one.why))
        .collect();
    assert_eq!(
        named,
        [
            (4, "no JSON"),
            (6, "too long"),
            (7, "JSON, but no call that this release knows"),
            (8, "no JSON")
        ]
    );
    assert_eq!((report.unreadable, report.compared_calls()), (4, 4));
    assert_eq!(report.verdict(), Verdict::Incomplete);
}

#[tokio::test]
async fn a_line_that_a_crash_cut_is_no_damage() {
    let whole = file(&recorded(&reads()).await);
    let cut = &whole[..whole.len() - 30];
    let report = run(cut);
    assert_eq!((report.cut, report.unreadable), (1, 0));
    assert_eq!(report.verdict(), Verdict::Same);
    // The bridge went on with it.
    let again = [cut, &b"\n"[..], &header()[..], &whole[header().len()..]].concat();
    let report = run(&again);
    assert_eq!((report.cut, report.unreadable), (1, 0));
    assert_eq!(report.verdict(), Verdict::Same);
    // Only the end of the last line is missing: it is whole.
    let report = run(&whole[..whole.len() - 1]);
    assert_eq!(
        (report.cut, report.compared_calls()),
        (0, reads().len() as u64)
    );
}

#[test]
fn what_is_no_recording_is_refused() {
    for bytes in [
        &b""[..],
        b"\n\n",
        b"{}",
        b"a letter\n",
        b"{\"format\":\"x\",\"version\":1,\"bridge\":\"1\"}\n",
    ] {
        let refused = replay(bytes, &Options::default());
        assert!(matches!(refused, Err(ReplayError::NoRecording)));
    }
    let newer = br#"{"format":"ecom-bridge shadow recording","version":2,"bridge":"9.0.0"}"#;
    let refused = replay(&newer[..], &Options::default()).expect_err("refused");
    assert!(refused.to_string().contains("release 9.0.0"));
    let empty = run(&header());
    assert_eq!(
        (empty.verdict(), empty.compared_calls()),
        (Verdict::Incomplete, 0)
    );
}

#[tokio::test]
async fn ten_megabytes_are_replayed() {
    let cases = [changes(), reads()].concat();
    let lines = file(&recorded(&cases).await);
    let times = 10_000_000 / lines.len() + 1;
    let report = run(&lines.repeat(times));
    assert_eq!(report.compared_calls(), (times * cases.len()) as u64);
    assert_eq!(report.verdict(), Verdict::Same);
}
