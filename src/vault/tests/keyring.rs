//! Which keys are accepted, and whether they fit the database.

use proptest::prelude::any;

use super::support::{KEY, OTHER_KEY, cases};
use crate::vault::{KeyCheck, KeyState, Keyring, KeyringError};

const THIRD_KEY: &str = "abababababababababababababababababababababababababababababababab";

fn ring(lines: &[(i64, &str, &str)]) -> Keyring {
    Keyring::parse(&text(lines)).unwrap()
}

fn text(lines: &[(i64, &str, &str)]) -> String {
    lines.iter().map(|(id, key, state)| format!("{id} {key} {state}\n")).collect()
}

fn states(rows: &[KeyCheck]) -> Vec<(i64, KeyState)> {
    rows.iter().map(|row| (row.kek_id, row.state)).collect()
}

fn error_of(text: &str) -> String {
    let error = Keyring::parse(text).unwrap_err().to_string();
    assert!(![KEY, OTHER_KEY].iter().any(|key| error.contains(&key[..6])), "{error}");
    error
}

#[test]
fn the_same_hex_key_has_the_same_id_and_another_key_another() {
    let id = |text: &str| Keyring::from_hex(text).unwrap().current().id();
    assert_eq!(id(KEY), id(&format!(" {}\n", KEY.to_uppercase())));
    assert_ne!(id(KEY), id(OTHER_KEY));
    assert!(u32::try_from(id(KEY)).is_ok_and(|id| id > 0));
}

#[test]
fn a_missing_short_or_garbled_key_is_refused_without_repeating_it() {
    for (text, words) in [
        (String::new(), "no encryption key is set"),
        ("  \n".to_owned(), "no encryption key is set"),
        (KEY[..10].to_owned(), "an encryption key is 64 hexadecimal characters, not 10"),
        (format!("{KEY}00"), "an encryption key is 64 hexadecimal characters, not 66"),
        (KEY.replace('0', "g"), "an encryption key is 64 hexadecimal characters, and nothing else"),
    ] {
        assert_eq!(Keyring::from_hex(&text).unwrap_err().to_string(), words);
    }
}

#[test]
fn a_key_file_has_comments_and_one_current_key() {
    let ring = Keyring::parse(&format!("# keys\n\n 7 {KEY} retired # old\n8 {OTHER_KEY} current\n")).unwrap();
    assert_eq!((ring.ids(), ring.current().id()), (vec![7, 8], 8));
    assert_eq!(ring.find(7).unwrap().state(), KeyState::Retired);
    assert!(ring.find(9).is_none());
}

#[test]
fn a_bad_key_file_is_refused_with_line_and_id() {
    assert_eq!(error_of(" # nothing\n"), "no encryption key is set");
    assert_eq!(error_of(&format!("\n7 {KEY}")), "line 2 of the key file is not `id key state`");
    assert_eq!(error_of(&format!("7 {KEY} current now")), "line 1 of the key file is not `id key state`");
    for id in ["0", "-1", "4294967296", "seven"] {
        let words = "line 1 of the key file: an id is a number from 1 to 4294967295";
        assert_eq!(error_of(&format!("{id} {KEY} current")), words);
    }
    assert_eq!(
        error_of(&format!("7 {} current", &KEY[2..])),
        "line 1 of the key file: the key 7 is not 64 hexadecimal characters"
    );
    assert_eq!(
        error_of(&format!("7 {KEY} primary")),
        "line 1 of the key file: the state of the key 7 is current, staged or retired"
    );
    assert_eq!(
        error_of(&text(&[(7, KEY, "current"), (7, OTHER_KEY, "staged")])),
        "the key file names the id 7 twice"
    );
    assert_eq!(
        error_of(&text(&[(7, KEY, "current"), (8, KEY, "staged")])),
        "the key file holds the same key under the ids 7 and 8"
    );
    assert_eq!(
        error_of(&text(&[(7, KEY, "staged")])),
        "the key file has 0 current keys; exactly one must be current"
    );
    assert_eq!(
        error_of(&text(&[(7, KEY, "current"), (8, OTHER_KEY, "current")])),
        "the key file has 2 current keys; exactly one must be current"
    );
}

#[test]
fn random_text_for_a_key_file_never_panics() {
    cases(3_000)
        .run(&(any::<String>(), "([0-9a-z# ]{0,80}\n){0,4}"), |(anything, alike)| {
            for text in [&anything, &alike] {
                let _ = Keyring::parse(text);
                let _ = Keyring::from_hex(text);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_generated_line_is_a_key_file() {
    let line = Keyring::generate_line(KeyState::Current).unwrap();
    let from_line = Keyring::parse(line.expose()).unwrap();
    let key = line.expose().split(' ').nth(1).unwrap();
    assert_eq!(from_line.ids(), Keyring::from_hex(key).unwrap().ids(), "the id is the derived one");
    assert_ne!(line, Keyring::generate_line(KeyState::Current).unwrap());
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("voxanne-keyring-{}", uuid::Uuid::now_v7()));
    std::fs::write(&path, text(&[(7, KEY, "current")])).unwrap();
    let read_as = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Keyring::from_file(&path)
    };
    for mode in [0o400, 0o600] {
        assert_eq!(read_as(mode).unwrap().ids(), [7]);
    }
    for mode in [0o644, 0o640, 0o604, 0o620, 0o601, 0o660] {
        assert!(matches!(read_as(mode), Err(KeyringError::FileMode { mode: seen }) if seen == mode));
    }
    assert_eq!(
        read_as(0o644).unwrap_err().to_string(),
        "the key file has mode 0644; nobody but its owner may read it (0400 or 0600)"
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "#".repeat(70_000)).unwrap();
    assert!(matches!(Keyring::from_file(&path), Err(KeyringError::FileTooLarge)));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(Keyring::from_file(&path), Err(KeyringError::File(_))));
}

#[test]
fn the_first_start_stores_checks_and_the_next_adds_none() {
    let ring = ring(&[(7, KEY, "current"), (8, OTHER_KEY, "staged"), (9, THIRD_KEY, "retired")]);
    let stored = ring.check(&[]).unwrap();
    assert_eq!(states(&stored), [(7, KeyState::Current), (8, KeyState::Staged)]);
    assert_eq!(ring.check(&stored).unwrap(), []);
}

#[test]
fn a_wrong_single_key_is_told_by_the_ids() {
    let right = Keyring::from_hex(KEY).unwrap();
    let wrong = Keyring::from_hex(OTHER_KEY).unwrap();
    let error = wrong.check(&right.check(&[]).unwrap()).unwrap_err();
    let (used, held) = (right.current().id(), wrong.current().id());
    assert_eq!(
        error.to_string(),
        format!("the database uses the key {used}, which is not in the keyring (it holds {held})")
    );
}

#[test]
fn other_material_under_a_known_id_is_refused() {
    let stored = ring(&[(7, KEY, "current"), (8, OTHER_KEY, "staged")]).check(&[]).unwrap();
    let wrong = ring(&[(7, THIRD_KEY, "current")]).check(&stored);
    assert!(matches!(wrong, Err(KeyringError::WrongKey { id: 7 })));
    let swapped = ring(&[(7, OTHER_KEY, "current"), (8, KEY, "staged")]).check(&stored);
    assert!(matches!(swapped, Err(KeyringError::WrongKey { id: 7 })));
}

#[test]
fn a_check_moved_to_another_id_or_garbled_is_refused() {
    let ring = ring(&[(7, KEY, "current")]);
    let mut stored = ring.check(&[]).unwrap();
    stored[0].sealed = stored[0].sealed.slice(..10);
    assert!(matches!(ring.check(&stored), Err(KeyringError::WrongKey { id: 7 })));
    let same_key = Keyring::parse(&text(&[(8, KEY, "current")])).unwrap();
    let mut moved = ring.check(&[]).unwrap();
    moved[0].kek_id = 8;
    assert!(matches!(same_key.check(&moved), Err(KeyringError::WrongKey { id: 8 })));
}

#[test]
fn a_key_becomes_current_only_after_it_was_staged() {
    let stored = ring(&[(7, KEY, "current")]).check(&[]).unwrap();
    let rotated = ring(&[(7, KEY, "retired"), (8, OTHER_KEY, "current")]);
    assert!(matches!(rotated.check(&stored), Err(KeyringError::NotStaged { id: 8 })));

    let staged = ring(&[(7, KEY, "current"), (8, OTHER_KEY, "staged")]).check(&stored).unwrap();
    assert_eq!(states(&staged), [(8, KeyState::Staged)]);
    let stored = [stored, staged].concat();
    let promoted = rotated.check(&stored).unwrap();
    assert_eq!(states(&promoted), [(8, KeyState::Current)], "the row says from now on that it is in use");

    let stored = vec![stored[0].clone(), promoted[0].clone()];
    assert_eq!(rotated.check(&stored).unwrap(), []);
    let rolled_back = ring(&[(7, KEY, "current"), (8, OTHER_KEY, "staged")]);
    assert_eq!(rolled_back.check(&stored).unwrap(), [], "a step back keeps both in use");
}

#[test]
fn a_key_that_is_in_use_cannot_be_left_out_and_a_retired_one_cannot_come_back() {
    let mut stored = ring(&[(7, KEY, "current"), (8, OTHER_KEY, "staged")]).check(&[]).unwrap();
    stored[1].state = KeyState::Current;
    let only_new = ring(&[(8, OTHER_KEY, "current")]);
    assert!(matches!(only_new.check(&stored), Err(KeyringError::MissingKey { id: 7, .. })));
    stored[0].state = KeyState::Retired;
    assert_eq!(only_new.check(&stored).unwrap(), []);

    for lines in
        [[(7, KEY, "current"), (8, OTHER_KEY, "staged")], [(7, KEY, "staged"), (8, OTHER_KEY, "current")]]
    {
        assert!(matches!(ring(&lines).check(&stored), Err(KeyringError::Retired { id: 7 })));
    }
    let kept = ring(&[(7, KEY, "retired"), (8, OTHER_KEY, "current")]);
    assert_eq!(kept.check(&stored).unwrap(), []);
}

#[test]
fn a_staged_key_that_never_served_may_be_given_up() {
    let stored = ring(&[(7, KEY, "current"), (8, OTHER_KEY, "staged")]).check(&[]).unwrap();
    assert_eq!(ring(&[(7, KEY, "current")]).check(&stored).unwrap(), []);
}
