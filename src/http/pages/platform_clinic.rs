//! `/platform/organizations/{org}`: one clinic for staff of the platform. Nobody else learns that it exists.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::Path;
use axum::response::Html;

use super::millis;
use super::sign_in::plain_shell;
use super::views::hints;
use super::webhooks::analytics::tally;
use super::webhooks::endpoints::{host, masked, state};
use crate::app::pages::platform_clinic::{AccountRow, ClinicInside, ClinicView, EndpointRow, clinic_page};
use crate::app::{Shell, render};
use crate::db::analytics::{self, Recent, Sums};
use crate::db::{BeginError, endpoints, organizations};
use crate::domain::OrgId;
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::http::middleware::security_headers::Nonce;
use crate::http::range::{Range, RangeQuery};
use crate::http::staff::Staff;
use crate::integrations::Caller;
use crate::integrations::cards::{self, Card};

/// The page.
pub async fn show(
    staff: Staff,
    Path(org): Path<String>,
    Extension(nonce): Extension<Nonce>,
) -> Result<Html<String>, HttpError> {
    let org: OrgId = org.parse().map_err(|_| HttpError::not_found())?;
    let said = Said::take(&staff.session).await?;
    let (name, inside) = match staff.caller(org).await {
        Ok(caller) => (caller.scope.org_name.clone(), Some(inside(&staff, &caller).await?)),
        Err(BeginError::NoGrant { org_name }) => (org_name, None),
        Err(error) => return Err(error.into()),
    };
    let view = ClinicView { org, name: name.clone(), error: None, inside };
    let shell = Shell { flash: said.flash(), ..plain_shell(&staff.state, &name, &nonce) };
    Ok(Html(render(shell, || clinic_page(view))))
}

async fn inside(staff: &Staff, caller: &Caller) -> Result<ClinicInside, HttpError> {
    let services = &staff.state.services;
    let now = millis(services.clock.now());
    let mut tx = caller.begin(services).await?;
    let mut cards = cards::list(&mut tx, services).await?;
    let rows = endpoints::list(&mut tx).await?;
    let zone = organizations::find(&mut tx).await?.time_zone;
    let range = Range::choose(&RangeQuery::default(), services.clock.now(), &zone, "30d");
    let recent: BTreeMap<_, Recent> =
        analytics::list_recent(&mut tx, &range.span(None)).await?.into_iter().collect();
    tx.commit().await?;
    let mut sums = Sums::default();
    recent.values().for_each(|one| sums.add(&one.all));
    cards.sort_by_key(|card| card.spec.id);
    let rows = rows.into_iter().map(|row| EndpointRow {
        host: host(&row),
        headers: masked(&row.auth_hint.0)
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect::<Vec<_>>()
            .join(", "),
        state: state(&row, now),
        tally: recent.get(&row.id).map(|recent| tally(&recent.all)).unwrap_or_default(),
        last_called_at: row.last_called_at.map(millis),
        name: row.workflow_name,
    });
    let endpoints = rows.collect();
    Ok(ClinicInside { now, accounts: cards.iter().map(account).collect(), endpoints, tally: tally(&sums) })
}

fn account(card: &Card) -> AccountRow {
    let stored =
        card.row.as_ref().filter(|row| row.active_credential_id.is_some()).and_then(|row| row.hint.as_ref());
    AccountRow {
        word: card.spec.id.as_str(),
        name: card.spec.name,
        state: card.state,
        hints: hints(card.spec, stored.map(|hint| &hint.0))
            .into_iter()
            .map(|hint| format!("{}: {}", hint.label, hint.value))
            .collect(),
        last_verified_at: card.row.as_ref().and_then(|row| row.last_verified_at).map(millis),
        error: card.row.as_ref().and_then(|row| row.verification_error.clone()),
    }
}
