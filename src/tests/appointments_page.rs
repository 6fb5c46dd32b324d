//! What the clinic sees of its appointments and notes, and may do with them.

use serde_json::{Value, json};
use voxanne::domain::Role;

use super::support::app::TestApp;
use super::support::line::{BOOKED, CALLER, Line, events, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_clinic_lists_exports_and_cancels_and_members_see_masks_only() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let start = line.first_free("call").await;
    let evil = json!({ "start": start, "name": "=HYPERLINK(\"x\")", "notes": "@SUM(A1)" });
    assert!(line.use_tool("call", "book", "book_appointment", evil).await.contains("is booked"));
    let listed = line.owner.send("GET", "/api/appointments?state=upcoming", None).await.json();
    let id = listed["appointments"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(listed["appointments"][0]["patient"]["phone"], CALLER);
    assert_eq!(app.recorded(line.clinic.org, "appointments.opened", "success").await, 1);
    let wrong = line.owner.send("GET", "/api/appointments?state=all", None).await;
    assert_eq!((wrong.status, &wrong.json()["errors"][0]["field"]), (422, &json!("state")));

    let csv = line.owner.get("/dashboard/appointments/export?state=upcoming").await;
    assert_eq!((csv.status, csv.header("content-type")), (200, "text/csv; charset=utf-8; header=present"));
    assert!(csv.header("content-disposition").contains("appointments.csv"));
    assert!(
        csv.body.contains("\"'=HYPERLINK(\"\"x\"\")\"") && csv.body.contains("\"'@SUM(A1)\""),
        "{}",
        csv.body
    );
    assert!(csv.body.contains(&format!("\"'{CALLER}\"")), "{}", csv.body);
    assert_eq!(app.recorded(line.clinic.org, "appointments.exported", "success").await, 1);

    let member = app.sign_in(&line.clinic.email(Role::Member)).await;
    let shown = member.send("GET", "/api/appointments", None).await;
    assert_eq!(shown.json()["appointments"][0]["patient"], Value::Null);
    assert_eq!(app.recorded(line.clinic.org, "appointments.opened", "success").await, 1);
    let pages = [
        member.get(&format!("/dashboard/appointments?open={id}")).await,
        member.get("/dashboard/appointments/export").await,
        shown,
    ];
    for page in pages {
        assert_eq!(page.status, 200);
        assert!(!page.body.contains("HYPERLINK") && !page.body.contains(CALLER), "{}", page.body);
    }
    let cancel = format!("/api/appointments/{id}/cancel");
    assert_eq!(member.send("POST", &cancel, None).await.status, 403);
    assert_eq!(app.count(BOOKED, line.clinic.org).await, 1);

    let org = line.clinic.org.to_string();
    let done = line.owner.post(&format!("/dashboard/appointments/{id}/cancel"), &[("org", &org)]).await;
    assert_eq!(done.status, 303, "{}", done.body);
    until(&app, &line, "select count(*) from appointments where org_id = $1 and must_release", 0).await;
    assert_eq!(events(&app, &line).len(), 0);
    let again = line.owner.send("POST", &cancel, None).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!("not_booked")));
    let page = line.owner.get("/dashboard/appointments?state=cancelled").await.body;
    assert!(page.contains("Cancelled by the clinic."), "{page}");

    // What happened was told to the clinic's endpoints in the same transaction.
    let kinds: Vec<String> = sqlx::query_scalar(
        "select kind from outbound_events where org_id = $1 and kind like 'appointment.%' order by id",
    )
    .bind(line.clinic.org.0)
    .fetch_all(&app.db.superuser)
    .await
    .unwrap();
    assert_eq!(kinds, ["appointment.booked", "appointment.cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_listed_for_the_team_and_marked_as_done() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let message = json!({ "message": "Please call <b>me</b>.", "name": "Robin Patient", "callBack": true });
    let said = line.use_tool("call", "1", "take_message", message).await;
    assert_eq!(said, "The team has your message and will call you back.");
    assert!(line.use_tool("call", "2", "take_message", json!({})).await.starts_with("I need to know what"));
    let page = line.owner.get("/dashboard/appointments").await.body;
    assert!(!page.contains("Please call") && !page.contains("Robin Patient"), "closed until somebody asks");
    assert_eq!(app.recorded(line.clinic.org, "notes.opened", "success").await, 0);
    let page = line.owner.get("/dashboard/appointments?open=notes").await.body;
    assert!(page.contains("Please call &lt;b&gt;me&lt;/b&gt;.") && page.contains("Robin Patient"), "{page}");
    assert_eq!(app.recorded(line.clinic.org, "notes.opened", "success").await, 1);
    let notes = line.owner.send("GET", "/api/notes", None).await.json();
    assert_eq!(notes["notes"][0]["note"]["phone"], CALLER);
    let id = notes["notes"][0]["id"].as_str().unwrap();
    let member = app.sign_in(&line.clinic.email(Role::Member)).await;
    assert_eq!(app.recorded(line.clinic.org, "notes.opened", "success").await, 2);
    assert!(!member.get("/dashboard/appointments?open=notes").await.body.contains("Robin Patient"));
    let masked = member.send("GET", "/api/notes", None).await.json();
    assert_eq!(masked["notes"][0]["note"], Value::Null);
    assert_eq!(app.recorded(line.clinic.org, "notes.opened", "success").await, 2, "nothing was opened");
    assert_eq!(member.send("POST", &format!("/api/notes/{id}/done"), None).await.status, 403);
    assert_eq!(line.owner.send("POST", &format!("/api/notes/{id}/done"), None).await.status, 204);
    assert_eq!(app.recorded(line.clinic.org, "note.done", "success").await, 1);
    assert!(line.owner.send("GET", "/api/notes", None).await.json()["notes"][0]["doneAt"].is_string());
}
