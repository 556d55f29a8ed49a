//! The file: made for its owner, gone on with, never longer than it may be, never something else's.

use super::*;

fn one() -> Case {
    Case::new(Operation::Initiate, "", &initiate(&[]))
}

async fn record(path: &Path, max: u64, calls: usize) -> RecordFigures {
    let recorder = Recorder::open(path, max).expect("a recorder");
    for _ in 0..calls {
        recorder.offer(&one().taken());
    }
    recorder.close().await;
    recorder.figures()
}

#[tokio::test]
async fn the_limit_holds_and_what_it_keeps_out_is_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("calls");
    let full = record(&path, 1 << 20, 1).await;
    let room = full.bytes * 3;
    std::fs::remove_file(&path).expect("gone");
    let figures = record(&path, room, 40).await;
    let length = std::fs::metadata(&path).expect("a file").len();
    assert!(length <= room && figures.full);
    assert_eq!(length, figures.bytes);
    assert!(figures.written >= 2);
    assert_eq!(figures.written + figures.dropped["full"], 40);
    // Another session finds it full, and adds nothing but what fits.
    let again = record(&path, length, 2).await;
    assert_eq!((again.written, again.bytes), (0, length));
    assert_eq!(again.dropped, BTreeMap::from([("full", 2)]));
}

#[tokio::test]
async fn a_recording_is_gone_on_with_after_a_crash() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("calls");
    record(&path, 1 << 20, 2).await;
    let text = std::fs::read_to_string(&path).expect("a file");
    std::fs::write(&path, &text[..text.len() - 30]).expect("cut");
    let figures = record(&path, 1 << 20, 1).await;
    let text = std::fs::read_to_string(&path).expect("a file");
    assert_eq!(figures.bytes, text.len() as u64);
    let is_call = |line: &&str| serde_json::from_str::<Line>(line).is_ok();
    assert_eq!(
        text.lines().count(),
        5,
        "two headers, two calls, and half of one"
    );
    assert_eq!(text.lines().filter(is_call).count(), 2);
    assert!(text.ends_with('\n'));
}

#[tokio::test]
async fn nothing_else_is_written_into() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("notes");
    std::fs::write(&path, "a letter").expect("written");
    let refused = Recorder::open(&path, 1 << 20).expect_err("refused");
    assert!(matches!(refused, RecordError::Foreign(_)));
    assert!(refused.to_string().contains("another name"));
    assert_eq!(std::fs::read(&path).expect("a file"), b"a letter");
    let newer = r#"{"format":"ecom-bridge shadow recording","version":2,"bridge":"9.0.0"}"#;
    std::fs::write(&path, newer).expect("written");
    let refused = Recorder::open(&path, 1 << 20).expect_err("refused");
    assert!(matches!(refused, RecordError::OtherVersion(_)));
    let refused = Recorder::open(dir.path(), 1 << 20).expect_err("refused");
    assert!(matches!(refused, RecordError::NoFile(_)));
    let nowhere = dir.path().join("none").join("file");
    let refused = Recorder::open(&nowhere, 1 << 20).expect_err("refused");
    assert!(matches!(refused, RecordError::Io(..)));
}

#[tokio::test]
async fn one_process_records_at_a_time_and_nothing_after_the_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("calls");
    let recorder = Recorder::open(&path, 1 << 20).expect("a recorder");
    let refused = Recorder::open(&path, 1 << 20).expect_err("refused");
    assert!(matches!(refused, RecordError::InUse(_)));
    recorder.close().await;
    recorder.offer(&one().taken());
    assert_eq!(recorder.figures().dropped, BTreeMap::from([("closed", 1)]));
    recorder.close().await;
    Recorder::open(&path, 1 << 20).expect("free again");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("calls");
    let mode = || {
        std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode()
            & 0o777
    };
    record(&path, 1 << 20, 1).await;
    assert_eq!(mode(), 0o600);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&path, open).expect("opened");
    record(&path, 1 << 20, 1).await;
    assert_eq!(mode(), 0o600);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_that_refuses_ends_the_recording_and_nothing_else() {
    // A full device takes no header; a file whose room is gone is played by a tape that can't be written.
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("calls");
    drop(Tape::open(&path, 1 << 20).expect("a tape"));
    let read_only = std::fs::File::open(&path).expect("a file");
    let mut tape = Tape::over(read_only, 1 << 20);
    let counts = Counts::default();
    put(&mut tape, b"{}", &counts);
    put(&mut tape, b"{}", &counts);
    assert_eq!(counts.ended(), Some(Dropped::Disk));
    assert_eq!(
        counts.dropped[Dropped::Disk as usize].load(Ordering::Relaxed),
        2
    );
}
