//! Voices to choose from for an agent.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::Admitted;
use crate::http::error::{HttpError, Problem};
use crate::integrations::voices;

/// A voice of the clinic's own account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoiceOut {
    /// What an agent takes as `voiceProvider`.
    pub voice_provider: String,
    pub voice_id: String,
    pub name: String,
    /// `premade`, `cloned`, `generated`, `professional`, where ElevenLabs says it.
    pub category: Option<String>,
}

/// The first hundred voices.
#[derive(Serialize, ToSchema)]
pub struct VoicesOut {
    pub voices: Vec<VoiceOut>,
}

/// Lists the voices of the clinic's ElevenLabs account.
#[utoipa::path(get, path = "/api/voices", tag = "agents",
    responses((status = 200, body = VoicesOut), (status = 409, body = Problem), (status = 502, body = Problem)))]
pub async fn list(admitted: Admitted) -> Result<Json<VoicesOut>, HttpError> {
    let found = voices::list(&admitted.state.services, admitted.caller.org()).await?;
    let voices = found
        .into_iter()
        .map(|voice| VoiceOut {
            voice_provider: "11labs".to_owned(),
            voice_id: voice.voice_id,
            name: voice.name,
            category: voice.category,
        })
        .collect();
    Ok(Json(VoicesOut { voices }))
}
