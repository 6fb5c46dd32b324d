//! One call: what happened in it, what it came to, whether its caller is a lead. What was said is opened
//! by owners and admins only, and each opening is recorded. What it has led to is drawn in `call_effects`.

use leptos::prelude::*;

use super::call_effects::{CallAppointment, CallDelivery, appointments_section, deliveries_section};
use super::calls::{CallLine, direction_words, outcome_words};
use crate::app::components::badge::Badge;
use crate::app::components::button::{AskSomeone, ButtonLink};
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::{Moment, exact};
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct CallView {
    pub org: OrgId,
    /// The clinic's, as in the tz database.
    pub time_zone: String,
    pub call: CallLine,
    /// Vapi's id.
    pub call_id: String,
    pub assistant: Option<String>,
    pub ended_at: Option<UnixMillis>,
    pub moments: Vec<MomentLine>,
    pub appointments: Vec<CallAppointment>,
    pub deliveries: Vec<CallDelivery>,
    pub lead: Option<LeadView>,
    pub reasons: Vec<ReasonLine>,
    pub said: Said,
    pub can_configure: bool,
    pub may_ask: Option<String>,
}

/// What was said, and how far it may be seen.
#[derive(Clone, Debug)]
pub enum Said {
    /// Nothing is there yet: the report has not come.
    NotYet,
    /// It is kept sealed, and can be opened.
    Closed,
    /// The clinic's retention has emptied it.
    Emptied,
    Open(Box<SaidView>),
}

/// What was said.
#[derive(Clone, Debug)]
pub struct SaidView {
    pub number: Option<String>,
    pub name: Option<String>,
    pub summary: String,
    /// What Vapi has extracted: name and value.
    pub extracted: Vec<(String, String)>,
    pub evaluation: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct MomentLine {
    pub at: UnixMillis,
    /// "Tool `send_sms`", "Alert by e-mail".
    pub what: String,
    pub status: String,
    pub meaning: Meaning,
    pub note: Option<String>,
}

/// The lead that the call belongs to.
#[derive(Clone, Debug)]
pub struct LeadView {
    pub score: i32,
    pub calls: i32,
    pub hot_at: Option<UnixMillis>,
}

/// A reason with its points.
#[derive(Clone, Debug)]
pub struct ReasonLine {
    pub text: String,
    pub points: i32,
}

/// The page.
pub fn call_page(view: CallView) -> impl IntoView {
    let CallView {
        org,
        time_zone,
        call,
        call_id,
        assistant,
        ended_at,
        moments,
        appointments,
        deliveries,
        lead,
        reasons,
        said,
        can_configure,
        may_ask,
    } = view;
    // What was opened stays as long as somebody looks at it.
    let said_body = (!matches!(said, Said::Open(_))).then_some("said");
    let lead_line = format!("{}, {}.", direction_words(&call.direction), exact(call.started_at));
    let (outcome, meaning) = match (&call.outcome, call.is_running) {
        (_, true) => ("On the line", Meaning::Unknown),
        (Some(word), _) => outcome_words(word),
        (None, _) => ("Not reported yet", Meaning::Unknown),
    };
    let fact = |label: &'static str, value: Option<String>| {
        value.map(|value| {
            view! {
                <div>
                    <dt>{label}</dt>
                    <dd>{value}</dd>
                </div>
            }
        })
    };
    let open_href = format!("/dashboard/calls/{}?open=details", call.id);
    let facts = view! {
        <section class="surface section" aria-labelledby="facts-title">
            <header>
                <h2 id="facts-title">"What it came to"</h2>
            </header>
            <p><Badge meaning text=outcome /></p>
            <dl class="facts">
                {fact("Ended because", call.ended)}
                {fact("Caller", call.caller)}
                {fact("Length", call.duration)}
                {fact("Ended", ended_at.map(exact))}
                {fact("Cost", call.cost)}
                {fact("Agent", assistant)}
                {fact("Vapi's id", Some(call_id))}
            </dl>
        </section>
    };
    view! {
        <PageHeader title="Call" lead=lead_line>
            <ButtonLink href="/dashboard/calls" label="All calls" />
        </PageHeader>
        <LiveRegion topics="appointments calls deliveries events messages".to_owned() org=org.to_string()>
            <div data-live-body="facts">
                {facts} {appointments_section(appointments, &time_zone)}
                {lead_section(call.score, lead, reasons)}
            </div>
            <div data-live-body=said_body>{said_section(said, open_href, can_configure, may_ask)}</div>
            <div data-live-body="happened">{timeline(moments)} {deliveries_section(deliveries)}</div>
        </LiveRegion>
    }
}

fn lead_section(
    score: Option<i32>,
    lead: Option<LeadView>,
    reasons: Vec<ReasonLine>,
) -> Option<impl IntoView> {
    score.map(|score| {
        let about = match &lead {
            Some(LeadView { calls, score, .. }) if *calls > 1 => {
                format!("One of {calls} calls of this caller; the best had {score} points.")
            }
            Some(_) => "The caller may want an appointment.".to_owned(),
            None => "No sign that the caller wants an appointment.".to_owned(),
        };
        let hot = lead.and_then(|lead| lead.hot_at).map(|at| {
            view! {
                <p>
                    <Badge meaning=Meaning::Works text="Hot lead" />
                    " since "
                    <Moment at />
                </p>
            }
        });
        let lines = reasons
            .into_iter()
            .map(|reason| {
                view! {
                    <div>
                        <dt class="numbers">{format!("{:+}", reason.points)}</dt>
                        <dd>{reason.text}</dd>
                    </div>
                }
            })
            .collect_view();
        view! {
            <section class="surface section" aria-labelledby="lead-title">
                <header>
                    <h2 id="lead-title">{format!("Lead score: {score} of 100")}</h2>
                    <p>{about}</p>
                </header>
                {hot}
                <dl class="facts points">{lines}</dl>
            </section>
        }
    })
}

fn said_section(
    said: Said,
    open_href: String,
    can_configure: bool,
    may_ask: Option<String>,
) -> impl IntoView {
    let body = match said {
        Said::NotYet => view! { <p class="soft">"The report of this call has not come yet."</p> }.into_any(),
        Said::Emptied => {
            view! { <p class="soft">"Older than this clinic keeps what was said. It was removed."</p> }.into_any()
        }
        Said::Closed if can_configure => view! {
            <p class="soft">"Summary, number and extracted data are sealed. Opening them is recorded in the audit trail."</p>
            <p><ButtonLink href=open_href label="Open what was said" /></p>
        }
        .into_any(),
        Said::Closed => view! { <AskSomeone may_ask /> }.into_any(),
        Said::Open(said) => opened(*said).into_any(),
    };
    view! {
        <section class="surface section" aria-labelledby="said-title">
            <header>
                <h2 id="said-title">"What was said"</h2>
            </header>
            {body}
        </section>
    }
}

fn opened(said: SaidView) -> impl IntoView {
    let SaidView { number, name, summary, extracted, evaluation } = said;
    let rows = [
        ("Name".to_owned(), name),
        ("Number".to_owned(), number),
        ("Success, as Vapi sees it".to_owned(), evaluation),
    ]
    .into_iter()
    .filter_map(|(label, value)| Some((label, value?)))
    .chain(extracted)
    .map(|(label, value)| {
        view! {
            <div>
                <dt>{label}</dt>
                <dd>{value}</dd>
            </div>
        }
    })
    .collect_view();
    let summary = if summary.is_empty() { "Vapi gave no summary.".to_owned() } else { summary };
    view! {
        <p class="said">{summary}</p>
        <dl class="facts">{rows}</dl>
    }
}

fn timeline(moments: Vec<MomentLine>) -> impl IntoView {
    let list = if moments.is_empty() {
        view! { <p class="soft">"No tool was used, and no message was sent."</p> }.into_any()
    } else {
        let rows = moments
            .into_iter()
            .map(|moment| {
                view! {
                    <Row>
                        <RowHead>
                            <span>{moment.what}</span>
                            {moment.note.map(|note| view! { <span class="second">{note}</span> })}
                        </RowHead>
                        <Cell label="How it ended">
                            <Badge meaning=moment.meaning text=moment.status />
                        </Cell>
                        <Cell label="When" class="cell-tight">
                            <Moment at=moment.at />
                        </Cell>
                    </Row>
                }
            })
            .collect_view();
        view! { <Table caption="What happened in the call" columns=vec!["What", "How it ended", "When"]>{rows}</Table> }
            .into_any()
    };
    view! {
        <section class="section" aria-labelledby="moments-title">
            <header>
                <h2 id="moments-title">"What happened"</h2>
            </header>
            {list}
        </section>
    }
}
