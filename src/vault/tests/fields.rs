//! The binary form of a credential's fields.

use proptest::collection::vec;
use proptest::prelude::any;

use super::support::cases;
use crate::vault::{SecretFields, SecretText, VaultError};

fn fields_of(pairs: &[(&str, &str)]) -> SecretFields {
    let mut fields = SecretFields::new();
    for (key, value) in pairs {
        fields.insert(key, SecretText::new((*value).to_owned()));
    }
    fields
}

fn is_unreadable(bytes: &[u8]) -> bool {
    matches!(SecretFields::decode(bytes), Err(VaultError::UnreadableFields))
}

#[test]
fn fields_come_back_as_they_were_in_their_order() {
    let strategy = vec(("\\PC{0,20}", "\\PC{0,80}"), 0..6);
    cases(1_000)
        .run(&strategy, |pairs| {
            let pairs = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>();
            let fields = fields_of(&pairs);
            let back = SecretFields::decode(fields.encode().expose()).unwrap();
            assert_eq!(back, fields);
            assert!(back.iter().map(|(key, _)| key).eq(fields.iter().map(|(key, _)| key)));
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_second_insert_replaces_the_value_in_its_place() {
    let fields = fields_of(&[("a", "1"), ("b", "2"), ("a", "3")]);
    let pairs = fields.iter().map(|(key, value)| (key, value.expose())).collect::<Vec<_>>();
    assert_eq!(pairs, [("a", "3"), ("b", "2")]);
    assert!(fields.find("c").is_none());
}

#[test]
fn random_bytes_decode_or_err_but_never_panic() {
    cases(5_000)
        .run(&vec(any::<u8>(), 0..200), |mut bytes| {
            let _ = SecretFields::decode(&bytes);
            // Past the version byte and with small lengths more of the reader is reached.
            bytes.splice(0..0, [1, 0, 0, 0, 0, 0, 0, 0, 3]);
            let _ = SecretFields::decode(&bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_cut_or_lengthened_form_is_unreadable() {
    let whole = fields_of(&[("apiKey", "abc"), ("empty", "")]).encode();
    let whole = whole.expose();
    // A cut between two fields leaves a form that is whole, with fewer fields; the tag forbids it.
    let between = 1 + 8 + "apiKey".len() + 8 + "abc".len();
    for end in (0..whole.len()).filter(|end| ![1, between].contains(end)) {
        assert!(is_unreadable(&whole[..end]), "cut at {end}");
    }
    assert!(is_unreadable(&[whole, &[0]].concat()));
}

#[test]
fn forged_lengths_versions_and_keys_are_unreadable() {
    assert!(is_unreadable(&[]));
    assert!(is_unreadable(&[2]), "another version");
    assert!(is_unreadable(&[&[1][..], &[0xff; 8]].concat()), "a length beyond all memory");
    let once = fields_of(&[("a", "1")]).encode();
    assert!(is_unreadable(&[once.expose(), &once.expose()[1..]].concat()), "a key twice");
    let mut not_text = fields_of(&[("a", "1")]).encode().expose().to_vec();
    *not_text.last_mut().unwrap() = 0xff;
    assert!(is_unreadable(&not_text), "bytes that are no text");
}
