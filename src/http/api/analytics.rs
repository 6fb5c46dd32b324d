//! Numbers about events out, for programs.

use axum::Json;
use axum::extract::Query;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Admitted;
use crate::db::analytics::{self, Sums};
use crate::db::{endpoints, organizations};
use crate::http::error::{FieldError, HttpError, Problem};
use crate::http::range::{Range, RangeQuery};

/// Which tries are summed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AnalyticsQuery {
    /// First day, in the clinic's time zone: `2026-02-01`. Without both days: the last 7 days.
    pub from: Option<String>,
    /// Last day, included. At most 366 days.
    pub to: Option<String>,
    /// An endpoint's workflow name; all endpoints where there is none.
    pub endpoint: Option<String>,
}

/// Counts and response times. Percentiles come from counts by duration and are right to within their
/// bucket.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FiguresOut {
    pub attempts: u64,
    pub succeeded: u64,
    pub failed: u64,
    /// In percent, to two decimals, never rounded up; absent without attempts.
    pub success_percent: Option<f64>,
    pub average_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub slowest_ms: i32,
}

/// An hour or a day.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepOut {
    /// When it begins on the clinic's clock: `2026-02-01T00:00:00`.
    pub at: String,
    #[serde(flatten)]
    pub figures: FiguresOut,
}

/// How often something was the reason for a failure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CauseOut {
    /// `timeout`, `server_error`, `refused` and so on.
    pub cause: String,
    pub attempts: u64,
}

/// One endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointOut {
    pub id: String,
    /// Absent for an endpoint that was deleted.
    pub workflow_name: Option<String>,
    #[serde(flatten)]
    pub figures: FiguresOut,
}

/// An hour of the week.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeekOut {
    /// 1 is Monday.
    pub weekday: i32,
    pub hour: i32,
    pub attempts: u64,
    pub failed: u64,
}

/// All numbers of a range.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalyticsOut {
    pub from: String,
    pub to: String,
    pub time_zone: String,
    pub total: FiguresOut,
    /// By hour for one or two days, else by day; those without an attempt are left out.
    pub over_time: Vec<StepOut>,
    pub errors: Vec<CauseOut>,
    pub endpoints: Vec<EndpointOut>,
    pub week: Vec<WeekOut>,
}

/// Sums the attempts to tell endpoints, over a range of days.
#[utoipa::path(get, path = "/api/analytics/webhooks", tag = "analytics", params(AnalyticsQuery),
    responses((status = 200, body = AnalyticsOut), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn webhooks(
    admitted: Admitted,
    Query(query): Query<AnalyticsQuery>,
) -> Result<Json<AnalyticsOut>, HttpError> {
    let services = &admitted.state.services;
    let mut tx = admitted.caller.begin(services).await?;
    let zone = organizations::find(&mut tx).await?.time_zone;
    let range = match (&query.from, &query.to) {
        (None, None) => "7d",
        _ => "custom",
    };
    let asked = RangeQuery {
        range: range.to_owned(),
        from: query.from.unwrap_or_default(),
        to: query.to.unwrap_or_default(),
    };
    let range = Range::choose(&asked, services.clock.now(), &zone, "7d");
    let shown = range.view("", Vec::new());
    if let Some(message) = shown.error {
        let field = FieldError { field: "from".to_owned(), message };
        return Err(HttpError::invalid("invalid_range", "This is no range of days.", vec![field]));
    }
    let named = endpoints::list(&mut tx).await?;
    let endpoint = match &query.endpoint {
        Some(name) => {
            let row = named.iter().find(|row| row.workflow_name == *name);
            Some(row.ok_or_else(HttpError::not_found)?.id)
        }
        None => None,
    };
    let found = analytics::summarize(&mut tx, &range.span(endpoint)).await?;
    tx.commit().await?;
    Ok(Json(AnalyticsOut {
        from: shown.from,
        to: shown.to,
        time_zone: shown.time_zone,
        total: figures(&found.all),
        over_time: found
            .steps
            .iter()
            .map(|(at, sums)| StepOut {
                at: crate::http::range::civil(*at).to_string(),
                figures: figures(sums),
            })
            .collect(),
        errors: found.failures.into_iter().map(|(cause, attempts)| CauseOut { cause, attempts }).collect(),
        endpoints: found
            .endpoints
            .iter()
            .map(|(id, sums)| EndpointOut {
                id: id.to_string(),
                workflow_name: named.iter().find(|row| row.id == *id).map(|row| row.workflow_name.clone()),
                figures: figures(sums),
            })
            .collect(),
        week: found
            .week
            .iter()
            .map(|(weekday, hour, sums)| WeekOut {
                weekday: *weekday,
                hour: *hour,
                attempts: sums.attempts(),
                failed: sums.failed,
            })
            .collect(),
    }))
}

/// Milliseconds to a tenth.
fn tenth(value: Option<f64>) -> Option<f64> {
    value.map(|value| (value * 10.0).round() / 10.0)
}

fn figures(sums: &Sums) -> FiguresOut {
    let attempts = sums.attempts();
    let hundredths = (u128::from(sums.succeeded) * 10_000).checked_div(u128::from(attempts));
    FiguresOut {
        attempts,
        succeeded: sums.succeeded,
        failed: sums.failed,
        success_percent: hundredths.map(|number| number as f64 / 100.0),
        average_ms: tenth(sums.average()),
        p50_ms: tenth(sums.percentile(0.5)),
        p95_ms: tenth(sums.percentile(0.95)),
        slowest_ms: sums.millis_most,
    }
}
