//! What the assistant of a call has heard from its tools, for the steps that go on from there.

use serde_json::Value;

use super::call::{FIRST_FREE, LAST_RESULT};

/// What a call has heard so far, for the steps that go on from there.
#[derive(Default)]
pub(super) struct Heard {
    last: String,
    first_free: String,
}

impl Heard {
    pub(super) fn listen(&mut self, answer: &str) {
        let body: Value = serde_json::from_str(answer).unwrap_or_default();
        self.last = body["results"][0]["result"].as_str().unwrap_or_default().to_owned();
        if let Some(time) = first_time(&self.last).filter(|_| self.first_free.is_empty()) {
            self.first_free = time;
        }
    }

    pub(super) fn fill(&self, arguments: &Value) -> Value {
        match arguments {
            Value::String(text) => {
                Value::String(text.replace(FIRST_FREE, &self.first_free).replace(LAST_RESULT, &self.last))
            }
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), self.fill(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }
}

/// The first time in a sentence such as `Tuesday 2026-12-01 at 09:00, 10:30`.
fn first_time(said: &str) -> Option<String> {
    let (before, after) = said.split_once(" at ")?;
    let day = before.get(before.len().checked_sub(10)?..)?;
    let is_day = day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let time = after.get(..5).filter(|_| is_day)?;
    Some(format!("{day}T{time}"))
}
