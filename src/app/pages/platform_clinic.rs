//! One clinic as staff of the platform see it: its accounts and endpoints with how they do, masked, and a way
//! into each form.
//!
//! The forms are the clinic's own pages, which staff visit: what is entered there is never shown again, and
//! stands in the clinic's trail. Without a live reason the page has its door and nothing else.

use leptos::prelude::*;

use super::login::{FormError, SheetHead};
use super::platform::reason_field;
use super::webhooks::words::{EndpointBadge, EndpointState, Figures, Tally};
use crate::app::components::badge::StateBadge;
use crate::app::components::button::{Submit, Weight};
use crate::app::components::chart::scale::count;
use crate::app::components::empty::Empty;
use crate::app::components::field::Field;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::Ago;
use crate::app::icons::IconName;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;
use crate::domain::card::CardState;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct ClinicView {
    pub org: OrgId,
    pub name: String,
    pub error: Option<String>,
    /// Absent where a reason is needed first.
    pub inside: Option<ClinicInside>,
}

/// What is behind the door.
#[derive(Clone, Debug)]
pub struct ClinicInside {
    pub now: UnixMillis,
    pub accounts: Vec<AccountRow>,
    pub endpoints: Vec<EndpointRow>,
    /// Of all endpoints, in the last 30 days.
    pub tally: Tally,
}

/// A provider, connected or not.
#[derive(Clone, Debug)]
pub struct AccountRow {
    /// Its word in addresses.
    pub word: &'static str,
    pub name: &'static str,
    pub state: CardState,
    /// Masked, one for each field.
    pub hints: Vec<String>,
    pub last_verified_at: Option<UnixMillis>,
    pub error: Option<String>,
}

/// An endpoint of the clinic.
#[derive(Clone, Debug)]
pub struct EndpointRow {
    pub name: String,
    pub host: String,
    /// Names of what is sent along, masked.
    pub headers: String,
    pub state: EndpointState,
    pub tally: Tally,
    pub last_called_at: Option<UnixMillis>,
}

/// The page.
pub fn clinic_page(view: ClinicView) -> impl IntoView {
    let ClinicView { org, name, error, inside } = view;
    let body = match inside {
        None => door(org).into_any(),
        Some(inside) => inside_of(org, inside).into_any(),
    };
    view! {
        <section class="sheet sheet-page" aria-labelledby="clinic-title">
            <SheetHead
                id="clinic-title"
                title=name
                lead="Secrets go in and are never shown. Whatever you change stands in the clinic's audit trail."
            />
            {error.map(|text| view! { <FormError text /> })}
            {body}
            <p>
                <a href="/platform">"All clinics"</a>
            </p>
        </section>
    }
}

fn here(org: OrgId) -> String {
    format!("/platform/organizations/{org}")
}

fn door(org: OrgId) -> impl IntoView {
    view! {
        <form class="form" method="post" action=format!("{}/open", here(org))>
            <input type="hidden" name="next" value=here(org) />
            <Field field=reason_field() />
            <Submit label="Open for an hour" weight=Weight::Main />
        </form>
    }
}

/// A way to one of the clinic's own pages.
#[component]
fn Visit(org: OrgId, next: String, label: &'static str, #[prop(optional)] weight: Weight) -> impl IntoView {
    view! {
        <form class="inline-form" method="post" action=format!("{}/open", here(org))>
            <input type="hidden" name="next" value=next />
            <Submit label weight />
        </form>
    }
}

fn inside_of(org: OrgId, inside: ClinicInside) -> impl IntoView {
    let ClinicInside { now, accounts, endpoints, tally } = inside;
    let accounts = accounts.into_iter().map(|row| account(org, now, row)).collect_view();
    let list = if endpoints.is_empty() {
        let text = "Its events are told to nobody yet.";
        view! { <Empty icon=IconName::Send title="No endpoints yet" text /> }.into_any()
    } else {
        let rows = endpoints.into_iter().map(|row| endpoint(org, now, row)).collect_view();
        view! {
            <Table caption="Endpoints" columns=vec!["Endpoint", "State", "Tries", "Success", "Last called", ""]>
                {rows}
            </Table>
        }
        .into_any()
    };
    view! {
        <section class="section" aria-labelledby="accounts-title">
            <h2 id="accounts-title">"Accounts"</h2>
            <Table caption="Accounts" columns=vec!["Provider", "State", "Stored", "Checked", ""]>
                {accounts}
            </Table>
        </section>
        <section class="section" aria-labelledby="endpoints-title">
            <h2 id="endpoints-title">"Endpoints"</h2>
            {list}
            <div class="form-actions">
                <Visit org next="/dashboard/webhooks?panel=new".to_owned() label="Add an endpoint" />
            </div>
        </section>
        <section class="section" aria-labelledby="numbers-title">
            <h2 id="numbers-title">"Events out, last 30 days"</h2>
            <Figures tally />
            <div class="form-actions">
                <Visit org next="/dashboard/webhooks/analytics".to_owned() label="Show analytics" />
            </div>
        </section>
        <div class="form-actions">
            <form class="inline-form" method="post" action=format!("{}/leave", here(org))>
                <Submit label="End access" />
            </form>
        </div>
    }
}

fn account(org: OrgId, now: UnixMillis, row: AccountRow) -> impl IntoView {
    let next = format!("/dashboard/integrations?panel={}", row.word);
    let label = if row.state == CardState::NotConfigured { "Set up" } else { "Replace" };
    let hints = if row.hints.is_empty() { "nothing".to_owned() } else { row.hints.join(", ") };
    view! {
        <Row>
            <RowHead>
                <span>{row.name}</span>
                {row.error.map(|text| view! { <span class="second">{text}</span> })}
            </RowHead>
            <Cell label="State">
                <StateBadge state=row.state />
            </Cell>
            <Cell label="Stored">
                <code>{hints}</code>
            </Cell>
            <Cell label="Checked" class="cell-tight">
                {match row.last_verified_at {
                    Some(at) => view! { <Ago now at /> }.into_any(),
                    None => view! { <span class="soft">"never"</span> }.into_any(),
                }}
            </Cell>
            <Cell label="" class="cell-actions">
                <Visit org next label />
            </Cell>
        </Row>
    }
}

fn endpoint(org: OrgId, now: UnixMillis, row: EndpointRow) -> impl IntoView {
    let next = format!("/dashboard/webhooks/endpoints/{}", row.name);
    let about = if row.headers.is_empty() { row.host } else { format!("{}, with {}", row.host, row.headers) };
    view! {
        <Row>
            <RowHead>
                <span>{row.name}</span>
                <span class="second">{about}</span>
            </RowHead>
            <Cell label="State">
                <EndpointBadge state=row.state />
            </Cell>
            <Cell label="Tries" class="numbers">{count(row.tally.total())}</Cell>
            <Cell label="Success" class="cell-tight numbers">{row.tally.rate()}</Cell>
            <Cell label="Last called" class="cell-tight">
                {match row.last_called_at {
                    Some(at) => view! { <Ago now at /> }.into_any(),
                    None => view! { <span class="soft">"never"</span> }.into_any(),
                }}
            </Cell>
            <Cell label="" class="cell-actions">
                <Visit org next label="Open" />
            </Cell>
        </Row>
    }
}
