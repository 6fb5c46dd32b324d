//! The parts of a call's page that tell what it has led to: appointments, and who was told of it.

use leptos::prelude::*;
use uuid::Uuid;

use super::appointments::AppointmentStatus;
use super::webhooks::words::{delivery_href, endpoint_href, status_words};
use crate::app::components::badge::Badge;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::Moment;
use crate::app::relative::UnixMillis;

/// An appointment that the call made, moved or cancelled.
#[derive(Clone, Debug)]
pub struct CallAppointment {
    /// By the clinic's clock: `Tue 1 Dec 2026, 14:00 to 14:30`.
    pub when: String,
    /// "Booked in this call".
    pub what: &'static str,
    pub service: String,
    pub practitioner: Option<String>,
    pub status: AppointmentStatus,
    pub reason: Option<String>,
    /// Where it is listed; nowhere where it never came to be.
    pub href: Option<String>,
}

/// One event of the call for one endpoint.
#[derive(Clone, Debug)]
pub struct CallDelivery {
    pub id: Uuid,
    pub kind: String,
    pub endpoint: String,
    /// `pending`, `succeeded`, `dead` or `parked`.
    pub status: String,
    pub last_error: Option<String>,
    pub at: UnixMillis,
}

/// Appointments, where there are any.
pub(super) fn appointments_section(
    appointments: Vec<CallAppointment>,
    time_zone: &str,
) -> Option<impl IntoView + use<>> {
    (!appointments.is_empty()).then(|| {
        let title = if appointments.len() == 1 { "Appointment" } else { "Appointments" };
        let clock = format!("By the clinic's clock ({time_zone}).");
        let rows = appointments.into_iter().map(appointment).collect_view();
        view! {
            <section class="section" aria-labelledby="appointments-title">
                <header>
                    <h2 id="appointments-title">{title}</h2>
                    <p>{clock}</p>
                </header>
                <Table caption="Appointments of this call" columns=vec!["When", "For", "Status"]>{rows}</Table>
            </section>
        }
    })
}

fn appointment(line: CallAppointment) -> impl IntoView {
    let (word, meaning) = line.status.words();
    let when = match line.href {
        Some(href) => view! { <a href=href>{line.when}</a> }.into_any(),
        None => view! { <span>{line.when}</span> }.into_any(),
    };
    view! {
        <Row>
            <RowHead>
                {when}
                <span class="second">{line.what}</span>
            </RowHead>
            <Cell label="For">
                <span>{line.service}</span>
                {line.practitioner.map(|person| view! { <span class="second">{person}</span> })}
            </Cell>
            <Cell label="Status">
                <Badge meaning text=word />
                {line.reason.map(|reason| view! { <span class="second">{reason}</span> })}
            </Cell>
        </Row>
    }
}

/// Who was told of the call, where anybody was.
pub(super) fn deliveries_section(deliveries: Vec<CallDelivery>) -> Option<impl IntoView> {
    (!deliveries.is_empty()).then(|| {
        let rows = deliveries.into_iter().map(delivery).collect_view();
        view! {
            <section class="section" aria-labelledby="told-title">
                <header>
                    <h2 id="told-title">"Told to your endpoints"</h2>
                </header>
                <Table caption="Events of this call" columns=vec!["Event", "Endpoint", "Status", "When"]>{rows}</Table>
            </section>
        }
    })
}

fn delivery(line: CallDelivery) -> impl IntoView {
    let (word, meaning) = status_words(&line.status);
    view! {
        <Row>
            <RowHead>
                <a href=delivery_href(line.id)>{line.kind}</a>
            </RowHead>
            <Cell label="Endpoint">
                <a href=endpoint_href(&line.endpoint)>{line.endpoint.clone()}</a>
            </Cell>
            <Cell label="Status">
                <Badge meaning text=word />
                {line.last_error.map(|error| view! { <span class="second">{error}</span> })}
            </Cell>
            <Cell label="When" class="cell-tight">
                <Moment at=line.at />
            </Cell>
        </Row>
    }
}
