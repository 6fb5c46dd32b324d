//! What somebody typed into the form of an endpoint that was not right: kept sealed for 15 minutes, so that
//! no secret lies in a session, travels back to a browser or has to be typed again.
//!
//! A draft serves whoever typed it and nobody else. That is why what waits in it may go to an address that
//! is corrected meanwhile, which what is stored of an endpoint may not.

use uuid::Uuid;

use super::input::is_good_header;
use crate::db::endpoint_drafts::{self, NewDraft};
use crate::db::{DbError, OrgTx, Scope, endpoints};
use crate::domain::OrgId;
use crate::domain::mask::hint;
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::{Place, Sealed, SecretFields, SecretText, VaultError};
use crate::webhooks::target::{ADDRESS, headers_in, put_headers};

const BEARER: &str = "bearer";

/// What is secret in a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub address: Option<SecretText>,
    pub bearer: Option<SecretText>,
    pub headers: Vec<(String, SecretText)>,
}

impl Draft {
    /// Whether something waits in it that is not shown again.
    pub fn has_secrets(&self) -> bool {
        self.bearer.is_some() || !self.headers.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.address.is_none() && !self.has_secrets()
    }

    /// Forgets what can not be sent, or not beside the rest: who is told so enters it again.
    pub fn forget_bad(&mut self) {
        const AUTHORIZATION: &str = "authorization";
        self.bearer = self.bearer.take().filter(|bearer| is_good_header(AUTHORIZATION, bearer));
        let is_taken = self.bearer.is_some();
        self.headers.retain(|(name, value)| {
            is_good_header(name, value) && !(is_taken && name.eq_ignore_ascii_case(AUTHORIZATION))
        });
    }

    /// How the bearer and the headers are shown: names, and masked values.
    pub fn hints(&self) -> (Option<String>, Vec<(String, String)>) {
        let masked = |value: &SecretText| hint(value.expose());
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), masked(value)));
        (self.bearer.as_ref().map(masked), headers.collect())
    }

    fn fields(&self) -> SecretFields {
        let mut fields = SecretFields::new();
        for (key, value) in [(ADDRESS, &self.address), (BEARER, &self.bearer)] {
            if let Some(value) = value {
                fields.insert(key, value.clone());
            }
        }
        put_headers(&mut fields, &self.headers);
        fields
    }

    fn of(fields: &SecretFields) -> Self {
        let found = |key| fields.find(key).cloned();
        Self { address: found(ADDRESS), bearer: found(BEARER), headers: headers_in(fields) }
    }
}

fn place(org: OrgId, draft: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "endpoint_drafts", column: "sealed", provider: "", row: draft }
}

/// Keeps what was typed into the form of an endpoint, or of a new one, in the place of an earlier draft.
///
/// # Errors
/// [`IntegrationError::MayNot`]; [`DbError::NotFound`] where there is no such endpoint.
pub async fn keep(
    services: &Services,
    caller: &Caller,
    endpoint: Option<&str>,
    draft: &Draft,
    replaces: Option<Uuid>,
) -> Result<Uuid, IntegrationError> {
    require_configure(services, caller, endpoint).await?;
    let id = Uuid::now_v7();
    let fields = draft.fields().encode();
    let sealed = services.vault.seal(&place(caller.org(), id), fields.expose()).await?;
    let by = caller.actor();
    let mut tx = caller.begin(services).await?;
    let new = NewDraft {
        id,
        endpoint: id_of(&mut tx, endpoint).await?,
        sealed: sealed.as_bytes(),
        key_version: sealed.key_version(),
        by: &by,
    };
    endpoint_drafts::insert(&mut tx, &new, replaces).await?;
    tx.commit().await?;
    Ok(id)
}

/// What the caller typed into that form a moment ago.
///
/// # Errors
/// [`IntegrationError::MayNot`]; [`IntegrationError::DraftGone`].
pub async fn open(
    services: &Services,
    caller: &Caller,
    endpoint: Option<&str>,
    id: Uuid,
) -> Result<Draft, IntegrationError> {
    require_configure(services, caller, endpoint).await?;
    let mut tx = caller.begin(services).await?;
    let endpoint = id_of(&mut tx, endpoint).await?;
    let found = find(&mut tx, services, &caller.scope, endpoint, id).await?;
    tx.commit().await?;
    found.ok_or(IntegrationError::DraftGone)
}

/// The same for a page, by the endpoint's id; none where it is gone.
pub async fn find(
    tx: &mut OrgTx,
    services: &Services,
    scope: &Scope,
    endpoint: Option<Uuid>,
    id: Uuid,
) -> Result<Option<Draft>, IntegrationError> {
    let Some(sealed) = endpoint_drafts::find(tx, id, endpoint, &scope.actor()).await? else {
        return Ok(None);
    };
    let opened = async {
        let sealed = Sealed::parse(sealed)?;
        services.vault.open_fields(&place(scope.org, id), &sealed).await
    };
    let opened: Result<SecretFields, VaultError> = opened.await;
    match opened {
        Ok(fields) => Ok(Some(Draft::of(&fields))),
        Err(error) if error.is_unreadable() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes what the caller typed, once it was used.
pub async fn forget(services: &Services, caller: &Caller, id: Uuid) -> Result<(), IntegrationError> {
    let mut tx = caller.begin(services).await?;
    endpoint_drafts::delete(&mut tx, id, &caller.actor()).await?;
    tx.commit().await?;
    Ok(())
}

/// Nobody has a draft of a form that they may not use.
async fn require_configure(
    services: &Services,
    caller: &Caller,
    endpoint: Option<&str>,
) -> Result<(), IntegrationError> {
    match endpoint {
        Some(name) => caller.require_configure(services, "endpoint.changed", name).await,
        None => caller.require_configure(services, "endpoint.created", "endpoints").await,
    }
}

async fn id_of(tx: &mut OrgTx, name: Option<&str>) -> Result<Option<Uuid>, DbError> {
    match name {
        Some(name) => Ok(Some(endpoints::find_by_name(tx, name).await?.ok_or(DbError::NotFound)?.id)),
        None => Ok(None),
    }
}
