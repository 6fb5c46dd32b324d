//! Tables that are taken along: days by the clinic's clock, and every row although a file holds ten thousand.

use std::collections::BTreeSet;

use super::support::app::TestApp;

/// The first cell of each row, without the heads and the line that tells of the next part.
fn ids(csv: &str) -> Vec<String> {
    let rows = csv.lines().skip(1).filter(|line| !line.starts_with("\"This is a part."));
    rows.map(|row| row.split(',').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_the_list_of_calls_are_the_clinics() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    app.meddle("update organizations set time_zone = 'Asia/Tokyo' where id = $1", clinic.org).await;
    // Half past eleven in the evening of the first in Tokyo, half past twelve at night, and a day later.
    app.meddle(
        "insert into calls (org_id, id, call_id, started_at)
         select $1, gen_random_uuid(), name, at::timestamptz from (values
           ('evening', '2026-03-01T14:30:00Z'), ('night', '2026-03-01T15:30:00Z'), ('later', '2026-03-02T15:30:00Z'))
           as c (name, at)",
        clinic.org,
    )
    .await;
    let listed = async |query: &str| {
        let answer = owner.send("GET", &format!("/api/calls?{query}"), None).await.json();
        let calls = answer["calls"].as_array().unwrap().clone();
        calls.iter().map(|call| call["callId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("from=2026-03-01&until=2026-03-01").await, ["evening"]);
    assert_eq!(listed("from=2026-03-02&until=2026-03-02").await, ["night"]);
    assert_eq!(listed("from=2026-03-01T15:00:00Z&until=2026-03-02T00:00:00Z").await, ["night"]);
    let csv = owner.get("/dashboard/calls.csv?from=2026-03-02&until=2026-03-02").await;
    assert_eq!(ids(&csv.body), ["\"night\""]);
    assert_eq!(csv.header("link"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_cut_says_so_and_names_its_next_part() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    app.meddle(
        "insert into calls (org_id, id, call_id, started_at)
         select $1, gen_random_uuid(), 'call-' || n, now() - make_interval(secs => n) from generate_series(1, 10003) n",
        clinic.org,
    )
    .await;
    app.meddle(
        "insert into appointments (org_id, id, service, starts_at, ends_at, status, key_version, patient_mask)
         select $1, gen_random_uuid(), 'Cleaning', now() + make_interval(hours => n / 4), now() + make_interval(hours => n / 4 + 1),
                'booked', (select max(version) from data_keys where org_id = $1), 'unknown'
           from generate_series(1, 10003) n",
        clinic.org,
    )
    .await;
    for path in ["/dashboard/calls.csv", "/dashboard/appointments/export?state=upcoming"] {
        let first = owner.get(path).await;
        assert_eq!(first.status, 200);
        let next = first
            .header("link")
            .strip_prefix('<')
            .unwrap()
            .strip_suffix(">; rel=\"next\"")
            .unwrap()
            .to_owned();
        let last_line = first.body.lines().last().unwrap();
        assert!(last_line.contains(&format!("This is a part. The next one is at {next}")), "{last_line}");
        let second = owner.get(&next).await;
        assert_eq!((second.status, second.header("link")), (200, ""), "{path}");
        let (first, second) = (ids(&first.body), ids(&second.body));
        assert_eq!((first.len(), second.len()), (10_000, 3), "{path}");
        let all: BTreeSet<_> = first.into_iter().chain(second).collect();
        assert_eq!(all.len(), 10_003, "{path}: each row once");
    }
}
