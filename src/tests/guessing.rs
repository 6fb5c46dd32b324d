//! What a guesser learns and how far they get (bars A6 and T6): times and bytes tell neither who has
//! an account nor whose an id is, and few guesses reach a password's hash.
//!
//! Reduced here; `VOXANNE_BARS=full` makes it 2 x 2,000 times and 10,000 guesses.

use std::time::Instant;

use serde_json::json;
use uuid::Uuid;
use voxanne::domain::Role;

use super::accounts::{bare, behind_a_proxy, try_from};
use super::rest::{fill, operations};
use super::support::app::{PASSWORD, TestApp};
use super::tenancy_pool::all_cases;
use super::tenancy_rows::Dice;

/// Welch's t of two samples: how many standard errors their means are apart.
fn welch(one: &[f64], two: &[f64]) -> f64 {
    let describe = |sample: &[f64]| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean_one, error_one), (mean_two, error_two)) = (describe(one), describe(two));
    (mean_one - mean_two) / (error_one + error_two).sqrt()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[test]
fn the_statistics_see_what_is_there() {
    let mut dice = Dice::new(7);
    let mut noise = || (0..12).map(|_| dice.below(1_000_000) as f64 / 1e6).sum::<f64>() - 6.0;
    let plain: Vec<f64> = (0..2_000).map(|_| noise()).collect();
    let same: Vec<f64> = (0..2_000).map(|_| noise()).collect();
    let later: Vec<f64> = (0..2_000).map(|_| noise() + 0.2).collect();
    assert!(welch(&plain, &same).abs() < 4.5);
    assert!(welch(&later, &plain) > 4.5);
    assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
}

/// Accounts with the password of another, made without hashing each.
async fn people(app: &TestApp, count: usize) {
    app.person("seed@clinic.example").await;
    let copies = "insert into users (id, email, name, password_hash)
                  select gen_random_uuid(), 'known-' || n || '@clinic.example', 'K', password_hash
                    from users, generate_series(0, $1) n where email = 'seed@clinic.example'";
    sqlx::query(copies).bind(i32::try_from(count).unwrap()).execute(&app.db.superuser).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_refusal_does_not_tell_whether_the_account_exists() {
    let app = behind_a_proxy().await;
    let samples = if all_cases() { 2_000 } else { 50 };
    // Each account takes eight attempts, each address too: below every throttle, and alike for both.
    people(&app, samples / 8).await;
    let browser = app.browser();
    let mut dice = Dice::new(0xa6);
    let mut times = [Vec::new(), Vec::new()];
    let mut pages: Option<String> = None;
    for at in 0..samples + 4 {
        let first = dice.below(2);
        for turn in [first, 1 - first] {
            let email = format!("{}-{}@clinic.example", ["known", "other"][turn], at / 8);
            let address = format!("10.{turn}.{}.{}", at / 8 / 200, at / 8 % 200);
            let began = Instant::now();
            let answer = try_from(&app, &browser, &email, "a sentence that is wrong", &address).await;
            let took = began.elapsed().as_secs_f64();
            assert_eq!(answer.status, 401, "{}", answer.body);
            let page = bare(&answer, &email);
            assert_eq!(pages.get_or_insert_with(|| page.clone()), &page);
            // The first ones warm up.
            if at >= 4 {
                times[turn].push(took * 1e3);
            }
        }
    }
    let t = welch(&times[0], &times[1]);
    assert!(
        t.abs() < 4.5,
        "t = {t}: {} ms where the account exists, {} ms where not",
        median(&times[0]),
        median(&times[1])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_hours_guesses_from_a_hundred_addresses_fewer_than_a_hundred_reach_the_hash() {
    let app = behind_a_proxy().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let email = clinic.email(Role::Owner);
    assert_eq!(try_from(&app, &app.browser(), &email, PASSWORD, "203.0.113.5").await.status, 303);

    let rounds = if all_cases() { 25 } else { 2 };
    let browser = app.browser();
    let (mut reached, mut stopped) = (0, 0);
    for quarter in 0..4 {
        for round in 0..rounds {
            for host in 1..=100 {
                let guess = format!("guess number {quarter} {round} {host}");
                let answer = try_from(&app, &browser, &email, &guess, &format!("198.51.100.{host}")).await;
                match answer.status {
                    401 => reached += 1,
                    429 => stopped += 1,
                    other => panic!("{other}"),
                }
            }
        }
        let owner = try_from(&app, &app.browser(), &email, PASSWORD, "203.0.113.5").await;
        assert_eq!(owner.status, 303, "the owner's own address is not locked out by others");
        let elsewhere = try_from(&app, &app.browser(), &email, PASSWORD, "203.0.113.99").await;
        assert_eq!(elsewhere.status, 429, "a new address has to wait until the attack is over");
        // A quarter of an hour goes by, which is the window.
        sqlx::query("update rate_counters set window_start = window_start - interval '901 seconds'")
            .execute(&app.db.superuser)
            .await
            .unwrap();
    }
    assert_eq!(reached + stopped, 400 * rounds);
    // The owner's own attempts count too. A fifth window may be cut by the hour.
    assert!(reached > 0 && reached * 5 / 4 <= 100, "{reached} of {} reached the hash", 400 * rounds);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_an_answer_does_not_tell_whether_another_clinic_has_the_id() {
    let app = TestApp::start().await;
    let (_, owner) = app.connected_clinic("Sunrise Dental").await;
    let (other, stranger) = app.connected_clinic("Harbor Clinic").await;
    let key = stranger.send("POST", "/api/api-keys", Some(json!({ "name": "Desk", "role": "admin" }))).await;
    let foreign = [
        key.json()["id"].as_str().unwrap().parse().unwrap(),
        app.active(other.org, "vapi").await.unwrap(),
        app.assistants(&other)[0].1,
        other.org.0,
    ];
    let paths: Vec<_> = operations(&owner).await.into_iter().filter(|(path, _)| path.contains('{')).collect();
    assert!(paths.len() > 5, "{paths:?}");
    let time = async |method: &str, path: &str, id: Uuid| {
        let body = matches!(method, "POST" | "PUT").then(|| json!({ "draft": id, "id": id }));
        let began = Instant::now();
        let answer = owner.send(method, &fill(path, |_| id.to_string()), body).await;
        assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.body);
        began.elapsed().as_secs_f64()
    };
    let mut dice = Dice::new(0x76);
    let mut ratios: Vec<f64> = Vec::new();
    let rounds = if all_cases() { 100 } else { 8 };
    // More is measured where the machine was too busy to tell.
    for _ in 0..4 {
        for _ in 0..rounds {
            for (path, method) in &paths {
                for id in foreign {
                    let unknown = Uuid::now_v7();
                    let (theirs, nobodys) = if dice.below(2) == 0 {
                        let theirs = time(method, path, id).await;
                        (theirs, time(method, path, unknown).await)
                    } else {
                        let nobodys = time(method, path, unknown).await;
                        (time(method, path, id).await, nobodys)
                    };
                    ratios.push(theirs / nobodys);
                }
            }
        }
        if (median(&ratios) - 1.0).abs() <= 0.05 {
            return;
        }
    }
    panic!("the median of {} pairs is {}", ratios.len(), median(&ratios));
}
