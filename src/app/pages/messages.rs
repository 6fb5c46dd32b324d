//! What became of each message, what patients wrote, and who wants no messages.

use leptos::prelude::*;

use crate::app::components::badge::Badge;
use crate::app::components::button::{AskSomeone, ButtonLink, OrgField, Submit, Weight};
use crate::app::components::copy_box::CopyBox;
use crate::app::components::empty::Empty;
use crate::app::components::field::{Field, FieldView, InputKind};
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::{Ago, Moment};
use crate::app::icons::IconName;
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::app::wire::FieldError;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct MessagesView {
    pub org: OrgId,
    pub now: UnixMillis,
    pub can_configure: bool,
    pub may_ask: Option<String>,
    /// Newest first, as `received`.
    pub sent: Vec<SentRow>,
    pub received: Vec<ReceivedRow>,
    /// Where what patients wrote is shown; none where it is, nobody here may see it, or there is nothing.
    pub open_href: Option<&'static str>,
    /// How many numbers want no messages.
    pub opted_out: u32,
    /// What was typed into the form about a number, and what was wrong with it.
    pub number: String,
    pub errors: Vec<FieldError>,
    /// Where Twilio posts what patients write; none where it is not connected, or nobody here may
    /// enter it.
    pub twilio_address: Option<String>,
}

/// A message of the clinic.
#[derive(Clone, Debug)]
pub struct SentRow {
    pub at: UnixMillis,
    /// Masked.
    pub to: String,
    /// `SMS`, `WhatsApp`.
    pub channel: &'static str,
    pub provider: String,
    /// Why it was sent, in a word.
    pub purpose: String,
    pub status: MessageStatus,
    /// Why it was not delivered, and what to do.
    pub reason: Option<String>,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageStatus {
    Sending,
    Queued,
    Sent,
    Delivered,
    Read,
    Failed,
    /// Nobody knows whether it went out.
    Unknown,
}

impl MessageStatus {
    /// From the word in the database.
    pub fn parse(word: &str) -> Self {
        match word {
            "sending" => MessageStatus::Sending,
            "queued" => MessageStatus::Queued,
            "sent" => MessageStatus::Sent,
            "delivered" => MessageStatus::Delivered,
            "read" => MessageStatus::Read,
            "failed" => MessageStatus::Failed,
            _ => MessageStatus::Unknown,
        }
    }

    const fn words(self) -> (&'static str, Meaning) {
        match self {
            MessageStatus::Sending => ("Being sent", Meaning::Unknown),
            MessageStatus::Queued => ("Taken", Meaning::Unknown),
            MessageStatus::Sent => ("On its way", Meaning::Unknown),
            MessageStatus::Delivered => ("Delivered", Meaning::Works),
            MessageStatus::Read => ("Read", Meaning::Works),
            MessageStatus::Failed => ("Not delivered", Meaning::Broken),
            MessageStatus::Unknown => ("Unknown", Meaning::Attention),
        }
    }
}

/// A message of a patient.
#[derive(Clone, Debug)]
pub struct ReceivedRow {
    pub at: UnixMillis,
    /// Masked.
    pub from: String,
    pub channel: &'static str,
    pub provider: String,
    pub text: ReceivedText,
    /// What the text did: "No more messages".
    pub effect: Option<&'static str>,
}

/// What a patient wrote, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceivedText {
    /// Somebody who may has asked to see it.
    Shown(String),
    Closed,
    /// Kept no longer, or not to be read right now.
    Gone,
}

/// The page.
pub fn messages_page(view: MessagesView) -> impl IntoView {
    let MessagesView {
        org,
        now,
        can_configure,
        may_ask,
        sent,
        received,
        open_href,
        opted_out,
        number,
        errors,
        twilio_address,
    } = view;
    view! {
        <PageHeader title="Messages" lead="What became of each message, and what patients wrote." />
        <LiveRegion topics="messages".to_owned() org=org.to_string()>
            <section class="section" aria-labelledby="sent-title">
                <header>
                    <h2 id="sent-title">"Sent"</h2>
                    <p>"The newest first. Delivery is known where the provider reports it."</p>
                </header>
                <div data-live-body="sent">{sent_table(sent, now)}</div>
            </section>
            <section class="section" aria-labelledby="received-title">
                <header>
                    <h2 id="received-title">"Received"</h2>
                    <p>"STOP ends messages to a number, START allows them again."</p>
                    {open_href.map(|href| view! { <ButtonLink href label="Show what they wrote" /> })}
                </header>
                <div data-live-body="received">{received_table(received, now, can_configure)}</div>
                {twilio_address.map(|address| {
                    view! {
                        <div class="form surface">
                            <CopyBox label="Address for Twilio" value=address />
                            <p class="field-help">
                                "Enter it in the Twilio console: Phone Numbers, Manage, Active numbers, your number, Messaging, \
                                 A message comes in, Webhook, HTTP POST. Without it Twilio does not pass on what patients write. \
                                 Reports of delivery need nothing: their address goes with each message."
                            </p>
                        </div>
                    }
                })}
            </section>
            <section class="section" aria-labelledby="opt-outs-title">
                <header>
                    <h2 id="opt-outs-title">"Who wants no messages"</h2>
                    <p data-live-body="opt-outs">{counted(opted_out)}</p>
                </header>
                {opt_out_form(org, can_configure, may_ask, number, &errors)}
            </section>
        </LiveRegion>
    }
}

fn counted(numbers: u32) -> String {
    match numbers {
        0 => "No number has asked for no messages.".to_owned(),
        1 => "One number has asked for no messages. Nothing is sent to it, by nobody.".to_owned(),
        more => format!("{more} numbers have asked for no messages. Nothing is sent to them, by nobody."),
    }
}

fn sent_table(sent: Vec<SentRow>, now: UnixMillis) -> AnyView {
    if sent.is_empty() {
        return view! {
            <Empty icon=IconName::Send title="No messages yet" text="Each message that is sent is listed here, with what became of it.">
                <ButtonLink href="/dashboard/integrations?panel=sms" label="Send a test message" />
            </Empty>
        }
        .into_any();
    }
    let rows = sent
        .into_iter()
        .map(|row| {
            let (word, meaning) = row.status.words();
            view! {
                <Row>
                    <RowHead>
                        <code>{row.to}</code>
                        <span class="second">{row.purpose}</span>
                    </RowHead>
                    <Cell label="By">
                        <span>{row.channel}</span>
                        <span class="second">{row.provider}</span>
                    </Cell>
                    <Cell label="Status">
                        <Badge meaning text=word />
                        {row.reason.map(|reason| view! { <span class="second">{reason}</span> })}
                    </Cell>
                    <Cell label="When" class="cell-tight">
                        <Ago now at=row.at />
                        <span class="second"><Moment at=row.at /></span>
                    </Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Table caption="Sent messages" columns=vec!["To", "By", "Status", "When"]>{rows}</Table> }
        .into_any()
}

fn received_table(received: Vec<ReceivedRow>, now: UnixMillis, can_configure: bool) -> AnyView {
    if received.is_empty() {
        return view! {
            <Empty icon=IconName::Inbox title="Nothing received" text="What patients write to the clinic's numbers is listed here." />
        }
        .into_any();
    }
    let rows = received
        .into_iter()
        .map(|row| {
            let text = match row.text {
                ReceivedText::Shown(text) => view! { <span class="message-text">{text}</span> }.into_any(),
                ReceivedText::Closed if can_configure => {
                    view! { <span class="soft">"Not shown yet"</span> }.into_any()
                }
                ReceivedText::Closed => {
                    view! { <span class="soft">"Shown to owners and admins"</span> }.into_any()
                }
                ReceivedText::Gone => view! { <span class="soft">"No longer kept"</span> }.into_any(),
            };
            view! {
                <Row>
                    <RowHead>
                        <code>{row.from}</code>
                        <span class="second">{format!("{}, {}", row.channel, row.provider)}</span>
                    </RowHead>
                    <Cell label="Text">
                        {text}
                        {row.effect.map(|effect| view! { <Badge meaning=Meaning::Attention text=effect /> })}
                    </Cell>
                    <Cell label="When" class="cell-tight">
                        <Ago now at=row.at />
                        <span class="second"><Moment at=row.at /></span>
                    </Cell>
                </Row>
            }
        })
        .collect_view();
    view! { <Table caption="Received messages" columns=vec!["From", "Text", "When"]>{rows}</Table> }
        .into_any()
}

fn opt_out_form(
    org: OrgId,
    can_configure: bool,
    may_ask: Option<String>,
    number: String,
    errors: &[FieldError],
) -> AnyView {
    if !can_configure {
        return view! { <AskSomeone may_ask /> }.into_any();
    }
    let field = FieldView {
        kind: InputKind::Telephone,
        example: "+15550100123",
        help: "For what a patient has told you in another way. The number is kept as a hash only.",
        error: FieldError::find(errors, "number").map(str::to_owned),
        scope: "opt-outs",
        ..FieldView::new("number", "Patient's number", number)
    };
    view! {
        <form class="form surface" method="post" action="/dashboard/messages/opt-outs">
            <OrgField org />
            <Field field />
            <div class="form-actions">
                <Submit label="No more messages" weight=Weight::Main sends=("intent", "out") />
                <Submit label="Messages again" sends=("intent", "in") />
            </div>
        </form>
    }
    .into_any()
}
