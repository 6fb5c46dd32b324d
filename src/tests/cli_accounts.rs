//! The subcommands that make clinics and people, as an operator runs them.

use std::path::Path;

use sqlx::postgres::PgPoolOptions;

use super::support::app::{Browser, PASSWORD, TestApp};
use super::support::cluster::TestDb;
use super::support::process::{DataFolder, run};

const KEY: &str = "abababababababababababababababababababababababababababababababab";

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_a_clinic_and_its_people_and_they_can_sign_in() {
    let db = TestDb::create().await;
    let url = db.url("voxanne_app");
    let environment = [("DATABASE_URL", url.as_str()), ("ENCRYPTION_KEY", KEY), ("SANDBOX", "true")];
    let sandboxed = &environment[..];
    let made =
        run(&["org", "create", "--name", "Sunrise Dental", "--time-zone", "Europe/Berlin"], sandboxed, "");
    assert_eq!(made.code, Some(0), "{made:?}");
    let org = made.out.split_whitespace().next().unwrap().to_owned();
    let again = run(&["org", "create", "--name", "Sunrise Dental"], sandboxed, "");
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("exists already"), "{again:?}");

    let user = |email: &'static str, role: &'static str, password: &str| {
        let arguments =
            ["user", "create", "--email", email, "--name", "Olivia", "--org", &org, "--role", role];
        run(&arguments, sandboxed, password)
    };
    let owner = user("olivia@sunrise.example", "owner", &format!("{PASSWORD}\n"));
    assert_eq!(owner.code, Some(0), "{owner:?}");
    assert!(!owner.out.contains(PASSWORD) && !owner.err.contains(PASSWORD));
    for (email, role, password, says) in [
        ("olivia@sunrise.example", "admin", PASSWORD, "belongs to the clinic already"),
        ("other@sunrise.example", "king", PASSWORD, "owner, admin or member"),
        ("other@sunrise.example", "admin", "short", "at least 12"),
        ("nonsense", "admin", PASSWORD, "e-mail address"),
    ] {
        let refused = user(email, role, password);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.err.contains(says), "{refused:?}");
    }
    // Somebody with an account gets one more clinic; a clinic that is not there makes nobody.
    let second = run(&["org", "create", "--name", "Harbor Clinic"], sandboxed, "");
    let second = second.out.split_whitespace().next().unwrap().to_owned();
    let join = |email: &str, org: &str| {
        let arguments = ["user", "create", "--email", email, "--name", "O", "--org", org, "--role", "member"];
        run(&arguments, sandboxed, "another sentence of words")
    };
    let joined = join("Olivia@sunrise.example", &second);
    assert!(joined.code == Some(0) && joined.out.contains("stays as it was"), "{joined:?}");
    let nowhere = join("new@sunrise.example", "01890000-0000-7000-8000-000000000000");
    assert!(nowhere.code == Some(1) && nowhere.err.contains("no clinic with this id"), "{nowhere:?}");
    let people: Vec<String> =
        sqlx::query_scalar("select email from users").fetch_all(&db.superuser).await.unwrap();
    assert_eq!(people, ["olivia@sunrise.example"]);

    let arguments = ["platform-admin", "create", "--email", "root@ops.example", "--name", "Root"];
    assert_eq!(run(&arguments, sandboxed, PASSWORD).code, Some(0));
    let admins: i64 =
        sqlx::query_scalar("select count(*) from platform_admins").fetch_one(&db.superuser).await.unwrap();
    assert_eq!(admins, 1);

    let app = TestApp::start_with(db.clone(), KEY).await;
    let browser: Browser = app.sign_in("olivia@sunrise.example").await;
    let page = browser.get("/dashboard").await.body;
    assert!(page.contains("Sunrise Dental") && page.contains("Harbor Clinic"), "both are hers: {page}");

    let kept = "select public_url from installation";
    let before: String = sqlx::query_scalar(kept).fetch_one(&db.superuser).await.unwrap();
    let status = run(&["keys", "status"], sandboxed, "");
    assert!(status.code == Some(0) && status.out.contains("in the database: current"), "{status:?}");
    assert!(!status.out.contains(&KEY[..16]));
    let verified = run(&["audit", "verify", "--org", &org], sandboxed, "");
    assert!(verified.code == Some(0) && verified.out.contains("rows."), "{verified:?}");
    assert_eq!(run(&["keys", "rotate"], sandboxed, "").code, Some(0));
    assert_eq!(run(&["keys", "reseal", "--org", &org], sandboxed, "").code, Some(0));
    assert_eq!(run(&["audit", "verify"], sandboxed, "").code, Some(0));
    let actions = async |table: &str, of: &str| -> Vec<String> {
        let query = format!("select action || ' ' || target from {table} where {of} order by seq");
        sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(&db.superuser).await.unwrap()
    };
    let id: i64 = sqlx::query_scalar("select kek_id from key_checks").fetch_one(&db.superuser).await.unwrap();
    assert_eq!(
        actions("platform_audit_log", "true").await,
        [
            format!("key.introduced key {id}"),
            "platform_admin.created root@ops.example".to_owned(),
            format!("keys.rotated key {id}"),
        ]
    );
    let own = format!("org_id = '{org}' and action <> 'session.opened'");
    assert_eq!(
        actions("audit_log", &own).await,
        [
            "organization.created Sunrise Dental",
            "member.added olivia@sunrise.example",
            "keys.resealed data key"
        ]
    );
    let after: String = sqlx::query_scalar(kept).fetch_one(&db.superuser).await.unwrap();
    assert_eq!(before, after, "a command does not change under which address the service is reached");

    sqlx::query("update audit_log set actor = 'somebody'").execute(&db.superuser).await.unwrap();
    let broken = run(&["audit", "verify", "--org", &org], sandboxed, "");
    assert_eq!(broken.code, Some(1));
    assert!(broken.err.contains("broken at row 1"), "{broken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_on_a_machine_with_nothing_but_a_data_folder() {
    let data = DataFolder::new("commands");
    let folder = ["--data-dir", data.text()];
    let with = |arguments: &[&'static str], input: &str| {
        let mut all = arguments.to_vec();
        all.extend(folder);
        run(&all, &[], input)
    };
    let migrated = with(&["migrate"], "");
    assert!(migrated.code == Some(0) && migrated.out.contains("up to date"), "{migrated:?}");
    assert_eq!(with(&["doctor"], "").code, Some(0));
    let made = with(&["org", "create", "--name", "Harbor"], "");
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(with(&["keys", "status"], "").out.contains("here: current"));
    assert!(Path::new(&format!("{}.key", data.text())).exists(), "the key lies beside the data");
    assert!(data.cluster().is_none(), "each command stops what it started");
    let remote = run(&["migrate"], &[("DATABASE_URL", "postgres://voxanne_app@localhost/none")], "");
    assert!(remote.code == Some(1) && remote.err.contains("DATABASE_OWNER_URL"), "{remote:?}");
    let hidden = "postgres://voxanne_app:a-password-of-ours@localhost:1/none?sslmode=bogus";
    let unread = run(&["doctor"], &[("DATABASE_URL", hidden)], "");
    assert_eq!(unread.code, Some(1));
    assert!(!unread.err.contains("a-password-of-ours"), "{unread:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_as_the_owner_and_twice_does_no_harm() {
    let db = TestDb::create().await;
    let (app, owner) = (db.url("voxanne_app"), db.url("voxanne_owner"));
    let environment = [("DATABASE_URL", app.as_str()), ("DATABASE_OWNER_URL", owner.as_str())];
    for _ in 0..2 {
        let done = run(&["migrate"], &environment, "");
        assert_eq!(done.code, Some(0), "{done:?}");
    }
    let pool = PgPoolOptions::new().connect(&app).await.unwrap();
    let count: i64 = sqlx::query_scalar("select count_organizations()").fetch_one(&pool).await.unwrap();
    assert_eq!(count, 0);
}
