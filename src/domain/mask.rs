//! Masked forms of secrets: the only thing of a secret that any page, log or answer may show.
//!
//! Computed once, before sealing. The prefix tells the kind, the end tells which one; a short
//! secret shows nothing at all.

/// The characters that stand for what is hidden.
pub const MASK: &str = "***";

/// The masked form of a secret value.
///
/// From 40 characters on the first 10 and the last 6 are shown; from 12 on a known prefix
/// (everything up to the first `_` or `-` within 6 characters) and the last 6; below that nothing.
pub fn hint(secret: &str) -> String {
    let chars: Vec<char> = secret.chars().collect();
    let tail = |n: usize| chars[chars.len() - n..].iter().collect::<String>();
    if chars.len() >= 40 {
        let head: String = chars[..10].iter().collect();
        format!("{head}{MASK}{}", tail(6))
    } else if chars.len() >= 12 {
        let prefix_end = chars.iter().take(6).position(|c| matches!(c, '_' | '-')).map_or(0, |at| at + 1);
        let head: String = chars[..prefix_end].iter().collect();
        format!("{head}{MASK}{}", tail(6))
    } else {
        MASK.to_owned()
    }
}

/// True for a value that is a mask and not a secret: somebody sent back what we showed.
pub fn is_mask(value: &str) -> bool {
    value.contains(MASK) || value.contains('\u{2022}')
}

/// A telephone number with its middle hidden, for lists that many people see.
pub fn mask_phone(number: &str) -> String {
    let digits: Vec<char> = number.chars().collect();
    if digits.len() < 8 {
        return MASK.to_owned();
    }
    let head: String = digits[..3].iter().collect();
    let tail: String = digits[digits.len() - 2..].iter().collect();
    format!("{head}{MASK}{tail}")
}

/// An e-mail address with its name hidden: `a***@clinic.example`.
pub fn mask_mail(mail: &str) -> String {
    match mail.split_once('@') {
        Some((name, domain)) => format!("{}{MASK}@{domain}", name.chars().next().unwrap_or('*')),
        None => MASK.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_secrets_show_ten_and_six() {
        assert_eq!(hint("0123456789abcdef0123456789abcdef01234567"), "0123456789***234567");
    }

    #[test]
    fn middling_secrets_show_prefix_and_six() {
        assert_eq!(hint("re_c1tpEyD8NKFu"), "re_***D8NKFu");
        assert_eq!(hint("0123456789ab"), "***6789ab");
    }

    #[test]
    fn short_secrets_show_nothing() {
        assert_eq!(hint("0123456789a"), "***");
        assert_eq!(hint(""), "***");
    }

    #[test]
    fn a_mask_sent_back_is_recognized() {
        assert!(is_mask(&hint("0123456789abcdef0123456789abcdef01234567")));
        assert!(!is_mask("0123456789abcdef"));
    }
}
