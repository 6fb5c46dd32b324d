//! Sealing, opening and the life of data keys, beyond what is bound.

use std::sync::atomic::Ordering;

use super::support::{KEY, MemorySource, OTHER_KEY, org, place, vault};
use crate::vault::{Keyring, Place, SealedSource, Vault, VaultError, VaultOptions, WrappedKey};

#[tokio::test]
async fn what_was_sealed_opens_and_two_seals_differ() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let home = place(org(1));
    for text in [&b""[..], b"x", &[7; 100_000]] {
        let first = vault.seal(&home, text).await.unwrap();
        let second = vault.seal(&home, text).await.unwrap();
        assert_ne!(first, second);
        assert_eq!(vault.open_at(&home, &first).await.unwrap().expose(), text);
        assert_eq!(first.as_bytes().len(), text.len() + 34);
    }
    assert_eq!(source.keys.lock().unwrap().len(), 1, "one data key serves all");
}

#[tokio::test]
async fn the_platform_has_a_data_key_of_its_own() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let home = Place { org: None, table: "users", column: "second_factor", ..place(org(1)) };
    let sealed = vault.seal(&home, b"text").await.unwrap();
    assert_eq!(vault.open_at(&home, &sealed).await.unwrap().expose(), b"text");
    assert_eq!(source.key(None, 1).version, 1);
}

#[tokio::test]
async fn names_too_long_to_be_bound_are_refused_not_cut() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let provider = "p".repeat(300);
    let sealed = vault.seal(&Place { provider: &provider, ..place(org(1)) }, b"text").await;
    assert!(matches!(sealed, Err(VaultError::PlaceTooLong)));
}

#[tokio::test]
async fn blobs_of_a_destroyed_data_key_are_lost() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let home = place(org(1));
    let sealed = vault.seal(&home, b"text").await.unwrap();
    assert!(vault.open_at(&home, &sealed).await.is_ok());
    source.keys.lock().unwrap().clear();
    vault.evict(org(1));
    assert!(matches!(vault.open_at(&home, &sealed).await, Err(VaultError::NoDataKey { version: 1 })));
}

#[tokio::test]
async fn blobs_of_older_versions_open_after_a_new_version_was_started() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let home = place(org(1));
    let old = vault.seal(&home, b"old").await.unwrap();
    let current = source.key(home.org, 1);
    let next = vault.next_key(org(1), &current).unwrap();
    assert!(next.version == 2 && next.seals_reserved > 0);
    let next = source.insert_data_key(home.org, &next).await.unwrap();
    vault.take_up(org(1), current, next).await;
    let new = vault.seal(&home, b"new").await.unwrap();
    assert_eq!((old.key_version(), new.key_version()), (1, 2));
    assert_eq!(vault.open_at(&home, &old).await.unwrap().expose(), b"old");
    assert_eq!(vault.open_at(&home, &new).await.unwrap().expose(), b"new");
    let mixed = vault.open_with_key(&home, &old, &source.key(home.org, 2));
    assert!(matches!(mixed, Err(VaultError::OtherKeyVersion { sealed: 1, given: 2 })));
}

#[tokio::test]
async fn a_rewrapped_data_key_opens_old_blobs_without_the_old_kek() {
    let source = MemorySource::new();
    let before = vault(&source);
    let home = place(org(1));
    let sealed = before.seal(&home, b"text").await.unwrap();
    let old = source.key(home.org, 1);
    let fingerprint = before.fingerprint("account", b"AC1").await.unwrap();

    let both = format!("{} {KEY} retired\n9 {OTHER_KEY} current", old.kek_id);
    let during = Vault::new(Keyring::parse(&both).unwrap(), source.clone(), VaultOptions::default());
    let rewrapped: Vec<WrappedKey> =
        [home.org, None].map(|org| during.rewrap(org, &source.key(org, 1)).unwrap()).into();
    assert_eq!((rewrapped[0].kek_id, rewrapped[0].version), (9, 1));
    assert_eq!(rewrapped[0].seals_reserved, old.seals_reserved, "the budget is the data key's");

    let only_new = Keyring::parse(&format!("9 {OTHER_KEY} current")).unwrap();
    let after = Vault::new(only_new, source.clone(), VaultOptions::default());
    assert!(after.unknown_kek().is_none());
    let unknown = after.open_at(&home, &sealed).await;
    assert!(matches!(unknown, Err(VaultError::UnknownKek { kek_id }) if kek_id == old.kek_id));
    assert_eq!(after.unknown_kek(), Some(old.kek_id), "the process knows that it is not ready");

    source
        .keys
        .lock()
        .unwrap()
        .extend([((home.org, 1), rewrapped[0].clone()), ((None, 1), rewrapped[1].clone())]);
    after.evict_all();
    assert_eq!(after.open_at(&home, &sealed).await.unwrap().expose(), b"text");
    assert_eq!(after.fingerprint("account", b"AC1").await.unwrap(), fingerprint);
}

#[tokio::test]
async fn fingerprints_differ_by_purpose_value_and_installation() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let print = vault.fingerprint("account", b"AC1").await.unwrap();
    assert_eq!(print, vault.fingerprint("account", b"AC1").await.unwrap());
    assert_ne!(print, vault.fingerprint("account", b"AC2").await.unwrap());
    assert_ne!(print, vault.fingerprint("accountA", b"C1").await.unwrap());
    let elsewhere = MemorySource::new();
    assert_ne!(print, super::support::vault(&elsewhere).fingerprint("account", b"AC1").await.unwrap());
}

#[tokio::test]
async fn nothing_is_sealed_while_the_store_is_down() {
    let source = MemorySource::new();
    let vault = vault(&source);
    source.failing.store(true, Ordering::SeqCst);
    let error = vault.seal(&place(org(1)), b"text").await.unwrap_err();
    assert!(matches!(error, VaultError::Source(_)) && error.is_transient());
    source.failing.store(false, Ordering::SeqCst);
    assert!(vault.seal(&place(org(1)), b"text").await.is_ok());
}
