//! The seal budget.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::support::{MemorySource, all_cases, org, place, vault_with};
use crate::vault::{MAX_SEALS, Place, VaultOptions};

fn options(seal_block: i64, seal_limit: i64) -> VaultOptions {
    VaultOptions { seal_block, seal_limit, ..VaultOptions::default() }
}

#[tokio::test]
async fn a_data_key_seals_up_to_its_limit_and_no_nonce_repeats() {
    let source = MemorySource::new();
    // The block does not divide the limit: the last one of each version is used in part.
    let vault = vault_with(&source, options(64, 1_000));
    let home = place(org(1));
    let mut seals = BTreeMap::<i32, i64>::new();
    let mut nonces = HashSet::new();
    // `VOXANNE_BARS=full` makes it four million.
    let count = if all_cases() { 4_000_000 } else { 200_000 };
    for _ in 0..count {
        let sealed = vault.seal(&home, b"").await.unwrap();
        *seals.entry(sealed.key_version()).or_default() += 1;
        let nonce: [u8; 12] = sealed.as_bytes()[6..18].try_into().unwrap();
        assert!(nonces.insert((sealed.key_version(), nonce)));
    }
    assert_eq!(seals.len(), count / 1_000);
    assert!(seals.values().all(|count| *count == 1_000), "{seals:?}");
}

#[tokio::test]
async fn processes_and_restarts_share_one_budget_and_only_overcount() {
    let source = MemorySource::new();
    let mut seals = BTreeMap::<i32, i64>::new();
    for _ in 0..100 {
        // Two processes seal a little and are killed with most of a block unused.
        let pair = [0, 1].map(|_| vault_with(&source, options(10, 100)));
        for vault in &pair {
            for _ in 0..3 {
                *seals.entry(vault.seal(&place(org(1)), b"").await.unwrap().key_version()).or_default() += 1;
            }
        }
    }
    assert!(seals.values().all(|count| *count <= 100), "{seals:?}");
    for (version, count) in &seals {
        assert!(source.key(Some(org(1)), *version).seals_reserved >= *count);
    }
    assert_eq!(seals.len(), 20, "200 blocks of 10 under a limit of 100");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_first_seals_agree_on_one_data_key() {
    let source = MemorySource::new();
    let vaults = [0, 1].map(|_| Arc::new(vault_with(&source, options(8, MAX_SEALS))));
    let tasks = (0..64).map(|index| {
        let vault = vaults[index % 2].clone();
        tokio::spawn(async move { vault.seal(&place(org(1)), b"text").await.unwrap() })
    });
    for sealed in futures_util::future::join_all(tasks).await {
        let opened = vaults[0].open_at(&place(org(1)), &sealed.unwrap()).await;
        assert_eq!(opened.unwrap().expose(), b"text");
    }
    assert_eq!(source.keys.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn budgets_are_kept_apart_by_organization() {
    let source = MemorySource::new();
    let vault = vault_with(&source, options(1, 2));
    let homes = [Some(org(1)), Some(org(2)), None].map(|org| Place { org, ..place(super::support::org(1)) });
    for home in homes {
        let versions =
            [vault.seal(&home, b"").await, vault.seal(&home, b"").await, vault.seal(&home, b"").await];
        assert_eq!(versions.map(|sealed| sealed.unwrap().key_version()), [1, 1, 2]);
    }
}

#[tokio::test]
async fn no_setting_lifts_the_limit_of_the_cipher() {
    let source = MemorySource::new();
    let vault = vault_with(&source, options(i64::MAX, i64::MAX));
    let first = vault.seal(&place(org(1)), b"").await.unwrap();
    assert_eq!(source.key(Some(org(1)), 1).seals_reserved, MAX_SEALS);
    let restarted = vault_with(&source, options(1, i64::MAX));
    let second = restarted.seal(&place(org(1)), b"").await.unwrap();
    assert_eq!((first.key_version(), second.key_version()), (1, 2));
}
