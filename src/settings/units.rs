//! Durations and sizes as people write them: `35s`, `1m 30s`, `400d`; `1MiB`, `64KiB`, `4096`.
//!
//! Must not: use fractions. Whole numbers only, milliseconds and bytes at the finest.

use std::time::Duration;

/// No duration of a configuration is longer: 100 years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads a sum of whole numbers with units ms, s, m, h and d, the largest first: `35s`, `1m 30s`, `2h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "a duration is whole numbers with ms, s, m, h or d, such as 35s or 1m 30s";
    let mut rest = text.trim();
    let mut sum = Duration::ZERO;
    let mut last_unit_ms = u64::MAX;
    if rest.is_empty() {
        return Err(FORM);
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(FORM),
        };
        if unit_ms >= last_unit_ms {
            return Err("each unit may stand once, the largest first");
        }
        last_unit_ms = unit_ms;
        if number.is_empty() {
            return Err(FORM);
        }
        sum = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(unit_ms))
            .and_then(|ms| sum.checked_add(Duration::from_millis(ms)))
            .filter(|sum| *sum <= LONGEST)
            .ok_or("this is longer than 100 years")?;
        rest = tail.trim_start();
    }
    Ok(sum)
}

/// Reads a number of bytes, plain or with B, KiB, MiB or GiB.
pub(super) fn size(text: &str) -> Result<usize, &'static str> {
    const FORM: &str =
        "a size is a whole number of bytes, or one with KiB, MiB or GiB, such as 1MiB";
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(FORM);
    }
    let factor: usize = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(FORM),
    };
    number
        .parse::<usize>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .ok_or("this is more than this machine can count")
}

/// Reads a key of 32 bytes: 64 hex digits, or base64 (plain or URL alphabet, padding optional).
pub(super) fn key(text: &str) -> Option<[u8; 32]> {
    use base64::Engine;
    use base64::alphabet::{STANDARD, URL_SAFE};
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    let text = text.trim();
    if text.len() == 64 {
        return hex(text);
    }
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [STANDARD, URL_SAFE]
        .iter()
        .filter_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok())
        .find_map(|bytes| bytes.try_into().ok())
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let mut digits = text.chars().map(|c| c.to_digit(16));
    for byte in &mut bytes {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_sums_of_whole_units() {
        for (text, millis) in [
            ("0s", 0),
            ("250ms", 250),
            ("35s", 35_000),
            ("2m", 120_000),
            ("3h", 10_800_000),
            ("400d", 34_560_000_000),
            ("1m 30s", 90_000),
            ("1m30s", 90_000),
            (" 1h  5ms ", 3_600_005),
            ("90m", 5_400_000),
            ("36500d", 3_153_600_000_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            " ",
            "35",
            "s",
            "1.5s",
            "-1s",
            "1S",
            "1 s",
            "1w",
            "30s 1m",
            "1s 1s",
            "36501d",
            "99999999999999999999s",
            "1s,",
            "٣s",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_whole_bytes() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("12B", 12),
            ("64KiB", 65_536),
            ("1MiB", 1 << 20),
            ("2 GiB", 2 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "KiB",
            "1.5MiB",
            "-1",
            "1MB",
            "1kib",
            "99999999999GiB",
            "99999999999999999999",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_are_read_in_both_spellings() {
        assert_eq!(key(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(key(&format!("{}\n", "0F".repeat(32))), Some([15; 32]));
        assert_eq!(
            key("//////////////////////////////////////////8="),
            Some([255; 32])
        );
        assert_eq!(
            key("__________________________________________8"),
            Some([255; 32])
        );
        for text in [
            "",
            "abc",
            &"0g".repeat(32),
            &"0".repeat(63),
            "AAAA",
            &"é".repeat(32),
        ] {
            assert_eq!(key(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,40}|[0-9smhdKMGiB +-]{0,30}") {
            let _any = (duration(&text), size(&text), key(&text));
        }
    }
}
