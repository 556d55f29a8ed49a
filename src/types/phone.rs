//! Phone numbers: what legacy clients write, and the MSISDN that ePayment wants (digits with country code).
//!
//! Source: `CustomerInfo.mobileNumber` (eCom), `CustomerPhoneNumber` (ePayment). Must not guess: what fits no rule is refused.

use std::fmt;

/// A country calling code, 1 to 3 digits, such as `47`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryCode(String);

impl CountryCode {
    /// Reads 1 to 3 digits that do not begin with 0.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=3).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit())
            && !text.starts_with('0');
        fits.then(|| Self(text.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for CountryCode {
    fn default() -> Self {
        Self("47".to_owned())
    }
}

/// A full number, 10 to 15 digits: country code and subscriber number. Personal data: `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Msisdn(String);

/// A number that fits no rule: eCom's error 81.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPhoneNumber;

impl Msisdn {
    /// Reads what clients send: 8 digits (the merchant's country code is put before), `+47…`, `0047…`, 10 to 15
    /// digits as they are; blanks, dashes and the like are dropped. Empty or zero is "no number".
    ///
    /// # Errors
    /// `BadPhoneNumber` for anything else.
    pub fn read(text: &str, country: &CountryCode) -> Result<Option<Self>, BadPhoneNumber> {
        let body = text.trim_start_matches([' ', '(']);
        let body = body.strip_prefix('+').unwrap_or(body);
        if !body
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')' | '.' | '\u{a0}'))
        {
            return Err(BadPhoneNumber);
        }
        let digits: String = body.chars().filter(char::is_ascii_digit).collect();
        if digits.bytes().all(|b| b == b'0') {
            let no_number = !digits.is_empty() || text.trim().is_empty();
            return if no_number {
                Ok(None)
            } else {
                Err(BadPhoneNumber)
            };
        }
        let digits = digits.strip_prefix("00").unwrap_or(&digits);
        match digits.len() {
            8 => Ok(Some(Self(format!("{}{digits}", country.0)))),
            // No country's code begins with 0: it is a number of some country's own, and which is not said.
            10..=15 if !digits.starts_with('0') => Ok(Some(Self(digits.to_owned()))),
            _ => Err(BadPhoneNumber),
        }
    }

    /// The digits, country code first.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number without `country`, as eCom shows it; the whole number where the country is another, or where it has
    /// no country code (8 digits may begin like one).
    #[must_use]
    pub fn local<'a>(digits: &'a str, country: &CountryCode) -> &'a str {
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        match digits.strip_prefix(country.as_str()) {
            Some(local) if digits.len() > 8 => local,
            _ => digits,
        }
    }
}

impl fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Msisdn(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_written_form_becomes_one_number() {
        let norway = CountryCode::default();
        for (written, read) in [
            ("91234567", Ok(Some("4791234567"))),
            ("+47 912 34 567", Ok(Some("4791234567"))),
            ("004791234567", Ok(Some("4791234567"))),
            ("4791234567", Ok(Some("4791234567"))),
            ("912-34-567", Ok(Some("4791234567"))),
            ("(+47) 91 23 45 67", Ok(Some("4791234567"))),
            ("4512345678", Ok(Some("4512345678"))),
            ("", Ok(None)),
            ("   ", Ok(None)),
            ("0", Ok(None)),
            ("00000000", Ok(None)),
            ("1234567", Err(BadPhoneNumber)),
            ("123456789", Err(BadPhoneNumber)),
            ("1234567890123456", Err(BadPhoneNumber)),
            ("9123456a", Err(BadPhoneNumber)),
            // Found by fuzzing: what is left of it would have been sent as it is.
            ("0000479113467", Err(BadPhoneNumber)),
            ("0701234567", Err(BadPhoneNumber)),
            ("91+234567", Err(BadPhoneNumber)),
            ("+", Err(BadPhoneNumber)),
        ] {
            let got = Msisdn::read(written, &norway);
            assert_eq!(
                got.as_ref().map(|n| n.as_ref().map(Msisdn::as_str)),
                read.as_ref().map(|n| *n),
                "{written:?}"
            );
        }
    }

    #[test]
    fn the_country_code_is_the_merchants() {
        let denmark = CountryCode::parse("45").unwrap();
        assert_eq!(
            Msisdn::read("12345678", &denmark)
                .unwrap()
                .unwrap()
                .as_str(),
            "4512345678"
        );
        assert_eq!(Msisdn::local("4512345678", &denmark), "12345678");
        assert_eq!(Msisdn::local("4791234567", &denmark), "4791234567");
        assert_eq!(CountryCode::parse("047"), None);
    }

    #[test]
    fn a_number_never_prints() {
        let number = Msisdn::read("91234567", &CountryCode::default()).unwrap();
        assert!(!format!("{number:?}").contains("91234567"));
    }
}
