//! The document around every page: head, header, navigation, flash, footer.
//!
//! [`render`] and [`render_fragment`] are the only places where a view becomes text. They are
//! synchronous: all data is there before they start, so nothing waits, streams or leaks when a
//! client goes away.

use std::sync::Arc;

use hydration_context::SsrSharedContext;
use leptos::prelude::*;

use super::components::flash::FlashBox;
use super::components::textarea::PageTitle;
use super::islands::relative_time::LiveTimes;
use crate::app::icons::{Icon, IconName};
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// Starts the islands when the browser has nothing better to do. The addresses come from the
/// `<link>` elements beside it, so that nothing is ever interpolated into a script.
const BOOTSTRAP: &str = include_str!("bootstrap.js");

/// Addresses of the built files. Without `js_href` and `wasm_href` no page has islands.
#[derive(Clone, Debug)]
pub struct Assets {
    pub css_href: String,
    pub js_href: Option<String>,
    pub wasm_href: Option<String>,
    /// The scripts of the agents' page, which need no WASM.
    pub talk: Option<TalkAssets>,
}

/// Addresses of the scripts by which somebody talks to an agent.
#[derive(Clone, Debug)]
pub struct TalkAssets {
    pub script_href: String,
    /// What handles sound, beside the page's own thread.
    pub worklet_href: String,
}

/// Who is signed in, and where.
#[derive(Clone, Debug)]
pub struct UserNav {
    pub name: String,
    pub email: String,
    /// `owner`, `admin`, `member`, or `platform` for staff who visit.
    pub role: &'static str,
    /// Staff of the platform, in a clinic that is not theirs.
    pub is_visiting: bool,
    pub org_id: OrgId,
    pub org_name: String,
    /// All clinics of this person, this one included.
    pub organizations: Vec<(OrgId, String)>,
    pub is_staff: bool,
}

/// The entry of the navigation that is lit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NavItem {
    None,
    Overview,
    Integrations,
    Agents,
    Appointments,
    Calls,
    Phone,
    Messages,
    Webhooks,
    Events,
    Audit,
    Settings,
}

impl NavItem {
    /// How many entries stay in the row on a phone; `header.css` counts the same.
    const ALWAYS_IN_THE_ROW: usize = 3;
    /// First what happens in the clinic (overview, calls, appointments, messages, phone), then what is set up
    /// (agents, integrations, webhooks), then what is looked up (events, audit, settings).
    const SHOWN: &[(NavItem, &'static str, &'static str)] = &[
        (NavItem::Overview, "Overview", "/dashboard"),
        (NavItem::Calls, "Calls", "/dashboard/calls"),
        (NavItem::Appointments, "Appointments", "/dashboard/appointments"),
        (NavItem::Messages, "Messages", "/dashboard/messages"),
        (NavItem::Phone, "Phone", "/dashboard/phone"),
        (NavItem::Agents, "Agents", "/dashboard/agents"),
        (NavItem::Integrations, "Integrations", "/dashboard/integrations"),
        (NavItem::Webhooks, "Webhooks", "/dashboard/webhooks"),
        (NavItem::Events, "Events", "/dashboard/events"),
        (NavItem::Audit, "Audit", "/dashboard/audit"),
        (NavItem::Settings, "Settings", "/dashboard/settings"),
    ];
}

/// One message at the top of the next page.
#[derive(Clone, Debug)]
pub struct Flash {
    pub kind: Meaning,
    pub text: String,
    pub detail: Option<String>,
    /// Also stands in the log.
    pub reference: Option<String>,
}

/// Everything around a page.
#[derive(Clone, Debug)]
pub struct Shell {
    /// "Integrations"; the product's name is added.
    pub title: String,
    /// The nonce of this answer's content security policy.
    pub nonce: String,
    pub assets: Assets,
    /// `None` on the pages before sign-in: they stand alone in the middle.
    pub user: Option<UserNav>,
    pub active: NavItem,
    pub sandbox: bool,
    pub flash: Option<Flash>,
}

/// Renders a whole document.
pub fn render<V: IntoView>(shell: Shell, page: impl FnOnce() -> V) -> String {
    let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
    let html = owner.with(|| document(shell, page().into_view()).to_html());
    owner.unset_with_forced_cleanup();
    format!("<!DOCTYPE html>{html}")
}

/// Renders a part of a page that an island puts in its place. It has no islands of its own.
pub fn render_fragment<V: IntoView>(part: impl FnOnce() -> V) -> String {
    let owner = Owner::new_root(None);
    let html = owner.with(|| part().into_view().to_html());
    owner.unset_with_forced_cleanup();
    html
}

fn document(shell: Shell, page: impl IntoView) -> impl IntoView {
    let Shell { title, nonce, assets, user, active, sandbox, flash } = shell;
    let is_inside = user.is_some();
    let body_class = if is_inside { "with-nav" } else { "alone" };
    view! {
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="robots" content="noindex" />
                <PageTitle text=format!("{title} · Voxanne") />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=assets.css_href />
                {scripts(assets.js_href.zip(assets.wasm_href), nonce)}
            </head>
            <body class=body_class>
                <a class="skip-link" href="#main">
                    "Skip to content"
                </a>
                {sandbox.then(sandbox_banner)}
                {user.as_ref().filter(|user| user.is_visiting).map(visiting_banner)}
                {user.map(|user| header(user, active))}
                <main id="main" class="main" tabindex="-1">
                    {flash.map(|flash| view! { <FlashBox flash /> })}
                    {page}
                </main>
                <footer class="footer">
                    <span>{format!("Voxanne Integrations {}", env!("CARGO_PKG_VERSION"))}</span>
                    {is_inside.then(|| view! { <span>"Times are UTC; hover over one for the exact moment."</span> })}
                </footer>
                <LiveTimes />
            </body>
        </html>
    }
}

fn scripts(hrefs: Option<(String, String)>, nonce: String) -> impl IntoView {
    hrefs.map(|(js, wasm)| {
        view! {
            <link id="islands-js" rel="modulepreload" href=js crossorigin="anonymous" />
            <link id="islands-wasm" rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
            <script type="module" nonce=nonce>
                {BOOTSTRAP}
            </script>
        }
    })
}

fn sandbox_banner() -> impl IntoView {
    view! {
        <p class="sandbox-banner">
            <Icon name=IconName::Flask />
            <span>
                <strong>"Sandbox"</strong>
                ": nothing here reaches a real provider."
            </span>
        </p>
    }
}

/// Staff never forget where they are, and that the clinic sees it.
fn visiting_banner(user: &UserNav) -> impl IntoView + use<> {
    view! {
        <div class="sandbox-banner">
            <Icon name=IconName::Shield />
            <span>
                <strong>"Platform staff"</strong>
                {format!(": you are visiting {}. What you do is in the clinic's audit trail.", user.org_name)}
            </span>
            <a href="/platform">"All clinics"</a>
        </div>
    }
}

fn header(user: UserNav, active: NavItem) -> impl IntoView {
    view! {
        <header class="header">
            <div class="header-row">
                <a class="brand" href="/dashboard" aria-label="Voxanne, overview">
                    <Icon name=IconName::Brand />
                    <span>"Voxanne"</span>
                </a>
                {clinic_switcher(&user)}
                {account_menu(user)}
            </div>
            {navigation(active)}
        </header>
    }
}

/// One row, and a menu for the entries that it has no room for: the style sheet decides which of the
/// two shows an entry, so that each is there once at every width.
fn navigation(active: NavItem) -> impl IntoView {
    let entry = move |(item, label, href): &(NavItem, &'static str, &'static str)| {
        let (label, href) = (*label, *href);
        let current = (*item == active).then_some("page");
        view! {
            <li>
                <a href=href aria-current=current>
                    {label}
                </a>
            </li>
        }
    };
    let (_, rest) = NavItem::SHOWN.split_at(NavItem::ALWAYS_IN_THE_ROW);
    let is_among_them = rest.iter().any(|(item, ..)| *item == active);
    view! {
        <nav class="nav" aria-label="Main">
            <ul class="nav-row">{NavItem::SHOWN.iter().map(entry).collect_view()}</ul>
            <details class="menu menu-end nav-more" name="header-menu">
                <summary class=is_among_them.then_some("nav-here")>
                    <span>"More"</span>
                    <Icon name=IconName::ChevronDown />
                </summary>
                <ul class="menu-body">{rest.iter().map(entry).collect_view()}</ul>
            </details>
        </nav>
    }
}

fn clinic_switcher(user: &UserNav) -> AnyView {
    if user.organizations.len() < 2 {
        return view! { <span class="clinic">{user.org_name.clone()}</span> }.into_any();
    }
    let here = user.org_id;
    let choices = user
        .organizations
        .iter()
        .map(|(id, name)| {
            let current = (*id == here).then_some("true");
            view! {
                <li>
                    <button class="menu-item" type="submit" name="org" value=id.to_string() aria-current=current>
                        <span>{name.clone()}</span>
                        {(*id == here).then(|| view! { <Icon name=IconName::Check /> })}
                    </button>
                </li>
            }
        })
        .collect_view();
    view! {
        <details class="menu" name="header-menu">
            <summary class="clinic">
                <span class="visually-hidden">"Switch clinic, now: "</span>
                <span class="menu-label">{user.org_name.clone()}</span>
                <Icon name=IconName::ChevronDown />
            </summary>
            <form class="menu-body" method="post" action="/switch">
                <p class="menu-title">"Your clinics"</p>
                <ul>{choices}</ul>
            </form>
        </details>
    }
    .into_any()
}

fn account_menu(user: UserNav) -> impl IntoView {
    let staff = user.is_staff.then(|| {
        view! {
            <p class="menu-note">
                <a href="/platform">"Platform: all clinics"</a>
            </p>
        }
    });
    let initials: String =
        user.name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    view! {
        <details class="menu menu-end" name="header-menu">
            <summary class="account">
                <span class="avatar" aria-hidden="true">{initials}</span>
                <span class="visually-hidden">{format!("Account: {}", user.name)}</span>
            </summary>
            <div class="menu-body">
                <p class="menu-title">{user.name}</p>
                <p class="menu-note">{user.email}</p>
                <p class="menu-note">{format!("Role here: {}", user.role)}</p>
                {staff}
                <form method="post" action="/logout">
                    <input type="hidden" name="org" value=user.org_id.to_string() />
                    <button class="menu-item" type="submit">
                        <Icon name=IconName::SignOut />
                        <span>"Sign out"</span>
                    </button>
                </form>
            </div>
        </details>
    }
}
