//! The pages of events out with sample views.

use uuid::Uuid;

use super::samples::{NOW, org, shell};
use crate::app::components::chart::heat::HeatCell;
use crate::app::pages::webhooks::analytics::{ADDRESS, AnalyticsView, Place, Slow, analytics_page};
use crate::app::pages::webhooks::attempts::{AttemptLine, AttemptsView, attempts_page};
use crate::app::pages::webhooks::deliveries::{DeliveriesView, DeliveryLine, Filter, deliveries_page};
use crate::app::pages::webhooks::delivery::{Bodies, DeliveryView, TryView, delivery_page};
use crate::app::pages::webhooks::endpoint::{EndpointPanel, EndpointView, SecretLine, endpoint_page};
use crate::app::pages::webhooks::endpoints::{EndpointLine, EndpointsView, endpoints_page};
use crate::app::pages::webhooks::form::{EndpointForm, KeptView};
use crate::app::pages::webhooks::range::RangeView;
use crate::app::pages::webhooks::told::{StageLine, ToldView, WayView, told_page};
use crate::app::pages::webhooks::words::{EndpointState, Tally, Unfinished};
use crate::app::wire::FieldError;
use crate::app::{NavItem, render};
use crate::domain::card::Meaning;

pub(super) fn pages(text: &str) -> Vec<(&'static str, String)> {
    let empty = AnalyticsView {
        tally: Tally::default(),
        places: Vec::new(),
        causes: Vec::new(),
        slowest: Vec::new(),
        week: [[HeatCell::default(); 24]; 7],
        range: RangeView { error: Some(text.to_owned()), chosen: "custom".to_owned(), ..range(text) },
        ..analytics(text)
    };
    vec![
        ("analytics", at("Webhook analytics", || analytics_page(analytics(text)))),
        ("endpoints", at("Webhooks", || endpoints_page(endpoints(text)))),
        (
            "endpoints-empty",
            at("Webhooks", || endpoints_page(EndpointsView { endpoints: Vec::new(), ..endpoints(text) })),
        ),
        (
            "endpoints-new",
            at("Webhooks", || {
                endpoints_page(EndpointsView { panel: Some(form(text, None)), ..endpoints(text) })
            }),
        ),
        (
            "endpoints-member",
            at("Webhooks", || {
                let view =
                    EndpointsView { can_configure: false, may_ask: Some(text.to_owned()), ..endpoints(text) };
                endpoints_page(view)
            }),
        ),
        ("endpoint", at("new-leads", || endpoint_page(endpoint(text, None)))),
        (
            "endpoint-change",
            at("new-leads", || {
                let form = form(text, Some("new-leads"));
                endpoint_page(endpoint(text, Some(EndpointPanel::Edit(Box::new(form)))))
            }),
        ),
        ("endpoint-delete", at("new-leads", || endpoint_page(endpoint(text, Some(EndpointPanel::Delete))))),
        ("tries", at("Tries", || attempts_page(attempts_view(text)))),
        ("deliveries", at("Deliveries", || deliveries_page(deliveries(text)))),
        (
            "deliveries-empty",
            at("Deliveries", || {
                deliveries_page(DeliveriesView { deliveries: Vec::new(), ..deliveries(text) })
            }),
        ),
        ("delivery", at("Delivery", || delivery_page(delivery(text, true)))),
        ("told", at("Event", || told_page(told(text)))),
        ("told-nobody", at("Event", || told_page(ToldView { ways: Vec::new(), ..told(text) }))),
        ("delivery-closed", at("Delivery", || delivery_page(delivery(text, false)))),
        ("analytics-empty", at("Webhook analytics", || analytics_page(empty))),
    ]
}

fn at<V: leptos::IntoView>(title: &str, page: impl FnOnce() -> V) -> String {
    render(shell(title, NavItem::Webhooks), page)
}

fn days() -> Vec<(u64, u64)> {
    (0..14_u64).map(|day| if day % 7 == 6 { (0, 0) } else { (40 + day * 31 % 50, day * 5 % 9) }).collect()
}

fn endpoints(text: &str) -> EndpointsView {
    let line = |name: &str, state, tally| EndpointLine {
        name: name.to_owned(),
        host: "n8n.praxis-nord.example".to_owned(),
        description: text.to_owned(),
        state,
        tally,
        last_called_at: Some(NOW - 90_000),
        days: days(),
    };
    EndpointsView {
        org: org(),
        now: NOW,
        can_configure: true,
        may_ask: None,
        range: RangeView { action: "/dashboard/webhooks", ..range(text) },
        tally: tally(12_345, 155, 84.0),
        unfinished: Unfinished { waiting: 3, dead: 12, parked: 140 },
        endpoints: vec![
            line("crm-sync", EndpointState::SwitchedOff { is_gone: false }, tally(812, 71, 900.0)),
            line("new-leads", EndpointState::Active, tally(9_531, 2, 84.0)),
            line(
                "practice-sheet",
                EndpointState::Resting { until: NOW + 60_000, is_asked: false },
                tally(210, 66, 310.0),
            ),
            EndpointLine {
                last_called_at: None,
                days: vec![(0, 0); 14],
                ..line("reviews", EndpointState::Paused, Tally::default())
            },
        ],
        panel: None,
    }
}

fn form(text: &str, stored: Option<&str>) -> EndpointForm {
    let is_stored = stored.is_some();
    EndpointForm {
        org: org(),
        stored: stored.map(str::to_owned),
        destination: String::new(),
        name: text.to_owned(),
        url: "http://192.168.1.4/webhook/new-leads".to_owned(),
        description: text.to_owned(),
        kinds: vec![
            ("call.ended", "A call has ended and its report has arrived.", false),
            ("lead.hot", "A score has reached the clinic's threshold; once for each caller.", true),
            ("appointment.booked", "An appointment was put into the calendar.", true),
        ],
        headers: if is_stored { vec![("x-api-key".to_owned(), "nn_***4f1c".to_owned())] } else { Vec::new() },
        errors: vec![FieldError {
            field: "url".to_owned(),
            message: "This address can not be used.".to_owned(),
        }],
        kept: (!is_stored).then(|| KeptView {
            draft: Uuid::from_u128(77).to_string(),
            bearer: Some("***4f1c77".to_owned()),
            headers: vec![(text.to_owned(), text.to_owned())],
        }),
        removes_headers: false,
        has_lost_secret: is_stored,
    }
}

fn attempts(text: &str) -> Vec<AttemptLine> {
    [("succeeded", Some(200), 84), ("server_error", Some(503), 412), ("timeout", None, 15_000)]
        .into_iter()
        .zip(1..)
        .map(|((outcome, status_code, millis), number)| AttemptLine {
            delivery: Uuid::from_u128(90 + u128::from(number)),
            endpoint: "new-leads".to_owned(),
            kind: "lead.hot".to_owned(),
            number,
            outcome: outcome.to_owned(),
            status_code,
            millis,
            error: (outcome != "succeeded").then(|| text.to_owned()),
            triggered_by: "call".to_owned(),
            at: NOW - i64::from(number) * 95_000,
        })
        .collect()
}

fn endpoint(text: &str, panel: Option<EndpointPanel>) -> EndpointView {
    EndpointView {
        org: org(),
        now: NOW,
        can_configure: true,
        may_ask: None,
        name: "new-leads".to_owned(),
        url: "https://n8n.praxis-nord.example/webhook/new-leads".to_owned(),
        is_sheet: false,
        description: text.to_owned(),
        events: vec!["lead.hot".to_owned(), "appointment.booked".to_owned()],
        headers: vec![("authorization".to_owned(), "Bearer nn_***4f1c".to_owned())],
        state: EndpointState::Active,
        created_by: "anna.meyer@praxis-nord.example".to_owned(),
        created_at: NOW - 86_400_000,
        last_called_at: Some(NOW - 90_000),
        last_error: Some(text.to_owned()),
        tally: tally(9_531, 2, 84.0),
        days: days(),
        unfinished: Unfinished { waiting: 1, dead: 2, parked: 0 },
        secrets: vec![
            SecretLine { hint: "whsec_***pq8f3A".to_owned(), created_at: NOW - 3_600_000, ends_at: None },
            SecretLine {
                hint: "whsec_***81Zs0d".to_owned(),
                created_at: NOW - 86_400_000,
                ends_at: Some(NOW + 3_600_000),
            },
        ],
        fresh_secret: Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        samples: vec![("call.ended", "A call has ended."), ("lead.hot", "A caller is a hot lead.")],
        attempts: attempts(text),
        panel,
    }
}

fn attempts_view(text: &str) -> AttemptsView {
    AttemptsView {
        now: NOW,
        range: range(text),
        is_failed: true,
        other_href: "/dashboard/webhooks/attempts".to_owned(),
        attempts: attempts(text),
        older_href: Some("/dashboard/webhooks/attempts?before=1".to_owned()),
    }
}

fn deliveries(text: &str) -> DeliveriesView {
    let line = |status: &str, id| DeliveryLine {
        id: Uuid::from_u128(id),
        endpoint: "new-leads".to_owned(),
        kind: "lead.hot".to_owned(),
        status: status.to_owned(),
        attempts: 9,
        last_status: Some(503),
        last_error: Some(text.to_owned()),
        triggered_by: "call".to_owned(),
        created_at: NOW - 7_200_000,
        next_attempt_at: (status == "pending").then_some(NOW + 60_000),
    };
    DeliveriesView {
        org: org(),
        now: NOW,
        can_configure: true,
        range: range(text),
        filter: Filter { status: "dead".to_owned(), endpoint: "new-leads".to_owned() },
        unfinished: Unfinished { waiting: 1, dead: 2, parked: 0 },
        endpoints: vec!["crm-sync".to_owned(), "new-leads".to_owned()],
        deliveries: vec![line("dead", 1), line("parked", 2), line("pending", 3), line("succeeded", 4)],
        older_href: Some("/dashboard/webhooks/deliveries?before=1".to_owned()),
    }
}

fn delivery(text: &str, is_open: bool) -> DeliveryView {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let one = |number, outcome: &str, status_code| TryView {
        number,
        outcome: outcome.to_owned(),
        status_code,
        millis: 412,
        error: (outcome != "succeeded").then(|| text.to_owned()),
        at: NOW - i64::from(10 - number) * 300_000,
        sent_headers: vec![header("webhook-signature", "***"), header("x-api-key", "***")],
        answer_headers: vec![header("content-type", "text/html")],
        answer: is_open.then(|| text.to_owned()),
        answer_bytes: 812,
        is_emptied: false,
    };
    DeliveryView {
        org: org(),
        now: NOW,
        can_configure: is_open,
        can_open: is_open,
        may_ask: Some("Ask an owner or admin: A. Meyer".to_owned()),
        id: Uuid::from_u128(1),
        event: Uuid::from_u128(2),
        endpoint: "new-leads".to_owned(),
        kind: "lead.hot".to_owned(),
        status: "succeeded".to_owned(),
        replays: 1,
        triggered_by: text.to_owned(),
        created_at: NOW - 7_200_000,
        next_attempt_at: None,
        last_error: None,
        bodies: if is_open {
            Bodies::Open {
                payload: Some(format!("{{\n  \"type\": \"lead.hot\",\n  \"data\": \"{text}\"\n}}")),
                metadata: Some(text.to_owned()),
            }
        } else {
            Bodies::Closed
        },
        tries: vec![one(1, "server_error", Some(503)), one(2, "succeeded", Some(200))],
    }
}

fn range(text: &str) -> RangeView {
    RangeView {
        action: ADDRESS,
        keep: Vec::new(),
        chosen: "30d".to_owned(),
        from: "2026-01-05".to_owned(),
        to: "2026-02-03".to_owned(),
        time_zone: text.to_owned(),
        error: None,
    }
}

fn tally(delivered: u64, failed: u64, p50: f64) -> Tally {
    Tally { delivered, failed, average: Some(p50 * 1.3), p50: Some(p50), p95: Some(p50 * 4.2) }
}

fn analytics(text: &str) -> AnalyticsView {
    let places = (0..30_u64)
        .map(|day| Place {
            label: if day < 27 { format!("{} Jan", day + 5) } else { format!("{} Feb", day - 26) },
            tally: match day {
                // A Sunday without a call, and a day alone between two of them.
                6 | 12 | 14 | 20 => Tally::default(),
                13 => tally(4, 0, 90.0),
                day => tally(120 + day * 37 % 90, day * day % 17, 60.0 + (day * 29 % 40) as f64),
            },
        })
        .collect();
    let mut week = [[HeatCell::default(); 24]; 7];
    for (day, hours) in week.iter_mut().enumerate().take(6) {
        for (hour, cell) in hours.iter_mut().enumerate().take(19).skip(7) {
            let total = (hour * 7 + day * 13) as u64 % 40 + if hour < 12 { 30 } else { 2 };
            *cell = HeatCell { total, failed: total / 20 };
        }
    }
    let name = |name: &str, id: u32| Slow {
        is_there: id > 1,
        name: name.to_owned(),
        tally: tally(400, 12, f64::from(id) * 300.0),
        slowest: 15_000,
    };
    AnalyticsView {
        range: range(text),
        endpoint: None,
        endpoints: vec![(Uuid::from_u128(1), "hot-leads".to_owned()), (Uuid::from_u128(2), text.to_owned())],
        tally: tally(12_345, 155, 84.0),
        place: "Day",
        places,
        causes: vec![
            ("timeout".to_owned(), 96),
            ("server_error".to_owned(), 41),
            ("name".to_owned(), 17),
            (text.to_owned(), 1),
        ],
        slowest: vec![name(text, 4), name("crm-sync", 2), name("hot-leads", 1)],
        week,
    }
}

fn told(text: &str) -> ToldView {
    let stage = |what: &str, meaning, note: Option<&str>, after| StageLine {
        what: what.to_owned(),
        meaning,
        note: note.map(str::to_owned),
        at: NOW,
        after_millis: after,
    };
    ToldView {
        org: org(),
        event: Uuid::from_u128(61),
        kind: "lead.hot".to_owned(),
        is_test: true,
        triggered_by: text.to_owned(),
        at: NOW,
        call_id: Some(text.to_owned()),
        ways: vec![WayView {
            delivery: Uuid::from_u128(62),
            endpoint: text.to_owned(),
            status: "pending".to_owned(),
            stages: vec![
                stage("Stored", Meaning::Unknown, None, Some(0.0)),
                stage("Sent, try 1", Meaning::Unknown, None, Some(204.0)),
                stage("Answered with 500", Meaning::Broken, Some(text), Some(241.0)),
                stage("Waits for its next try", Meaning::Attention, None, None),
            ],
        }],
    }
}
