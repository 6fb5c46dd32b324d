//! Notes that agents have taken for the team.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Admitted;
use super::integrations::rfc3339;
use crate::calls::notes;
use crate::http::error::{HttpError, Problem};

/// What a note says.
#[derive(Serialize, ToSchema)]
pub struct NoteText {
    pub name: String,
    /// In E.164 form; empty where nobody has said it.
    pub phone: String,
    pub message: String,
}

/// A note.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoteOut {
    pub id: String,
    /// `message`, `callback` (the caller was told that the team calls back) or `follow_up` (a call has left
    /// something open).
    pub kind: String,
    pub call_id: Option<String>,
    pub caller_mask: Option<String>,
    /// For owners and admins, as long as the clinic keeps it.
    pub note: Option<NoteText>,
    pub created_at: String,
    pub done_at: Option<String>,
}

/// At most 100 notes, those that wait first.
#[derive(Serialize, ToSchema)]
pub struct NotesOut {
    pub notes: Vec<NoteOut>,
}

/// Lists the notes for the team.
#[utoipa::path(get, path = "/api/notes", tag = "notes", responses((status = 200, body = NotesOut), (status = 401, body = Problem)))]
pub async fn list(admitted: Admitted) -> Result<Json<NotesOut>, HttpError> {
    let found = notes::list(&admitted.state.services, &admitted.caller).await?;
    let notes = found
        .into_iter()
        .map(|opened| NoteOut {
            id: opened.row.id.to_string(),
            kind: opened.row.kind,
            call_id: opened.row.call_id,
            caller_mask: opened.row.caller_mask,
            note: opened.patient.map(|patient| NoteText {
                name: patient.name,
                phone: patient.phone,
                message: patient.text,
            }),
            created_at: rfc3339(opened.row.created_at),
            done_at: opened.row.done_at.map(rfc3339),
        })
        .collect();
    Ok(Json(NotesOut { notes }))
}

/// Marks a note as seen to.
#[utoipa::path(post, path = "/api/notes/{id}/done", tag = "notes", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn mark_done(admitted: Admitted, Path(id): Path<String>) -> Result<StatusCode, HttpError> {
    let id: Uuid = id.parse().map_err(|_| HttpError::not_found())?;
    notes::mark_done(&admitted.state.services, &admitted.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
