//! The part of the agents' page with the clinic's hours, closures, services and practitioners.
//!
//! Rows are plain fields with a number in their names, so that the form works without any script: a row
//! whose name is emptied is left out, and three empty ones wait for more.

use std::collections::BTreeMap;

use leptos::prelude::*;

use crate::app::components::button::{OrgField, Submit, Weight};
use crate::app::components::field::{Field, FieldView, LongField};
use crate::app::icons::{Icon, IconName};
use crate::app::wire::FieldError;
use crate::domain::OrgId;
use crate::domain::clinic_plan::Day;

/// Empty rows below those that are filled.
const SPARE: usize = 2;

/// The form as it is stored or was typed.
#[derive(Clone, Debug, Default)]
pub struct ScheduleForm {
    /// By field name: `open_monday`, `closures`, `service_0_name`, `person_0_hours`, `noticeMinutes`.
    pub values: BTreeMap<String, String>,
    /// By field of the plan: `openings`, `services`.
    pub errors: Vec<FieldError>,
    /// The clinic's, as in the tz database.
    pub time_zone: String,
}

impl ScheduleForm {
    fn value(&self, key: &str) -> String {
        self.values.get(key).cloned().unwrap_or_default()
    }

    /// How many rows of a kind to show.
    fn rows(&self, kind: &str) -> usize {
        let filled = self.values.iter().filter(|(_, value)| !value.is_empty());
        let numbers = filled.filter_map(|(key, _)| {
            key.strip_prefix(kind)?.strip_prefix('_')?.split('_').next()?.parse().ok()
        });
        numbers.map(|number: usize| number + 1).max().unwrap_or(0).min(40) + SPARE
    }
}

/// One field of a row.
fn cell(
    form: &ScheduleForm,
    kind: &str,
    row: usize,
    part: &str,
    label: String,
    class: &'static str,
    off: bool,
) -> impl IntoView + use<> {
    let name = format!("{kind}_{row}_{part}");
    let id = format!("schedule-{name}");
    let value = form.value(&name);
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <input class=class id=id name=name type="text" value=value maxlength="400" autocomplete="off" disabled=off />
        </div>
    }
}

fn wrong(form: &ScheduleForm, key: &str) -> Option<impl IntoView + use<>> {
    FieldError::find(&form.errors, key).map(str::to_owned).map(|message| {
        view! {
            <p class="field-error">
                <Icon name=IconName::Alert />
                <span>{message}</span>
            </p>
        }
    })
}

/// The section.
pub fn schedule_section(form: ScheduleForm, org: OrgId, can_configure: bool) -> impl IntoView {
    let off = !can_configure;
    let days = Day::ALL
        .map(|day| {
            let key = match day {
                Day::Monday => "open_monday",
                Day::Tuesday => "open_tuesday",
                Day::Wednesday => "open_wednesday",
                Day::Thursday => "open_thursday",
                Day::Friday => "open_friday",
                Day::Saturday => "open_saturday",
                Day::Sunday => "open_sunday",
            };
            let field = FieldView {
                required: false,
                example: "closed",
                scope: "schedule",
                disabled: off,
                ..FieldView::new(key, day.name(), form.value(key))
            };
            view! { <Field field /> }
        })
        .collect_view();
    let closures = FieldView {
        required: false,
        scope: "schedule",
        disabled: off,
        error: FieldError::find(&form.errors, "closures").map(str::to_owned),
        ..FieldView::new(
            "closures",
            "Closed, one line each: 2026-12-24 - 2026-12-26 Christmas",
            form.value("closures"),
        )
    };
    let services = (0..form.rows("service"))
        .map(|row| {
            let number = row + 1;
            let cell = |part, label: &str| {
                cell(&form, "service", row, part, format!("{label} {number}"), "input", off)
            };
            view! {
                <li class="plan-row">
                    {cell("name", "Service")} {cell("minutes", "Minutes")} {cell("before", "Free before")}
                    {cell("after", "Free after")} {cell("practitioner", "Practitioner")}
                </li>
            }
        })
        .collect_view();
    let people = (0..form.rows("person"))
        .map(|row| {
            let number = row + 1;
            let cell = |part, label: &str| {
                cell(&form, "person", row, part, format!("{label} {number}"), "input", off)
            };
            view! { <li class="plan-row">{cell("name", "Practitioner")} {cell("hours", "Own hours")}</li> }
        })
        .collect_view();
    let numbers = [
        ("noticeMinutes", "Earliest, minutes from now"),
        ("stepMinutes", "Begin every so many minutes"),
        ("daysAhead", "Latest, days from now"),
    ]
    .map(|(key, label)| {
        let field = FieldView {
            scope: "schedule",
            disabled: off,
            error: FieldError::find(&form.errors, key).map(str::to_owned),
            ..FieldView::new(key, label, form.value(key))
        };
        view! { <Field field /> }
    })
    .collect_view();
    let save =
        can_configure.then(|| view! { <Submit label="Save hours and services" weight=Weight::Main /> });
    let lead = format!("One set for both agents, by the clinic's clock ({}).", form.time_zone);
    view! {
        <section class="section" id="schedule" aria-labelledby="schedule-title">
            <header>
                <h2 id="schedule-title">"Opening hours and services"</h2>
                <p>{lead}</p>
            </header>
            <form class="form surface" method="post" action="/dashboard/agents/schedule">
                <OrgField org />
                <fieldset class="plan">
                    <legend>"Open"</legend>
                    <p class="field-help">"Write 9:00-12:00, 13:00-17:00. Leave a day empty where nobody is there."</p>
                    {wrong(&form, "openings")}
                    <div class="fields">{days}</div>
                </fieldset>
                <LongField field=closures rows=3 max_length=8_000 />
                <fieldset class="plan">
                    <legend>"Services"</legend>
                    <p class="field-help">"Name a practitioner where only one person does it. Empty a name to remove the row."</p>
                    {wrong(&form, "services")}
                    <ul>{services}</ul>
                </fieldset>
                <fieldset class="plan">
                    <legend>"Practitioners"</legend>
                    <p class="field-help">"Own hours such as Mon-Wed 9-12; Fri 13-17. None means the clinic's."</p>
                    {wrong(&form, "practitioners")}
                    <ul>{people}</ul>
                </fieldset>
                <fieldset class="plan">
                    <legend>"What is offered"</legend>
                    <div class="fields">{numbers}</div>
                </fieldset>
                <div class="form-actions">{save}</div>
            </form>
        </section>
    }
}
