//! The clinic's profile, who sends its text messages, who is told of hot leads, and every credential
//! that it has stored.

use leptos::prelude::*;

use super::alerts::{AlertsForm, alerts_section};
use super::retention::{RetentionForm, retention_section};
use super::senders::{SendersForm, senders_section};
use crate::app::components::accounts::encoded;
use crate::app::components::badge::StateBadge;
use crate::app::components::button::{AskSomeone, ButtonLink, OrgField, PostButton, Submit, Weight};
use crate::app::components::card::HintRow;
use crate::app::components::empty::Empty;
use crate::app::components::field::{Field, FieldView};
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::Ago;
use crate::app::icons::IconName;
use crate::app::relative::UnixMillis;
use crate::app::wire::FieldError;
use crate::domain::card::CardState;
use crate::domain::{CredentialId, OrgId, ProviderId};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct SettingsView {
    pub org: OrgId,
    pub now: UnixMillis,
    pub can_configure: bool,
    pub may_ask: Option<String>,
    pub profile: ProfileForm,
    pub senders: SendersForm,
    pub alerts: AlertsForm,
    pub retention: RetentionForm,
    pub credentials: Vec<CredentialRow>,
}

/// The clinic's profile as it is stored or was typed.
#[derive(Clone, Debug, Default)]
pub struct ProfileForm {
    pub name: String,
    /// A name of the time zone database: `Europe/Berlin`.
    pub time_zone: String,
    /// Two letters, ISO 3166-1.
    pub country: String,
    /// By field: `name`, `timeZone`, `country`.
    pub errors: Vec<FieldError>,
}

/// One credential.
#[derive(Clone, Debug)]
pub struct CredentialRow {
    pub provider: ProviderId,
    pub provider_name: &'static str,
    pub label: String,
    /// The account is one beside the primary one, so its buttons name it.
    pub is_other: bool,
    pub state: CardState,
    /// Masked forms, one per secret field.
    pub hints: Vec<HintRow>,
    pub verified_at: Option<UnixMillis>,
    /// How many versions are kept, this one included.
    pub versions: u32,
    pub has_credential: bool,
    pub restorable: Option<CredentialId>,
}

/// The page.
pub fn settings_page(view: SettingsView) -> impl IntoView {
    let lead = if view.can_configure {
        "The clinic's profile and its credentials."
    } else {
        "You can see these settings; changing them is up to an owner or admin."
    };
    let credentials = if view.credentials.is_empty() {
        view! {
            <Empty
                icon=IconName::Shield
                title="No credentials yet"
                text="What you connect under Integrations is listed here: sealed, with its versions."
            >
                <ButtonLink href="/dashboard/integrations" label="Go to integrations" />
            </Empty>
        }
        .into_any()
    } else {
        let SettingsView { org, now, can_configure, credentials, .. } = view.clone();
        view! {
            <Table
                caption="Credentials"
                columns=vec!["Credential", "Status", "Secret", "Verified", "Versions", ""]
            >
                {credentials.into_iter().map(|row| credential(row, org, now, can_configure)).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <PageHeader title="Settings" lead />
        <section class="section" aria-labelledby="profile-title">
            <header>
                <h2 id="profile-title">"Clinic profile"</h2>
                <p>"The time zone decides which day and hour an agent speaks of."</p>
            </header>
            {profile(view.profile, view.org, view.can_configure, view.may_ask.clone())}
        </section>
        {senders_section(view.senders, view.org, view.can_configure)}
        {alerts_section(view.alerts, view.org, view.can_configure, view.may_ask)}
        {retention_section(view.retention, view.org, view.can_configure)}
        <section class="section" aria-labelledby="credentials-title">
            <header>
                <h2 id="credentials-title">"Credentials"</h2>
                <p>"Sealed with this clinic's own key. No page, answer or log ever shows more than the masked form."</p>
            </header>
            {credentials}
        </section>
    }
}

fn profile(form: ProfileForm, org: OrgId, can_configure: bool, may_ask: Option<String>) -> impl IntoView {
    let error_of = |key| FieldError::find(&form.errors, key).map(str::to_owned);
    let field = |key, label, value: &str, example, help| FieldView {
        example,
        help,
        error: error_of(key),
        disabled: !can_configure,
        scope: "profile",
        ..FieldView::new(key, label, value)
    };
    let name = field("name", "Name", &form.name, "", "Spoken by the agents and shown in this dashboard.");
    let zone =
        field("timeZone", "Time zone", &form.time_zone, "Europe/Berlin", "As in the time zone database.");
    let country = field("country", "Country", &form.country, "DE", "Two letters.");
    let actions = if can_configure {
        view! {
            <div class="form-actions">
                <Submit label="Save profile" weight=Weight::Main />
            </div>
        }
        .into_any()
    } else {
        view! { <AskSomeone may_ask /> }.into_any()
    };
    view! {
        <form class="form surface" method="post" action="/dashboard/settings/profile">
            <OrgField org />
            <Field field=name />
            <div class="fields">
                <Field field=zone />
                <Field field=country />
            </div>
            {actions}
        </form>
    }
}

fn credential(row: CredentialRow, org: OrgId, now: UnixMillis, can_configure: bool) -> impl IntoView {
    let base = format!("/dashboard/integrations/{}", row.provider.as_str());
    let hints = row
        .hints
        .into_iter()
        .map(|hint| {
            view! {
                <span class="hint">
                    <code>{hint.value}</code>
                    <span class="second">{hint.label}</span>
                </span>
            }
        })
        .collect_view();
    let account = row.is_other.then(|| row.label.clone());
    let post = |path: &str, label: &'static str, icon, extra: Option<(&'static str, String)>| {
        let action = format!("{base}/{path}");
        match account.clone().map(|account| ("label", account)).or(extra) {
            Some(extra) => view! { <PostButton org action label icon extra /> }.into_any(),
            None => view! { <PostButton org action label icon /> }.into_any(),
        }
    };
    let verify = (can_configure && row.has_credential && row.state != CardState::Unreadable)
        .then(|| post("verify", "Verify", IconName::Refresh, None));
    // As on the card: what is connected is changed by connecting anew, not taken back by one click.
    let restore = row.restorable.filter(|_| can_configure && !row.has_credential).map(|credential| {
        post("restore", "Restore", IconName::Undo, Some(("credential", credential.to_string())))
    });
    let disconnect = (can_configure && row.has_credential).then(|| {
        let panel = format!("/dashboard/integrations?panel={}", row.provider.as_str());
        let (account, whose) = match &account {
            Some(label) => (format!("&account={}", encoded(label)), format!(" {label}")),
            None => Default::default(),
        };
        view! {
            <ButtonLink
                href=format!("{panel}{account}&confirm=disconnect")
                label="Disconnect"
                weight=Weight::Quiet
                full_label=format!("Disconnect {}{whose}", row.provider_name)
            />
        }
    });
    view! {
        <Row>
            <RowHead>
                <span>{row.label}</span>
                <span class="second">{row.provider_name}</span>
            </RowHead>
            <Cell label="Status">
                <StateBadge state=row.state />
            </Cell>
            <Cell label="Secret">{hints}</Cell>
            <Cell label="Verified" class="cell-tight">
                {match row.verified_at {
                    Some(at) => view! { <Ago now at /> }.into_any(),
                    None => view! { <span>"never"</span> }.into_any(),
                }}
            </Cell>
            <Cell label="Versions" class="numbers">{row.versions.to_string()}</Cell>
            <Cell label="" class="cell-actions">{verify} {restore} {disconnect}</Cell>
        </Row>
    }
}
