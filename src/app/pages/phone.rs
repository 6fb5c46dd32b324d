//! The telephone: the clinic's numbers and who answers them, and calls that the clinic places.

use leptos::prelude::*;

use super::phone_forms::{CallForm, ImportForm, call_section, import_section};
use crate::app::components::badge::Badge;
use crate::app::components::button::{AskSomeone, ButtonLink, PostButton, Weight};
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::{Ago, Moment};
use crate::app::icons::IconName;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct PhoneView {
    pub org: OrgId,
    pub now: UnixMillis,
    pub can_configure: bool,
    pub may_ask: Option<String>,
    pub vapi_connected: bool,
    pub twilio_connected: bool,
    pub numbers: Vec<NumberRow>,
    /// Newest first.
    pub calls: Vec<PlacedRow>,
    pub call: CallForm,
    pub import: ImportForm,
}

/// A number of the clinic.
#[derive(Clone, Debug)]
pub struct NumberRow {
    /// Vapi's id.
    pub id: String,
    /// The clinic's own, so it is shown whole.
    pub number: String,
    pub name: String,
    pub provider: String,
    pub answered_by: AnsweredBy,
    pub refreshed_at: UnixMillis,
}

/// Who answers a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    Inbound,
    Outbound,
    /// An assistant that this service has not made.
    Another,
    Nobody,
}

impl AnsweredBy {
    const fn words(self) -> (&'static str, Meaning) {
        match self {
            AnsweredBy::Inbound => ("Inbound agent", Meaning::Works),
            AnsweredBy::Outbound => ("Outbound agent", Meaning::Works),
            AnsweredBy::Another => ("Another assistant", Meaning::Unknown),
            AnsweredBy::Nobody => ("Nobody", Meaning::Attention),
        }
    }

    const fn value(self) -> &'static str {
        match self {
            AnsweredBy::Inbound => "inbound",
            AnsweredBy::Outbound => "outbound",
            AnsweredBy::Another | AnsweredBy::Nobody => "",
        }
    }
}

/// A call that the clinic placed, or tried to place.
#[derive(Clone, Debug)]
pub struct PlacedRow {
    pub at: UnixMillis,
    /// Masked.
    pub to: String,
    pub from: String,
    pub status: PlacedStatus,
    pub reason: Option<String>,
    /// Vapi's id.
    pub call_id: Option<String>,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacedStatus {
    Placing,
    Placed,
    Failed,
    /// Nobody knows whether it was placed.
    Unknown,
}

impl PlacedStatus {
    /// From the word in the database.
    pub fn parse(word: &str) -> Self {
        match word {
            "placing" => PlacedStatus::Placing,
            "placed" => PlacedStatus::Placed,
            "failed" => PlacedStatus::Failed,
            _ => PlacedStatus::Unknown,
        }
    }

    const fn words(self) -> (&'static str, Meaning) {
        match self {
            PlacedStatus::Placing => ("Being placed", Meaning::Unknown),
            PlacedStatus::Placed => ("Placed", Meaning::Works),
            PlacedStatus::Failed => ("Not placed", Meaning::Broken),
            PlacedStatus::Unknown => ("Unknown", Meaning::Attention),
        }
    }
}

/// The page.
pub fn phone_page(view: PhoneView) -> impl IntoView {
    let PhoneView {
        org,
        now,
        can_configure,
        may_ask,
        vapi_connected,
        twilio_connected,
        numbers,
        calls,
        call,
        import,
    } = view;
    if !vapi_connected {
        return view! {
            <PageHeader title="Phone" lead="The clinic's numbers, and calls that it places." />
            <Empty
                icon=IconName::Phone
                title="Vapi is not connected"
                text="Numbers and calls are handled by the clinic's own account at Vapi."
            >
                <ButtonLink href="/dashboard/integrations?panel=vapi" label="Connect Vapi" />
            </Empty>
        }
        .into_any();
    }
    let options: Vec<(String, String)> =
        numbers.iter().map(|row| (row.id.clone(), format!("{} {}", row.number, row.name))).collect();
    let forms = if can_configure {
        view! {
            {call_section(org, call, options)}
            {twilio_connected.then(|| import_section(org, import))}
        }
        .into_any()
    } else {
        view! { <AskSomeone may_ask /> }.into_any()
    };
    view! {
        <PageHeader title="Phone" lead="The clinic's numbers, and calls that it places." />
        <section class="section" aria-labelledby="numbers-title">
            <header>
                <h2 id="numbers-title">"Numbers"</h2>
                <p>"As Vapi told them last, and which agent answers them."</p>
            </header>
            {number_table(org, numbers, now, can_configure)}
            {can_configure.then(|| view! {
                <PostButton
                    org
                    action="/dashboard/phone/refresh".to_owned()
                    label="Read the numbers from Vapi"
                    icon=IconName::Refresh
                />
            })}
        </section>
        {forms}
        <section class="section" aria-labelledby="placed-title">
            <header>
                <h2 id="placed-title">"Calls placed"</h2>
                <p>"The newest first. A call whose outcome is unknown is never placed again by itself."</p>
            </header>
            {call_table(calls, now)}
        </section>
    }
    .into_any()
}

fn number_table(org: OrgId, numbers: Vec<NumberRow>, now: UnixMillis, can_configure: bool) -> AnyView {
    if numbers.is_empty() {
        return view! {
            <Empty
                icon=IconName::Phone
                title="No numbers known"
                text="Read them from Vapi, or bring one from the clinic's Twilio account."
            />
        }
        .into_any();
    }
    let rows = numbers
        .into_iter()
        .map(|row| {
            let (word, meaning) = row.answered_by.words();
            let form = can_configure.then(|| binding(org, &row));
            view! {
                <Row>
                    <RowHead>
                        <code>{row.number}</code>
                        <span class="second">{row.name}</span>
                    </RowHead>
                    <Cell label="From">{row.provider}</Cell>
                    <Cell label="Answered by">
                        <Badge meaning text=word />
                    </Cell>
                    <Cell label="Read" class="cell-tight">
                        <Ago now at=row.refreshed_at />
                    </Cell>
                    <Cell label="" class="cell-actions">{form}</Cell>
                </Row>
            }
        })
        .collect_view();
    view! {
        <Table caption="Phone numbers" columns=vec!["Number", "From", "Answered by", "Read", ""]>{rows}</Table>
    }
    .into_any()
}

/// Three buttons, so that it works without scripts and says what each does.
fn binding(org: OrgId, row: &NumberRow) -> impl IntoView + use<> {
    let action = format!("/dashboard/phone/{}/agent", row.id);
    let now = row.answered_by;
    [("inbound", "Inbound agent answers"), ("outbound", "Outbound agent answers"), ("", "Nobody answers")]
        .into_iter()
        .filter(|(role, _)| *role != now.value() || now == AnsweredBy::Another)
        .map(|(role, label)| {
            view! {
                <PostButton
                    org
                    action=action.clone()
                    label
                    weight=Weight::Quiet
                    extra=("role", role.to_owned())
                />
            }
        })
        .collect_view()
}

fn call_table(calls: Vec<PlacedRow>, now: UnixMillis) -> AnyView {
    if calls.is_empty() {
        return view! {
            <Empty icon=IconName::Phone title="No calls placed" text="Calls of the outbound agent are listed here." />
        }
        .into_any();
    }
    let rows = calls
        .into_iter()
        .map(|row| {
            let (word, meaning) = row.status.words();
            view! {
                <Row>
                    <RowHead>
                        <code>{row.to}</code>
                        {row.call_id.map(|id| view! { <span class="second"><code>{id}</code></span> })}
                    </RowHead>
                    <Cell label="From"><code>{row.from}</code></Cell>
                    <Cell label="Status">
                        <Badge meaning text=word />
                        {row.reason.map(|reason| view! { <span class="second">{reason}</span> })}
                    </Cell>
                    <Cell label="When" class="cell-tight">
                        <Ago now at=row.at />
                        <span class="second"><Moment at=row.at /></span>
                    </Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Table caption="Calls placed" columns=vec!["To", "From", "Status", "When"]>{rows}</Table> }
        .into_any()
}
