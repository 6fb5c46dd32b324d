//! Which account of a provider is meant: a clinic may have several, each under a label of its own. One
//! is the primary, and calls and messages use that one only.

use super::ProviderId;

/// Longest label, in characters.
const MOST_OF_A_LABEL: usize = 60;

/// The most accounts of one provider that a clinic may have.
pub const MOST_ACCOUNTS: usize = 5;

/// The label of an account: what a clinic calls it. Two that differ in upper and lower case only are the
/// same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLabel(String);

impl AccountLabel {
    /// Takes what somebody typed. White space around it and doubled inside it is not part of it.
    ///
    /// # Errors
    /// What a label is, as a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let label = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_plain =
            |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '&' | '(' | ')' | '\'');
        if label.is_empty() || label.chars().count() > MOST_OF_A_LABEL {
            return Err("A name for an account has 1 to 60 characters.");
        }
        if !label.chars().all(is_plain) || !label.chars().any(char::is_alphanumeric) {
            return Err("A name for an account has letters, digits, spaces and - _ . & ( ) ' only.");
        }
        Ok(Self(label))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An account of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub provider: ProviderId,
    /// None means the primary one, whatever its label.
    pub label: Option<AccountLabel>,
}

impl Account {
    /// An account by its label, or the primary one where no label is given.
    ///
    /// # Errors
    /// As [`AccountLabel::parse`].
    pub fn named(provider: ProviderId, label: Option<&str>) -> Result<Self, &'static str> {
        let label = label.filter(|label| !label.is_empty()).map(AccountLabel::parse).transpose()?;
        Ok(Self { provider, label })
    }

    /// The label, where one was given.
    pub fn label(&self) -> Option<&str> {
        self.label.as_ref().map(AccountLabel::as_str)
    }

    /// What stands in the trail: `twilio`, or `twilio (Branch office)`.
    pub fn target(&self) -> String {
        match self.label() {
            Some(label) => format!("{} ({label})", self.provider.as_str()),
            None => self.provider.as_str().to_owned(),
        }
    }
}

impl From<ProviderId> for Account {
    fn from(provider: ProviderId) -> Self {
        Self { provider, label: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_people_call_it_and_nothing_else() {
        let parsed = AccountLabel::parse("  Branch \t office ").expect("a label");
        assert_eq!(parsed.as_str(), "Branch office");
        for good in ["Zweigstelle Süd", "Dr. Nord's (new)", "2", "A & B"] {
            assert!(AccountLabel::parse(good).is_ok(), "{good}");
        }
        let long = "x".repeat(61);
        for bad in ["", "   ", "...", "<b>", "a/b", "a\u{0}b", "a\u{202e}b", long.as_str()] {
            assert!(AccountLabel::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn without_a_label_the_primary_is_meant() {
        let primary = Account::from(ProviderId::Twilio);
        assert_eq!(Account::named(ProviderId::Twilio, None), Ok(primary.clone()));
        assert_eq!(Account::named(ProviderId::Twilio, Some("")), Ok(primary.clone()));
        assert_eq!(primary.target(), "twilio");
        let branch = Account::named(ProviderId::Twilio, Some("Branch")).expect("a label");
        assert_eq!(branch.target(), "twilio (Branch)");
    }
}
