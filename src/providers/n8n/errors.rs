//! What n8n's refusals mean, and what to do about them.
//!
//! Bodies are `{"message": text}`, of webhooks `{"code": number, "message": text, "hint": text}`: from n8n's
//! source, no document tells them. Of the API's document are the statuses 400, 401 and 403, and these
//! decide.

use serde_json::Value;

use super::super::api_error::{Dialect, Row, Told, Verdict, text_at};
use super::{API_URL, NAME};

const HOSTING_URL: &str = "https://docs.n8n.io/hosting/";

/// n8n's errors.
pub static DIALECT: Dialect = Dialect { name: NAME, status_url: HOSTING_URL, rows: ROWS, read };

const REDIRECT: &str = "n8n answered from another address than the one that was entered.";
const FOLLOW: &str = "Open the address in a browser and enter the one that it leads to.";

const ROWS: &[Row] = &[
    Row::of("301", Verdict::Silent, REDIRECT, FOLLOW, HOSTING_URL),
    Row::of("302", Verdict::Silent, REDIRECT, FOLLOW, HOSTING_URL),
    Row::of("307", Verdict::Silent, REDIRECT, FOLLOW, HOSTING_URL),
    Row::of("308", Verdict::Silent, REDIRECT, FOLLOW, HOSTING_URL),
    Row::of(
        "401",
        Verdict::Refused,
        "n8n rejected the API key: it is wrong, has expired or was deleted.",
        "Make a new API key in n8n under Settings, n8n API.",
        API_URL,
    ),
    Row::of(
        "403",
        Verdict::Refused,
        "n8n knows this key but does not let it do this.",
        "Give the key the scope workflow:list, or check what stands in front of n8n.",
        API_URL,
    ),
    Row::of(
        "404",
        Verdict::Refused,
        "There is no n8n with an open API at this address: n8n's API is switched off, or the address is not the right one.",
        "Check the address. On n8n Cloud the API needs a paid plan.",
        API_URL,
    ),
    Row::of(
        "429",
        Verdict::Silent,
        "n8n asks to slow down: too many requests.",
        "Wait a moment and try again. Nothing was changed.",
        HOSTING_URL,
    ),
];

fn read(_: u16, body: &Value) -> Told {
    Told { code: None, message: text_at(body, &["/message"]) }
}
