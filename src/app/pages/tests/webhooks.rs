//! The pages of events out with sample views.

use uuid::Uuid;

use super::samples::shell;
use crate::app::components::chart::heat::HeatCell;
use crate::app::pages::webhooks::analytics::{ADDRESS, AnalyticsView, Place, Slow, analytics_page};
use crate::app::pages::webhooks::range::RangeView;
use crate::app::pages::webhooks::words::Tally;
use crate::app::{NavItem, render};

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
        ("analytics", render(shell("Webhook analytics", NavItem::Webhooks), || analytics_page(analytics(text)))),
        ("analytics-empty", render(shell("Webhook analytics", NavItem::Webhooks), || analytics_page(empty))),
    ]
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
    let name = |name: &str, id| Slow {
        endpoint: Uuid::from_u128(id),
        name: name.to_owned(),
        tally: tally(400, 12, id as f64 * 300.0),
        slowest: 15_000,
    };
    AnalyticsView {
        range: range(text),
        endpoint: None,
        endpoints: vec![
            (Uuid::from_u128(1), "hot-leads".to_owned()),
            (Uuid::from_u128(2), text.to_owned()),
        ],
        tally: tally(12_345, 155, 84.0),
        place: "Day",
        places,
        causes: vec![
            ("timeout".to_owned(), 96),
            ("http_503".to_owned(), 41),
            ("dns".to_owned(), 17),
            (text.to_owned(), 1),
        ],
        slowest: vec![name(text, 4), name("crm-sync", 2), name("hot-leads", 1)],
        week,
    }
}
