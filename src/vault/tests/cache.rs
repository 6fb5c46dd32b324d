//! The cache of sealed rows: one load per miss, nothing stale after an eviction, no error kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;

use super::support::{MemorySource, Token, connect, org, store, vault, vault_with};
use crate::domain::ProviderId;
use crate::vault::{SecretFields, Usability, Vault, VaultError, VaultOptions};

async fn token(vault: &Vault, number: u128) -> Result<String, VaultError> {
    vault.open::<Token>(org(number)).await.map(|opened| opened.credentials.0.expose().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_cold_opens_make_one_load() {
    let source = MemorySource::with_answers(0);
    let vault = Arc::new(vault(&source));
    let credential_id = connect(&vault, &source, org(1), "secret").await;
    let tasks = (0..1_000).map(|_| {
        let vault = vault.clone();
        tokio::spawn(async move { vault.open::<Token>(org(1)).await.unwrap() })
    });
    let tasks = tasks.collect::<Vec<_>>();
    source.wait_for_reads(1).await;
    source.answers.add_permits(1_000);
    for opened in join_all(tasks).await {
        let opened = opened.unwrap();
        assert_eq!(opened.credential_id, credential_id);
        assert_eq!(opened.credentials.0.expose(), "secret");
    }
    assert_eq!(source.reads(), 1);
    let stats = vault.stats();
    assert_eq!((stats.loads, stats.hits + stats.misses), (1, 1_000));
}

#[tokio::test]
async fn a_cancelled_leader_costs_one_load_more_and_nobody_fails() {
    let source = MemorySource::with_answers(0);
    let vault = Arc::new(vault(&source));
    connect(&vault, &source, org(1), "secret").await;
    let open = || {
        let vault = vault.clone();
        tokio::spawn(async move { token(&vault, 1).await.unwrap() })
    };
    let leader = open();
    source.wait_for_reads(1).await;
    let waiting = (0..100).map(|_| open()).collect::<Vec<_>>();
    // On one thread, each task has run up to where it waits once this one is scheduled again.
    tokio::task::yield_now().await;
    leader.abort();
    source.wait_for_reads(2).await;
    source.answers.add_permits(100);
    for opened in join_all(waiting).await {
        assert_eq!(opened.unwrap(), "secret");
    }
    assert_eq!(source.reads(), 2);
}

#[tokio::test]
async fn a_second_open_reads_nothing_from_the_store() {
    let source = MemorySource::new();
    let vault = vault(&source);
    connect(&vault, &source, org(1), "secret").await;
    assert_eq!(token(&vault, 1).await.unwrap(), "secret");
    assert_eq!(token(&vault, 1).await.unwrap(), "secret");
    assert_eq!(source.reads(), 1);
    assert_eq!((vault.stats().hits, vault.stats().misses), (1, 1));
}

#[tokio::test]
async fn a_slow_read_cannot_bring_an_old_value_back() {
    let source = MemorySource::with_answers(0);
    let vault = Arc::new(vault(&source));
    connect(&vault, &source, org(1), "old").await;
    let slow = tokio::spawn({
        let vault = vault.clone();
        async move { token(&vault, 1).await.unwrap() }
    });
    source.wait_for_reads(1).await;
    connect(&vault, &source, org(1), "new").await;
    vault.evict(org(1));
    source.answers.add_permits(1_000);
    // Whoever asks after the eviction does not join the load that began before it.
    assert_eq!(token(&vault, 1).await.unwrap(), "new");
    assert_eq!(slow.await.unwrap(), "old", "it asked before the change");
    assert_eq!(token(&vault, 1).await.unwrap(), "new", "the slow read ended last");
    assert_eq!(source.reads(), 2);
}

#[tokio::test]
async fn evicting_all_reaches_every_organization_and_slow_reads() {
    let source = MemorySource::new();
    let vault = vault(&source);
    for number in 1..=3 {
        connect(&vault, &source, org(number), "old").await;
        assert_eq!(token(&vault, number).await.unwrap(), "old");
        connect(&vault, &source, org(number), "new").await;
    }
    vault.evict_all();
    for number in 1..=3 {
        assert_eq!(token(&vault, number).await.unwrap(), "new");
    }
}

#[tokio::test]
async fn evicting_one_organization_leaves_the_others_cached() {
    let source = MemorySource::new();
    let vault = vault(&source);
    for number in 1..=2 {
        connect(&vault, &source, org(number), "old").await;
        assert_eq!(token(&vault, number).await.unwrap(), "old");
    }
    vault.evict(org(1));
    token(&vault, 2).await.unwrap();
    assert_eq!(source.reads(), 2);
    token(&vault, 1).await.unwrap();
    assert_eq!(source.reads(), 3);
}

#[tokio::test]
async fn errors_and_absence_are_not_cached() {
    let source = MemorySource::new();
    let vault = vault(&source);
    let absent = token(&vault, 1).await;
    assert!(matches!(absent, Err(VaultError::NotConnected { provider: ProviderId::Vapi })));
    connect(&vault, &source, org(1), "secret").await;
    source.failing.store(true, Ordering::SeqCst);
    assert!(matches!(token(&vault, 1).await, Err(VaultError::Source(_))));
    source.failing.store(false, Ordering::SeqCst);
    assert_eq!(token(&vault, 1).await.unwrap(), "secret");
    assert_eq!((source.reads(), vault.stats().loads), (3, 3));
}

#[tokio::test]
async fn a_failed_load_fails_those_who_waited_once() {
    let source = MemorySource::with_answers(0);
    let vault = Arc::new(vault(&source));
    connect(&vault, &source, org(1), "secret").await;
    source.failing.store(true, Ordering::SeqCst);
    let opens = join_all((0..100).map(|_| token(&vault, 1)));
    let answer = async {
        source.wait_for_reads(1).await;
        source.answers.add_permits(100);
    };
    let (results, ()) = tokio::join!(opens, answer);
    assert!(results.iter().all(|result| matches!(result, Err(VaultError::Source(_)))));
    assert_eq!(source.reads(), 1);
}

#[tokio::test]
async fn cards_that_are_not_usable_are_refused_by_name() {
    let source = MemorySource::new();
    let vault = vault(&source);
    connect(&vault, &source, org(1), "secret").await;
    for (usability, words) in [
        (Usability::Paused, "vapi is paused"),
        (Usability::Failed, "vapi refused the stored credential at its last test"),
        (Usability::Pending, "the credential for vapi was not tested yet"),
    ] {
        source.rows().get_mut(&(org(1), ProviderId::Vapi)).unwrap().usability = usability;
        vault.evict(org(1));
        assert_eq!(token(&vault, 1).await.unwrap_err().to_string(), words);
    }
}

#[tokio::test]
async fn a_credential_without_a_needed_field_is_refused() {
    let source = MemorySource::new();
    let vault = vault(&source);
    store(&vault, &source, org(1), &SecretFields::new()).await;
    let error = token(&vault, 1).await.unwrap_err();
    assert!(matches!(error, VaultError::MissingField { field: "apiKey", .. }));
}

#[tokio::test]
async fn a_row_swapped_in_the_store_does_not_open() {
    let source = MemorySource::new();
    let vault = vault(&source);
    connect(&vault, &source, org(1), "mine").await;
    connect(&vault, &source, org(2), "theirs").await;
    let theirs = source.rows()[&(org(2), ProviderId::Vapi)].clone();
    source.rows().insert((org(1), ProviderId::Vapi), theirs);
    assert!(matches!(token(&vault, 1).await, Err(VaultError::DoesNotOpen)));
}

#[tokio::test]
async fn the_cache_stays_within_its_bytes() {
    let source = MemorySource::new();
    let vault = vault_with(&source, VaultOptions { cache_bytes: 64 * 1024, ..VaultOptions::default() });
    for number in 0..1_000 {
        connect(&vault, &source, org(number), "secret").await;
        token(&vault, number).await.unwrap();
    }
    vault.run_pending_tasks().await;
    let stats = vault.stats();
    assert!(stats.bytes <= 64 * 1024 && stats.entries > 20, "{stats:?}");
}

#[tokio::test]
async fn an_entry_is_read_again_after_its_time() {
    let source = MemorySource::new();
    let vault = vault_with(&source, VaultOptions { ttl: Duration::ZERO, ..VaultOptions::default() });
    connect(&vault, &source, org(1), "old").await;
    assert_eq!(token(&vault, 1).await.unwrap(), "old");
    connect(&vault, &source, org(1), "new").await;
    assert_eq!(token(&vault, 1).await.unwrap(), "new");
}
