//! Talking to an agent from the browser: the part of the agents' page that a script fills with life.
//!
//! Everything is drawn here, hidden where it is for later; `scripts/talk.js` shows it, and puts words in. Where
//! no script runs, one sentence says so and offers the telephone.

use leptos::prelude::*;

use crate::app::components::button::Weight;
use crate::app::icons::{Icon, IconName};
use crate::app::shell::TalkAssets;
use crate::domain::OrgId;

/// How far one may talk to the agents of a clinic.
#[derive(Clone, Debug)]
pub enum TalkView {
    /// Nobody speaks them: Vapi is not connected.
    NotConnected,
    /// The script and its nonce; without built files there is none.
    Ready { assets: Option<TalkAssets>, nonce: String },
}

const CARD: &str = "/dashboard/integrations?panel=vapi";

/// The part of one agent. `is_made` where Vapi has its assistant.
pub fn talk_section(view: &TalkView, role: &'static str, is_made: bool, org: OrgId) -> impl IntoView + use<> {
    let body = match view {
        TalkView::NotConnected => view! {
            <p class="soft">
                "Vapi speaks for your agents, and it is not connected. " <a href=CARD>"Connect Vapi"</a>
                " to talk to this one."
            </p>
        }
        .into_any(),
        TalkView::Ready { .. } if !is_made => {
            view! { <p class="soft">"Vapi does not have this agent yet. Save it, then you can talk to it here."</p> }
                .into_any()
        }
        TalkView::Ready { assets, .. } => ready(assets.as_ref(), role, org).into_any(),
    };
    view! {
        <section class="talk" aria-labelledby=format!("{role}-talk")>
            <h3 id=format!("{role}-talk")>"Talk to the agent"</h3>
            {body}
        </section>
    }
}

fn ready(assets: Option<&TalkAssets>, role: &'static str, org: OrgId) -> impl IntoView + use<> {
    let worklet = assets.map(|assets| assets.worklet_href.clone());
    let hidden_link = |part: &'static str, href: &'static str, label: &'static str| {
        view! {
            <a data-part=part href=href hidden="">
                {label}
            </a>
        }
    };
    view! {
        <div data-talk=role data-org=org.to_string() data-worklet=worklet data-state="without">
            <p class="soft" data-part="without">
                "Talking from the browser needs scripts, and none run here: "
                <a href="/dashboard/phone">"let the outbound agent call your phone"</a> " instead."
            </p>
            <div class="talk-live" data-part="live" hidden="">
                <p class="soft">
                    "You hear the agent as Vapi has it, so save first what you changed. It books and sends as it does for a patient; the call is listed, and is no lead."
                </p>
                <div class="talk-bar">
                    <button class=Weight::Plain.class() type="button" data-part="start">
                        <Icon name=IconName::Phone />
                        <span>"Start talking"</span>
                    </button>
                    <button class=Weight::Danger.class() type="button" data-part="hang" hidden="">
                        <span>"Hang up"</span>
                    </button>
                    <button class=Weight::Plain.class() type="button" data-part="mute" aria-pressed="false" hidden="">
                        <span>"Mute"</span>
                    </button>
                    <span class="talk-time numbers" data-part="time" hidden="">
                        "0:00"
                    </span>
                </div>
                <div class="talk-meters" data-part="meters" hidden="">
                    {meter("you", "You")}
                    {meter("agent", "Agent")}
                </div>
                <p class="talk-status" role="status">
                    <span data-part="status"></span>
                    {hidden_link("card", CARD, "Open the card of Vapi")}
                    {hidden_link("calls", "/dashboard/calls", "See it under Calls")}
                </p>
                <p class="talk-caption soft" data-part="caption" hidden=""></p>
            </div>
        </div>
    }
}

fn meter(part: &'static str, label: &'static str) -> impl IntoView {
    view! {
        <span class="talk-who">{label}</span>
        <span
            class="talk-meter"
            data-part=part
            role="meter"
            aria-label=format!("How loud: {label}")
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow="0"
        >
            <span></span>
        </span>
    }
}

/// The script, once for all agents of the page.
pub fn talk_script(view: TalkView) -> Option<impl IntoView> {
    let TalkView::Ready { assets: Some(assets), nonce } = view else { return None };
    Some(view! { <script type="module" src=assets.script_href nonce=nonce></script> })
}
