//! What is sealed of an endpoint: its address with headers or bearer, and its signing secrets.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::input::{AuthInput, Checked, check_address};
use crate::db::endpoints::{EndpointRow, NewSecret, SealedTarget};
use crate::domain::OrgId;
use crate::domain::mask::hint;
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::{Sealed, SecretText, VaultError};
use crate::webhooks::delivery::secret_place;
use crate::webhooks::signing;
use crate::webhooks::target::{self, Target};

/// Address and headers, sealed for the row of an endpoint.
pub(super) struct SealedRow {
    sealed: Sealed,
    address: String,
    hint: Value,
}

impl SealedRow {
    /// `hint` is how the headers are shown.
    pub async fn of(
        services: &Services,
        org: OrgId,
        endpoint: Uuid,
        target: &Target,
        hint: Value,
    ) -> Result<Self, VaultError> {
        let sealed = target.seal(&services.vault, org, endpoint).await?;
        Ok(Self { sealed, address: target::mask(target.address.expose()), hint })
    }

    pub fn row(&self) -> SealedTarget<'_> {
        SealedTarget {
            sealed: self.sealed.as_bytes(),
            key_version: self.sealed.key_version(),
            address: &self.address,
            hint: &self.hint,
        }
    }
}

/// The headers that are sent, and their masks.
fn headers_of(auth: &AuthInput) -> (Vec<(String, SecretText)>, Value) {
    let mut masks = Map::new();
    let headers = match auth {
        AuthInput::None => Vec::new(),
        AuthInput::Bearer(token) => {
            let name = "authorization".to_owned();
            masks.insert(name.clone(), json!(format!("Bearer {}", hint(token.expose()))));
            vec![(name, SecretText::new(format!("Bearer {}", token.expose())))]
        }
        AuthInput::Headers(headers) => {
            let small = |(name, value): &(String, SecretText)| (name.to_ascii_lowercase(), value.clone());
            let headers: Vec<_> = headers.iter().map(small).collect();
            masks.extend(headers.iter().map(|(name, value)| (name.clone(), json!(hint(value.expose())))));
            headers
        }
    };
    (headers, Value::Object(masks))
}

/// What takes the place of what is stored.
pub(super) struct Change {
    pub sealed: SealedRow,
    /// Whether the address is another one.
    pub is_moved: bool,
}

/// Puts a new address, new headers or both over what is stored; none where that changes nothing.
///
/// # Errors
/// As [`check_address`]. What is stored and can not be read is no obstacle to entering all of it anew.
pub(super) async fn change(
    services: &Services,
    caller: &Caller,
    old: &EndpointRow,
    address: Option<&SecretText>,
    auth: Option<&AuthInput>,
) -> Result<Option<Change>, IntegrationError> {
    if address.is_none() && auth.is_none() {
        return Ok(None);
    }
    let nothing = AuthInput::None;
    let has_headers = old.auth_hint.0.as_object().is_some_and(|names| !names.is_empty());
    let auth = auth.or_else(|| (!has_headers).then_some(&nothing));
    let stored = match Target::open(&services.vault, caller.org(), old.id, &old.target).await {
        Ok(stored) => Some(stored),
        Err(error) if error.is_unreadable() && address.is_some() && auth.is_some() => None,
        Err(error) => return Err(error.into()),
    };
    let known = stored.as_ref().map(|stored| &stored.address);
    let Some(wanted) = address.or(known) else { return Ok(None) };
    let is_moved = known != Some(wanted);
    if let (Some(known), None) = (known, auth) {
        check_address(caller, known.expose(), wanted.expose())?;
    }
    let (headers, hint) = match (auth, stored.as_ref()) {
        (Some(auth), _) => headers_of(auth),
        (None, Some(_)) if !is_moved => return Ok(None),
        (None, Some(stored)) => (stored.headers.clone(), old.auth_hint.0.clone()),
        (None, None) => return Ok(None),
    };
    let target = Target { address: wanted.clone(), headers };
    let sealed = SealedRow::of(services, caller.org(), old.id, &target, hint).await?;
    Ok(Some(Change { sealed, is_moved }))
}

/// A signing secret, fresh and sealed.
pub(super) struct FreshSecret {
    pub id: Uuid,
    pub text: SecretText,
    pub hint: String,
    sealed: Sealed,
}

impl FreshSecret {
    pub async fn make(services: &Services, org: OrgId) -> Result<Self, VaultError> {
        let text = signing::generate().map_err(VaultError::Random)?;
        let id = Uuid::now_v7();
        let sealed = services.vault.seal(&secret_place(org, id), text.expose().as_bytes()).await?;
        Ok(Self { id, hint: hint(text.expose()), text, sealed })
    }

    pub fn row<'a>(&'a self, endpoint: Uuid, by: &'a str) -> NewSecret<'a> {
        NewSecret {
            id: self.id,
            endpoint,
            sealed: self.sealed.as_bytes(),
            key_version: self.sealed.key_version(),
            hint: &self.hint,
            by,
        }
    }
}

/// All that is sealed of a new endpoint.
pub(super) struct NewSealed {
    pub endpoint: Uuid,
    pub secret: SecretText,
    target: SealedRow,
    fresh: FreshSecret,
}

impl NewSealed {
    pub async fn of(services: &Services, org: OrgId, one: &Checked) -> Result<Self, VaultError> {
        let endpoint = Uuid::now_v7();
        let (headers, hint) = headers_of(&one.auth);
        let target = Target { address: one.address(), headers };
        let target = SealedRow::of(services, org, endpoint, &target, hint).await?;
        let fresh = FreshSecret::make(services, org).await?;
        Ok(Self { endpoint, secret: fresh.text.clone(), target, fresh })
    }

    pub fn target(&self) -> SealedTarget<'_> {
        self.target.row()
    }

    pub fn secret_row<'a>(&'a self, by: &'a str) -> NewSecret<'a> {
        self.fresh.row(self.endpoint, by)
    }
}
