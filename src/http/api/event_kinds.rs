//! The kinds of events that endpoints can be told of.

use axum::Json;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Admitted;
use crate::domain::event_kinds::EVENT_KINDS;
use crate::webhooks::event_data::EventData;

/// A kind of event.
#[derive(Serialize, ToSchema)]
pub struct EventKindOut {
    pub name: &'static str,
    pub when: &'static str,
    /// The `data` of a sample.
    #[schema(value_type = Object)]
    pub sample: Value,
}

/// The kinds of events that endpoints can be told of.
#[derive(Serialize, ToSchema)]
pub struct EventKindsOut {
    pub kinds: Vec<EventKindOut>,
}

/// Lists the kinds of events, with a sample of each.
#[utoipa::path(get, path = "/api/endpoints/event-kinds", tag = "endpoints", responses((status = 200, body = EventKindsOut)))]
pub async fn list_kinds(_: Admitted) -> Json<EventKindsOut> {
    let kinds = EVENT_KINDS.iter().map(|kind| EventKindOut {
        name: kind.name,
        when: kind.when,
        sample: EventData::sample(kind.name).map(|sample| sample.value()).unwrap_or_default(),
    });
    Json(EventKindsOut { kinds: kinds.collect() })
}
