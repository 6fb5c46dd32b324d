//! The key that makes an event unique for ever.
//!
//! A retry of Vapi carries the same message, but presigned addresses inside of it may differ, so
//! the body's hash would not do. What tells repetitions apart is the call, the type, and what the
//! type repeats by.

use sha2::{Digest, Sha256};

use super::envelope::Envelope;

/// The first half of the keys of one call's events: 128 bits of SHA-256 over its id. So the unique index
/// finds all events of a call as neighbours, and no webhook pays for an index of its own for them.
pub fn of_call(call_id: &str) -> [u8; 16] {
    first_half(&Sha256::digest(call_id.as_bytes()).into())
}

/// A call's id with [`of_call`] of it, as the inbox is searched by.
pub fn with_half(call_id: String) -> (String, [u8; 16]) {
    let half = of_call(&call_id);
    (call_id, half)
}

/// Half of what tells a call apart ([`of_call`]), and half of a SHA-256 over source, call, type and what
/// tells repetitions apart: the tool calls' ids, else the status, else the message's timestamp. Without a
/// call id, all of it, over the whole body.
pub fn key(source: &str, envelope: &Envelope<'_>) -> [u8; 32] {
    let whole = digest(source, envelope);
    let Some(call) = &envelope.call_id else { return whole };
    let mut key = [0; 32];
    let (front, back) = key.split_at_mut(16);
    front.copy_from_slice(&of_call(call));
    back.copy_from_slice(&first_half(&whole));
    key
}

fn first_half(digest: &[u8; 32]) -> [u8; 16] {
    std::array::from_fn(|at| digest[at])
}

fn digest(source: &str, envelope: &Envelope<'_>) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut put = |part: &[u8]| {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    };
    put(source.as_bytes());
    put(envelope.kind.as_bytes());
    match &envelope.call_id {
        None => put(envelope.text.as_bytes()),
        Some(call) => {
            put(call.as_bytes());
            if !envelope.tool_call_ids.is_empty() {
                put(b"tools");
                for id in &envelope.tool_call_ids {
                    put(id.as_bytes());
                }
            } else if envelope.kind == "end-of-call-report" {
                put(b"once");
            } else if let Some(status) = &envelope.status {
                put(b"status");
                put(status.as_bytes());
            } else {
                put(b"at");
                put(envelope.timestamp.unwrap_or_default().as_bytes());
            }
        }
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(body: &str) -> [u8; 32] {
        key("vapi", &Envelope::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn a_report_is_unique_per_call_whatever_else_differs() {
        let one = key_of(
            r#"{"message":{"type":"end-of-call-report","timestamp":1,"call":{"id":"c1"},"artifact":{"logUrl":"a"}}}"#,
        );
        let again = key_of(
            r#"{"message":{"type":"end-of-call-report","timestamp":2,"call":{"id":"c1"},"artifact":{"logUrl":"b"}}}"#,
        );
        let other = key_of(r#"{"message":{"type":"end-of-call-report","timestamp":1,"call":{"id":"c2"}}}"#);
        assert_eq!(one, again);
        assert_ne!(one, other);
    }

    #[test]
    fn events_of_one_call_are_neighbours_and_others_are_not() {
        let key = |kind: &str, call: &str| {
            key_of(&format!(r#"{{"message":{{"type":"{kind}","call":{{"id":"{call}"}}}}}}"#))
        };
        assert_eq!(key("hang", "c1")[..16], of_call("c1"));
        assert_eq!(key("end-of-call-report", "c1")[..16], of_call("c1"));
        assert_ne!(key("hang", "c1")[16..], key("end-of-call-report", "c1")[16..]);
        assert_ne!(key("hang", "c2")[..16], of_call("c1"));
    }

    #[test]
    fn repetitions_of_a_type_are_told_apart() {
        let status = |s: &str| {
            key_of(&format!(
                r#"{{"message":{{"type":"status-update","status":"{s}","call":{{"id":"c1"}}}}}}"#
            ))
        };
        assert_ne!(status("ringing"), status("ended"));
        let tool = |t: &str| {
            key_of(&format!(
                r#"{{"message":{{"type":"tool-calls","toolCallList":[{{"id":"{t}"}}],"call":{{"id":"c1"}}}}}}"#
            ))
        };
        assert_ne!(tool("t1"), tool("t2"));
        assert_eq!(tool("t1"), tool("t1"));
        let at = |t: u32| {
            key_of(&format!(r#"{{"message":{{"type":"hang","timestamp":{t},"call":{{"id":"c1"}}}}}}"#))
        };
        assert_ne!(at(1), at(2));
    }
}
