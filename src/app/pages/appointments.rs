//! Appointments that agents have made, and the notes that they have taken for the team.

use leptos::prelude::*;

use super::notes::{NoteLine, notes_section};
use crate::app::components::badge::Badge;
use crate::app::components::button::{AskSomeone, ButtonLink, PostButton, Weight};
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::icons::IconName;
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct AppointmentsView {
    pub org: OrgId,
    pub now: UnixMillis,
    pub can_configure: bool,
    pub may_ask: Option<String>,
    /// `upcoming`, `past` or `cancelled`.
    pub state: &'static str,
    /// The clinic's, as in the tz database.
    pub time_zone: String,
    pub appointments: Vec<AppointmentLine>,
    /// There are more than are shown.
    pub is_cut: bool,
    pub notes: Vec<NoteLine>,
    /// Somebody has asked to see what the notes say.
    pub are_notes_open: bool,
}

/// One appointment. Its patient is masked unless somebody has asked to see them.
#[derive(Clone, Debug)]
pub struct AppointmentLine {
    pub id: String,
    /// By the clinic's clock: `Tue 1 Dec 2026, 14:00 to 14:30`.
    pub when: String,
    pub service: String,
    pub practitioner: Option<String>,
    pub patient_mask: String,
    /// Name, number and notes, of the one that was opened.
    pub opened: Option<PatientLines>,
    pub status: AppointmentStatus,
    pub reason: Option<String>,
    /// The call that made it, and the one that ended it where that is another one.
    pub call_id: Option<String>,
    pub ended_call_id: Option<String>,
}

/// A patient who was opened.
#[derive(Clone, Debug)]
pub struct PatientLines {
    pub name: String,
    pub phone: String,
    pub notes: String,
}

/// How an appointment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppointmentStatus {
    Booked,
    /// Nobody knows yet whether it is in the calendar.
    Pending,
    Cancelled,
    /// It never got into the calendar.
    Failed,
}

impl AppointmentStatus {
    /// From the word in the database.
    pub fn parse(word: &str) -> Self {
        match word {
            "booked" => AppointmentStatus::Booked,
            "cancelled" => AppointmentStatus::Cancelled,
            "failed" => AppointmentStatus::Failed,
            _ => AppointmentStatus::Pending,
        }
    }

    pub(super) const fn words(self) -> (&'static str, Meaning) {
        match self {
            AppointmentStatus::Booked => ("Booked", Meaning::Works),
            AppointmentStatus::Pending => ("Being found out", Meaning::Attention),
            AppointmentStatus::Cancelled => ("Cancelled", Meaning::Unknown),
            AppointmentStatus::Failed => ("Not booked", Meaning::Broken),
        }
    }
}

/// The lists, with the words of their links.
const STATES: [(&str, &str); 3] = [("upcoming", "Upcoming"), ("past", "Past"), ("cancelled", "Cancelled")];

/// The page.
pub fn appointments_page(view: AppointmentsView) -> impl IntoView {
    let AppointmentsView {
        org,
        now,
        can_configure,
        may_ask,
        state,
        time_zone,
        appointments,
        is_cut,
        notes,
        are_notes_open,
    } = view;
    let open_notes = (can_configure && !are_notes_open && !notes.is_empty())
        .then(|| format!("/dashboard/appointments?state={state}&open=notes#notes-title"));
    let tabs = STATES
        .map(|(word, label)| {
            let current = (word == state).then_some("page");
            view! {
                <li>
                    <a href=format!("/dashboard/appointments?state={word}") aria-current=current>
                        {label}
                    </a>
                </li>
            }
        })
        .collect_view();
    let is_empty = appointments.is_empty();
    // A patient whom somebody looks at is not taken from under their eyes.
    let is_open = appointments.iter().any(|line| line.opened.is_some());
    let topics = if is_open { String::new() } else { "appointments".to_owned() };
    let list = if is_empty {
        let (title, text) = match state {
            "past" => ("No past appointments", "Appointments move here when they are over."),
            "cancelled" => ("Nothing was cancelled", "What callers or the clinic cancel is listed here."),
            _ => ("No appointments to come", "What your agents book during calls is listed here."),
        };
        view! { <Empty icon=IconName::Clock title text /> }.into_any()
    } else {
        view! {
            <Table caption="Appointments" columns=vec!["When", "Patient", "For", "Status", ""]>
                {appointments
                    .into_iter()
                    .map(|line| row(line, org, state, can_configure))
                    .collect_view()}
            </Table>
        }
        .into_any()
    };
    let cut = is_cut.then(|| {
        view! { <p class="soft">"Only the first of them are shown. The interface gives them all by state."</p> }
    });
    let lead = format!("Made during calls. Times are by the clinic's clock ({time_zone}).");
    let export = format!("/dashboard/appointments/export?state={state}");
    view! {
        <PageHeader title="Appointments" lead>
            {(!is_empty).then(|| view! { <ButtonLink href=export label="Save as CSV" /> })}
        </PageHeader>
        {(!can_configure).then(|| view! { <AskSomeone may_ask /> })}
        <nav class="tabs" aria-label="Appointments by state">
            <ul>{tabs}</ul>
        </nav>
        <LiveRegion topics org=org.to_string()>
            <div data-live-body="">{list} {cut}</div>
            {notes_section(notes, org, now, can_configure, open_notes)}
        </LiveRegion>
    }
}

/// Vapi's id is the address. One that could be read as something else in an address is only shown.
fn call_link(text: &'static str, id: &str) -> impl IntoView + use<> {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let call = if is_plain {
        view! {
            <a href=format!("/dashboard/calls/{id}") title=id.to_owned()>
                {text}
            </a>
        }
        .into_any()
    } else {
        view! { {text} ": " <code>{id.to_owned()}</code> }.into_any()
    };
    view! { <span class="second">{call}</span> }
}

fn row(line: AppointmentLine, org: OrgId, state: &'static str, can_configure: bool) -> impl IntoView {
    let (word, meaning) = line.status.words();
    let patient = match line.opened {
        Some(patient) => view! {
            <strong>{patient.name}</strong>
            <span class="second">{patient.phone}</span>
            {(!patient.notes.is_empty()).then(|| view! { <span class="second">{patient.notes}</span> })}
        }
        .into_any(),
        None => view! { <span>{line.patient_mask}</span> }.into_any(),
    };
    let show = can_configure.then(|| {
        let href = format!("/dashboard/appointments?state={state}&open={0}#{0}", line.id);
        let full_label = format!("Show patient of {}", line.when);
        view! { <ButtonLink href label="Show patient" weight=Weight::Quiet full_label /> }
    });
    let cancel =
        (can_configure && line.status == AppointmentStatus::Booked && state == "upcoming").then(|| {
            view! {
                <PostButton
                    org
                    action=format!("/dashboard/appointments/{}/cancel", line.id)
                    label="Cancel"
                    icon=IconName::Close
                    weight=Weight::Quiet
                />
            }
        });
    view! {
        <Row id=line.id>
            <RowHead>
                <span>{line.when}</span>
                {line.call_id.map(|id| call_link("Made in a call", &id))}
                {line.ended_call_id.map(|id| call_link("Ended in a call", &id))}
            </RowHead>
            <Cell label="Patient">{patient}</Cell>
            <Cell label="For">
                <span>{line.service}</span>
                {line.practitioner.map(|person| view! { <span class="second">{person}</span> })}
            </Cell>
            <Cell label="Status">
                <Badge meaning text=word />
                {line.reason.map(|reason| view! { <span class="second">{reason}</span> })}
            </Cell>
            <Cell label="">{show} {cancel}</Cell>
        </Row>
    }
}
