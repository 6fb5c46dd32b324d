//! Calls: what came in and went out, what each came to, and whether its caller is a lead.

use leptos::prelude::*;

use crate::app::components::badge::Badge;
use crate::app::components::button::{ButtonLink, Submit};
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::{Ago, Moment};
use crate::app::icons::IconName;
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct CallsView {
    pub org: OrgId,
    pub now: UnixMillis,
    pub filter: FilterForm,
    /// Newest first.
    pub calls: Vec<CallLine>,
    pub older_href: Option<String>,
    /// The same calls as a table to take along; for owners and admins.
    pub export_href: Option<String>,
}

/// What is asked for, as it was written.
#[derive(Clone, Debug, Default)]
pub struct FilterForm {
    pub from: String,
    pub until: String,
    pub outcome: String,
    pub hot: bool,
    /// What is wrong with it.
    pub error: Option<String>,
}

impl FilterForm {
    fn is_empty(&self) -> bool {
        self.from.is_empty() && self.until.is_empty() && self.outcome.is_empty() && !self.hot
    }
}

/// One call. Holds a masked number and nothing that was said.
#[derive(Clone, Debug)]
pub struct CallLine {
    pub id: String,
    pub started_at: UnixMillis,
    pub is_running: bool,
    /// `inbound`, `outbound`, `web`, `talk`.
    pub direction: String,
    pub caller: Option<String>,
    pub duration: Option<String>,
    pub outcome: Option<String>,
    /// Why it ended, in a sentence.
    pub ended: Option<String>,
    pub score: Option<i32>,
    pub is_hot: bool,
    pub cost: Option<String>,
}

/// The outcomes: the word in the interface, what people read, and what it means for the clinic.
pub const OUTCOMES: [(&str, &str, Meaning); 10] = [
    ("booked", "Booked", Meaning::Works),
    ("rescheduled", "Rescheduled", Meaning::Works),
    ("cancelled", "Cancelled", Meaning::Unknown),
    ("message_taken", "Message taken", Meaning::Attention),
    ("transferred", "Passed on", Meaning::Works),
    ("answered", "Answered", Meaning::Works),
    ("abandoned", "Hung up at once", Meaning::Unknown),
    ("no_answer", "No answer", Meaning::Attention),
    ("voicemail", "Voicemail", Meaning::Attention),
    ("failed", "Failed", Meaning::Broken),
];

/// What an outcome is called.
pub fn outcome_words(word: &str) -> (&'static str, Meaning) {
    OUTCOMES
        .iter()
        .find(|(known, ..)| *known == word)
        .map_or(("Unknown", Meaning::Unknown), |(_, text, meaning)| (*text, *meaning))
}

/// What a direction is called.
pub fn direction_words(word: &str) -> &'static str {
    match word {
        "inbound" => "Came in",
        "outbound" => "Went out",
        "web" => "In the browser",
        "talk" => "Talk in the browser",
        _ => "Not known",
    }
}

/// The page.
pub fn calls_page(view: CallsView) -> impl IntoView {
    let CallsView { org, now, filter, calls, older_href, export_href } = view;
    let is_filtered = !filter.is_empty();
    let list = if calls.is_empty() {
        let (title, text) = if is_filtered {
            ("No call is like this", "Choose other days or another outcome.")
        } else {
            (
                "No calls yet",
                "As soon as an agent takes a call it stands here, and its report a moment after it ended.",
            )
        };
        view! { <Empty icon=IconName::Phone title text /> }.into_any()
    } else {
        call_table(calls, now).into_any()
    };
    view! {
        <PageHeader title="Calls" lead="What your agents have taken and made, newest first.">
            {export_href.map(|href| view! { <ButtonLink href label="Download as CSV" /> })}
        </PageHeader>
        {filters(filter)}
        <LiveRegion topics="calls".to_owned() org=org.to_string()>
            <div data-live-body="">{list}</div>
        </LiveRegion>
        {older_href.map(|href| view! { <p><ButtonLink href label="Older calls" /></p> })}
    }
}

/// Calls as a table.
pub(super) fn call_table(calls: Vec<CallLine>, now: UnixMillis) -> impl IntoView {
    view! {
        <Table caption="Calls" columns=vec!["Call", "Caller", "Outcome", "Lead", "Length", "Cost"]>
            {calls.into_iter().map(|call| line(call, now)).collect_view()}
        </Table>
    }
}

fn filters(form: FilterForm) -> impl IntoView {
    let FilterForm { from, until, outcome, hot, error } = form;
    let options = OUTCOMES
        .into_iter()
        .map(|(word, text, _)| {
            let is_chosen = word == outcome;
            view! {
                <option value=word selected=is_chosen>
                    {text}
                </option>
            }
        })
        .collect_view();
    view! {
        <form class="surface filters" method="get" action="/dashboard/calls" role="search" aria-label="Filter calls">
            <div class="field">
                <label for="calls-from">"From"</label>
                <input class="input" id="calls-from" name="from" type="date" value=from />
            </div>
            <div class="field">
                <label for="calls-until">"Until"</label>
                <input class="input" id="calls-until" name="until" type="date" value=until />
            </div>
            <div class="field">
                <label for="calls-outcome">"Outcome"</label>
                <select class="input" id="calls-outcome" name="outcome">
                    <option value="">"Any"</option>
                    {options}
                </select>
            </div>
            <label class="filter-check" for="calls-hot">
                <input id="calls-hot" name="hot" type="checkbox" value="1" checked=hot />
                <span>"Hot leads only"</span>
            </label>
            <Submit label="Show" />
            {error.map(|error| view! { <p class="filter-error" role="alert">{error}</p> })}
        </form>
    }
}

fn line(call: CallLine, now: UnixMillis) -> impl IntoView {
    let href = format!("/dashboard/calls/{}", call.id);
    let nobody = if call.direction == "talk" { "Your team" } else { "hidden" };
    let caller = call.caller.unwrap_or_else(|| nobody.to_owned());
    let outcome = if call.is_running {
        view! { <Badge meaning=Meaning::Unknown text="On the line" /> }.into_any()
    } else {
        match call.outcome.as_deref().map(outcome_words) {
            Some((text, meaning)) => view! { <Badge meaning text /> }.into_any(),
            None => view! { <span class="soft">"not reported yet"</span> }.into_any(),
        }
    };
    let lead = match (call.is_hot, call.score) {
        (true, Some(score)) => view! {
            <Badge meaning=Meaning::Works text="Hot lead" />
            <span class="second numbers">{format!("{score} of 100")}</span>
        }
        .into_any(),
        (false, Some(score)) => view! { <span class="numbers">{format!("{score} of 100")}</span> }.into_any(),
        (_, None) => view! { <span class="soft">"not scored"</span> }.into_any(),
    };
    view! {
        <Row id=format!("call-{}", call.id)>
            <RowHead>
                <a href=href>
                    <Moment at=call.started_at />
                </a>
                <span class="second">
                    <Ago now at=call.started_at />
                </span>
            </RowHead>
            <Cell label="Caller">
                <span class="numbers">{caller}</span>
                <span class="second">{direction_words(&call.direction)}</span>
            </Cell>
            <Cell label="Outcome">
                {outcome}
                {call.ended.map(|ended| view! { <span class="second">{ended}</span> })}
            </Cell>
            <Cell label="Lead">{lead}</Cell>
            <Cell label="Length" class="numbers cell-tight">{call.duration}</Cell>
            <Cell label="Cost" class="numbers cell-tight">{call.cost}</Cell>
        </Row>
    }
}
