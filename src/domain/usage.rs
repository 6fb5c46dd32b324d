//! What an account of a clinic was used for: the words that are stored, and those that people read.

/// A real use that succeeded. Checks, and looks at what is set up, are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A verified message of a call came in, or a call was placed.
    Call,
    Message,
    TestMessage,
    Alert,
    FreeTimes,
    Booking,
    Email,
    SheetRow,
}

impl Use {
    pub const ALL: [Use; 8] = [
        Use::Call,
        Use::Message,
        Use::TestMessage,
        Use::Alert,
        Use::FreeTimes,
        Use::Booking,
        Use::Email,
        Use::SheetRow,
    ];

    /// The stored word. `touch_assistants` in the database says `call` by itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Use::Call => "call",
            Use::Message => "message",
            Use::TestMessage => "test_message",
            Use::Alert => "alert",
            Use::FreeTimes => "free_times",
            Use::Booking => "booking",
            Use::Email => "email",
            Use::SheetRow => "sheet_row",
        }
    }

    /// After "last used by".
    pub const fn phrase(self) -> &'static str {
        match self {
            Use::Call => "a call",
            Use::Message => "a message",
            Use::TestMessage => "a test message",
            Use::Alert => "an alert",
            Use::FreeTimes => "a look for free times",
            Use::Booking => "a booking",
            Use::Email => "an e-mail",
            Use::SheetRow => "a row in the spreadsheet",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_use_is_found_again_by_its_word() {
        for known in Use::ALL {
            assert_eq!(Use::parse(known.as_str()), Some(known));
        }
        assert_eq!(Use::parse("a call"), None);
    }
}
