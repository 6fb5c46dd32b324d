//! Secrets do not print and cannot be serialized.

use std::fmt::Display;

use serde::Serialize;

use super::support::{KEY, MemorySource, connect, now, org, place, vault};
use crate::domain::ProviderId;
use crate::vault::{KeyState, Keyring, SecretBytes, SecretFields, SecretText};

/// Fails to compile if the type has the trait: the item is then found twice.
macro_rules! lacks {
    ($type:ty: $trait:path) => {
        const _: fn() = || {
            trait Found<A> {
                fn once() {}
            }
            impl<T: ?Sized> Found<()> for T {}
            struct Twice;
            impl<T: ?Sized + $trait> Found<Twice> for T {}
            let _ = <$type as Found<_>>::once;
        };
    };
}

lacks!(SecretText: Serialize);
lacks!(SecretText: Display);
lacks!(SecretText: AsRef<str>);
lacks!(SecretText: std::ops::Deref);
lacks!(SecretBytes: Serialize);
lacks!(SecretBytes: Display);
lacks!(SecretBytes: std::ops::Deref);
lacks!(SecretFields: Serialize);
lacks!(SecretFields: Display);
lacks!(Keyring: Serialize);
lacks!(Keyring: Clone);

#[test]
fn debug_of_secret_types_says_nothing() {
    let text = SecretText::new("hunter2".to_owned());
    let bytes = SecretBytes::new(b"hunter2".to_vec());
    let mut fields = SecretFields::new();
    fields.insert("apiKey", text.clone());
    for printed in [format!("{text:?}"), format!("{bytes:?}"), format!("{fields:?}"), format!("{fields:#?}")]
    {
        assert_eq!(printed, "[secret]");
    }
}

#[test]
fn debug_of_keys_and_blobs_shows_ids_and_versions_only() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let sealed = now(vault.seal(&place(org(1)), b"text")).unwrap();
    let key = source.key(Some(org(1)), 1);
    now(connect(&vault, &source, org(1), "hunter2"));
    let row = source.rows()[&(org(1), ProviderId::Vapi)].clone();
    assert_eq!(format!("{sealed:?}"), "[sealed with key version 1]");
    let id = key.kek_id;
    assert_eq!(
        format!("{key:?}"),
        format!("WrappedKey {{ version: 1, kek_id: {id}, seals_reserved: 1024, .. }}")
    );
    assert_eq!(
        format!("{vault:?}"),
        format!("Vault {{ keyring: Keyring {{ keks: [{id} current], current: 0 }}, .. }}")
    );
    let line = Keyring::generate_line(KeyState::Staged).unwrap();
    for printed in [format!("{vault:#?}"), format!("{row:?}"), format!("{line:?}")] {
        assert!(!printed.contains(&KEY[..8]) && !printed.contains("hunter2") && !printed.contains("bytes"));
    }
}

#[test]
fn secrets_are_equal_by_their_contents() {
    let text = |text: &str| SecretText::new(text.to_owned());
    assert_eq!(text("a"), text("a"));
    assert_ne!(text("a"), text("b"));
    assert_ne!(text("a"), text("aa"));
    assert_ne!(SecretBytes::new(vec![1]), SecretBytes::new(vec![2]));
}
