//! A blob opens in its own place, whole and unchanged, or not at all.

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::sample::select;
use uuid::Uuid;

use super::support::{MemorySource, all_cases, cases, now, org, place, vault};
use crate::domain::OrgId;
use crate::vault::envelope::DataKey;
use crate::vault::{Place, Sealed, VaultError, WrappedKey};

const NAMES: [&str; 5] = ["org_credentials", "sealed", "seal", "webhook_secrets", "oauth_tokens"];

/// Which one thing differs between where a blob was sealed and where it is tried.
#[derive(Clone, Copy, Debug)]
enum Moved {
    Org,
    ToPlatform,
    Table,
    Column,
    Provider,
    Row,
    KeyVersion,
}

#[test]
fn a_moved_blob_does_not_open() {
    use Moved::{Column, KeyVersion, Org, Provider, Row, Table, ToPlatform};
    let source = MemorySource::new();
    let vault = vault(&source);
    let moves = select(vec![Org, ToPlatform, Table, Column, Provider, Row, KeyVersion]);
    let strategy =
        (moves, select(&NAMES), select(&NAMES), "[a-z]{0,12}", any::<u128>(), vec(any::<u8>(), 0..64));
    cases(10_000)
        .run(&strategy, |(moved, table, column, provider, row, text)| {
            let home =
                Place { org: Some(org(1)), table, column, provider: &provider, row: Uuid::from_u128(row) };
            let sealed = now(vault.seal(&home, &text)).unwrap();
            let key = source.key(home.org, 1);
            assert_eq!(vault.open_with_key(&home, &sealed, &key).unwrap().expose(), text);

            let secret = vault.unwrap(home.org, &key).unwrap();
            let other = |name: &'static str| if name == NAMES[0] { NAMES[1] } else { NAMES[0] };
            let other_provider = format!("{provider}x");
            let away = match moved {
                Org => Place { org: Some(org(2)), ..home },
                ToPlatform => Place { org: None, ..home },
                Table => Place { table: other(table), ..home },
                Column => Place { column: other(column), ..home },
                Provider => Place { provider: &other_provider, ..home },
                Row => Place { row: Uuid::from_u128(row ^ 1), ..home },
                KeyVersion => home,
            };
            // The key of the new place is at hand, as it would be for a hostile database.
            now(vault.seal(&away, b"")).unwrap();
            let (sealed, key) = match moved {
                KeyVersion => as_version_two(&sealed, &key),
                _ => (sealed, source.key(away.org, 1)),
            };
            let opened = vault.open_with_key(&away, &sealed, &key);
            assert!(matches!(opened, Err(VaultError::DoesNotOpen)), "{moved:?} opened: {opened:?}");
            // Even with the key that sealed it, the place alone forbids it.
            let its_own = DataKey::new(home.org, sealed.key_version(), &secret).unwrap();
            let opened = its_own.open(&away, &sealed);
            assert!(matches!(opened, Err(VaultError::DoesNotOpen)), "{moved:?} opened: {opened:?}");
            Ok(())
        })
        .unwrap();
}

/// The blob and its key, both claiming to be version 2.
fn as_version_two(sealed: &Sealed, key: &WrappedKey) -> (Sealed, WrappedKey) {
    let mut bytes = sealed.as_bytes().to_vec();
    bytes[2..6].copy_from_slice(&2_i32.to_be_bytes());
    (Sealed::parse(bytes).unwrap(), WrappedKey { version: 2, ..key.clone() })
}

#[test]
fn names_that_run_together_alike_are_different_places() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let home = Place { table: "ab", column: "c", ..place(org(1)) };
    let sealed = now(vault.seal(&home, b"text")).unwrap();
    let alike = Place { table: "a", column: "bc", ..home };
    assert!(matches!(now(vault.open_at(&alike, &sealed)), Err(VaultError::DoesNotOpen)));
}

#[test]
fn a_wrapped_key_serves_only_its_organization_and_version() {
    let source = MemorySource::new();
    let vault = vault(&source);
    now(vault.seal(&place(org(1)), b"text")).unwrap();
    let key = source.key(Some(org(1)), 1);
    let tries: [(Option<OrgId>, i32, bool); 4] =
        [(Some(org(1)), 1, true), (Some(org(2)), 1, false), (None, 1, false), (Some(org(1)), 2, false)];
    for (org, version, opens) in tries {
        let tried = WrappedKey { version, ..key.clone() };
        assert_eq!(vault.unwrap(org, &tried).is_ok(), opens, "{org:?} {version}");
    }
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_blob_is_refused() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let home = place(org(1));
    let whole = now(vault.seal(&home, b"thirty-one bytes of plain text.")).unwrap();
    let key = source.key(home.org, 1);
    let opens = |bytes: &[u8]| {
        Sealed::parse(bytes.to_vec()).and_then(|sealed| vault.open_with_key(&home, &sealed, &key)).is_ok()
    };
    assert!(opens(whole.as_bytes()));
    refuses_all_changes(whole.as_bytes(), opens);
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_wrapped_key_is_refused() {
    let source = MemorySource::new();
    let vault = vault(&source);
    now(vault.seal(&place(org(1)), b"text")).unwrap();
    let whole = source.key(Some(org(1)), 1);
    let opens = |bytes: &[u8]| {
        let key = WrappedKey { bytes: bytes.to_vec().into(), ..whole.clone() };
        vault.unwrap(Some(org(1)), &key).is_ok()
    };
    assert!(opens(&whole.bytes));
    refuses_all_changes(&whole.bytes, opens);
}

fn refuses_all_changes(whole: &[u8], opens: impl Fn(&[u8]) -> bool) {
    for end in 0..whole.len() {
        assert!(!opens(&whole[..end]), "cut at {end}");
    }
    assert!(!opens(&[whole, &[0]].concat()), "one byte more");
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(&changed), "bit {bit}");
    }
}

#[test]
fn random_bytes_for_a_blob_never_open_and_never_panic() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let home = place(org(1));
    now(vault.seal(&home, b"text")).unwrap();
    let key = source.key(home.org, 1);
    // Bounded: ten million, as a fuzzer would, take hours here. `VOXANNE_BARS=full` makes it a million.
    cases(if all_cases() { 1_000_000 } else { 5_000 })
        .run(&vec(any::<u8>(), 0..120), |mut bytes| {
            assert!(Sealed::parse(bytes.clone()).and_then(|s| vault.open_with_key(&home, &s, &key)).is_err());
            bytes.splice(0..0, [1, 1, 0, 0, 0, 1]);
            assert!(Sealed::parse(bytes.clone()).and_then(|s| vault.open_with_key(&home, &s, &key)).is_err());
            let garbled = WrappedKey { bytes: bytes.into(), ..key.clone() };
            assert!(vault.unwrap(home.org, &garbled).is_err());
            Ok(())
        })
        .unwrap();
}
