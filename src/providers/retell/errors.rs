//! What Retell AI's refusals mean, and what to do about them.
//!
//! Bodies are `{"status": "error", "message": text}`. Statuses are documented, words are not; `error_message`
//! is in no document that was read.

use serde_json::Value;

use super::super::api_error::{Dialect, Row, Told, Verdict, text_at};
use super::{KEYS_URL, NAME};

const STATUS_URL: &str = "https://status.retellai.com";
const BILLING_URL: &str = "https://dashboard.retellai.com/settings/billing";
const DOCS_URL: &str = "https://docs.retellai.com/api-references/list-agents";

/// Retell AI's errors.
pub static DIALECT: Dialect = Dialect { name: NAME, status_url: STATUS_URL, rows: ROWS, read };

const ROWS: &[Row] = &[
    Row::of(
        "400",
        Verdict::Silent,
        "Retell AI says that the request is not valid.",
        "Try again. If it stays, tell who runs this service.",
        DOCS_URL,
    ),
    Row::of(
        "401",
        Verdict::Refused,
        "Retell AI rejected the API key: it is wrong or was deleted.",
        "Copy the API key from the Retell AI dashboard again.",
        KEYS_URL,
    ),
    Row::of(
        "402",
        Verdict::Refused,
        "Retell AI has suspended this account: the trial is over or a payment is missing.",
        "Check the billing page of the Retell AI dashboard.",
        BILLING_URL,
    ),
    Row::of(
        "403",
        Verdict::Refused,
        "Retell AI knows this key but does not let it do this.",
        "Use a key of the workspace that has your agents.",
        KEYS_URL,
    ),
    Row::of(
        "404",
        Verdict::Silent,
        "Retell AI has no such object.",
        "Try again. If it stays, tell who runs this service.",
        DOCS_URL,
    ),
    Row::of(
        "422",
        Verdict::Silent,
        "Retell AI says that the request can not be carried out.",
        "Try again. If it stays, tell who runs this service.",
        DOCS_URL,
    ),
    Row::of(
        "429",
        Verdict::Silent,
        "Retell AI asks to slow down: too many requests.",
        "Wait a moment and try again. Nothing was changed.",
        DOCS_URL,
    ),
];

fn read(_: u16, body: &Value) -> Told {
    Told { code: None, message: text_at(body, &["/message", "/error_message"]) }
}
