//! The panel that connects a provider: its form, and what the last test said.

use leptos::prelude::*;

use super::disconnect_panel::account_field;
use crate::app::components::button::{ButtonLink, OrgField, Submit, Weight};
use crate::app::components::card::mark_href;
use crate::app::components::copy_box::CopyBox;
use crate::app::components::dialog::Panel;
use crate::app::components::field::{Field, FieldView};
use crate::app::components::report::{CapabilityCheck, CapabilityLine, ConnectStatus, FormMessage, Testing};
use crate::app::icons::{Icon, IconName};
use crate::app::islands::connect_form::ConnectForm;
use crate::app::wire::{ConnectAnswer, ReportView, SuccessView};
use crate::domain::{CapabilityResult, OrgId, ProviderId};

/// Where all panels close to.
pub const INTEGRATIONS: &str = "/dashboard/integrations";
const FORM_ID: &str = "connect-form";

/// Where the panel of a provider closes to: its card gets the focus back.
pub fn close_href(provider: ProviderId) -> String {
    format!("{INTEGRATIONS}#{}", provider.as_str())
}

/// What an answer said, as a fragment for a panel that is open.
pub fn connect_status(provider: ProviderId, name: &'static str, answer: ConnectAnswer) -> impl IntoView {
    view! { <ConnectStatus answer provider_name=name done_href=close_href(provider) form_id=FORM_ID /> }
}

/// The form of a provider, and what its last test said.
#[derive(Clone, Debug)]
pub struct ConnectPanelView {
    pub org: OrgId,
    /// The label of the account, where it is not the primary one.
    pub account: Option<String>,
    pub provider: ProviderId,
    pub name: &'static str,
    pub purpose: &'static str,
    /// What will be tested.
    pub checks: Vec<CapabilityCheck>,
    pub fields: Vec<FieldView>,
    /// Stands for secrets that were typed and wait, sealed.
    pub draft: Option<String>,
    pub report: Option<ReportView>,
    pub save_anyway: bool,
    pub success: Option<SuccessView>,
    /// A sentence for the whole form.
    pub message: Option<String>,
    /// What the credential must be allowed to do.
    pub permissions: Vec<String>,
    pub console_url: &'static str,
    /// The provider signs its webhooks with a secret that can be rotated now.
    pub can_rotate: bool,
}

/// One capability's answer, as a fragment for the place where it is waited for.
pub fn capability_line(line: CapabilityResult) -> impl IntoView {
    view! { <CapabilityLine line /> }
}

/// The connect panel.
pub fn connect_panel(view: ConnectPanelView) -> impl IntoView {
    let word = view.provider.as_str();
    let close = close_href(view.provider);
    let title = match &view.account {
        Some(label) => format!("Connect {} ({label})", view.name),
        None => format!("Connect {}", view.name),
    };
    let is_done = view.success.is_some();
    // A report takes the focus itself, unless a field is what is wrong.
    let takes_focus = view.report.is_none() || view.fields.iter().any(|field| field.error.is_some());
    let answer = ConnectAnswer {
        ok: is_done,
        report: view.report,
        draft: view.draft,
        field_errors: Vec::new(),
        save_anyway: view.save_anyway,
        success: view.success,
        message: view.message,
    };
    let rotation = (view.can_rotate && !is_done).then(|| rotation(view.org, word, view.name));
    let form = (!is_done).then(|| {
        let action = format!("{INTEGRATIONS}/{word}/connect");
        view! {
            <form class="form" id=FORM_ID method="post" action=action>
                <OrgField org=view.org />
                {account_field(view.account.as_deref())}
                {permissions(view.permissions, view.console_url, view.name)}
                {fields(view.fields, takes_focus)}
                <div class="form-actions">
                    <Submit label="Test and save" weight=Weight::Main sends=("intent", "test_and_save") />
                    <ButtonLink href=close.clone() label="Cancel" weight=Weight::Quiet />
                </div>
            </form>
        }
    });
    view! {
        <Panel
            id="connect"
            title=title
            lead=view.purpose.to_owned()
            close_href=close.clone()
            mark=mark_href(view.provider)
        >
            <ConnectForm>
                <div class="connect-status" aria-live="polite">
                    <ConnectStatus answer provider_name=view.name done_href=close form_id=FORM_ID />
                </div>
                // What an island shows before there is an answer, and instead of one.
                <template data-testing="">
                    <Testing provider_name=view.name checks=view.checks />
                </template>
                <template data-failure="">
                    <FormMessage text=String::new() />
                </template>
                {form}
            </ConnectForm>
            {rotation}
        </Panel>
    }
}

/// A form of its own: it needs nothing of what is typed above.
fn rotation(org: OrgId, word: &'static str, name: &'static str) -> impl IntoView {
    view! {
        <details class="fold">
            <summary>"Signing secret"</summary>
            <div class="fold-body">
                <p>
                    {format!(
                        "{name} signs what it reports about calls with a secret that only it and this service know. \
                         Rotate it when somebody who might know it leaves. Calls go on meanwhile: the old secret \
                         verifies for 24 more hours.",
                    )}
                </p>
                <form class="form" method="post" action=format!("{INTEGRATIONS}/{word}/rotate-secret")>
                    <OrgField org />
                    <Submit label="Rotate signing secret" weight=Weight::Plain />
                </form>
            </div>
        </details>
    }
}

fn permissions(list: Vec<String>, console_url: &'static str, name: &'static str) -> Option<impl IntoView> {
    (!list.is_empty()).then(|| {
        view! {
            <div class="permissions">
                <p>
                    <strong>"What the key must be allowed to do"</strong>
                </p>
                {list
                    .into_iter()
                    .map(|permission| view! { <CopyBox value=permission /> })
                    .collect_view()}
                <a class="external" href=console_url target="_blank" rel="noopener noreferrer">
                    {format!("Open {name}")}
                    <Icon name=IconName::External />
                </a>
            </div>
        }
    })
}

/// Open fields first, then each folded group, open when something in it needs to be seen.
fn fields(fields: Vec<FieldView>, takes_focus: bool) -> impl IntoView {
    let (open, folded): (Vec<_>, Vec<_>) = fields.into_iter().partition(|field| field.folded_under.is_none());
    let first_empty = open
        .iter()
        .position(|field| field.error.is_some())
        .or_else(|| open.iter().position(|field| field.value.is_empty() && field.saved.is_none()));
    let mut groups: Vec<(&'static str, Vec<FieldView>)> = Vec::new();
    for field in folded {
        let heading = field.folded_under.unwrap_or_default();
        match groups.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, members)) => members.push(field),
            None => groups.push((heading, vec![field])),
        }
    }
    let groups = groups
        .into_iter()
        .map(|(heading, members)| {
            let is_open = members
                .iter()
                .any(|field| field.error.is_some() || !field.value.is_empty() || field.saved.is_some());
            view! {
                <details class="fold" open=is_open>
                    <summary>{heading}</summary>
                    <div class="fold-body">
                        {members.into_iter().map(|field| view! { <Field field /> }).collect_view()}
                    </div>
                </details>
            }
        })
        .collect_view();
    let open = open
        .into_iter()
        .enumerate()
        .map(|(at, field)| view! { <Field field autofocus=takes_focus && first_empty == Some(at) /> })
        .collect_view();
    view! {
        {open}
        {groups}
    }
}
