//! Identifiers of events: ours, so that a booking that is tried twice is one event.

use uuid::Uuid;

/// Letters of base32hex (RFC 4648, 7) in lower case: the only ones that Google takes.
const LETTERS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// The identifier of the event that a booking becomes.
pub fn event_id(booking: Uuid) -> String {
    let mut id = String::from("b");
    let mut bits = booking.as_u128();
    let mut letters = [0_u8; 26];
    for letter in letters.iter_mut().rev() {
        *letter = LETTERS[(bits & 31) as usize];
        bits >>= 5;
    }
    id.extend(letters.map(char::from));
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_one_that_google_takes_and_belongs_to_one_booking() {
        let (one, two) = (Uuid::from_u128(u128::MAX), Uuid::from_u128(1));
        for booking in [one, two, Uuid::nil()] {
            let id = event_id(booking);
            assert_eq!(id.len(), 27);
            assert!(id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v')), "{id}");
            assert_eq!(id, event_id(booking));
        }
        assert_ne!(event_id(one), event_id(two));
        assert_eq!(event_id(two), format!("b{}1", "0".repeat(25)));
    }
}
