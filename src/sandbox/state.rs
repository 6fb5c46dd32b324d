//! What the stand-ins hold: in memory, and in a file where one is given.
//!
//! The file is written before the answer goes out, so that what was answered "created" is there
//! after a crash, as it is at the real provider.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

use super::SandboxError;
use super::demo;
use super::faults::Faults;
use super::gate::Seen;
use super::google::GoogleWorld;
use super::receiver::Receiver;
use super::resend::MailLogEntry;
use super::sns::AwsAccount;
use super::vapi::Talks;
use super::vonage::VonageAccount;

/// Everything that the stand-ins share.
pub(super) struct Shared {
    world: Mutex<World>,
    file: Option<PathBuf>,
    /// Whether messages go their way by themselves, and their senders hear of it.
    pub(super) reports: bool,
    pub(super) faults: Faults,
    pub(super) seen: Seen,
    /// Where the Vapi stand-in listens, for the addresses that its messages name.
    pub(super) vapi_url: OnceLock<Url>,
    pub(super) talks: Talks,
    pub(super) receiver: Receiver,
}

/// All accounts and what is in them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct World {
    pub(super) vapi: VapiWorld,
    pub(super) twilio: TwilioWorld,
    /// What the Resend stand-in took, oldest first.
    #[serde(default)]
    pub(super) mails: Vec<MailLogEntry>,
    #[serde(default)]
    pub(super) google: GoogleWorld,
    #[serde(default)]
    pub(super) whatsapp: super::whatsapp::WhatsAppWorld,
    #[serde(default)]
    pub(super) vonage: Vec<VonageAccount>,
    #[serde(default)]
    pub(super) aws: Vec<AwsAccount>,
    /// Text messages that other senders than Twilio took, oldest first.
    #[serde(default)]
    pub(super) texts: Vec<PhoneLogEntry>,
}

impl World {
    /// Every text message that any sender took, oldest first.
    pub(super) fn phone_log(&self) -> Vec<PhoneLogEntry> {
        let mut all: Vec<PhoneLogEntry> = self.twilio.messages.iter().chain(&self.texts).cloned().collect();
        all.sort_by_key(|message| message.at);
        all
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct VapiWorld {
    pub(super) accounts: Vec<VapiAccount>,
    /// Oldest first, as all lists here.
    pub(super) assistants: Vec<Stored>,
    pub(super) phone_numbers: Vec<Stored>,
    pub(super) credentials: Vec<Stored>,
    /// Calls that were put through, oldest first.
    #[serde(default)]
    pub(super) transfers: Vec<CallTransfer>,
    #[serde(default)]
    pub(super) calls: Vec<Stored>,
}

/// A call that was put through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTransfer {
    pub call_id: Uuid,
    pub number: String,
}

/// A Vapi organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VapiAccount {
    pub name: String,
    pub org_id: Uuid,
    pub private_key: String,
    /// Answers 401 everywhere here, as at Vapi.
    pub public_key: String,
}

/// An object of the Vapi stand-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) id: Uuid,
    pub(super) org_id: Uuid,
    /// As it was sent, secrets included.
    pub(super) body: Value,
    pub(super) created_at: String,
    pub(super) updated_at: String,
}

impl Stored {
    pub(super) fn new(id: Uuid, org_id: Uuid, body: Value) -> Self {
        let now = now_iso();
        Self { id, org_id, body, created_at: now.clone(), updated_at: now }
    }

    /// The object as Vapi answers it.
    pub(super) fn shown(&self) -> Value {
        let mut shown = self.body.clone();
        if let Some(members) = shown.as_object_mut() {
            members.insert("id".into(), self.id.to_string().into());
            members.insert("orgId".into(), self.org_id.to_string().into());
            members.insert("createdAt".into(), self.created_at.clone().into());
            members.insert("updatedAt".into(), self.updated_at.clone().into());
        }
        shown
    }
}

impl VapiWorld {
    /// The organization of a private key.
    pub(super) fn account(&self, private_key: &str) -> Option<&VapiAccount> {
        self.accounts.iter().find(|account| account.private_key == private_key)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct TwilioWorld {
    pub(super) accounts: Vec<TwilioAccount>,
    pub(super) messages: Vec<PhoneLogEntry>,
}

/// Whether Twilio serves an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    Active,
    /// Every request is 401 with code 20003.
    Suspended,
    /// Only the account itself can still be read.
    Closed,
}

impl AccountStatus {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            AccountStatus::Active => "active",
            AccountStatus::Suspended => "suspended",
            AccountStatus::Closed => "closed",
        }
    }
}

/// A Twilio account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TwilioAccount {
    pub sid: String,
    pub name: String,
    pub auth_token: String,
    pub keys: Vec<TwilioKey>,
    pub status: AccountStatus,
    pub is_trial: bool,
    /// The credentials are test credentials: magic numbers only, everything else is 403.
    pub has_test_credentials_only: bool,
    pub numbers: Vec<TwilioNumber>,
    /// Numbers that a trial account may send to.
    pub verified: Vec<String>,
    /// Numbers that answered STOP.
    pub unsubscribed: Vec<String>,
    /// SIDs.
    pub messaging_services: Vec<String>,
}

/// An API key of a Twilio account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TwilioKey {
    pub sid: String,
    pub secret: String,
}

/// A phone number of a Twilio account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TwilioNumber {
    pub number: String,
    pub sms: bool,
    pub whatsapp: bool,
}

impl TwilioAccount {
    /// An active, paid account with fresh credentials, one number, an API key and a Messaging
    /// Service.
    pub fn fresh(name: &str, number: &str) -> Self {
        Self {
            sid: fresh_sid("AC"),
            name: name.to_owned(),
            auth_token: fresh_sid(""),
            keys: vec![TwilioKey { sid: fresh_sid("SK"), secret: fresh_sid("") }],
            status: AccountStatus::Active,
            is_trial: false,
            has_test_credentials_only: false,
            numbers: vec![TwilioNumber { number: number.to_owned(), sms: true, whatsapp: false }],
            verified: Vec::new(),
            unsubscribed: Vec::new(),
            messaging_services: vec![fresh_sid("MG")],
        }
    }
}

/// A text message that a stand-in took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneLogEntry {
    pub sid: String,
    pub account_sid: String,
    /// Name of the account, for people.
    pub account: String,
    /// None while a Messaging Service has not picked one.
    pub from: Option<String>,
    pub messaging_service_sid: Option<String>,
    /// `whatsapp:` and a number, or a number.
    pub to: String,
    pub body: String,
    pub status_callback: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

impl PhoneLogEntry {
    /// Where the message is by now: taken, a second later sent, another second later delivered.
    pub fn status(&self) -> &'static str {
        match (OffsetDateTime::now_utc() - self.at).whole_seconds() {
            ..1 if self.messaging_service_sid.is_some() => "accepted",
            ..1 => "queued",
            1 => "sent",
            _ => "delivered",
        }
    }
}

/// A prefix and 32 hexadecimal digits.
pub(super) fn fresh_sid(prefix: &str) -> String {
    format!("{prefix}{}", Uuid::new_v4().simple())
}

/// The time as Vapi writes it: RFC 3339 with milliseconds.
pub(super) fn now_iso() -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    OffsetDateTime::now_utc().format(format).unwrap_or_default()
}

impl Shared {
    /// Starts from the file where there is one, else from nothing; adds the demo accounts.
    pub(super) fn load(file: Option<PathBuf>, reports: bool) -> Result<Self, SandboxError> {
        let mut world = match &file {
            Some(path) => {
                read(path).map_err(|source| SandboxError::StateFile { path: path.clone(), source })?
            }
            None => World::default(),
        };
        demo::seed(&mut world);
        Ok(Self {
            world: Mutex::new(world),
            file,
            reports,
            faults: Faults::default(),
            seen: Seen::default(),
            vapi_url: OnceLock::new(),
            talks: Talks::default(),
            receiver: Receiver::default(),
        })
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the world and writes it down before anybody hears of it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
        let result = change(&mut world);
        if let Some(path) = &self.file
            && let Err(error) = write(path, &world)
        {
            tracing::warn!(%error, path = %path.display(), "the sandbox's state was not written");
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> io::Result<World> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(World::default()),
        Err(error) => Err(error),
    }
}

/// Writes beside the file and renames, so that a crash leaves the old or the new one.
fn write(path: &Path, world: &World) -> io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, serde_json::to_vec(world).map_err(io::Error::other)?)?;
    std::fs::rename(&beside, path)
}
