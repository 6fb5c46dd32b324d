//! The part of the sandbox's page about webhooks of the n8n stand-in: what came, and how they answer.

use std::fmt::Write as _;

use super::page::{escape, section, time_of_day};
use super::receiver::{BEHAVIOURS, SignatureVerdict};
use super::state::Shared;

/// Posts that are shown.
const MOST_SHOWN: usize = 50;

pub(super) fn view(shared: &Shared) -> String {
    let options = BEHAVIOURS.iter().fold(String::new(), |mut options, (word, label)| {
        let _ = write!(options, "<option value={word}>{label}</option>");
        options
    });
    let form = format!(
        "<p>Events out arrive here when an endpoint's address is below <code>/n8n/webhook/</code>.</p>\
         <form method=post action=/hooks><div class=fields>\
         <div class=field><label for=path>Path of a webhook</label><input id=path name=path value=bookings></div>\
         <div class=field><label for=secret>Signing secret</label><input id=secret name=secret></div>\
         <div class=field><label for=behaviour>It answers</label><select id=behaviour name=behaviour>{options}</select></div>\
         </div><button>Set</button></form>"
    );
    let items = shared.receiver.list().iter().rev().take(MOST_SHOWN).fold(String::new(), |mut items, hook| {
        let signature = match hook.signature {
            SignatureVerdict::Unchecked => "signature not checked",
            SignatureVerdict::Verified(_) => "signature verified",
            SignatureVerdict::Refused => "signature refused",
        };
        let body: String = hook.body.chars().take(2000).collect();
        let _ = write!(
            items,
            "<li><div><span><strong>{}</strong> {}</span><span>{}, {signature}</span></div><p>{}</p></li>",
            escape(&hook.path),
            escape(&hook.id),
            time_of_day(hook.at),
            escape(&body)
        );
        items
    });
    let list = if items.is_empty() {
        "<p>Nothing has come yet.</p>".to_owned()
    } else {
        format!("<ul class=log tabindex=0 aria-label=\"Posts, newest first\">{items}</ul>")
    };
    section("Webhooks of n8n", &format!("{form}{list}"))
}
