//! Who did what, when, with which outcome.

use leptos::prelude::*;

use crate::app::components::badge::Badge;
use crate::app::components::button::ButtonLink;
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, Table};
use crate::app::components::time::Moment;
use crate::app::icons::IconName;
use crate::app::relative::UnixMillis;
use crate::domain::card::Meaning;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct AuditView {
    /// Newest first.
    pub rows: Vec<AuditRow>,
    pub older_href: Option<String>,
}

/// One line of the trail.
#[derive(Clone, Debug)]
pub struct AuditRow {
    pub seq: i64,
    pub at: UnixMillis,
    /// A person's name or the name of a machine.
    pub actor: String,
    /// `integration.connect`.
    pub action: String,
    /// What it was done to.
    pub target: String,
    pub outcome: AuditOutcome,
    pub request_id: Option<String>,
    pub details: Option<String>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    Success,
    Failure,
    Denied,
}

impl AuditOutcome {
    const fn words(self) -> (&'static str, Meaning) {
        match self {
            AuditOutcome::Success => ("Success", Meaning::Works),
            AuditOutcome::Failure => ("Failure", Meaning::Attention),
            AuditOutcome::Denied => ("Denied", Meaning::Broken),
        }
    }
}

/// The page.
pub fn audit_page(view: AuditView) -> impl IntoView {
    let AuditView { rows, older_href } = view;
    let list = if rows.is_empty() {
        view! {
            <Empty
                icon=IconName::Shield
                title="Nothing recorded yet"
                text="Sign-ins, tests, saves and disconnects are recorded here, each linked to the one before."
            />
        }
        .into_any()
    } else {
        view! {
            <Table caption="Audit trail" columns=vec!["No.", "Time", "Who", "What", "Target", "Outcome", "Request"]>
                {rows.into_iter().map(row).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <PageHeader title="Audit" lead="Who did what in this clinic. Rows can be added, never changed." />
        {list}
        {older_href.map(|href| view! { <p><ButtonLink href label="Older entries" /></p> })}
    }
}

fn row(row: AuditRow) -> impl IntoView {
    let (word, meaning) = row.outcome.words();
    view! {
        <Row>
            <Cell label="No." class="numbers soft">{row.seq.to_string()}</Cell>
            <Cell label="Time" class="cell-tight">
                <Moment at=row.at />
            </Cell>
            <Cell label="Who">{row.actor}</Cell>
            <Cell label="What">
                <code>{row.action}</code>
                {row.details.map(|details| view! { <span class="second">{details}</span> })}
            </Cell>
            <Cell label="Target">{row.target}</Cell>
            <Cell label="Outcome">
                <Badge meaning text=word />
            </Cell>
            <Cell label="Request">{row.request_id.map(|id| view! { <code class="soft">{id}</code> })}</Cell>
        </Row>
    }
}
