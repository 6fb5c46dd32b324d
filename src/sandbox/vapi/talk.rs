//! Calls of the Vapi stand-in that a browser takes part in: `POST /call` with a transport, and the
//! WebSocket that it names. The address is the credential, and takes one into the call.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use super::super::VapiHandle;
use super::super::call::{self, CallScript};
use super::super::state::{Shared, Stored, VapiAccount};
use super::sound::{FRAME_MILLIS, chime, listen};
use super::{Answer, SharedState, error, parse_id, position};

/// Members that a call by WebSocket takes. A number of any kind is not among them.
const KNOWN: &[&str] =
    &["assistantId", "assistantOverrides", "assistant", "assistantVersion", "name", "squadId", "transport"];
/// After how much silence a call ends, as an assistant's does that does not say otherwise.
const SILENCE: Duration = Duration::from_secs(30);
/// How long somebody has to pause before the assistant answers.
const PAUSE: Duration = Duration::from_millis(300);
/// The greeting, and the answer to whoever has spoken.
const GREETING: [f32; 3] = [523.25, 659.25, 783.99];
const REPLY: [f32; 2] = [659.25, 587.33];

/// What tests tell the calls by WebSocket.
#[derive(Debug, Default)]
pub(in super::super) struct Talks {
    /// Named in place of the right address.
    address: Mutex<Option<String>>,
    /// Milliseconds; 0 for the usual.
    silence: AtomicU64,
}

impl VapiHandle<'_> {
    /// Lets the next calls by WebSocket name another address than their own; `None` the right one again.
    pub fn name_address(&self, address: Option<&str>) {
        let mut named = self.0.talks.address.lock().unwrap_or_else(PoisonError::into_inner);
        *named = address.map(str::to_owned);
    }

    /// After how much silence calls by WebSocket end from now on.
    pub fn end_after_silence(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.0.talks.silence.store(millis, Ordering::Release);
    }
}

impl Talks {
    fn silence(&self) -> Duration {
        match self.silence.load(Ordering::Acquire) {
            0 => SILENCE,
            millis => Duration::from_millis(millis),
        }
    }
}

fn refuse(message: impl Into<Value>) -> Answer {
    Err(error(StatusCode::BAD_REQUEST, message))
}

fn problems(body: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut only = |object: &Value, known: &[&str], prefix: &str| {
        for member in object.as_object().into_iter().flat_map(|members| members.keys()) {
            if !known.contains(&member.as_str()) {
                problems.push(format!("{prefix}property {member} should not exist"));
            }
        }
    };
    let transport = &body["transport"];
    let format = &transport["audioFormat"];
    only(body, KNOWN, "");
    only(transport, &["provider", "audioFormat"], "transport.");
    only(format, &["format", "container", "sampleRate"], "transport.audioFormat.");
    if transport["provider"] != "vapi.websocket" {
        problems.push("transport.provider must be one of the following values: vapi.websocket".to_owned());
    }
    // Vapi takes mu-law too; the stand-in speaks one of the two.
    if format["format"] != "pcm_s16le" || format["container"] != "raw" {
        problems.push("transport.audioFormat must be pcm_s16le in a raw container".to_owned());
    }
    if !rate(body).is_some_and(|rate| (8_000..=48_000).contains(&rate)) {
        problems.push("transport.audioFormat.sampleRate must be a number from 8000 to 48000".to_owned());
    }
    problems
}

fn rate(body: &Value) -> Option<u32> {
    body["transport"]["audioFormat"]["sampleRate"].as_u64().and_then(|rate| rate.try_into().ok())
}

pub(super) fn create(shared: &Shared, account: &VapiAccount, mut body: Value) -> Answer {
    let problems = problems(&body);
    if !problems.is_empty() {
        return refuse(problems);
    }
    let assistant = body["assistantId"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    let id = Uuid::new_v4();
    let named = shared.talks.address.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let own = shared.vapi_url.get().and_then(|base| base.join(&format!("{id}/transport")).ok());
    let own = own.map(|url| url.as_str().replacen("http", "ws", 1)).unwrap_or_default();
    body["transport"]["websocketCallUrl"] = named.unwrap_or(own).into();
    body["type"] = "vapi.websocketCall".into();
    body["status"] = "queued".into();
    body["cost"] = 0.into();
    shared.change(|world| {
        if assistant.is_none_or(|id| position(&world.vapi.assistants, account, id).is_none()) {
            let id = assistant.map(|id| id.to_string()).unwrap_or_default();
            return refuse(format!("Couldn't Get Assistant. `assistantId` {id} Does Not Exist."));
        }
        let made = Stored::new(id, account.org_id, body);
        let mut shown = made.shown();
        // What was asked for is not repeated.
        if let Some(transport) = shown["transport"].as_object_mut() {
            transport.remove("audioFormat");
        }
        world.vapi.calls.push(made);
        Ok((StatusCode::CREATED, Json(shown)).into_response())
    })
}

/// Sets the state of a call where it has the one before; gives the call.
fn advance(shared: &Shared, id: Uuid, from: &str, to: &str) -> Option<Stored> {
    shared.change(|world| {
        let call = world.vapi.calls.iter_mut().find(|call| call.id == id && call.body["status"] == from)?;
        call.body["status"] = to.into();
        Some(call.clone())
    })
}

pub(super) async fn join(
    State(shared): SharedState,
    Path(id): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Answer {
    let id = parse_id(&id)?;
    let is_talk = |call: &Stored| call.body["type"] == "vapi.websocketCall";
    match advance(&shared, id, "queued", "in-progress").filter(is_talk) {
        Some(call) => Ok(upgrade.on_upgrade(move |socket| take_part(shared, call, socket))),
        None => Err(error(StatusCode::NOT_FOUND, "Call not found, or somebody is in it already")),
    }
}

async fn take_part(shared: Arc<Shared>, call: Stored, socket: WebSocket) {
    let line = match call::pick_up_talk(&shared, &call) {
        Ok(line) => line,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the stand-in could not take up a call");
            return;
        }
    };
    line.begin().await;
    let rate = rate(&call.body).unwrap_or(16_000);
    let mut talk = Talk {
        socket,
        rate,
        to_play: VecDeque::new(),
        heard: 0,
        heard_at: Instant::now(),
        spoke_at: Instant::now(),
        silence: shared.talks.silence(),
        transcript: Vec::new(),
    };
    let reason = talk.hold(line.first_message()).await;
    let script = CallScript {
        transcript: talk.transcript,
        summary: "Somebody tried the agent out, asked for a cleaning next week and was pleased.".to_owned(),
        ended_reason: reason.to_owned(),
        ..CallScript::default()
    };
    advance(&shared, call.id, "in-progress", "ended");
    line.end(&script).await;
}

/// A call that somebody takes part in.
struct Talk {
    socket: WebSocket,
    rate: u32,
    to_play: VecDeque<Vec<u8>>,
    /// Samples that were not silent since the last answer.
    heard: u32,
    /// When somebody was heard last, and when anybody spoke.
    heard_at: Instant,
    spoke_at: Instant,
    silence: Duration,
    /// As a report tells it: role and text.
    transcript: Vec<(String, String)>,
}

impl Talk {
    /// Speaks and listens until one side ends the call; gives Vapi's word for why.
    async fn hold(&mut self, greeting: String) -> &'static str {
        self.speak(&GREETING, greeting).await;
        let mut beat = tokio::time::interval(Duration::from_millis(FRAME_MILLIS.into()));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beat.tick() => {
                    if let Some(frame) = self.to_play.pop_front() {
                        self.spoke_at = Instant::now();
                        if self.socket.send(Message::Binary(frame.into())).await.is_err() {
                            return "customer-ended-call";
                        }
                    } else if self.heard >= self.rate / 10 && self.heard_at.elapsed() >= PAUSE {
                        self.answer().await;
                    } else if self.spoke_at.elapsed() >= self.silence {
                        self.close(close_code::NORMAL).await;
                        return "silence-timed-out";
                    }
                }
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Binary(frame))) => {
                        let Some((samples, is_loud)) = listen(&frame) else {
                            self.close(close_code::UNSUPPORTED).await;
                            return "call.in-progress.error-vapifault-transport-invalid-audio";
                        };
                        self.hear(samples, is_loud);
                    }
                    Some(Ok(Message::Text(text))) => {
                        let told: Value = serde_json::from_str(&text).unwrap_or_default();
                        if told["type"] == "hangup" {
                            self.close(close_code::NORMAL).await;
                            return "customer-ended-call";
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return "customer-ended-call",
                }
            }
        }
    }

    fn hear(&mut self, samples: u32, is_loud: bool) {
        if is_loud {
            self.heard = self.heard.saturating_add(samples);
            self.heard_at = Instant::now();
            self.spoke_at = self.heard_at;
        }
    }

    /// Whoever has said something hears something.
    async fn answer(&mut self) {
        self.heard = 0;
        self.say("user", "I would like to book a cleaning for next week.".to_owned()).await;
        self.speak(&REPLY, "Gladly. Which day suits you?".to_owned()).await;
    }

    /// Tells the words and plays a chime in their place.
    async fn speak(&mut self, notes: &[f32], words: String) {
        self.say("assistant", words).await;
        self.to_play = chime(notes, self.rate);
    }

    async fn say(&mut self, role: &str, words: String) {
        let told =
            json!({ "type": "transcript", "role": role, "transcriptType": "final", "transcript": words });
        // Whoever is gone is noticed by the next frame.
        let _ = self.socket.send(Message::Text(told.to_string().into())).await;
        self.transcript.push((if role == "user" { "user" } else { "bot" }.to_owned(), words));
    }

    async fn close(&mut self, code: u16) {
        let frame = axum::extract::ws::CloseFrame { code, reason: "".into() };
        let _ = self.socket.send(Message::Close(Some(frame))).await;
    }
}
