//! The part of the appointments' page with the notes for the team.

use leptos::prelude::*;

use crate::app::components::badge::Badge;
use crate::app::components::button::{ButtonLink, PostButton, Weight};
use crate::app::components::empty::Empty;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::Ago;
use crate::app::icons::IconName;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// One note. What it says is there for owners and admins only.
#[derive(Clone, Debug)]
pub struct NoteLine {
    pub id: String,
    pub kind: NoteKind,
    pub caller_mask: Option<String>,
    /// None where it may not be seen, nobody has asked to, or it is not kept any more.
    pub text: Option<NoteText>,
    pub at: UnixMillis,
    pub is_done: bool,
}

/// What a note says.
#[derive(Clone, Debug)]
pub struct NoteText {
    pub name: String,
    pub phone: String,
    pub message: String,
}

/// What a note is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    Message,
    CallBack,
    FollowUp,
}

impl NoteKind {
    const fn words(self) -> (&'static str, Meaning) {
        match self {
            NoteKind::Message => ("Message", Meaning::Unknown),
            NoteKind::CallBack => ("Call back", Meaning::Attention),
            NoteKind::FollowUp => ("Look into this", Meaning::Broken),
        }
    }
}

/// The section.
pub fn notes_section(
    notes: Vec<NoteLine>,
    org: OrgId,
    now: UnixMillis,
    can_configure: bool,
    open_href: Option<String>,
) -> impl IntoView {
    let is_closed = open_href.is_some();
    let list = if notes.is_empty() {
        view! {
            <Empty
                icon=IconName::Inbox
                title="No notes"
                text="What callers ask your agents to tell the team is listed here."
            />
        }
        .into_any()
    } else {
        view! {
            <Table caption="Notes for the team" columns=vec!["For", "Caller", "Note", "Taken", ""]>
                {notes.into_iter().map(|note| row(note, org, now, can_configure, is_closed)).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <section class="section" aria-labelledby="notes-title">
            <header>
                <h2 id="notes-title">"Notes for the team"</h2>
                <p>"Messages, promised calls, and what a call has left open."</p>
                {open_href.map(|href| view! { <ButtonLink href label="Show what they say" weight=Weight::Quiet /> })}
            </header>
            <div data-live-body="notes">{list}</div>
        </section>
    }
}

fn row(note: NoteLine, org: OrgId, now: UnixMillis, can_configure: bool, is_closed: bool) -> impl IntoView {
    let (word, meaning) = note.kind.words();
    let meaning = if note.is_done { Meaning::Unknown } else { meaning };
    let mask = note.caller_mask.unwrap_or_else(|| "unknown".to_owned());
    let (caller, text) = match note.text {
        Some(text) => {
            let number = if text.phone.is_empty() { mask } else { text.phone };
            let caller = view! {
                <span>{text.name}</span>
                <span class="second">{number}</span>
            };
            (caller.into_any(), view! { <span class="note-text">{text.message}</span> }.into_any())
        }
        None => {
            let why = match (can_configure, is_closed) {
                (true, true) => "Not shown yet",
                (true, false) => "No longer kept",
                (false, _) => "Shown to owners and admins, for as long as it is kept.",
            };
            (view! { <span>{mask}</span> }.into_any(), view! { <span class="soft">{why}</span> }.into_any())
        }
    };
    let action = if note.is_done {
        view! { <span class="soft">"Done"</span> }.into_any()
    } else if can_configure {
        view! {
            <PostButton
                org
                action=format!("/dashboard/notes/{}/done", note.id)
                label="Done"
                icon=IconName::Check
                weight=Weight::Quiet
            />
        }
        .into_any()
    } else {
        ().into_any()
    };
    view! {
        <Row id=format!("note-{}", note.id)>
            <RowHead>
                <Badge meaning text=word />
            </RowHead>
            <Cell label="Caller">{caller}</Cell>
            <Cell label="Note">{text}</Cell>
            <Cell label="Taken" class="cell-tight">
                <Ago now at=note.at />
            </Cell>
            <Cell label="">{action}</Cell>
        </Row>
    }
}
