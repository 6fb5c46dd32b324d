//! The key that makes an event unique for ever.
//!
//! A retry of Vapi carries the same message, but presigned addresses inside of it may differ, so
//! the body's hash would not do. What tells repetitions apart is the call, the type, and what the
//! type repeats by.

use sha2::{Digest, Sha256};

use super::envelope::Envelope;

/// SHA-256 over source, call, type and what tells repetitions apart: the tool calls' ids, else the
/// status, else the message's timestamp. Without a call id, over the whole body.
pub fn key(source: &str, envelope: &Envelope<'_>, body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut put = |part: &[u8]| {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    };
    put(source.as_bytes());
    put(envelope.kind.as_bytes());
    match &envelope.call_id {
        None => put(body),
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
        key("vapi", &Envelope::parse(body.as_bytes()).unwrap(), body.as_bytes())
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
