//! Telephone numbers in international form (E.164), and how they look while being typed.
//!
//! Only the shape is checked here: a plus sign, a country code, at most 15 digits. Whether a number
//! exists or belongs to an account is the provider's answer.

use std::fmt;

/// A number in E.164 form: `+` and 7 to 15 digits, the first not zero.
/// <https://www.itu.int/rec/T-REC-E.164>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// Why a text is no number. The words are for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneError {
    Empty,
    NoCountryCode,
    NotDigits,
    TooShort,
    TooLong,
}

impl PhoneError {
    pub const fn sentence(self) -> &'static str {
        match self {
            PhoneError::Empty => "Enter a phone number",
            PhoneError::NoCountryCode => "Start with + and the country code, for example +1 555 010 0123",
            PhoneError::NotDigits => "A phone number has only digits after the +",
            PhoneError::TooShort => "This number is too short",
            PhoneError::TooLong => "This number is too long: 15 digits at most",
        }
    }
}

impl PhoneNumber {
    /// Reads a number as people write it: spaces, dashes, dots and brackets are dropped, a leading
    /// `00` stands for `+`.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let compact: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '(' | ')' | '/'))
            .collect();
        if compact.is_empty() {
            return Err(PhoneError::Empty);
        }
        let digits = compact
            .strip_prefix('+')
            .or_else(|| compact.strip_prefix("00"))
            .ok_or(PhoneError::NoCountryCode)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(PhoneError::NotDigits);
        }
        if digits.starts_with('0') {
            return Err(PhoneError::NoCountryCode);
        }
        match digits.len() {
            0..=6 => Err(PhoneError::TooShort),
            7..=15 => Ok(Self(format!("+{digits}"))),
            _ => Err(PhoneError::TooLong),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Groups the digits of a number while it is typed: `+15550100123` becomes `+1 555 010 0123`.
///
/// North American numbers get their usual groups; all others groups of three after a country code
/// of two digits. Anything that is not a number is given back as it was.
pub fn format_as_typed(text: &str) -> String {
    let trimmed = text.trim_start();
    let Some(rest) = trimmed.strip_prefix('+') else { return text.to_owned() };
    if rest.chars().any(|c| !(c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')' | '.'))) {
        return text.to_owned();
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    let (code, groups): (usize, &[usize]) =
        if digits.starts_with('1') { (1, &[3, 3, 4]) } else { (2, &[3, 3, 3, 3, 3]) };
    let mut out = String::from("+");
    let mut at = code.min(digits.len());
    out.push_str(&digits[..at]);
    for size in groups.iter().chain(std::iter::repeat(&3)) {
        if at >= digits.len() {
            break;
        }
        let end = (at + size).min(digits.len());
        out.push(' ');
        out.push_str(&digits[at..end]);
        at = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for text in ["+1 (555) 010-0123", "0015550100123", " +1.555.010.0123 "] {
            assert_eq!(PhoneNumber::parse(text).map(|n| n.0), Ok("+15550100123".to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_says_why() {
        assert_eq!(PhoneNumber::parse(""), Err(PhoneError::Empty));
        assert_eq!(PhoneNumber::parse("555 0100"), Err(PhoneError::NoCountryCode));
        assert_eq!(PhoneNumber::parse("+1asd"), Err(PhoneError::NotDigits));
        assert_eq!(PhoneNumber::parse("+123"), Err(PhoneError::TooShort));
        assert_eq!(PhoneNumber::parse("+1234567890123456"), Err(PhoneError::TooLong));
        assert_eq!(PhoneNumber::parse("+0123456789"), Err(PhoneError::NoCountryCode));
    }

    #[test]
    fn typing_groups_digits_and_never_changes_them() {
        assert_eq!(format_as_typed("+15550100123"), "+1 555 010 0123");
        assert_eq!(format_as_typed("+1555"), "+1 555");
        assert_eq!(format_as_typed("+4930123456"), "+49 301 234 56");
        assert_eq!(format_as_typed("AC123"), "AC123");
        assert_eq!(format_as_typed(""), "");
    }
}
