//! Nothing accepted is lost (bar W7, events out): while the process is killed and PostgreSQL restarted
//! without warning, again and again, every event that was accepted arrives, under one id, with the same
//! bytes.
//!
//! Reduced here; `VOXANNE_BARS=full` accepts 10,000.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Executor};
use voxanne::db::embedded::{Embedded, EmbeddedOptions};

use super::support::app::Browser;
use super::support::process::{DataFolder, Serving};
use super::tenancy_pool::all_cases;

/// Every body that came under an id.
type Came = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// A clinic's receiver, in a process that nobody kills. One post in five meets an error.
async fn receiver() -> (std::net::SocketAddr, Came) {
    let came = Came::default();
    let app = Router::new().route("/hook", post(receive)).with_state(came.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, came)
}

async fn receive(State(came): State<Came>, headers: HeaderMap, body: String) -> StatusCode {
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    let mut came = came.lock().unwrap();
    let total: usize = came.values().map(Vec::len).sum();
    came.entry(id).or_default().push(body);
    if total % 5 == 4 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
}

async fn sign_in(serving: &Serving) -> Browser {
    let account = &serving.ready["accounts"][0];
    let browser = Browser::to(serving.url());
    let fields =
        [("email", account["email"].as_str().unwrap()), ("password", account["password"].as_str().unwrap())];
    assert_eq!(browser.post("/login", &fields).await.status, 303);
    browser
}

/// What the dead held and what waits for its next try is due now.
async fn let_time_pass(cluster: &Embedded) {
    let mut connection = cluster.superuser_options().database("voxanne").connect().await.unwrap();
    // One by one: together they would hold what a worker wants in another order.
    for statement in [
        "update delivery_queue set due_at = now(), lease_until = null",
        "update endpoints set blocked_until = null",
    ] {
        connection.execute(statement).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// Deliveries that have not arrived, and events that were accepted.
async fn open_and_accepted(cluster: &Embedded) -> (i64, BTreeSet<String>) {
    let mut connection = cluster.superuser_options().database("voxanne").connect().await.unwrap();
    let open = sqlx::query_scalar("select count(*) from deliveries where status <> 'succeeded'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let ids: Vec<String> =
        sqlx::query_scalar("select id::text from outbound_events").fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    (open, ids.into_iter().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_event_arrives_although_process_and_database_die_again_and_again() {
    let data = DataFolder::new("deliveries");
    let cluster = Embedded::start(&data.path, EmbeddedOptions::default()).await.unwrap();
    let (address, came) = receiver().await;
    let allowed = address.to_string();
    // Proxies of the environment, which nobody may use.
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
    let proxied = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&proxied);
    tokio::spawn(async move {
        while proxy.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let start = || {
        let mut environment = vec![("N8N_ALLOWED_HOSTS", allowed.as_str())];
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            environment.push((name, proxy_url.as_str()));
        }
        Serving::start(&["--sandbox", "--data-dir", data.text()], &environment)
    };
    let (wanted, rounds) = if all_cases() { (10_000, 20) } else { (60, 4) };
    let mut serving = start();
    let mut browser = sign_in(&serving).await;
    let body = json!({ "workflowName": "watch", "url": format!("http://{address}/hook") });
    let made = browser.send("POST", "/api/endpoints", Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.body);

    let mut accepted = BTreeSet::new();
    for round in 0..rounds {
        let share = wanted * (round + 1) / rounds;
        let began = Instant::now();
        while accepted.len() < share {
            let answer =
                browser.send("POST", "/api/endpoints/watch/test", Some(json!({ "kind": "lead.hot" }))).await;
            if answer.status == 200 {
                accepted.insert(answer.json()["deliveryId"].as_str().unwrap().to_owned());
            } else {
                assert_eq!(answer.status, 503, "{}", answer.body);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(began.elapsed() < Duration::from_secs(300), "nothing is accepted any more");
        }
        if round % 2 == 0 {
            serving.kill();
            serving = start();
            browser = sign_in(&serving).await;
        } else {
            // Immediate: no checkpoint, no goodbye.
            let pid = data.kill_cluster();
            let began = Instant::now();
            while data.cluster().is_none_or(|(now, _)| now == pid)
                || browser.send("GET", "/api/endpoints", None).await.status != 200
            {
                assert!(began.elapsed() < Duration::from_secs(60), "the database does not come back");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        let_time_pass(&cluster).await;
    }
    // A clinic's deliveries have a rate, so thousands take their time: as long as they get fewer.
    let (mut moved, mut least) = (Instant::now(), i64::MAX);
    let ids = loop {
        let (open, ids) = open_and_accepted(&cluster).await;
        if open == 0 {
            break ids;
        }
        if open < least {
            (moved, least) = (Instant::now(), open);
        }
        assert!(
            moved.elapsed() < Duration::from_secs(120),
            "{open} deliveries never arrive: {}",
            serving.log()
        );
        let_time_pass(&cluster).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let came = came.lock().unwrap().clone();
    assert!(ids.len() >= accepted.len(), "{} of {} accepted are there", ids.len(), accepted.len());
    let arrived: BTreeSet<String> = came.keys().cloned().collect();
    assert_eq!(arrived, ids, "every event has arrived, and nothing else");
    for (id, bodies) in came.iter() {
        let first: Value = serde_json::from_str(&bodies[0]).unwrap();
        assert_eq!(first["type"], "lead.hot");
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{id} changed between its tries");
    }
    assert_eq!(proxied.load(Ordering::Relaxed), 0, "a proxy of the environment was used");
    assert_eq!(serving.terminate(), Some(0));
    cluster.stop().await.unwrap();
}
