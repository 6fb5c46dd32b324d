//! Every clinic of the platform, for its staff: which ones need somebody, and the door into one, which
//! asks for a reason.
//!
//! What a clinic has is summed up in `platform_clinic`. Inside of a clinic staff see the clinic's own pages,
//! with what the role `platform` may do there.

use leptos::prelude::*;

use super::login::{FormError, SheetHead};
use crate::app::components::badge::Badge;
use crate::app::components::button::{Submit, Weight};
use crate::app::components::empty::Empty;
use crate::app::components::field::{Field, FieldView};
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::icons::IconName;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct PlatformView {
    pub staff: String,
    pub clinics: Vec<ClinicLine>,
    pub error: Option<String>,
}

/// One clinic.
#[derive(Clone, Debug)]
pub struct ClinicLine {
    pub id: OrgId,
    pub name: String,
    pub slug: String,
    pub is_suspended: bool,
    pub connected: i64,
    pub attention: i64,
    /// Until when this person has access, as a time of day in UTC.
    pub access_until: Option<String>,
}

/// The page.
pub fn platform_page(view: PlatformView) -> impl IntoView {
    let PlatformView { staff, clinics, error } = view;
    let list = if clinics.is_empty() {
        view! { <Empty icon=IconName::Inbox title="No clinics yet" text="A clinic is made with: voxanne org create." /> }
            .into_any()
    } else {
        view! {
            <Table caption="Clinics" columns=vec!["Clinic", "Accounts", "State", "Your access", ""]>
                {clinics.into_iter().map(line).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <section class="sheet sheet-page" aria-labelledby="platform-title">
            <SheetHead
                id="platform-title"
                title="Clinics"
                lead="A clinic is opened for an hour, with a reason. Its people see both in their audit trail."
            />
            {error.map(|text| view! { <FormError text /> })}
            {list}
            <p class="soft">{format!("Signed in as {staff}, platform staff.")}</p>
        </section>
    }
}

/// Why staff come; the clinic reads it.
pub(super) fn reason_field() -> FieldView {
    FieldView {
        example: "Ticket 4711: calls are not answered",
        help: "Stands in the clinic's audit trail.",
        ..FieldView::new("reason", "Reason", "")
    }
}

fn line(clinic: ClinicLine) -> impl IntoView {
    let (word, meaning) = match (clinic.is_suspended, clinic.attention, clinic.connected) {
        (true, ..) => ("Suspended".to_owned(), Meaning::Unknown),
        (_, 1.., _) => (format!("{} needs attention", clinic.attention), Meaning::Broken),
        (_, _, 0) => ("Nothing connected".to_owned(), Meaning::Unknown),
        _ => ("Works".to_owned(), Meaning::Works),
    };
    let action = format!("/platform/organizations/{}/open", clinic.id);
    let door = if clinic.access_until.is_some() {
        view! {
            <form class="inline-form" method="post" action=action.clone()>
                <Submit label="Open" weight=Weight::Main />
            </form>
            <form class="inline-form" method="post" action=format!("/platform/organizations/{}/leave", clinic.id)>
                <Submit label="End access" />
            </form>
        }
        .into_any()
    } else {
        view! {
            <details>
                <summary>{format!("Open {}", clinic.name)}</summary>
                <form class="form" method="post" action=action>
                    <Field field=reason_field() />
                    <Submit label="Open for an hour" weight=Weight::Main />
                </form>
            </details>
        }
        .into_any()
    };
    view! {
        <Row>
            <RowHead>
                <a href=format!("/platform/organizations/{}", clinic.id)>{clinic.name}</a>
                <span class="second">{clinic.slug}</span>
            </RowHead>
            <Cell label="Accounts" class="numbers">{clinic.connected.to_string()}</Cell>
            <Cell label="State">
                <Badge meaning text=word />
            </Cell>
            <Cell label="Your access">
                {clinic.access_until.map_or_else(|| "none".to_owned(), |until| format!("until {until} UTC"))}
            </Cell>
            <Cell label="" class="cell-actions">{door}</Cell>
        </Row>
    }
}
