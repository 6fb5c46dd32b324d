//! The panel that sends one text message with the clinic's own account.

use leptos::prelude::*;

use super::connect_panel::INTEGRATIONS;
use super::login::FormError;
use crate::app::components::badge::Badge;
use crate::app::components::button::{ButtonLink, OrgField, Submit, Weight};
use crate::app::components::dialog::Panel;
use crate::app::components::field::{Field, FieldView, InputKind};
use crate::app::components::select::{Select, SelectView};
use crate::app::components::time::Moment;
use crate::app::icons::{Icon, IconName};
use crate::app::islands::form_help::FormHelp;
use crate::app::relative::UnixMillis;
use crate::app::wire::PatternKind;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// Sends one text message to a chosen number.
#[derive(Clone, Debug)]
pub struct SmsPanelView {
    pub org: OrgId,
    pub now: UnixMillis,
    /// What was typed last.
    pub to: String,
    /// The word of the sender that was asked for last; empty for the usual one.
    pub sender: String,
    /// Names of those who send usually, in their order.
    pub usual: String,
    /// Word and name of those who can be asked for; empty where there is nothing to choose.
    pub senders: Vec<(String, String)>,
    /// Who it comes from usually.
    pub from: Option<String>,
    /// The text that will be sent.
    pub preview: String,
    /// What is wrong with the number.
    pub error: Option<String>,
    pub result: Option<SmsResult>,
    /// The last test, where nobody knows whether it went out.
    pub unknown: Option<UnknownTest>,
}

/// A test message whose process died while it was being sent.
#[derive(Clone, Debug)]
pub struct UnknownTest {
    /// The number, masked.
    pub to: String,
    pub at: UnixMillis,
    pub sentence: String,
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
    let sender = (!view.senders.is_empty()).then(|| SelectView {
        key: "sender",
        label: "Send with",
        none: format!("As usual: {}", view.usual),
        options: view.senders,
        value: view.sender,
        help: "One that is named here is tried alone, without the fallback.",
        error: None,
        disabled: false,
        scope: "field",
    });
    view! {
        <Panel
            id="sms-panel"
            title="Send a test message"
            lead="Sent with this clinic's own account, as a hot lead would be reported."
            close_href=close.clone()
        >
            {view.result.map(sms_result)}
            {view.unknown.map(unknown_test)}
            <FormHelp>
                <form class="form" method="post" action="/dashboard/sms/test">
                    <OrgField org=view.org />
                    <Field field=to autofocus=true />
                    {sender.map(|select| view! { <Select select /> })}
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
            <p class="report-title">
                <Icon name=IconName::CheckCircle />
                <span>{result.text}</span>
            </p>
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

fn unknown_test(test: UnknownTest) -> impl IntoView {
    view! {
        <div class="result" role="status">
            <Badge meaning=Meaning::Attention text="Outcome of the last test unknown".to_owned() />
            <p>{test.sentence}</p>
            <dl class="facts">
                {fact("To", Some(test.to))}
                <div>
                    <dt>"Begun"</dt>
                    <dd>
                        <Moment at=test.at />
                    </dd>
                </div>
            </dl>
        </div>
    }
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
