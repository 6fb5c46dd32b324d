//! Use cases about endpoints: where a clinic's events go.
//!
//! What is typed is checked in `input` and sealed in `sealing`; of a form that was not right it waits in
//! `drafts`. One endpoint is called by hand in `call`, `samples` tries them out, `trace` tells an event's way,
//! deliveries are looked at and replayed in `deliveries`, signing secrets are in `secrets`, old history is
//! archived in `prune`, what is done by itself is in `tend`. How a try is made is in `webhooks::delivery`.
//!
//! An address is a secret: it is sealed, and shown whole to owners and admins only.
//! Headers go to the server that they were entered for and nowhere else: another server
//! needs them entered again (`input::check_address`), or whoever may change an address could have a stored
//! token sent to a server of their own. The signing secret needs no such rule, since it signs and never
//! travels. Staff write and never read: a signing secret that they make is shown to nobody.

pub mod call;
pub mod deliveries;
pub mod drafts;
pub mod input;
pub mod prune;
mod rows;
pub mod samples;
mod sealing;
pub mod secrets;
pub mod tend;
pub mod trace;

use uuid::Uuid;

use super::{Caller, IntegrationError, Problem, incidents};
use crate::audit::Ended;
use crate::db::delivery_queue as queue;
use crate::db::endpoints::{self, EndpointRow, EndpointValues};
use crate::db::{DbError, OrgTx, Scope, organizations};
use crate::providers::n8n::N8nCredentials;
use crate::state::Services;
use crate::vault::SecretText;
use crate::webhooks::target::{Target, host_of, masked_address};

pub use input::{AuthInput, Destination, EndpointChange, EndpointInput};
pub use rows::SheetRows;

use input::Checked;
use sealing::NewSealed;

/// Endpoints of one clinic at most.
pub const MOST_ENDPOINTS: i64 = 200;

/// What is said of the deliveries of an endpoint that a person switched off or deleted.
const SWITCHED_OFF: &str = "The endpoint was switched off.";
const DELETED: &str = "The endpoint was deleted.";

/// An endpoint that was just made, with what is shown once.
pub struct Created {
    pub endpoint: Shown,
    /// The signing secret; absent where the caller may not see it.
    pub secret: Option<SecretText>,
}

/// What was just made is shown to people of the clinic. Staff of the platform set things up for it and see
/// no secret: whoever belongs to it makes a new one to see one.
fn shown_to(caller: &Caller, secret: &SecretText) -> Option<SecretText> {
    caller.scope.role.may_configure().then(|| secret.clone())
}

/// An endpoint with its address, as far as the caller may see it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub row: EndpointRow,
    pub address: Address,
}

/// An address on its way to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Whole(SecretText),
    /// Of one that the caller may not see, or that can not be read: scheme, host and port.
    Masked(String),
}

impl Address {
    pub fn text(&self) -> &str {
        match self {
            Address::Whole(address) => address.expose(),
            Address::Masked(address) => address,
        }
    }
}

/// The address of an endpoint, opened for owners and admins.
///
/// # Errors
/// Where the store did not answer. One that can never be opened hides no endpoint.
pub async fn address(
    services: &Services,
    scope: &Scope,
    row: &EndpointRow,
) -> Result<Address, IntegrationError> {
    if !scope.role.may_configure() {
        return Ok(Address::Masked(masked_address(&row.target)));
    }
    match Target::open(&services.vault, scope.org, row.id, &row.target).await {
        Ok(target) => Ok(Address::Whole(target.address)),
        Err(error) if error.is_unreadable() => {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %scope.org, endpoint = %row.id, "an address does not open");
            Ok(Address::Masked(masked_address(&row.target)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn shown(services: &Services, caller: &Caller, row: EndpointRow) -> Result<Shown, IntegrationError> {
    Ok(Shown { address: address(services, &caller.scope, &row).await?, row })
}

/// All endpoints of the clinic, by name.
pub async fn list(services: &Services, caller: &Caller) -> Result<Vec<Shown>, IntegrationError> {
    let mut tx = caller.begin(services).await?;
    let rows = endpoints::list(&mut tx).await?;
    tx.commit().await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        all.push(shown(services, caller, row).await?);
    }
    Ok(all)
}

/// The endpoint of a name.
///
/// # Errors
/// [`DbError::NotFound`] where the clinic has none.
pub async fn find(services: &Services, caller: &Caller, name: &str) -> Result<Shown, IntegrationError> {
    shown(services, caller, find_row(services, caller, name).await?).await
}

async fn find_row(services: &Services, caller: &Caller, name: &str) -> Result<EndpointRow, IntegrationError> {
    let mut tx = caller.begin(services).await?;
    let row = endpoints::find_by_name(&mut tx, name).await?;
    tx.commit().await?;
    Ok(row.ok_or(DbError::NotFound)?)
}

/// Where the clinic's n8n would take the events of a workflow of that name; none where n8n is not
/// connected.
pub async fn propose_url(
    services: &Services,
    caller: &Caller,
    workflow_name: &str,
) -> Result<Option<String>, IntegrationError> {
    let base = match services.vault.open::<N8nCredentials>(caller.org()).await {
        Ok(opened) => opened.credentials.base,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let mut tx = caller.begin(services).await?;
    let slug = organizations::find(&mut tx).await?.slug;
    tx.commit().await?;
    Ok(Some(format!("{}/webhook/{slug}/{workflow_name}", base.as_str().trim_end_matches('/'))))
}

/// Makes endpoints, all of them or none.
///
/// # Errors
/// [`IntegrationError::Invalid`] with a problem for each field: `url`, or `endpoints[3].url` where there
/// are several.
pub async fn create(
    services: &Services,
    caller: &Caller,
    inputs: Vec<EndpointInput>,
) -> Result<Vec<Created>, IntegrationError> {
    caller.require_configure(services, "endpoint.created", "endpoints").await?;
    let checked = input::check_all(services, caller, inputs).await?;
    let mut sealed = Vec::with_capacity(checked.len());
    for one in &checked {
        sealed.push(NewSealed::of(services, caller.org(), one).await?);
    }
    let mut tx = caller.begin(services).await?;
    if endpoints::count(&mut tx).await? + i64::try_from(checked.len()).unwrap_or(i64::MAX) > MOST_ENDPOINTS {
        return Err(problem("workflowName", format!("A clinic has {MOST_ENDPOINTS} endpoints at most.")));
    }
    let by = caller.actor();
    let several = checked.len() > 1;
    let mut created = Vec::with_capacity(checked.len());
    for (at, (one, new)) in checked.iter().zip(&sealed).enumerate() {
        insert(&mut tx, one, new, &by).await.map_err(|error| name_taken(error, several.then_some(at)))?;
        let row = endpoints::find(&mut tx, new.endpoint).await?.ok_or(DbError::NotFound)?;
        let endpoint = shown(services, caller, row).await?;
        created.push(Created { endpoint, secret: shown_to(caller, &new.secret) });
    }
    for one in &checked {
        let details = host_of(one.address().expose());
        caller.record(&mut tx, services, "endpoint.created", &one.name, Ended::Success, &details).await?;
    }
    tx.commit().await?;
    Ok(created)
}

async fn insert(tx: &mut OrgTx, one: &Checked, new: &NewSealed, by: &str) -> Result<(), DbError> {
    endpoints::insert(tx, &values(new.endpoint, one, by), &new.target()).await?;
    endpoints::insert_secret(tx, &new.secret_row(by)).await
}

fn values<'a>(id: Uuid, one: &'a Checked, by: &'a str) -> EndpointValues<'a> {
    EndpointValues {
        id,
        workflow_name: &one.name,
        destination: one.destination.as_str(),
        settings: &one.settings,
        description: &one.description,
        events: &one.events,
        is_active: one.is_active,
        by,
    }
}

/// Changes an endpoint; what is absent stays.
///
/// # Errors
/// [`DbError::NotFound`], and [`IntegrationError::Invalid`] as [`create`].
pub async fn update(
    services: &Services,
    caller: &Caller,
    name: &str,
    change: EndpointChange,
) -> Result<Shown, IntegrationError> {
    caller.require_configure(services, "endpoint.changed", name).await?;
    let old = find_row(services, caller, name).await?;
    let auth = change.auth.clone();
    let checked = input::check_change(services, &old, change).await?;
    let by = caller.actor();
    let mut tx = caller.begin(services).await?;
    // Locked and compared by its id: another one may have got the name meanwhile.
    let locked = endpoints::lock_by_name(&mut tx, name).await?.filter(|row| row.id == old.id);
    let locked = locked.ok_or(DbError::NotFound)?;
    // Of the locked row: meanwhile somebody may have given it a token or another address.
    let change = sealing::change(services, caller, &locked, checked.url.as_ref(), auth.as_ref()).await?;
    endpoints::update(&mut tx, &values(old.id, &checked, &by))
        .await
        .map_err(|error| name_taken(error, None))?;
    if let Some(change) = &change {
        endpoints::update_target(&mut tx, old.id, &change.sealed.row(), change.is_moved).await?;
    }
    let row = endpoints::find(&mut tx, old.id).await?.ok_or(DbError::NotFound)?;
    let details = changed(&old, &row, change.is_some_and(|change| change.is_moved), auth.is_some());
    let shown = shown(services, caller, row).await?;
    caller.record(&mut tx, services, "endpoint.changed", name, Ended::Success, &details).await?;
    tx.commit().await?;
    Ok(shown)
}

/// The names of what has changed, for the trail.
fn changed(old: &EndpointRow, new: &EndpointRow, address: bool, auth: bool) -> String {
    let pairs = [
        ("name", old.workflow_name != new.workflow_name),
        ("address", address),
        ("description", old.description != new.description),
        ("events", old.events != new.events),
        ("settings", old.settings.0 != new.settings.0),
        ("headers", auth),
    ];
    let names: Vec<&str> = pairs.iter().filter(|(_, is_new)| *is_new).map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Deletes an endpoint with its secrets. What was delivered stays, and so does what was not: as parked.
pub async fn delete(services: &Services, caller: &Caller, name: &str) -> Result<(), IntegrationError> {
    caller.require_configure(services, "endpoint.deleted", name).await?;
    let mut tx = caller.begin(services).await?;
    let row = endpoints::lock_by_name(&mut tx, name).await?.ok_or(DbError::NotFound)?;
    let parked = queue::park(&mut tx, row.id, DELETED).await?;
    incidents::close_endpoint_in(&mut tx, &services.vault, row.id, &caller.actor()).await?;
    endpoints::delete(&mut tx, row.id).await?;
    let details = format!("{}; {parked} deliveries parked", host_of(&masked_address(&row.target)));
    caller.record(&mut tx, services, "endpoint.deleted", name, Ended::Success, &details).await?;
    tx.commit().await?;
    Ok(())
}

/// Switches an endpoint on or off. Switched off, what waits for it is parked. Switched on, it begins
/// anew, and with `replay` everything that was parked or failed since it went off goes out again.
/// Returns the endpoint and how many deliveries are replayed.
pub async fn set_active(
    services: &Services,
    caller: &Caller,
    name: &str,
    active: bool,
    replay: bool,
) -> Result<(Shown, u64), IntegrationError> {
    let action = if active { "endpoint.switched_on" } else { "endpoint.switched_off" };
    caller.require_configure(services, action, name).await?;
    let by = caller.actor();
    let mut tx = caller.begin(services).await?;
    let old = endpoints::lock_by_name(&mut tx, name).await?.ok_or(DbError::NotFound)?;
    endpoints::set_active(&mut tx, old.id, active, &by).await?;
    // Somebody has seen to it, whichever way they decided.
    incidents::close_endpoint_in(&mut tx, &services.vault, old.id, &by).await?;
    let (count, details) = if !active {
        let parked = queue::park(&mut tx, old.id, SWITCHED_OFF).await?;
        (0, format!("{parked} deliveries parked"))
    } else if replay {
        // Parked ones as a whole: some of them are older than the moment at which it went off.
        let count = deliveries::replay_in(&mut tx, Some(old.id), None).await?;
        (count, format!("{count} deliveries replayed"))
    } else {
        (0, String::new())
    };
    let row = endpoints::find(&mut tx, old.id).await?.ok_or(DbError::NotFound)?;
    let shown = shown(services, caller, row).await?;
    caller.record(&mut tx, services, action, name, Ended::Success, &details).await?;
    tx.commit().await?;
    Ok((shown, count))
}

fn problem(field: &str, message: impl Into<String>) -> IntegrationError {
    IntegrationError::Invalid(vec![Problem { field: field.to_owned(), message: message.into() }])
}

/// A name that another endpoint has is a problem of its field.
fn name_taken(error: DbError, at: Option<usize>) -> IntegrationError {
    match error {
        DbError::Constraint { constraint } if constraint == "endpoints_workflow_name_key" => {
            problem(&input::field(at, "workflowName"), "Another endpoint has this name.")
        }
        other => other.into(),
    }
}

impl From<crate::webhooks::outbound::OutboundError> for IntegrationError {
    fn from(error: crate::webhooks::outbound::OutboundError) -> Self {
        use crate::webhooks::outbound::OutboundError;
        match error {
            OutboundError::Db(error) => error.into(),
            OutboundError::Vault(error) => error.into(),
        }
    }
}

impl From<crate::webhooks::delivery::DeliveryError> for IntegrationError {
    fn from(error: crate::webhooks::delivery::DeliveryError) -> Self {
        use crate::webhooks::delivery::DeliveryError;
        match error {
            DeliveryError::Db(error) => error.into(),
            DeliveryError::Vault(error) => error.into(),
            DeliveryError::Audit(error) => error.into(),
            DeliveryError::Outbound(error) => error.into(),
        }
    }
}
