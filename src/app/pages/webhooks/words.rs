//! Words and figures that the pages about events out share.

use leptos::prelude::*;

use crate::app::components::badge::Badge;
use crate::app::components::chart::scale::{count, millis, share};
use crate::app::components::time::exact;
use crate::app::relative::UnixMillis;
use crate::domain::card::Meaning;

/// Where the pages begin.
pub const HOME: &str = "/dashboard/webhooks";

/// The page of an endpoint.
pub fn endpoint_href(name: &str) -> String {
    format!("{HOME}/endpoints/{name}")
}

/// The page of a delivery.
pub fn delivery_href(id: uuid::Uuid) -> String {
    format!("{HOME}/deliveries/{id}")
}

/// Whether something is sent to an endpoint, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    Active,
    /// Nothing is sent before a time: it failed several times in a row, or asked for time itself.
    Resting {
        until: UnixMillis,
        is_asked: bool,
    },
    /// A person switched it off.
    Paused,
    /// The service switched it off: it said that it wants nothing more, or failed for too long.
    SwitchedOff {
        is_gone: bool,
    },
}

impl EndpointState {
    const fn words(self) -> (&'static str, Meaning) {
        match self {
            EndpointState::Active => ("Active", Meaning::Works),
            EndpointState::Resting { .. } => ("Resting", Meaning::Attention),
            EndpointState::Paused => ("Paused", Meaning::Unknown),
            EndpointState::SwitchedOff { .. } => ("Switched off", Meaning::Broken),
        }
    }

    /// Why nothing is sent, in a sentence.
    pub fn reason(self) -> Option<String> {
        match self {
            EndpointState::Active => None,
            EndpointState::Resting { until, is_asked: true } => {
                Some(format!("It asked for time. The next try goes at {}.", exact(until)))
            }
            EndpointState::Resting { until, is_asked: false } => {
                Some(format!("It failed several times in a row. One try goes at {}.", exact(until)))
            }
            EndpointState::Paused => Some("A person switched it off. Nothing is sent to it.".to_owned()),
            EndpointState::SwitchedOff { is_gone: true } => {
                Some("It answered 410: it wants nothing any more. So it was switched off.".to_owned())
            }
            EndpointState::SwitchedOff { is_gone: false } => {
                Some("It failed for five days without one success. So it was switched off.".to_owned())
            }
        }
    }

    pub const fn is_on(self) -> bool {
        matches!(self, EndpointState::Active | EndpointState::Resting { .. })
    }
}

/// The state of an endpoint.
#[component]
pub fn EndpointBadge(state: EndpointState) -> impl IntoView {
    let (text, meaning) = state.words();
    view! { <Badge meaning text /> }
}

/// The word for a delivery's status and what it means.
pub fn status_words(status: &str) -> (&'static str, Meaning) {
    match status {
        "succeeded" => ("Delivered", Meaning::Works),
        "dead" => ("Dead", Meaning::Broken),
        "parked" => ("Parked", Meaning::Attention),
        _ => ("Waiting", Meaning::Unknown),
    }
}

/// Deliveries that are not done are counted up to here.
const MOST_COUNTED: u64 = 10_000;

/// A number of them, for people: `10,000+` where nobody counted on.
pub fn counted(number: u64) -> String {
    let more = if number >= MOST_COUNTED { "+" } else { "" };
    format!("{}{more}", count(number))
}

/// How many deliveries are not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    pub waiting: u64,
    pub dead: u64,
    pub parked: u64,
}

/// Counts and times of tries within a range.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub delivered: u64,
    pub failed: u64,
    /// Milliseconds; none where nothing was tried.
    pub average: Option<f64>,
    pub p50: Option<f64>,
    pub p95: Option<f64>,
}

impl Tally {
    pub const fn total(&self) -> u64 {
        self.delivered + self.failed
    }

    /// `98.75 %`, or a dash.
    pub fn rate(&self) -> String {
        share(self.delivered, self.total()).unwrap_or_else(|| "\u{2013}".to_owned())
    }
}

/// A time, or a dash.
pub fn time_or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "\u{2013}".to_owned(), millis)
}

/// The figures of a range in a row.
#[component]
pub fn Figures(tally: Tally) -> impl IntoView {
    let figure = |label: &'static str, value: String, class: &'static str| {
        view! {
            <div class=class>
                <dt>{label}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let failed = if tally.failed > 0 { "is-broken" } else { "" };
    view! {
        <dl class="figures surface">
            {figure("Tries", count(tally.total()), "")}
            {figure("Successful", count(tally.delivered), "")}
            {figure("Failed", count(tally.failed), failed)}
            {figure("Success", tally.rate(), "")}
            {figure("Average", time_or_dash(tally.average), "")}
            {figure("p50", time_or_dash(tally.p50), "")}
            {figure("p95", time_or_dash(tally.p95), "")}
        </dl>
    }
}

/// What an outcome of a try means, for people: `timeout`, `server_error`.
pub fn outcome_words(outcome: &str) -> String {
    let known = match outcome {
        "succeeded" => "Taken",
        "redirected" => "Points to another address",
        "gone" => "Wants nothing any more (410)",
        "throttled" => "Too busy (429, 502, 503, 504)",
        "refused" => "Refused (4xx)",
        "server_error" => "Error of its own (5xx)",
        "timeout" => "No answer within 15 s",
        "connection" => "No connection",
        "name" => "Name not found",
        "tls" => "Certificate not accepted",
        "blocked" => "Address not allowed",
        "not_sent" => "Could not be sent",
        other => other,
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_rate_has_two_decimals_and_none_without_tries() {
        let tally = Tally { delivered: 995, failed: 5, ..Tally::default() };
        assert_eq!(tally.rate(), "99.50 %");
        assert_eq!(Tally::default().rate(), "\u{2013}");
    }

    #[test]
    fn outcomes_are_told_in_words() {
        assert_eq!(outcome_words("name"), "Name not found");
        assert_eq!(outcome_words("something_new"), "something_new");
    }
}
