//! Words and figures that the pages about events out share.

use leptos::prelude::*;

use crate::app::components::chart::scale::{count, millis, share};

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

/// What a cause means, for people: `timeout`, `http_503`.
pub fn cause_words(cause: &str) -> String {
    let known = match cause {
        "timeout" => "No answer within 15 s",
        "connect" => "No connection",
        "dns" => "Name not found",
        "tls" => "Certificate not accepted",
        "reset" => "Connection closed without an answer",
        "too_large" => "Answer too large",
        "blocked" => "Address not allowed",
        "resting" => "Left in peace after failures",
        "invalid" => "Address or header unusable",
        "abandoned" => "Service stopped while it was sent",
        other => {
            return match other.strip_prefix("http_") {
                Some(code) => format!("Answered {code}"),
                None => other.to_owned(),
            };
        }
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
    fn causes_are_told_in_words() {
        assert_eq!(cause_words("http_503"), "Answered 503");
        assert_eq!(cause_words("dns"), "Name not found");
        assert_eq!(cause_words("something_new"), "something_new");
    }
}
