//! The servers that the product is compared with. They know no clinics and believe everybody: a
//! POST becomes a row with the product's columns, and that is all.
//!
//! `/bare` inserts one row a request. `/batched` shares commits: what arrived while the last one ran
//! goes into the next. Neither is a way to receive webhooks; they are the limit of one that is.

use std::path::Path;
use std::str::FromStr as _;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
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
        .route("/bare", post(insert_one).with_state(pool))
        .route("/batched", post(insert_shared).with_state(queue))
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

/// A body with the word that it is stored.
type Waiting = (Bytes, oneshot::Sender<bool>);

async fn insert_shared(State(queue): State<mpsc::Sender<Waiting>>, body: Bytes) -> StatusCode {
    let (answer, answered) = oneshot::channel();
    if queue.try_send((body, answer)).is_ok() && answered.await.unwrap_or(false) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

async fn write_batches(pool: PgPool, mut queue: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let (bodies, answers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let stored = insert_all(&pool, &bodies).await.is_ok();
        for answer in answers {
            // Nobody waits any more where the caller has gone away.
            let _ = answer.send(stored);
        }
    }
}

async fn insert_all(pool: &PgPool, bodies: &[Bytes]) -> Result<(), sqlx::Error> {
    let count = bodies.len();
    sqlx::query(
        "insert into events (org_id, id, source, kind, call_id, dedupe_key, payload, key_version, summary, status,
                             processed_at, trace)
         select u.org, u.id, 'vapi', 'end-of-call-report', u.call, u.key, u.payload, 1, u.summary, 'processed', now(), u.trace
           from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::text[])
             as u (org, id, call, key, payload, summary, trace)",
    )
    .bind((0..count).map(|_| some_org(Uuid::new_v4())).collect::<Vec<_>>())
    .bind((0..count).map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .bind((0..count).map(|_| Uuid::now_v7().to_string()).collect::<Vec<_>>())
    .bind((0..count).map(|_| unique_bytes()).collect::<Vec<_>>())
    .bind(bodies.iter().map(|body| body.as_ref()).collect::<Vec<_>>())
    .bind(vec![SUMMARY; count])
    .bind(vec![TRACE; count])
    .execute(pool)
    .await?;
    Ok(())
}
