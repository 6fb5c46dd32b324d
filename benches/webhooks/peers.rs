//! The servers that the product is compared with. A POST becomes a row with the product's columns,
//! and that is nearly all.
//!
//! `/bare` inserts one row a request and believes everybody. `/shared` shares commits: what arrived
//! while the last one ran goes into the next; it believes everybody too. `/batched` does the same for
//! whom it knows: it reads who is meant, finds the tenant in a cache and verifies the signature. None
//! seals, keeps clinics apart in the database, or reads a body as a whole; they are the limit of one
//! that does.

use std::path::Path;
use std::str::FromStr as _;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit as _, Mac as _};
use moka::future::Cache;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor as _, PgConnection, PgPool};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::seed::CLINICS;

/// As many connections as the product takes by default.
const CONNECTIONS: u32 = 16;
/// Rows in one statement at most, as in the product.
const BATCH: usize = 512;

const TABLE: &str = "create table events (
  org_id uuid not null, id uuid not null, source text not null, kind text not null, call_id text,
  dedupe_key bytea not null, payload bytea, key_version integer not null, summary text not null,
  status text not null, received_at timestamptz not null default now(), processed_at timestamptz,
  trace text not null, primary key (org_id, id), unique (org_id, dedupe_key))";

const SUMMARY: &str = r#"{"caller":"+14***00","endedReason":"customer-ended-call"}"#;
const TRACE: &str = r#"[{"stage":"received","us":0},{"stage":"verified","us":12}]"#;

/// Makes the table that both handlers write to.
pub async fn make_table(connection: &mut PgConnection) -> Result<()> {
    connection.execute(TABLE).await?;
    connection
        .execute("create table tenants (assistant_id text primary key, org_id uuid not null, secret text not null)")
        .await?;
    Ok(())
}

/// Fills the table of tenants, which the Express peer asks, from the load generator's file.
pub async fn fill_tenants(connection: &mut PgConnection, file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file)?;
    let (mut assistants, mut secrets) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let tenant: serde_json::Value = serde_json::from_str(line)?;
        assistants.push(tenant["assistantId"].as_str().context("no assistant")?.to_owned());
        secrets.push(tenant["secret"].as_str().context("no secret")?.to_owned());
    }
    let orgs: Vec<Uuid> = (0..assistants.len()).map(|at| Uuid::from_u128(at as u128)).collect();
    sqlx::query("insert into tenants select * from unnest($1::text[], $2::uuid[], $3::text[])")
        .bind(assistants)
        .bind(orgs)
        .bind(secrets)
        .execute(&mut *connection)
        .await?;
    connection.execute("vacuum analyze").await?;
    Ok(())
}

/// Serves both handlers over `database` until the process is ended; writes its address to `ready`.
pub async fn serve(database: &str, ready: &Path) -> Result<()> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .test_before_acquire(false)
        .connect_with(PgConnectOptions::from_str(database)?)
        .await?;
    let (queue, waiting) = mpsc::channel(4096);
    tokio::spawn(write_batches(pool.clone(), waiting));
    let router = Router::new()
        .route("/bare", post(insert_one).with_state(pool.clone()))
        .route("/shared", post(insert_shared).with_state(queue.clone()))
        .route(
            "/batched",
            post(verify_and_insert).with_state(Limit { pool, queue, tenants: Cache::new(100_000) }),
        )
        .layer(DefaultBodyLimit::max(1024 * 1024));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    std::fs::write(ready, format!(r#"{{"url":"http://{address}"}}"#))?;
    axum::serve(listener, router).await.context("the peer ended")
}

async fn insert_one(State(pool): State<PgPool>, body: Bytes) -> StatusCode {
    let inserted = sqlx::query(
        "insert into events (org_id, id, source, kind, call_id, dedupe_key, payload, key_version, summary, status,
                             processed_at, trace)
         values ($1, $2, 'vapi', 'end-of-call-report', $3, $4, $5, 1, $6, 'processed', now(), $7)",
    )
    .bind(some_org(Uuid::new_v4()))
    .bind(Uuid::now_v7())
    .bind(Uuid::now_v7().to_string())
    .bind(unique_bytes())
    .bind(body.as_ref())
    .bind(SUMMARY)
    .bind(TRACE)
    .execute(&pool)
    .await;
    if inserted.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// One of as many organizations as the product has clinics, so that the indexes look the same.
fn some_org(unique: Uuid) -> Uuid {
    Uuid::from_u128(unique.as_u128() % CLINICS as u128)
}

fn unique_bytes() -> Vec<u8> {
    [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat()
}

/// What goes into a row, with the word that it is stored.
struct Waiting {
    body: Bytes,
    org: Uuid,
    call: String,
    key: Vec<u8>,
    answer: oneshot::Sender<bool>,
}

async fn insert_shared(State(queue): State<mpsc::Sender<Waiting>>, body: Bytes) -> StatusCode {
    store(&queue, body, some_org(Uuid::new_v4()), Uuid::now_v7().to_string(), unique_bytes()).await
}

async fn store(
    queue: &mpsc::Sender<Waiting>,
    body: Bytes,
    org: Uuid,
    call: String,
    key: Vec<u8>,
) -> StatusCode {
    let (answer, answered) = oneshot::channel();
    let waiting = Waiting { body, org, call, key, answer };
    if queue.try_send(waiting).is_ok() && answered.await.unwrap_or(false) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// What the handler that verifies needs.
#[derive(Clone)]
struct Limit {
    pool: PgPool,
    queue: mpsc::Sender<Waiting>,
    tenants: Cache<Uuid, Tenant>,
}

/// An organization and the key of its signatures, in clear and ready for use.
#[derive(Clone)]
struct Tenant(Uuid, Hmac<Sha256>);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    call: Call<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call<'a> {
    id: &'a str,
    assistant_id: Uuid,
}

async fn verify_and_insert(State(limit): State<Limit>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Ok(Envelope { message: Message { kind, call } }) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let load = async {
        let row: (Uuid, String) =
            sqlx::query_as("select org_id, secret from tenants where assistant_id = $1")
                .bind(call.assistant_id.to_string())
                .fetch_one(&limit.pool)
                .await?;
        Ok::<_, anyhow::Error>(Tenant(row.0, Hmac::new_from_slice(row.1.as_bytes())?))
    };
    let Ok(Tenant(org, mut mac)) = limit.tenants.try_get_with(call.assistant_id, load).await else {
        return StatusCode::UNAUTHORIZED;
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let timestamp = text("x-vapi-timestamp");
    let seconds = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(&body);
    let is_fresh = timestamp.parse::<u64>().is_ok_and(|at| at.abs_diff(seconds) <= 300);
    let given = hex::decode(text("x-vapi-signature")).unwrap_or_default();
    if !is_fresh || mac.verify_slice(&given).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let key = Sha256::new().chain_update(kind).chain_update(call.id).finalize().to_vec();
    let call = call.id.to_owned();
    store(&limit.queue, body, org, call, key).await
}

async fn write_batches(pool: PgPool, mut queue: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let stored = insert_all(&pool, &batch).await.is_ok();
        for waiting in batch.drain(..) {
            // Nobody waits any more where the caller has gone away.
            let _ = waiting.answer.send(stored);
        }
    }
}

async fn insert_all(pool: &PgPool, batch: &[Waiting]) -> Result<(), sqlx::Error> {
    let count = batch.len();
    sqlx::query(
        "insert into events (org_id, id, source, kind, call_id, dedupe_key, payload, key_version, summary, status,
                             processed_at, trace)
         select u.org, u.id, 'vapi', 'end-of-call-report', u.call, u.key, u.payload, 1, u.summary, 'processed', now(), u.trace
           from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::text[])
             as u (org, id, call, key, payload, summary, trace)
         on conflict do nothing",
    )
    .bind(batch.iter().map(|row| row.org).collect::<Vec<_>>())
    .bind((0..count).map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .bind(batch.iter().map(|row| row.call.as_str()).collect::<Vec<_>>())
    .bind(batch.iter().map(|row| row.key.as_slice()).collect::<Vec<_>>())
    .bind(batch.iter().map(|row| row.body.as_ref()).collect::<Vec<_>>())
    .bind(vec![SUMMARY; count])
    .bind(vec![TRACE; count])
    .execute(pool)
    .await?;
    Ok(())
}
