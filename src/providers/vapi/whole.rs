//! An assistant as Vapi has it, held against what we would send: for one that somebody has changed there.
//!
//! What people set in Vapi's dashboard is theirs. Where messages go, how they are signed and which tools there
//! are must be ours, or calls reach nobody: only that is mended, and the rest stays as they left it.

use serde_json::{Map, Value};

/// All of an assistant. It may hold our bearer secret, so it does not print.
pub struct WholeAssistant(Value);

impl std::fmt::Debug for WholeAssistant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WholeAssistant(..)")
    }
}

/// What has to be sent so that calls reach us, and what it is, in words.
pub struct Mend {
    pub patch: Value,
    pub parts: Vec<&'static str>,
}

impl WholeAssistant {
    pub(super) const fn of(value: Value) -> Self {
        Self(value)
    }

    /// Whether everything of a body is there as it was sent; Vapi may have added members of its own.
    pub fn has(&self, body: &Value) -> bool {
        covers(&self.0, body)
    }

    /// What must be ours and is not; none where all of it is. `ours` names every tool that this service knows,
    /// switched on or off.
    pub fn mend(&self, body: &Value, ours: &[&str]) -> Option<Mend> {
        let (mut patch, mut parts) = (Map::new(), Vec::new());
        let server = |part: &str| {
            body["server"].get(part).is_none_or(|wanted| covers(&self.0["server"][part], wanted))
        };
        if !["url", "credentialId", "headers"].into_iter().all(server) {
            patch.insert("server".into(), body["server"].clone());
            parts.push("server");
        }
        let sent = list(&self.0["serverMessages"]);
        let missing: Vec<&Value> =
            list(&body["serverMessages"]).iter().filter(|name| !sent.contains(name)).collect();
        if !missing.is_empty() {
            patch.insert("serverMessages".into(), sent.iter().chain(missing).cloned().collect());
            parts.push("messages");
        }
        if let Some(tools) = mended_tools(&self.0["model"]["tools"], &body["model"]["tools"], ours) {
            // Nested objects are replaced as a whole, so theirs goes back with other tools.
            let mut model =
                if self.0["model"].is_object() { self.0["model"].clone() } else { body["model"].clone() };
            model["tools"] = tools;
            patch.insert("model".into(), model);
            parts.push("tools");
        }
        (!parts.is_empty()).then_some(Mend { patch: Value::Object(patch), parts })
    }
}

/// The tools as they must be: ours as we send them, and whatever else they have. None where they are so.
fn mended_tools(theirs: &Value, wanted: &Value, ours: &[&str]) -> Option<Value> {
    let name = |tool: &Value| tool["function"]["name"].as_str().unwrap_or_default().to_owned();
    let is_ours = |tool: &&Value| ours.contains(&name(tool).as_str());
    let (theirs, wanted) = (list(theirs), list(wanted));
    let of_us: Vec<&Value> = theirs.iter().filter(is_ours).collect();
    let is_right = of_us.len() == wanted.len()
        && wanted
            .iter()
            .all(|tool| of_us.iter().any(|there| name(there) == name(tool) && covers(there, tool)));
    if is_right {
        return None;
    }
    let others = theirs.iter().filter(|tool| !is_ours(tool));
    Some(wanted.iter().chain(others).cloned().collect::<Vec<_>>().into())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether a value holds another one: members that it has beside are no difference, and neither is how a number
/// is written.
fn covers(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| covers(there.get(name).unwrap_or(&Value::Null), value))
        }
        (Value::Array(there), Value::Array(wanted)) => {
            there.len() == wanted.len()
                && there.iter().zip(wanted).all(|(there, wanted)| covers(there, wanted))
        }
        (Value::Number(there), Value::Number(wanted)) => there.as_f64() == wanted.as_f64(),
        (there, wanted) => there == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent() -> Value {
        json!({
            "name": "Front desk",
            "server": { "url": "https://clinic.example", "credentialId": "c", "timeoutSeconds": 20 },
            "serverMessages": ["tool-calls", "hang"],
            "model": { "provider": "openai", "tools": [{ "type": "function", "function": { "name": "send_sms" } }] },
        })
    }

    #[test]
    fn what_vapi_adds_is_no_difference_and_what_people_set_is_theirs() {
        let mut there = sent();
        there["id"] = json!("a");
        there["server"]["timeoutSeconds"] = json!(20.0);
        there["model"]["tools"][0]["messages"] = json!([]);
        let whole = WholeAssistant::of(there.clone());
        assert!(whole.has(&sent()));
        assert!(whole.mend(&sent(), &["send_sms"]).is_none());
        there["name"] = json!("Their name");
        there["model"]["model"] = json!("gpt-5");
        there["model"]["tools"].as_array_mut().unwrap().push(json!({ "type": "endCall" }));
        let whole = WholeAssistant::of(there);
        assert!(!whole.has(&sent()));
        assert!(whole.mend(&sent(), &["send_sms"]).is_none());
    }

    #[test]
    fn what_calls_need_is_mended_and_nothing_else() {
        let mut there = sent();
        there["name"] = json!("Their name");
        there["server"]["url"] = json!("https://evil.example");
        there["serverMessages"] = json!(["transcript", "hang"]);
        there["model"]["model"] = json!("gpt-5");
        there["model"]["tools"] = json!([
            { "type": "function", "function": { "name": "send_sms", "description": "changed" } },
            { "type": "function", "function": { "name": "take_message" } },
            { "type": "endCall" },
        ]);
        let mut body = sent();
        body["model"]["tools"][0]["function"]["description"] = json!("Sends a text.");
        let mend = WholeAssistant::of(there).mend(&body, &["send_sms", "take_message"]).unwrap();
        assert_eq!(mend.parts, ["server", "messages", "tools"]);
        assert_eq!(mend.patch["server"], body["server"]);
        assert_eq!(mend.patch["serverMessages"], json!(["transcript", "hang", "tool-calls"]));
        assert_eq!(mend.patch["model"]["model"], "gpt-5");
        assert_eq!(mend.patch["model"]["tools"], json!([body["model"]["tools"][0], { "type": "endCall" }]));
        assert!(mend.patch.get("name").is_none());
    }

    #[test]
    fn it_does_not_print() {
        let whole =
            WholeAssistant::of(json!({ "server": { "headers": { "Authorization": "Bearer canary" } } }));
        assert!(!format!("{whole:?}").contains("canary"));
    }
}
