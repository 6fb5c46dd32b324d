//! Whom a clinic wants to be told of a hot lead, with which words, and when it wants quiet.
//!
//! An alert is a row for each recipient, written in the transaction in which the lead becomes hot; that
//! happens once. `alert_sending` sends what is due.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::CallError;
use super::messages::hot_lead_text;
use crate::audit::Ended;
use crate::db::OrgTx;
use crate::db::alerts::{self as rows, NewAlert, NewSettings, SettingsRow};
use crate::domain::OrgId;
use crate::domain::mask::{mask_mail, mask_phone};
use crate::domain::pattern::address_of;
use crate::domain::phone::PhoneNumber;
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::{Place, Sealed, VaultError};
use crate::webhooks::owners::alert_place;
use crate::webhooks::work::WorkError;

/// The points from which on a lead is hot, unless the clinic says otherwise.
pub const DEFAULT_THRESHOLD: i32 = 70;
/// Recipients of one kind.
pub const MOST_RECIPIENTS: usize = 10;
/// The longest text, in characters.
pub const MOST_TEXT: usize = 300;

/// The places that a text may have.
pub const PLACES: [&str; 3] = ["{lead_name}", "{lead_number}", "{score}"];

/// What a clinic wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub is_on: bool,
    pub threshold: i32,
    /// With [`PLACES`].
    pub text: String,
    pub recipients: Recipients,
    /// From and until, in minutes after midnight; over midnight where the first is the later one.
    pub quiet: Option<(i32, i32)>,
    /// The clinic's, by its name in the time zone database.
    pub time_zone: String,
}

/// Who is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipients {
    /// In international form.
    pub numbers: Vec<String>,
    pub mails: Vec<String>,
}

impl Recipients {
    /// As members see them.
    pub fn masked(&self) -> Self {
        Self {
            numbers: self.numbers.iter().map(|number| mask_phone(number)).collect(),
            mails: self.mails.iter().map(|mail| mask_mail(mail)).collect(),
        }
    }
}

/// The default text, with its place.
pub fn default_text() -> String {
    hot_lead_text("{lead_name}")
}

const fn recipients_place(org: OrgId) -> Place<'static> {
    Place { org: Some(org), table: "alert_settings", column: "sealed_recipients", provider: "", row: org.0 }
}

/// The settings of the transaction's clinic; those of nobody where it has none.
///
/// # Errors
/// The database's, and the vault's where the recipients do not open.
pub async fn load(services: &Services, tx: &mut OrgTx, org: OrgId) -> Result<Settings, WorkError> {
    let SettingsRow { time_zone, is_on, threshold, text, quiet_from, quiet_until, sealed_recipients } =
        rows::find_settings(tx).await?;
    let recipients = match sealed_recipients {
        Some(sealed) => {
            let opened = services.vault.open_at(&recipients_place(org), &Sealed::parse(sealed)?).await?;
            serde_json::from_slice(opened.expose())?
        }
        None => Recipients::default(),
    };
    Ok(Settings {
        is_on: is_on.unwrap_or(true),
        threshold: threshold.unwrap_or(DEFAULT_THRESHOLD),
        text: text.filter(|text| !text.is_empty()).unwrap_or_else(default_text),
        recipients,
        quiet: quiet_from.zip(quiet_until),
        time_zone,
    })
}

/// The settings of the caller's clinic.
///
/// # Errors
/// As [`load`].
pub async fn find(services: &Services, caller: &Caller) -> Result<Settings, CallError> {
    let mut tx = caller.begin(services).await?;
    let settings = load(services, &mut tx, caller.org()).await.map_err(CallError::from)?;
    tx.commit().await?;
    Ok(settings)
}

/// What somebody wants to be set, as it was written.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub is_on: bool,
    pub threshold: i32,
    /// Empty for the default.
    pub text: String,
    /// One on a line, or with commas between.
    pub numbers: String,
    pub mails: String,
    /// `22:00`, both or none.
    pub quiet_from: String,
    pub quiet_until: String,
}

/// Stores settings.
///
/// # Errors
/// [`CallError::Invalid`] with the field: `threshold`, `text`, `numbers`, `mails`, `quietFrom`, `quietUntil`.
pub async fn save(services: &Services, caller: &Caller, wanted: &Wanted) -> Result<(), CallError> {
    caller.require_configure(services, "alerts.changed", "alerts").await?;
    let checked = check(wanted)?;
    let text = serde_json::to_string(&checked.recipients).unwrap_or_default();
    let sealed = services.vault.seal(&recipients_place(caller.org()), text.as_bytes()).await;
    let sealed = sealed.map_err(IntegrationError::from)?;
    let mut tx = caller.begin(services).await?;
    let new = NewSettings {
        is_on: wanted.is_on,
        threshold: wanted.threshold,
        text: &checked.text,
        quiet: checked.quiet,
        sealed_recipients: sealed.as_bytes(),
        key_version: sealed.key_version(),
        by: caller.user(),
    };
    rows::save_settings(&mut tx, &new).await?;
    let Recipients { numbers, mails } = &checked.recipients;
    let details = format!(
        "{}, from {} points, {} numbers, {} addresses",
        if wanted.is_on { "on" } else { "off" },
        wanted.threshold,
        numbers.len(),
        mails.len()
    );
    caller.record(&mut tx, services, "alerts.changed", "alerts", Ended::Success, &details).await?;
    Ok(tx.commit().await?)
}

struct Checked {
    text: String,
    recipients: Recipients,
    quiet: Option<(i32, i32)>,
}

fn check(wanted: &Wanted) -> Result<Checked, CallError> {
    let invalid = |field: &'static str, message: String| CallError::Invalid { field, message };
    if !(1..=100).contains(&wanted.threshold) {
        return Err(invalid("threshold", "Enter points from 1 to 100.".to_owned()));
    }
    let text = wanted.text.trim();
    if text.chars().count() > MOST_TEXT {
        return Err(invalid("text", format!("The text can have {MOST_TEXT} characters at most.")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\r') {
        return Err(invalid("text", "This text has a character that cannot be sent.".to_owned()));
    }
    let without = PLACES.iter().fold(text.to_owned(), |text, place| text.replace(place, ""));
    if without.contains(['{', '}']) {
        let places = PLACES.join(", ");
        return Err(invalid("text", format!("In braces the text can have {places}, and nothing else.")));
    }
    let list = |text: &str| -> Vec<String> {
        let items = text.split([',', ';', '\n', '\r']).map(str::trim).filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    };
    let too_many = |field, count: usize| {
        let message = format!("At most {MOST_RECIPIENTS} can be told, and these are {count}.");
        if count > MOST_RECIPIENTS { Err(invalid(field, message)) } else { Ok(()) }
    };
    let mut numbers = Vec::new();
    for item in list(&wanted.numbers) {
        let number = PhoneNumber::parse(&item)
            .map_err(|error| invalid("numbers", format!("{item}: {}.", error.sentence())))?;
        numbers.push(number.as_str().to_owned());
    }
    let mut mails = Vec::new();
    for item in list(&wanted.mails) {
        let is_bare = address_of(&item).is_some_and(|address| address == item) && item.len() <= 254;
        if !is_bare {
            return Err(invalid("mails", format!("{item} is no e-mail address.")));
        }
        mails.push(item);
    }
    too_many("numbers", numbers.len())?;
    too_many("mails", mails.len())?;
    // In the order in which they were written; whoever stands there twice is told once. Upper and lower case
    // of an address reach the same desk.
    let mut seen = BTreeSet::new();
    numbers.retain(|number| seen.insert(number.clone()));
    mails.retain(|mail| seen.insert(mail.to_lowercase()));
    let minutes = |field, text: &str| match parse_minutes(text.trim()) {
        _ if text.trim().is_empty() => Ok(None),
        Some(minutes) => Ok(Some(minutes)),
        None => Err(invalid(field, "Enter a time such as 22:00, or leave both times empty.".to_owned())),
    };
    let quiet = match (minutes("quietFrom", &wanted.quiet_from)?, minutes("quietUntil", &wanted.quiet_until)?)
    {
        (None, None) => None,
        (Some(from), Some(until)) if from != until => Some((from, until)),
        (Some(_), Some(_)) => {
            return Err(invalid("quietUntil", "Quiet hours end at another time than they begin.".to_owned()));
        }
        (None, _) => return Err(invalid("quietFrom", "Enter when the quiet hours begin.".to_owned())),
        (_, None) => return Err(invalid("quietUntil", "Enter when the quiet hours end.".to_owned())),
    };
    let text = if text == default_text() { String::new() } else { text.replace('\r', "") };
    Ok(Checked { text, recipients: Recipients { numbers, mails }, quiet })
}

/// `22:00` as minutes after midnight.
fn parse_minutes(text: &str) -> Option<i32> {
    let (hour, minute) = text.split_once(':')?;
    let is_short = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let (hour, minute): (i32, i32) = match (is_short(hour), minute.len() == 2 && is_short(minute)) {
        (true, true) => (hour.parse().ok()?, minute.parse().ok()?),
        _ => return None,
    };
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// Minutes after midnight as people write them.
pub fn show_minutes(minutes: i32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// When an alert may go out: now, or when the quiet hours of the clinic end. A time zone that nobody
/// knows is taken for UTC.
pub fn due_at(now: OffsetDateTime, time_zone: &str, quiet: Option<(i32, i32)>) -> OffsetDateTime {
    quiet.and_then(|quiet| end_of_quiet(now, time_zone, quiet)).unwrap_or(now)
}

fn end_of_quiet(now: OffsetDateTime, time_zone: &str, (from, until): (i32, i32)) -> Option<OffsetDateTime> {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    let local = Timestamp::from_second(now.unix_timestamp()).ok()?.to_zoned_datetime(zone.clone());
    let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
    let is_quiet =
        if from < until { (from..until).contains(&minute) } else { minute >= from || minute < until };
    if !is_quiet {
        return None;
    }
    let today = local.date();
    let day = if until > minute { today } else { today.tomorrow().ok()? };
    let time = Time::new((until / 60) as i8, (until % 60) as i8, 0, 0).ok()?;
    // An hour that the day does not have is over as soon as the clocks were changed.
    let end = day.to_datetime(time).to_zoned_datetime(zone).ok()?.timestamp();
    OffsetDateTime::from_unix_timestamp(end.as_second()).ok()
}

/// A lead that has just become hot.
pub struct HotLead<'a> {
    pub id: Uuid,
    pub name: Option<&'a str>,
    pub number: Option<&'a str>,
    pub score: i32,
}

/// The text of an alert.
pub fn fill(text: &str, lead: &HotLead<'_>) -> String {
    // One pass: what a caller is called is never taken for a place.
    let mut filled = String::with_capacity(text.len() + 40);
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let score = lead.score.to_string();
        let values = [lead.name.unwrap_or("A caller"), lead.number.unwrap_or("unknown"), &score];
        match PLACES.iter().zip(values).find(|(place, _)| rest.starts_with(**place)) {
            Some((place, value)) => {
                filled.push_str(value);
                rest = &rest[place.len()..];
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// Writes down the alerts of a lead that becomes hot in this transaction. Returns how many.
///
/// # Errors
/// The transaction must not be committed then.
pub async fn raise(
    services: &Services,
    tx: &mut OrgTx,
    org: OrgId,
    settings: &Settings,
    lead: &HotLead<'_>,
) -> Result<usize, WorkError> {
    if !settings.is_on {
        return Ok(0);
    }
    let text = fill(&settings.text, lead);
    let due_at = due_at(services.clock.now(), &settings.time_zone, settings.quiet);
    let Recipients { numbers, mails } = &settings.recipients;
    let recipients = numbers
        .iter()
        .map(|number| ("sms", number, mask_phone(number)))
        .chain(mails.iter().map(|mail| ("email", mail, mask_mail(mail))));
    for (channel, to, mask) in recipients {
        let id = Uuid::now_v7();
        let content = json!({ "to": to, "subject": "Hot lead", "text": text }).to_string();
        let sealed = services.vault.seal(&alert_place(org, id), content.as_bytes()).await?;
        let new = NewAlert {
            id,
            kind: "hot_lead",
            subject: lead.id,
            channel,
            recipient_mask: &mask,
            sealed_content: sealed.as_bytes(),
            key_version: sealed.key_version(),
            due_at,
        };
        rows::insert(tx, &new).await?;
    }
    Ok(numbers.len() + mails.len())
}

impl From<WorkError> for CallError {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Db(error) => CallError::Db(error),
            WorkError::Vault(error) => CallError::Integration(IntegrationError::from(error)),
            _ => CallError::Integration(IntegrationError::from(VaultError::UnreadableFields)),
        }
    }
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
