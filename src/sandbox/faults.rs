//! The switches: how a stand-in fails while one is on.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::ProviderId;

/// One way to fail. It holds for every request to the provider until it is switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Fault {
    #[default]
    None,
    /// 401, whatever the credential.
    Unauthorized,
    /// 403: the credential lacks a permission.
    Forbidden,
    /// 429 with `Retry-After: 7`.
    Throttled,
    /// 500.
    ServerError,
    /// No answer at all.
    Hang,
    /// The connection breaks before the request is looked at.
    Reset,
    /// The request does its work, then the connection breaks.
    LostAnswer,
    /// What is made is made, then no answer comes; every other request is served.
    HeldAnswer,
    /// A web page with status 200.
    Html,
    /// Half an object with status 200.
    InvalidJson,
    /// Status 200 with an error in the body.
    ErrorInside,
    /// The right answer after three seconds.
    Slow,
    /// The account is suspended, in the provider's own words.
    Suspended,
    /// 403 with a web page, whatever the credential: a firewall or a proxy in between.
    HtmlForbidden,
    /// The credential has expired, in the provider's own words; where it cannot tell, as a wrong one.
    Expired,
    /// Somebody took the credential back, in the provider's own words; where it cannot tell, as a wrong one.
    Revoked,
}

impl Fault {
    pub const ALL: [Fault; 17] = [
        Fault::None,
        Fault::Unauthorized,
        Fault::Forbidden,
        Fault::Throttled,
        Fault::ServerError,
        Fault::Hang,
        Fault::Reset,
        Fault::LostAnswer,
        Fault::HeldAnswer,
        Fault::Html,
        Fault::InvalidJson,
        Fault::ErrorInside,
        Fault::Slow,
        Fault::Suspended,
        Fault::HtmlForbidden,
        Fault::Expired,
        Fault::Revoked,
    ];

    /// The word in the page's form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Fault::None => "none",
            Fault::Unauthorized => "unauthorized",
            Fault::Forbidden => "forbidden",
            Fault::Throttled => "throttled",
            Fault::ServerError => "server_error",
            Fault::Hang => "hang",
            Fault::Reset => "reset",
            Fault::LostAnswer => "lost_answer",
            Fault::HeldAnswer => "held_answer",
            Fault::Html => "html",
            Fault::InvalidJson => "invalid_json",
            Fault::ErrorInside => "error_inside",
            Fault::Slow => "slow",
            Fault::Suspended => "suspended",
            Fault::HtmlForbidden => "html_forbidden",
            Fault::Expired => "expired",
            Fault::Revoked => "revoked",
        }
    }

    /// The words on the page.
    pub const fn label(self) -> &'static str {
        match self {
            Fault::None => "Works",
            Fault::Unauthorized => "401: key rejected",
            Fault::Forbidden => "403: permission missing",
            Fault::Throttled => "429: slow down (Retry-After 7 s)",
            Fault::ServerError => "500: own problem",
            Fault::Hang => "No answer",
            Fault::Reset => "Connection breaks",
            Fault::LostAnswer => "Does it, then the connection breaks",
            Fault::HeldAnswer => "Makes it, then no answer",
            Fault::Html => "A web page instead of JSON",
            Fault::InvalidJson => "Invalid JSON",
            Fault::ErrorInside => "200 with an error inside",
            Fault::Slow => "Slow (3 s)",
            Fault::Suspended => "Account suspended",
            Fault::HtmlForbidden => "403: a web page in between",
            Fault::Expired => "Credential expired",
            Fault::Revoked => "Credential revoked",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == word)
    }
}

/// The switches of all stand-ins.
#[derive(Debug, Default)]
pub struct Faults {
    /// One for each provider, in the order of [`ProviderId::ALL`].
    switches: [AtomicU8; ProviderId::ALL.len()],
    refuse_credentials: AtomicBool,
    hide_credentials: AtomicBool,
    /// Milliseconds of [`Fault::Slow`]; 0 means three seconds.
    delay: AtomicU64,
}

impl Faults {
    /// Switches a fault on; [`Fault::None`] switches it off.
    pub fn set(&self, provider: ProviderId, fault: Fault) {
        self.switch(provider).store(fault as u8, Ordering::Release);
    }

    /// The fault that is on.
    pub fn of(&self, provider: ProviderId) -> Fault {
        let at = usize::from(self.switch(provider).load(Ordering::Acquire));
        Fault::ALL.get(at).copied().unwrap_or_default()
    }

    /// How long [`Fault::Slow`] takes; three seconds unless said otherwise.
    pub fn set_delay(&self, delay: Duration) {
        self.delay.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
    }

    pub fn delay(&self) -> Duration {
        match self.delay.load(Ordering::Acquire) {
            0 => Duration::from_secs(3),
            millis => Duration::from_millis(millis),
        }
    }

    /// Lets Vapi refuse `POST /credential`, which it documents in prose only.
    pub fn refuse_credentials(&self, refuse: bool) {
        self.refuse_credentials.store(refuse, Ordering::Release);
    }

    /// Lets Vapi not know `GET /credential`, which it documents nowhere.
    pub fn hide_credentials(&self, hide: bool) {
        self.hide_credentials.store(hide, Ordering::Release);
    }

    pub fn hides_credentials(&self) -> bool {
        self.hide_credentials.load(Ordering::Acquire)
    }

    pub fn refuses_credentials(&self) -> bool {
        self.refuse_credentials.load(Ordering::Acquire)
    }

    fn switch(&self, provider: ProviderId) -> &AtomicU8 {
        &self.switches[provider as usize]
    }
}
