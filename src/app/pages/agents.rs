//! The two agents: what they say, with which voice and model, and how they stand at Vapi.

use leptos::prelude::*;

use super::agent_tools::{ToolsForm, tools_fold};
use super::schedule::{ScheduleForm, schedule_section};
use super::talk::{TalkView, talk_script, talk_section};
use crate::app::Flash;
use crate::app::components::badge::Badge;
use crate::app::components::button::{AskSomeone, ButtonLink, OrgField, PostButton, Submit, Weight};
use crate::app::components::field::{Field, FieldView, LongField};
use crate::app::components::flash::FlashBox;
use crate::app::components::page_header::PageHeader;
use crate::app::components::select::{Select, SelectView};
use crate::app::components::time::Ago;
use crate::app::icons::IconName;
use crate::app::islands::form_help::FormHelp;
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::app::wire::FieldError;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct AgentsView {
    pub org: OrgId,
    pub now: UnixMillis,
    pub can_configure: bool,
    pub may_ask: Option<String>,
    /// Without Vapi the agents can be written, but nobody speaks them.
    pub vapi_connected: bool,
    /// How far one may talk to the agents; nothing for those who may not set them up.
    pub talk: Option<TalkView>,
    pub agents: Vec<AgentForm>,
    /// Hours and services, one set for both.
    pub schedule: ScheduleForm,
}

/// One agent as it is stored or was typed.
#[derive(Clone, Debug)]
pub struct AgentForm {
    /// `inbound` or `outbound`; part of the form's address.
    pub role: &'static str,
    pub name: String,
    pub first_message: String,
    pub system_prompt: String,
    pub voice_provider: String,
    pub voice_id: String,
    pub model_provider: String,
    pub model: String,
    pub language: String,
    pub tools: ToolsForm,
    /// Voices to choose from: value (`vapi:Clara`) and name.
    pub voices: Vec<(String, String)>,
    /// Whether those of the clinic's ElevenLabs account can be asked for.
    pub may_load_voices: bool,
    pub at_vapi: AtVapi,
    /// By field name as in the form.
    pub errors: Vec<FieldError>,
}

/// How an agent stands at Vapi.
#[derive(Clone, Debug)]
pub struct AtVapi {
    pub meaning: Meaning,
    /// "In step with Vapi", "Not made yet", Vapi's reason in our words.
    pub text: String,
    pub assistant_id: Option<String>,
    pub synced_at: Option<UnixMillis>,
    /// When Vapi was last asked how its assistant is.
    pub checked_at: Option<UnixMillis>,
    /// Vapi was asked since and gave no answer.
    pub is_unanswered: bool,
}

/// The page.
pub fn agents_page(view: AgentsView) -> impl IntoView {
    let AgentsView { org, now, can_configure, may_ask, vapi_connected, talk, agents, schedule } = view;
    let notice = (!vapi_connected).then(|| {
        let flash = Flash {
            kind: Meaning::Unknown,
            text: "Vapi is not connected yet".to_owned(),
            detail: Some("What you write here is kept and goes to Vapi as soon as it is.".to_owned()),
            reference: None,
        };
        view! { <FlashBox flash /> }
    });
    let ask = (!can_configure).then(|| view! { <AskSomeone may_ask /> });
    let script = talk.clone().and_then(talk_script);
    view! {
        <PageHeader title="Agents" lead="Who answers the phone, and who calls back.">
            {(!vapi_connected && can_configure)
                .then(|| view! { <ButtonLink href="/dashboard/integrations?panel=vapi" label="Connect Vapi" weight=Weight::Main /> })}
        </PageHeader>
        {notice}
        {ask}
        <LiveRegion topics="agents".to_owned() org=org.to_string()>
            <div class="two-columns">
                {agents.into_iter().map(|form| agent(form, talk.as_ref(), org, now, can_configure)).collect_view()}
            </div>
        </LiveRegion>
        {schedule_section(schedule, org, can_configure)}
        {script}
    }
}

fn agent(
    form: AgentForm,
    talk: Option<&TalkView>,
    org: OrgId,
    now: UnixMillis,
    can_configure: bool,
) -> impl IntoView + use<> {
    let (title, lead) = match form.role {
        "outbound" => ("Outbound", "Calls people back."),
        _ => ("Inbound", "Answers the phone."),
    };
    let role = form.role;
    let action = format!("/dashboard/agents/{role}");
    let field = |key, label, value: String, example| FieldView {
        example,
        error: FieldError::find(&form.errors, key).map(str::to_owned),
        scope: role,
        disabled: !can_configure,
        ..FieldView::new(key, label, value)
    };
    let name = field("name", "Name", form.name, "Voxanne reception");
    let first_message = field("firstMessage", "First message", form.first_message, "");
    let system_prompt = field("systemPrompt", "Instructions", form.system_prompt, "");
    let fine_tuning = [
        field("voiceProvider", "Voice provider", form.voice_provider, "vapi"),
        field("voiceId", "Voice", form.voice_id, "Clara"),
        field("modelProvider", "Model provider", form.model_provider, "openai"),
        field("model", "Model", form.model, "gpt-4o"),
        field("language", "Language", form.language, "en"),
    ];
    let spoken = format!("{}:{}", fine_tuning[0].value, fine_tuning[1].value);
    let is_listed = form.voices.iter().any(|(value, _)| *value == spoken);
    let voice = SelectView {
        key: "voice",
        label: "Choose a voice",
        none: "The one that is written below".to_owned(),
        options: form.voices,
        value: if is_listed { spoken } else { String::new() },
        help: "Changing the two fields below it by hand goes before this choice.",
        error: None,
        disabled: !can_configure,
        scope: role,
    };
    // Behind the other one, which is what the enter key presses.
    let load = (can_configure && form.may_load_voices).then(|| {
        view! { <Submit label="Show my ElevenLabs voices" sends=("intent", "voices") /> }
    });
    let tools = tools_fold(form.tools, &form.errors, role, can_configure);
    let check = form.at_vapi.assistant_id.is_some().then(|| {
        view! {
            <PostButton
                org
                action=format!("{action}/check")
                label="Compare with Vapi"
                icon=IconName::Refresh
                weight=Weight::Quiet
            />
        }
    });
    let is_made = form.at_vapi.assistant_id.is_some();
    let talk = talk.map(|view| talk_section(view, role, is_made, org));
    let is_folded = fine_tuning.iter().all(|field| field.error.is_none());
    let delete = (can_configure && form.at_vapi.assistant_id.is_some()).then(|| {
        view! {
            <PostButton
                org
                action=format!("{action}/delete")
                label="Delete at Vapi"
                icon=IconName::Trash
                weight=Weight::Quiet
            />
        }
    });
    let save =
        can_configure.then(|| view! { <Submit label=format!("Save {role} agent") weight=Weight::Main /> });
    view! {
        <section class="surface agent" aria-labelledby=format!("{role}-title")>
            <header class="agent-header">
                <div>
                    <h2 id=format!("{role}-title")>{title}</h2>
                    <p class="soft">{lead}</p>
                </div>
                <div class="agent-actions">{check} {delete}</div>
            </header>
            <div data-live-body=role>{at_vapi(form.at_vapi, now)}</div>
            {talk}
            <FormHelp>
                <form class="form" method="post" action=action>
                    <OrgField org />
                    <Field field=name />
                    <LongField field=first_message rows=3 max_length=1_000 />
                    <LongField field=system_prompt rows=8 max_length=20_000 />
                    <details class="fold" open=!is_folded>
                        <summary>"Voice, model and language"</summary>
                        <div class="fold-body">
                            <Select select=voice />
                            <div class="fields">
                                {fine_tuning.into_iter().map(|field| view! { <Field field /> }).collect_view()}
                            </div>
                        </div>
                    </details>
                    {tools}
                    <div class="form-actions">{save} {load}</div>
                </form>
            </FormHelp>
        </section>
    }
}

fn at_vapi(state: AtVapi, now: UnixMillis) -> impl IntoView {
    let id = state.assistant_id.map(|id| {
        view! {
            <p>
                "Assistant "
                <code>{id}</code>
            </p>
        }
    });
    let synced = state.synced_at.map(|at| {
        view! {
            <span class="soft">
                <span>"Sent "</span>
                <Ago now at />
            </span>
        }
    });
    let checked = state.checked_at.map(|at| {
        view! {
            <span class="soft">
                <span>"Compared "</span>
                <Ago now at />
            </span>
        }
    });
    let unanswered =
        state.is_unanswered.then(|| view! { <span class="soft">"Cannot check right now"</span> });
    view! {
        <div class="agent-state">
            <p>
                <Badge meaning=state.meaning text=state.text />
                {synced}
                {checked}
                {unanswered}
            </p>
            {id}
        </div>
    }
}
