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
                    <span>{view.undo}</span>
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
