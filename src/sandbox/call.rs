//! A call with an assistant of the Vapi stand-in: the server messages of a conversation, sent to
//! the assistant's server as Vapi sends them.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::call_report::report;
use super::heard::Heard;
use super::signing;
use super::state::{Shared, Stored, now_iso};

/// How long the stand-in waits for an answer, as Vapi does unless an assistant says otherwise.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the conversation has taken when it is reported; nobody waits for it.
const TALK: Duration = Duration::from_secs(90);
/// How long a message is sent again that nobody takes: as all tries of our backoff plan together.
const PATIENCE: Duration = Duration::from_secs(213);
/// How much of an answer is kept for the page.
const MOST_ANSWER: usize = 64 * 1024;

/// What happens in a call.
#[derive(Clone, Debug)]
pub struct CallScript {
    /// The patient's number.
    pub customer: String,
    /// What the assistant does during the conversation, in this order.
    pub tools: Vec<ToolUse>,
    /// What was said, as (role, text) with the roles `user` and `bot`.
    pub transcript: Vec<(String, String)>,
    pub summary: String,
    /// What there is to extract for Vapi's analysis: an object, or null. Only what the assistant's own plan asks
    /// for is.
    pub structured_data: Value,
    pub ended_reason: String,
    /// After what pause a message that was not taken is sent again, until it is or some minutes are over; none where it
    /// is not. Vapi does so with the pauses of the assistant's backoff plan, and the signature of each try is new.
    pub again_after: Option<Duration>,
}

/// One use of a tool.
#[derive(Clone, Debug)]
pub struct ToolUse {
    pub name: String,
    /// A JSON object. A text in it may be one of the words of [`FIRST_FREE`] and [`LAST_RESULT`], in
    /// place of what an earlier step has brought.
    pub arguments: Value,
}

/// Stands for the first free time that the call was offered: `2026-12-01T09:00`.
pub const FIRST_FREE: &str = "{{first_free}}";
/// Stands for what the tool before has said.
pub const LAST_RESULT: &str = "{{last_result}}";

impl CallScript {
    /// A whole conversation: asks for times, books the first that is offered, has the details sent, ends.
    pub fn conversation(customer: &str, patient: &str) -> Self {
        let tool = |name: &str, arguments: Value| ToolUse { name: name.to_owned(), arguments };
        let say = |role: &str, text: &str| (role.to_owned(), text.to_owned());
        Self {
            customer: customer.to_owned(),
            tools: vec![
                tool("check_availability", json!({})),
                tool("book_appointment", json!({ "start": FIRST_FREE, "name": patient })),
                tool("send_sms", json!({ "message": LAST_RESULT })),
            ],
            transcript: vec![
                say("bot", "Thank you for calling. How can I help?"),
                say("user", "I would like to book an appointment as soon as possible."),
                say("bot", "I have found a time and booked it for you. Shall I text you the details?"),
                say("user", "Yes please. Thank you, that is perfect."),
            ],
            summary: "The caller booked an appointment for the first free time and got the details by text message."
                .to_owned(),
            ..Self::default()
        }
    }
}

impl Default for CallScript {
    fn default() -> Self {
        let say = |role: &str, text: &str| (role.to_owned(), text.to_owned());
        Self {
            customer: "+15550100199".to_owned(),
            tools: Vec::new(),
            transcript: vec![
                say("bot", "Thank you for calling. How can I help?"),
                say("user", "I would like to book a cleaning for next week, and please text me the details."),
            ],
            summary: "The caller wants to book a cleaning and asked for the details by text message."
                .to_owned(),
            structured_data: json!({ "patientName": "Alex Example", "interestLevel": "high" }),
            ended_reason: "customer-ended-call".to_owned(),
            again_after: None,
        }
    }
}

/// What became of a call.
#[derive(Clone, Debug, Serialize)]
pub struct CallTranscript {
    pub call_id: Uuid,
    pub steps: Vec<CallStep>,
}

/// One server message and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct CallStep {
    /// The message's type: `tool-calls`.
    pub message: String,
    /// None where no answer came.
    pub status: Option<u16>,
    pub millis: u128,
    /// The answer's body, or why there is none.
    pub answer: String,
}

impl CallTranscript {
    /// The steps of one type.
    pub fn of(&self, message: &str) -> Vec<&CallStep> {
        self.steps.iter().filter(|step| step.message == message).collect()
    }
}

/// Why a call was not placed at all.
#[derive(Debug, thiserror::Error)]
pub enum PlaceCallError {
    #[error("there is no assistant {0}")]
    NoAssistant(Uuid),
    #[error("the assistant has no server URL")]
    NoServer,
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

/// An assistant with what is needed to call its server.
pub(super) struct Line {
    assistant: Stored,
    phone_number: Option<Value>,
    plan: Option<Value>,
    url: String,
    http: reqwest::Client,
    call_id: Uuid,
    started_at: String,
    /// Where commands for this call are taken.
    control_url: Option<String>,
    kind: &'static str,
    customer_facts: Value,
    again_after: Option<Duration>,
}

pub(super) async fn place(
    shared: &Shared,
    assistant: Uuid,
    script: &CallScript,
) -> Result<CallTranscript, PlaceCallError> {
    Ok(talk(pick_up(shared, assistant, script)?, script).await)
}

/// Plays a call that was asked for by `POST /call`.
pub(super) async fn dial(shared: &Shared, call: &Stored) -> Result<CallTranscript, PlaceCallError> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&call.body["customer"]["name"]);
    let say = |role: &str, words: String| (role.to_owned(), words);
    let script = CallScript {
        customer: text(&call.body["customer"]["number"]),
        transcript: vec![
            say("bot", format!("Hello {name}, this is the clinic. Is this a good moment?")),
            say("user", "Yes, thank you. I will come on Monday.".to_owned()),
        ],
        summary: "The patient was called and will come on Monday.".to_owned(),
        ..CallScript::default()
    };
    let assistant = Uuid::try_parse(&text(&call.body["assistantId"])).unwrap_or_default();
    let mut line = pick_up(shared, assistant, &script)?;
    line.call_id = call.id;
    line.control_url = control_url(shared, call.id);
    line.kind = "outboundPhoneCall";
    line.customer_facts = call.body["customer"].clone();
    line.phone_number = shared.read(|world| {
        let mut numbers = world.vapi.phone_numbers.iter();
        numbers.find(|number| call.body["phoneNumberId"] == number.id.to_string()).map(Stored::shown)
    });
    Ok(talk(line, &script).await)
}

/// The line of a call that a browser takes part in: nobody's number, and it begins now.
pub(super) fn pick_up_talk(shared: &Shared, call: &Stored) -> Result<Line, PlaceCallError> {
    let assistant = call.body["assistantId"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    let line = pick_up(shared, assistant.unwrap_or_default(), &CallScript::default())?;
    Ok(Line {
        call_id: call.id,
        control_url: control_url(shared, call.id),
        kind: "vapi.websocketCall",
        customer_facts: Value::Null,
        phone_number: None,
        started_at: now_iso(),
        ..line
    })
}

async fn talk(line: Line, script: &CallScript) -> CallTranscript {
    let mut steps = vec![line.begin().await];
    let mut heard = Heard::default();
    for tool in &script.tools {
        let tool = ToolUse { name: tool.name.clone(), arguments: heard.fill(&tool.arguments) };
        let step = line.send(tool_calls(&line.assistant, &tool), "in-progress").await;
        heard.listen(&step.answer);
        steps.push(step);
    }
    steps.extend(line.end(script).await);
    CallTranscript { call_id: line.call_id, steps }
}

/// Where commands for a call are taken.
fn control_url(shared: &Shared, call: Uuid) -> Option<String> {
    let base = shared.vapi_url.get()?;
    base.join(&format!("call/{call}/control")).ok().map(String::from)
}

fn pick_up(shared: &Shared, id: Uuid, script: &CallScript) -> Result<Line, PlaceCallError> {
    let (assistant, phone_number, plan) = shared
        .read(|world| {
            let assistant = world.vapi.assistants.iter().find(|stored| stored.id == id)?.clone();
            let is_own = |stored: &&Stored| stored.org_id == assistant.org_id;
            let mut numbers = world.vapi.phone_numbers.iter().filter(is_own);
            let phone_number =
                numbers.find(|number| number.body["assistantId"] == id.to_string()).map(Stored::shown);
            let wanted = assistant.body["server"]["credentialId"].as_str();
            let mut credentials = world.vapi.credentials.iter().filter(is_own);
            let plan = wanted
                .and_then(|wanted| credentials.find(|credential| credential.id.to_string() == wanted))
                .map(|credential| credential.body["authenticationPlan"].clone());
            Some((assistant, phone_number, plan))
        })
        .ok_or(PlaceCallError::NoAssistant(id))?;
    let url = assistant.body["server"]["url"].as_str().ok_or(PlaceCallError::NoServer)?.to_owned();
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWER_TIMEOUT)
        .build()
        .map_err(PlaceCallError::Client)?;
    let call_id = Uuid::new_v4();
    Ok(Line {
        control_url: control_url(shared, call_id),
        assistant,
        phone_number,
        plan,
        url,
        http,
        call_id,
        started_at: (OffsetDateTime::now_utc() - TALK).format(&Rfc3339).unwrap_or_default(),
        kind: "inboundPhoneCall",
        customer_facts: json!({ "number": script.customer }),
        again_after: script.again_after,
    })
}

impl Line {
    /// Tells that the call has begun.
    pub(super) async fn begin(&self) -> CallStep {
        self.send(json!({ "type": "status-update", "status": "in-progress" }), "in-progress").await
    }

    /// Tells that the call is over, and then what it was.
    pub(super) async fn end(&self, script: &CallScript) -> [CallStep; 2] {
        let ended = json!({ "type": "status-update", "status": "ended", "endedReason": script.ended_reason });
        [
            self.send(ended, "ended").await,
            self.send(report(&self.assistant, script, &self.started_at), "ended").await,
        ]
    }

    /// What the assistant says first.
    pub(super) fn first_message(&self) -> String {
        self.assistant.body["firstMessage"].as_str().unwrap_or_default().to_owned()
    }

    /// Sends one message with everything that Vapi adds to each of them.
    async fn send(&self, mut message: Value, call_status: &str) -> CallStep {
        let kind = message["type"].as_str().unwrap_or_default().to_owned();
        let customer = self.customer_facts.clone();
        message["timestamp"] = json!(unix_millis());
        message["customer"] = customer.clone();
        message["phoneNumber"] = self.phone_number.clone().unwrap_or(Value::Null);
        message["assistant"] = json!({
            "name": self.assistant.body["name"],
            "metadata": self.assistant.body["metadata"],
        });
        message["call"] = json!({
            "id": self.call_id,
            "orgId": self.assistant.org_id,
            "type": self.kind,
            "status": call_status,
            "assistantId": self.assistant.id,
            "phoneNumberId": self.phone_number.as_ref().map(|number| &number["id"]),
            "customer": customer,
            "createdAt": self.started_at,
            "updatedAt": now_iso(),
            "monitor": { "controlUrl": self.control_url },
        });
        let body = json!({ "message": message }).to_string();
        let begun = Instant::now();
        loop {
            let step = self.post(kind.clone(), body.clone()).await;
            let is_taken = step.status.is_some_and(|status| status < 500);
            match self.again_after.filter(|_| !is_taken && begun.elapsed() < PATIENCE) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return step,
            }
        }
    }

    async fn post(&self, message: String, body: String) -> CallStep {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let mut headers = match &self.plan {
            Some(plan) => signing::headers(plan, &body, &self.url, now),
            None => Vec::new(),
        };
        if let Some(plain) = self.assistant.body["server"]["headers"].as_object() {
            headers.extend(
                plain.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))),
            );
        }
        let mut request = self.http.post(&self.url).header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                request = request.header(name, value);
            }
        }
        let started = Instant::now();
        let result = request.body(body).send().await;
        let (status, answer) = match result {
            Ok(response) => {
                let status = response.status().as_u16();
                (Some(status), response.text().await.unwrap_or_else(|error| error.without_url().to_string()))
            }
            Err(error) => (None, error.without_url().to_string()),
        };
        let answer = answer.chars().take(MOST_ANSWER).collect();
        CallStep { message, status, millis: started.elapsed().as_millis(), answer }
    }
}

fn unix_millis() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or_default()
}

/// The same call in the three lists in which Vapi repeats it.
fn tool_calls(assistant: &Stored, tool: &ToolUse) -> Value {
    let call = json!({
        "id": format!("call_{}", Uuid::new_v4().simple()),
        "type": "function",
        "function": { "name": tool.name, "arguments": tool.arguments },
    });
    let definition = assistant.body["model"]["tools"]
        .as_array()
        .and_then(|tools| tools.iter().find(|known| known["function"]["name"] == tool.name.as_str()));
    let mut with_call = definition.cloned().unwrap_or_else(|| json!({ "type": "function" }));
    with_call["toolCall"] = call.clone();
    json!({
        "type": "tool-calls",
        "toolCalls": [call],
        "toolCallList": [call],
        "toolWithToolCallList": [with_call],
        "artifact": { "messages": [], "messagesOpenAIFormatted": [] },
    })
}
