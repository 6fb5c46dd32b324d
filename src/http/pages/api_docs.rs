//! `/api/docs`: the OpenAPI description as a page. Made from the same document that programs read, so the
//! two cannot differ; no script of anybody else's draws it.

use std::collections::BTreeMap;

use axum::response::Html;
use serde_json::{Map, Value};

use super::sign_in::plain_shell;
use crate::app::pages::api_docs::{ApiAnswer, ApiGroup, ApiOperation, ApiParameter, api_docs_page};
use crate::app::render;
use crate::http::middleware::security_headers::Nonce;
use crate::state::AppState;

/// Draws the page.
pub fn show(state: &AppState, nonce: &Nonce, groups: &[ApiGroup]) -> Html<String> {
    let shell = plain_shell(state, "The interface for programs", nonce);
    Html(render(shell, || api_docs_page(groups.to_vec())))
}

/// Reads the operations of a description, by tag, each in the order of the paths.
pub fn groups(document: &Value) -> Vec<ApiGroup> {
    let mut groups: BTreeMap<String, Vec<ApiOperation>> = BTreeMap::new();
    for (path, methods) in members(&document["paths"]) {
        for (method, described) in members(methods) {
            let Some(answers) = described["responses"].as_object() else { continue };
            let tag = described["tags"][0].as_str().unwrap_or("other").to_owned();
            groups.entry(tag).or_default().push(operation(path, method, described, answers));
        }
    }
    groups.into_iter().map(|(name, operations)| ApiGroup { name, operations }).collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn operation(path: &str, method: &str, described: &Value, answers: &Map<String, Value>) -> ApiOperation {
    let parameters = described["parameters"].as_array().into_iter().flatten();
    ApiOperation {
        method: method.to_ascii_uppercase(),
        path: path.to_owned(),
        summary: text(&described["summary"]),
        parameters: parameters
            .map(|parameter| ApiParameter {
                name: text(&parameter["name"]),
                place: text(&parameter["in"]),
                is_required: parameter["required"] == true,
                about: text(&parameter["description"]),
            })
            .collect(),
        body: schema(&described["requestBody"]),
        answers: answers
            .iter()
            .map(|(status, answer)| ApiAnswer {
                status: status.clone(),
                about: schema(answer).unwrap_or_else(|| text(&answer["description"])),
            })
            .collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The name of the schema of a body, whatever its kind.
fn schema(body: &Value) -> Option<String> {
    let (_, content) = members(&body["content"]).next()?;
    let reference = content["schema"]["$ref"].as_str()?;
    reference.rsplit('/').next().map(str::to_owned)
}
