//! The question before a provider is disconnected: what stops, what remains to do.

use leptos::prelude::*;

use super::connect_panel::INTEGRATIONS;
use crate::app::components::button::{ButtonLink, OrgField, Submit, Weight};
use crate::app::components::card::mark_href;
use crate::app::components::dialog::Panel;
use crate::app::icons::{Icon, IconName};
use crate::domain::{OrgId, ProviderId};

/// Asks before a provider is disconnected.
#[derive(Clone, Debug)]
pub struct DisconnectPanelView {
    pub org: OrgId,
    /// The label of the account, where it is not the primary one.
    pub account: Option<String>,
    pub provider: ProviderId,
    pub name: &'static str,
    /// What stops working, in one sentence.
    pub stops: &'static str,
    /// What the clinic must do at the provider.
    pub after: &'static str,
    pub console_url: &'static str,
    /// How it can be undone, as the end of a sentence.
    pub undo: &'static str,
    /// Who uses it now: "2 assistants", "1 phone number".
    pub uses: Vec<String>,
    /// False where only versions for Restore are left: then all there is to do is to remove them.
    pub has_credential: bool,
    pub is_paused: bool,
    /// The person is an owner, who alone may remove everything for good.
    pub can_purge: bool,
}

/// The question before a disconnect.
pub fn disconnect_panel(view: DisconnectPanelView) -> impl IntoView {
    let word = view.provider.as_str();
    let close = format!("{INTEGRATIONS}#{word}");
    let what = match &view.account {
        Some(label) => format!("{} ({label})", view.name),
        None => view.name.to_owned(),
    };
    let uses = (!view.uses.is_empty()).then(|| {
        view! {
            <li>
                <strong>"In use now: "</strong>
                <span>{view.uses.join(", ")}</span>
            </li>
        }
    });
    let pause = (view.has_credential && !view.is_paused).then(|| {
        view! {
            <form class="form aside-form" method="post" action=format!("{INTEGRATIONS}/{word}/pause")>
                <OrgField org=view.org />
                {account_field(view.account.as_deref())}
                <p>"Only for a while? A pause keeps the credential, and nothing uses it until you resume."</p>
                <div class="form-actions">
                    <Submit label=format!("Pause {what}") weight=Weight::Plain />
                </div>
            </form>
        }
    });
    let purge = view.can_purge.then(|| {
        view! {
            <details class="fold" open=!view.has_credential>
                <summary>"Remove it for good"</summary>
                <form class="form fold-body" method="post" action=format!("{INTEGRATIONS}/{word}/purge")>
                    <OrgField org=view.org />
                    {account_field(view.account.as_deref())}
                    <p>
                        "Every stored version of the credential is deleted at once. This cannot be undone, and Restore has nothing to bring back."
                    </p>
                    <label class="choice" for="sure">
                        <input id="sure" type="checkbox" name="sure" value="yes" required=true />
                        <span>{format!("Yes, delete everything stored for {what}")}</span>
                    </label>
                    <div class="form-actions">
                        <Submit label=format!("Delete {what} for good") weight=Weight::Danger />
                    </div>
                </form>
            </details>
        }
    });
    let title = if view.has_credential {
        format!("Disconnect {what}?")
    } else {
        format!("Remove what is stored for {what}?")
    };
    let question = if view.has_credential {
        view! {
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
                    <span>{view.undo}</span>
                </li>
            </ul>
            <form class="form" method="post" action=format!("{INTEGRATIONS}/{word}/disconnect")>
                <OrgField org=view.org />
                {account_field(view.account.as_deref())}
                <div class="form-actions">
                    <Submit label=format!("Disconnect {what}") weight=Weight::Danger />
                    <ButtonLink href=close.clone() label="Keep it connected" weight=Weight::Plain />
                </div>
            </form>
        }
        .into_any()
    } else {
        let owner = if view.can_purge { "" } else { " An owner of the clinic can remove them for good." };
        view! { <p>{format!("{what} is not connected. Its earlier versions are kept sealed for 30 days.{owner}")}</p> }
            .into_any()
    };
    view! {
        <Panel id="disconnect" title close_href=close.clone() mark=mark_href(view.provider)>
            {question}
            {pause}
            {purge}
        </Panel>
    }
}

/// Names the account of a form, where it is not the primary one.
pub fn account_field(label: Option<&str>) -> Option<impl IntoView + use<>> {
    let label = label?.to_owned();
    Some(view! { <input type="hidden" name="label" value=label /> })
}
