//! Commands for a running call, at the address that its messages name. The address is the credential.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::state::CallTransfer;
use super::{Answer, SharedState, error, parse_body, parse_id};

fn refuse(message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, message)
}

/// Takes a transfer to a number; other commands are refused here.
pub(super) async fn command(State(shared): SharedState, Path(id): Path<String>, bytes: Bytes) -> Answer {
    let call_id = parse_id(&id)?;
    let body = parse_body(&bytes)?;
    let destination = &body["destination"];
    if body["type"] != "transfer" || destination["type"] != "number" {
        return Err(refuse("type must be one of the following values: transfer"));
    }
    let number = destination["number"].as_str().filter(|number| (3..=40).contains(&number.len()));
    let number =
        number.ok_or_else(|| refuse("destination.number must be longer than or equal to 3 characters"))?;
    let transfer = CallTransfer { call_id, number: number.to_owned() };
    shared.change(|world| world.vapi.transfers.push(transfer));
    Ok(StatusCode::OK.into_response())
}
