//! The request line: `METHOD path`.

use percent_encoding::percent_decode_str;

use crate::ecom::route::{Operation, Target, parse};

/// A call is one that its path names, and an order cannot be a path.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (method, path) = text.split_once(' ').unwrap_or(("GET", text));
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let dots = decoded.split(['/', '\\']).any(|part| matches!(part.split(';').next(), Some("." | "..")));
    match parse(method, path) {
        Target::Call { operation, order } => {
            assert!(!dots, "{path}");
            assert_eq!(method, operation.method());
            assert!(!order.contains(['/', '\\', '%', '\0', '\n']), "{order:?}");
            let lower = path.to_ascii_lowercase();
            let mut segments = lower.split('/').filter(|segment| !segment.is_empty());
            assert_eq!(segments.next(), Some("ecomm"));
            if operation == Operation::Initiate {
                assert!(order.is_empty());
            } else {
                assert_eq!(segments.last(), Some(operation.word()));
                assert!(decoded.contains(&order), "{path}");
            }
        }
        Target::Refused => assert!(dots, "{path}"),
        Target::WrongMethod(operation) => assert_ne!(method, operation.method()),
        Target::Unknown | Target::Outside => assert!(!dots, "{path}"),
    }
}
