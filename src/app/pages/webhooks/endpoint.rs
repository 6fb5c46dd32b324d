//! One endpoint: what it is told, how that goes, what it is signed with, and its newest tries.

use leptos::prelude::*;

use super::attempts::{AttemptLine, AttemptTable};
use super::endpoints::Console;
use super::form::{EndpointForm, endpoint_panel};
use super::words::{EndpointBadge, EndpointState, Figures, HOME, Tally, Unfinished, counted, endpoint_href};
use crate::app::components::button::{AskSomeone, ButtonLink, OrgField, PostButton, Submit, Weight};
use crate::app::components::chart::spark::{Day, Spark};
use crate::app::components::copy_box::CopyBox;
use crate::app::components::dialog::Panel;
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::components::select::{Select, SelectView};
use crate::app::components::time::{Ago, Moment};
use crate::app::icons::{Icon, IconName};
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct EndpointView {
    pub org: OrgId,
    pub now: UnixMillis,
    pub can_configure: bool,
    pub may_ask: Option<String>,
    pub name: String,
    pub url: String,
    /// Events become rows of a spreadsheet: nothing is signed.
    pub is_sheet: bool,
    pub description: String,
    /// Kinds that it is told of; all where there are none.
    pub events: Vec<String>,
    /// Names of what is sent along, and masked values.
    pub headers: Vec<(String, String)>,
    pub state: EndpointState,
    pub created_by: String,
    pub created_at: UnixMillis,
    pub last_called_at: Option<UnixMillis>,
    /// What went wrong at the last try, where it did.
    pub last_error: Option<String>,
    /// Of the last 30 days.
    pub tally: Tally,
    pub days: Vec<Day>,
    pub unfinished: Unfinished,
    pub secrets: Vec<SecretLine>,
    /// A secret that was just made: the one time that it is shown.
    pub fresh_secret: Option<String>,
    /// Kinds of samples: name, and when such an event is told.
    pub samples: Vec<(&'static str, &'static str)>,
    /// The newest 100.
    pub attempts: Vec<AttemptLine>,
    pub panel: Option<EndpointPanel>,
}

/// What is open over the page.
#[derive(Clone, Debug)]
pub enum EndpointPanel {
    Edit(Box<EndpointForm>),
    Delete,
}

/// A secret that signs now.
#[derive(Clone, Debug)]
pub struct SecretLine {
    pub hint: String,
    pub created_at: UnixMillis,
    /// It signs no more from then on.
    pub ends_at: Option<UnixMillis>,
}

/// The page.
pub fn endpoint_page(view: EndpointView) -> impl IntoView {
    let base = endpoint_href(&view.name);
    let (org, now, can_configure) = (view.org, view.now, view.can_configure);
    let lead = if view.description.is_empty() {
        "One of your endpoints.".to_owned()
    } else {
        view.description.clone()
    };
    let actions = can_configure.then(|| actions(&view, &base));
    let fresh = view.fresh_secret.clone().map(fresh_secret);
    let facts = facts(&view);
    let secrets = (!view.is_sheet).then(|| secrets(&view, &base));
    let test = (can_configure && view.state.is_on()).then(|| test_form(&view, &base));
    let replay = (can_configure && view.state.is_on() && view.unfinished.dead + view.unfinished.parked > 0)
        .then(|| replay_form(org, &base));
    let attempts = if view.attempts.is_empty() {
        view! {
            <Empty
                icon=IconName::Send
                title="Nothing was sent yet"
                text="Send a test event, or wait for the first call: each try is listed here with its answer."
            />
        }
        .into_any()
    } else {
        view! { <AttemptTable attempts=view.attempts now /> }.into_any()
    };
    let panel = view.panel.map(|panel| match panel {
        EndpointPanel::Edit(form) => endpoint_panel(*form).into_any(),
        EndpointPanel::Delete => delete_panel(org, &view.name, &base, view.unfinished).into_any(),
    });
    view! {
        <p class="crumb"><a href=HOME>"Webhooks"</a></p>
        <PageHeader title=view.name.clone() lead>{actions}</PageHeader>
        {(!can_configure).then(|| view! { <AskSomeone may_ask=view.may_ask.clone() /> })}
        {fresh}
        <LiveRegion topics="deliveries".to_owned() org=org.to_string()>
            <div data-live-body="facts">{facts}</div>
            <section class="section" aria-labelledby="figures-title" data-live-body="figures">
                <header>
                    <h2 id="figures-title">"Last 30 days"</h2>
                </header>
                <Figures tally=view.tally />
                <Console unfinished=view.unfinished />
                {replay}
            </section>
            <div class="two-columns">{secrets} {test}</div>
            <section class="section" aria-labelledby="tries-title" data-live-body="tries">
                <header>
                    <h2 id="tries-title">"Newest tries"</h2>
                    <p>"The last 100. All of them by date are under Tries."</p>
                </header>
                {attempts}
            </section>
        </LiveRegion>
        {panel}
    }
}

fn actions(view: &EndpointView, base: &str) -> impl IntoView + use<> {
    let org = view.org;
    let switch = if view.state.is_on() {
        view! { <PostButton org action=format!("{base}/off") label="Pause" icon=IconName::Pause /> }
            .into_any()
    } else {
        view! {
            <PostButton
                org
                action=format!("{base}/on")
                label="Switch on and replay"
                weight=Weight::Main
                icon=IconName::Refresh
                extra=("replay", "yes".to_owned())
            />
            <PostButton org action=format!("{base}/on") label="Switch on only" />
        }
        .into_any()
    };
    view! {
        {switch}
        <ButtonLink href=format!("{base}?panel=edit") label="Change" id="change-endpoint".to_owned() />
        <ButtonLink href=format!("{base}?panel=delete") label="Delete" weight=Weight::Danger />
    }
}

fn fresh_secret(secret: String) -> impl IntoView {
    view! {
        <section class="surface once" aria-labelledby="secret-once" data-secret-once="">
            <h2 id="secret-once">"The signing secret, shown this once"</h2>
            <p>
                "Copy it into the receiver now. It verifies the header webhook-signature; nobody can show it again, but you can make a new one."
            </p>
            <CopyBox label="Secret" value=secret />
        </section>
    }
}

fn facts(view: &EndpointView) -> impl IntoView + use<> {
    let reason = view.state.reason().map(|reason| view! { <p class="soft">{reason}</p> });
    let events = if view.events.is_empty() { "all".to_owned() } else { view.events.join(", ") };
    let headers = (!view.headers.is_empty()).then(|| {
        let names: Vec<String> =
            view.headers.iter().map(|(name, masked)| format!("{name}: {masked}")).collect();
        view! {
            <div>
                <dt>"Sent along"</dt>
                <dd><code>{names.join(", ")}</code></dd>
            </div>
        }
    });
    let error = view.last_error.clone().map(|error| {
        view! {
            <div>
                <dt>"Last error"</dt>
                <dd class="row-error">{error}</dd>
            </div>
        }
    });
    let (now, created_at) = (view.now, view.created_at);
    let called = view.last_called_at.map(|at| view! { <Ago now at /> });
    let called = called.map_or_else(|| "never".into_any(), IntoAny::into_any);
    view! {
        <section class="surface endpoint-facts" aria-label="About this endpoint">
            <div class="endpoint-state">
                <EndpointBadge state=view.state />
                {reason}
                <Spark days=view.days.clone() />
            </div>
            <dl class="facts">
                <div>
                    <dt>{if view.is_sheet { "Rows in" } else { "Address" }}</dt>
                    <dd><code>{view.url.clone()}</code></dd>
                </div>
                <div>
                    <dt>"Told of"</dt>
                    <dd>{events}</dd>
                </div>
                {headers}
                <div>
                    <dt>"Last called"</dt>
                    <dd>{called}</dd>
                </div>
                {error}
                <div>
                    <dt>"Added"</dt>
                    <dd>
                        <Ago now at=created_at />
                        {format!(" by {}", view.created_by)}
                    </dd>
                </div>
            </dl>
        </section>
    }
}

fn secrets(view: &EndpointView, base: &str) -> impl IntoView + use<> {
    let now = view.now;
    let lines = view
        .secrets
        .iter()
        .map(|secret| {
            let created_at = secret.created_at;
            let ends = secret.ends_at.map(|at| view! { <span>", signs along until " <Moment at /></span> });
            view! {
                <li>
                    <code>{secret.hint.clone()}</code>
                    <span class="second">"made " <Ago now at=created_at /> {ends}</span>
                </li>
            }
        })
        .collect_view();
    let rotate = view.can_configure.then(|| {
        let overlap = SelectView {
            key: "overlapHours",
            label: "The old one signs along for",
            none: "24 hours".to_owned(),
            options: [("0", "no time: it has leaked"), ("1", "1 hour"), ("72", "3 days"), ("168", "a week")]
                .map(|(hours, text)| (hours.to_owned(), text.to_owned()))
                .to_vec(),
            value: String::new(),
            help: "Meanwhile every event carries both signatures, so the receiver verifies with either.",
            error: None,
            disabled: false,
            scope: "rotate",
        };
        view! {
            <details class="fold">
                <summary>"Make a new secret"</summary>
                <form class="form fold-body" method="post" action=format!("{base}/rotate")>
                    <OrgField org=view.org />
                    <Select select=overlap />
                    <div class="form-actions">
                        <Submit label="Make a new secret" />
                    </div>
                </form>
            </details>
        }
    });
    view! {
        <section class="surface section" aria-labelledby="secrets-title">
            <header>
                <h2 id="secrets-title">"Signing secret"</h2>
                <p>"Signs every event as Standard Webhooks says: webhook-id, webhook-timestamp, webhook-signature."</p>
            </header>
            <ul class="secrets">{lines}</ul>
            {rotate}
        </section>
    }
}

fn test_form(view: &EndpointView, base: &str) -> impl IntoView + use<> {
    let mut options: Vec<(String, String)> =
        view.samples.iter().map(|(name, when)| ((*name).to_owned(), format!("{name}: {when}"))).collect();
    let first = if options.is_empty() { (String::new(), String::new()) } else { options.remove(0) };
    let kind = SelectView {
        key: "kind",
        label: "Sample of",
        none: first.1,
        options,
        value: String::new(),
        help: "Made-up data. It takes the way of a real event and is tried again like one.",
        error: None,
        disabled: false,
        scope: "test",
    };
    view! {
        <section class="surface section" aria-labelledby="test-title">
            <header>
                <h2 id="test-title">"Try it"</h2>
                <p>"Sends one sample to this endpoint only, signed like the rest."</p>
            </header>
            <form class="form" method="post" action=format!("{base}/test")>
                <OrgField org=view.org />
                <Select select=kind />
                <div class="form-actions">
                    <Submit label="Send a test event" icon=IconName::Send />
                </div>
            </form>
        </section>
    }
}

fn replay_form(org: OrgId, base: &str) -> impl IntoView + use<> {
    view! {
        <form class="range-form" method="post" action=format!("{base}/replay")>
            <OrgField org />
            <label for="replay-since">"Send again what failed since"</label>
            <input class="input" id="replay-since" type="date" name="since" aria-describedby="replay-help" />
            <Submit label="Replay" icon=IconName::Refresh />
            <span class="soft" id="replay-help">"Without a day: all of it. Each keeps its id, so a receiver that knows it skips it."</span>
        </form>
    }
}

fn delete_panel(org: OrgId, name: &str, base: &str, unfinished: Unfinished) -> impl IntoView + use<> {
    let (waiting, base, action) = (unfinished.waiting, base.to_owned(), format!("{base}/delete"));
    let (title, label) = (format!("Delete {name}?"), format!("Delete {name}"));
    let parked = (waiting > 0).then(|| {
        view! {
            <li>
                <strong>"Not delivered any more: "</strong>
                <span>{format!("{} events that wait for a try. They are kept as parked.", counted(waiting))}</span>
            </li>
        }
    });
    view! {
        <Panel id="delete-endpoint" title close_href=base.clone()>
            <ul class="consequences">
                <li>
                    <strong>"Stops: "</strong>
                    <span>"The endpoint is told of nothing any more, and programs that call it by its name get 404."</span>
                </li>
                {parked}
                <li>
                    <strong>"Is gone: "</strong>
                    <span>"its signing secrets and headers. They cannot be brought back."</span>
                </li>
                <li>
                    <strong>"Stays: "</strong>
                    <span>"what was delivered, its tries and the numbers."</span>
                </li>
            </ul>
            <form class="form" method="post" action=action>
                <OrgField org />
                <p class="soft">
                    <Icon name=IconName::Pause />
                    " Only for a while? Pause it instead."
                </p>
                <div class="form-actions">
                    <Submit label weight=Weight::Danger />
                    <ButtonLink href=base label="Keep it" />
                </div>
            </form>
        </Panel>
    }
}
