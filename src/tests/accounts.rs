//! Signing in, guessing passwords, the first run, and what a member may not do.

use voxanne::domain::Role;

use super::support::app::{Answer, Browser, PASSWORD, Setting, TestApp};

/// A server that believes `X-Forwarded-For`, for everything comes from loopback.
pub async fn behind_a_proxy() -> TestApp {
    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    TestApp::start_set(Setting { trusted_proxies, ..Setting::default() }).await
}

pub async fn try_from(
    app: &TestApp,
    browser: &Browser,
    email: &str,
    password: &str,
    address: &str,
) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("email", email), ("password", password)])
        .finish();
    let headers = [
        ("accept", "text/html"),
        ("origin", app.url.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-forwarded-for", address),
    ];
    browser.raw("POST", "/login", &headers, Some(&body)).await
}

/// The page without what differs by right: the echoed address and the nonce.
pub fn bare(answer: &Answer, email: &str) -> String {
    let policy = answer.header("content-security-policy");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    answer.body.replace(email, "EMAIL").replace(nonce, "NONCE")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_opens_the_dashboard_and_only_our_own_pages_come_after_it() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let email = clinic.email(Role::Owner);
    let browser = app.browser();
    let page = browser.get("/dashboard/events").await;
    assert_eq!((page.status, page.location()), (303, "/login?next=%2Fdashboard%2Fevents"));
    for (next, goes_to) in [
        ("/dashboard/events", "/dashboard/events"),
        ("https://evil.example", "/dashboard"),
        ("//evil", "/dashboard"),
    ] {
        let shouted = format!("  {} ", email.to_uppercase());
        let fields = [("email", shouted.as_str()), ("password", PASSWORD), ("next", next)];
        let answer = browser.post("/login", &fields).await;
        assert_eq!((answer.status, answer.location()), (303, goes_to));
    }
    assert_eq!(browser.get("/dashboard").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_an_unknown_address_and_a_disabled_person_get_the_same_page() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let (known, disabled) = (clinic.email(Role::Owner), clinic.email(Role::Member));
    sqlx::query("update users set disabled_at = now() where email = $1")
        .bind(&disabled)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    let mut pages = Vec::new();
    for (email, password) in [
        (known.as_str(), "a sentence that is wrong"),
        ("nobody@sunrise-dental.example", "a sentence that is wrong"),
        (disabled.as_str(), PASSWORD),
    ] {
        let browser = app.browser();
        let answer = browser.post("/login", &[("email", email), ("password", password)]).await;
        assert_eq!(answer.status, 401);
        assert!(browser.cookie().is_none(), "nobody gets a session for a guess");
        pages.push(bare(&answer, email));
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(pages[0], pages[2]);
    assert!(pages[0].contains("do not belong together"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_ten_attempts_an_address_has_to_wait_for_that_account_and_for_no_other() {
    let app = behind_a_proxy().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let (owner, admin) = (clinic.email(Role::Owner), clinic.email(Role::Admin));
    let browser = app.browser();
    for _ in 0..10 {
        assert_eq!(try_from(&app, &browser, &owner, "a wrong sentence", "198.51.100.7").await.status, 401);
    }
    let stopped = try_from(&app, &browser, &owner, PASSWORD, "198.51.100.7").await;
    assert_eq!(stopped.status, 429, "even the right password waits");
    assert!(stopped.header("retry-after").parse::<u32>().unwrap() <= 900);
    assert!(stopped.body.contains("too many attempts"), "{}", stopped.body);
    assert_eq!(try_from(&app, &browser, &admin, PASSWORD, "198.51.100.7").await.status, 303);
    assert_eq!(try_from(&app, &browser, &owner, PASSWORD, "198.51.100.8").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_trusts_cannot_pretend_to_be_another() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let email = clinic.email(Role::Owner);
    let browser = app.browser();
    for host in 0..10 {
        let answer =
            try_from(&app, &browser, &email, "a wrong sentence", &format!("198.51.100.{host}")).await;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(try_from(&app, &browser, &email, "a wrong sentence", "198.51.100.77").await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_needs_the_printed_code_and_is_gone_afterwards() {
    let app = TestApp::start().await;
    let browser = app.browser();
    assert_eq!(browser.get("/login").await.location(), "/setup");
    assert_eq!(browser.get("/setup").await.status, 200);
    let fields = |code: &'static str, password: &'static str| {
        [
            ("code", code),
            ("clinic", "Sunrise Dental"),
            ("name", "Olivia Stone"),
            ("email", "olivia@sunrise.example"),
            ("password", password),
        ]
    };
    let before = app.db.digest().await;
    for (code, password) in [("", PASSWORD), ("the-cod", PASSWORD), ("the-code", "short")] {
        let refused = browser.post("/setup", &fields(code, password)).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        assert!(refused.body.contains("olivia@sunrise.example"), "what was typed is still there");
        assert!(!refused.body.contains(PASSWORD), "but not the password");
    }
    assert_eq!(app.db.digest().await, before);

    let made = browser.post("/setup", &fields("the-code", PASSWORD)).await;
    assert_eq!((made.status, made.location()), (303, "/dashboard"), "{}", made.body);
    let page = browser.get("/dashboard").await;
    assert!(page.status == 200 && page.body.contains("Sunrise Dental"));
    let again = app.browser();
    assert_eq!(again.get("/setup").await.status, 404);
    assert_eq!(again.post("/setup", &fields("the-code", PASSWORD)).await.status, 404);
    assert_eq!(again.get("/login").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_member_may_not_do_is_refused_with_a_sentence_and_recorded() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let org = clinic.org.to_string();
    let before = app.db.digest().await;
    let forms = [
        "/dashboard/integrations/twilio/connect",
        "/dashboard/sms/test",
        "/dashboard/integrations/twilio/restore",
        "/dashboard/integrations/twilio/disconnect",
        "/dashboard/agents/inbound",
        "/dashboard/agents/inbound/delete",
        "/dashboard/settings/profile",
        "/dashboard/settings/senders",
    ];
    for (at, path) in forms.iter().enumerate() {
        let fields = [
            ("org", org.as_str()),
            ("accountSid", clinic.twilio.sid.as_str()),
            ("authToken", clinic.twilio.auth_token.as_str()),
            ("phoneNumber", clinic.twilio.numbers[0].number.as_str()),
            ("name", "Taken over"),
            ("timeZone", "UTC"),
            ("country", "US"),
        ];
        let answer = member.post(path, &fields).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.body);
        assert!(
            answer.body.contains("owner or admin") || answer.body.contains("owner or an admin"),
            "{path}: {}",
            answer.body
        );
        let denied: i64 =
            sqlx::query_scalar("select count(*) from audit_log where outcome = 'denied' and actor = $1")
                .bind(clinic.email(Role::Member))
                .fetch_one(&app.db.superuser)
                .await
                .unwrap();
        assert_eq!(denied, at as i64 + 1, "{path}");
    }
    let mut after = app.db.digest().await;
    for table in ["audit_log", "audit_heads"] {
        after.insert(table.to_owned(), before[table].clone());
    }
    assert_eq!(after, before, "nothing but the trail has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_a_member_as_well() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    for (role, allowed) in [("member", false), ("admin", true)] {
        let mut tx = app.db.app.begin().await.unwrap();
        sqlx::query("select set_config('app.org_id', $1, true), set_config('app.role', $2, true), set_config('app.user_id', '', true)")
            .bind(clinic.org.to_string())
            .bind(role)
            .execute(&mut *tx)
            .await
            .unwrap();
        let changed =
            sqlx::query("update agent_configs set name = 'x' where role = 'inbound'").execute(&mut *tx).await;
        let changed = changed.map_or(0, |done| done.rows_affected());
        assert_eq!(changed == 1, allowed, "{role}");
        tx.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outdated_password_hash_is_replaced_by_the_next_sign_in_and_by_that_alone() {
    use argon2::password_hash::PasswordHasher;
    use argon2::{Algorithm, Argon2, Params, Version};
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let email = clinic.email(Role::Owner);
    let stored = async || -> String {
        let query = sqlx::query_scalar("select password_hash from users where email = $1");
        query.bind(&email).fetch_one(&app.db.superuser).await.unwrap()
    };
    let fresh = stored().await;
    app.sign_in(&email).await;
    assert_eq!(stored().await, fresh, "a hash of today stays");

    // As it was made when less work was enough.
    let older = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19_456, 2, 1, None).unwrap());
    let older = older.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    sqlx::query("update users set password_hash = $2 where email = $1")
        .bind(&email)
        .bind(&older)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    let refused = app.browser().post("/login", &[("email", &email), ("password", "a wrong sentence")]).await;
    assert_eq!((refused.status, stored().await), (401, older.clone()));
    app.sign_in(&email).await;
    let replaced = stored().await;
    assert!(replaced.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{replaced}");
    app.sign_in(&email).await;
    assert_eq!(stored().await, replaced);
}
