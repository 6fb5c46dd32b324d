//! The panels over the integrations page: connect a provider, disconnect it, send a test message.

use leptos::prelude::*;

use crate::app::components::badge::Badge;
use crate::app::components::button::{ButtonLink, OrgField, Submit, Weight};
use crate::app::components::card::mark_href;
use crate::app::components::copy_box::CopyBox;
use crate::app::components::dialog::Panel;
use crate::app::components::field::{Field, FieldView, InputKind};
use crate::app::icons::{Icon, IconName};
use crate::app::components::time::Moment;
use crate::app::islands::connect_form::{ConnectForm, ConnectState};
use crate::app::islands::form_help::FormHelp;
use crate::app::pages::login::FormError;
use crate::app::relative::UnixMillis;
use crate::app::wire::{ConnectAnswer, PatternKind, ReportView, SuccessView};
use crate::domain::card::Meaning;
use crate::domain::{OrgId, ProviderId};

/// Where all panels close to.
pub const INTEGRATIONS: &str = "/dashboard/integrations";

/// The form of a provider, and what its last test said.
#[derive(Clone, Debug)]
pub struct ConnectPanelView {
    pub org: OrgId,
    pub provider: ProviderId,
    pub name: &'static str,
    pub purpose: &'static str,
    /// Labels of what will be tested.
    pub checks: Vec<String>,
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
}

/// Asks before a provider is disconnected.
#[derive(Clone, Debug)]
pub struct DisconnectPanelView {
    pub org: OrgId,
    pub provider: ProviderId,
    pub name: &'static str,
    /// What stops working, in one sentence.
    pub stops: &'static str,
    /// What the clinic must do at the provider.
    pub after: &'static str,
    pub console_url: &'static str,
    /// Who uses it now: "2 assistants", "1 phone number".
    pub uses: Vec<String>,
}

/// Sends one text message to a chosen number.
#[derive(Clone, Debug)]
pub struct SmsPanelView {
    pub org: OrgId,
    pub now: UnixMillis,
    /// What was typed last.
    pub to: String,
    /// The clinic's sender.
    pub from: Option<String>,
    /// The text that will be sent.
    pub preview: String,
    /// What is wrong with the number.
    pub error: Option<String>,
    pub result: Option<SmsResult>,
}

/// What became of a test message.
#[derive(Clone, Debug)]
pub struct SmsResult {
    pub ok: bool,
    /// "Twilio took the message", or the provider's reason in our words.
    pub text: String,
    /// The provider's id of the message.
    pub sid: Option<String>,
    /// The provider's word.
    pub status: Option<String>,
    pub at: UnixMillis,
    /// From the press of the button to the provider's answer, in milliseconds.
    pub took_ms: Option<u64>,
}

/// The connect panel.
pub fn connect_panel(view: ConnectPanelView) -> impl IntoView {
    let word = view.provider.as_str();
    let close = format!("{INTEGRATIONS}#{word}");
    let is_done = view.success.is_some();
    let state = ConnectState {
        provider_name: view.name.to_owned(),
        form_id: "connect-form".to_owned(),
        done_href: close.clone(),
        checks: view.checks,
        answer: ConnectAnswer {
            ok: is_done,
            report: view.report,
            draft: view.draft,
            field_errors: Vec::new(),
            save_anyway: view.save_anyway,
            success: view.success,
            message: view.message,
        },
    };
    let form = (!is_done).then(|| {
        let action = format!("{INTEGRATIONS}/{word}/connect");
        view! {
            <form class="form" id="connect-form" method="post" action=action novalidate=true>
                <OrgField org=view.org />
                {permissions(view.permissions, view.console_url, view.name)}
                {fields(view.fields)}
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
            title=format!("Connect {}", view.name)
            lead=view.purpose.to_owned()
            close_href=close.clone()
            mark=mark_href(view.provider)
        >
            <ConnectForm state>{form}</ConnectForm>
        </Panel>
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
                    .map(|permission| view! { <CopyBox label="Permission" value=permission /> })
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
fn fields(fields: Vec<FieldView>) -> impl IntoView {
    let (open, folded): (Vec<_>, Vec<_>) = fields.into_iter().partition(|field| field.folded_under.is_none());
    let first_empty = open.iter().position(|field| field.error.is_some()).or_else(|| {
        open.iter().position(|field| field.value.is_empty() && field.saved.is_none())
    });
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
        .map(|(at, field)| view! { <Field field autofocus=first_empty == Some(at) /> })
        .collect_view();
    view! {
        {open}
        {groups}
    }
}

/// The question before a disconnect.
pub fn disconnect_panel(view: DisconnectPanelView) -> impl IntoView {
    let word = view.provider.as_str();
    let close = format!("{INTEGRATIONS}#{word}");
    let uses = (!view.uses.is_empty()).then(|| {
        view! {
            <li>
                <strong>"In use now: "</strong>
                <span>{view.uses.join(", ")}</span>
            </li>
        }
    });
    view! {
        <Panel
            id="disconnect"
            title=format!("Disconnect {}?", view.name)
            close_href=close.clone()
            mark=mark_href(view.provider)
        >
            <ul class="consequences">
                <li>
                    <strong>"Stops working: "</strong>
                    <span>{view.stops}</span>
                </li>
                {uses}
                <li>
                    <strong>"Yours to do: "</strong>
                    <span>{view.after}</span>
                    <a class="external" href=view.console_url target="_blank" rel="noopener noreferrer">
                        {format!("Open {}", view.name)}
                        <Icon name=IconName::External />
                    </a>
                </li>
                <li>
                    <strong>"Can be undone: "</strong>
                    <span>"the credential stays sealed for 30 days, and Restore brings it back."</span>
                </li>
            </ul>
            <form class="form" method="post" action=format!("{INTEGRATIONS}/{word}/disconnect")>
                <OrgField org=view.org />
                <div class="form-actions">
                    <Submit label=format!("Disconnect {}", view.name) weight=Weight::Danger />
                    <ButtonLink href=close label="Keep it connected" weight=Weight::Plain />
                </div>
            </form>
        </Panel>
    }
}

/// The panel that sends a test message.
pub fn sms_panel(view: SmsPanelView) -> impl IntoView {
    let close = format!("{INTEGRATIONS}#sms");
    let to = FieldView {
        kind: InputKind::Telephone,
        pattern: Some(PatternKind::Phone),
        example: "+1 555 010 0123",
        help: "In international form. The message is sent for real and billed by the provider.",
        autocomplete: "tel",
        error: view.error,
        ..FieldView::new("to", "Send to", view.to)
    };
    view! {
        <Panel
            id="sms-panel"
            title="Send a test message"
            lead="Sent with this clinic's own account, as a hot lead would be reported."
            close_href=close.clone()
        >
            {view.result.map(sms_result)}
            <FormHelp>
                <form class="form" method="post" action="/dashboard/sms/test">
                    <OrgField org=view.org />
                    <Field field=to autofocus=true />
                    <blockquote class="preview">
                        {view.from.map(|from| view! { <p class="menu-note">{format!("From {from}")}</p> })}
                        <p>{view.preview}</p>
                    </blockquote>
                    <div class="form-actions">
                        <Submit label="Send test SMS" weight=Weight::Main icon=IconName::Send />
                        <ButtonLink href=close label="Close" weight=Weight::Quiet />
                    </div>
                </form>
            </FormHelp>
        </Panel>
    }
}

fn sms_result(result: SmsResult) -> AnyView {
    if !result.ok {
        return view! { <FormError text=result.text /> }.into_any();
    }
    let took = result.took_ms.map(|ms| {
        view! {
            <div>
                <dt>"Answered in"</dt>
                <dd class="numbers">{format!("{}.{} s", ms / 1000, ms % 1000 / 100)}</dd>
            </div>
        }
    });
    view! {
        <div class="result" role="status">
            <Badge meaning=Meaning::Works text=result.text />
            <dl class="facts">
                {fact("Message", result.sid)} {fact("Status", result.status)}
                <div>
                    <dt>"Sent"</dt>
                    <dd>
                        <Moment at=result.at />
                    </dd>
                </div>
                {took}
            </dl>
        </div>
    }
    .into_any()
}

fn fact(label: &'static str, value: Option<String>) -> Option<impl IntoView> {
    value.map(|value| {
        view! {
            <div>
                <dt>{label}</dt>
                <dd>{value}</dd>
            </div>
        }
    })
}
