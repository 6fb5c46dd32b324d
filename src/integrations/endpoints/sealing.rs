//! What is sealed of an endpoint: its headers or bearer, and its signing secrets.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::input::{AuthInput, Checked};
use crate::db::endpoints::{NewSecret, SealedAuth};
use crate::domain::OrgId;
use crate::domain::mask::hint;
use crate::state::Services;
use crate::vault::{Sealed, SecretFields, SecretText, VaultError};
use crate::webhooks::delivery::{auth_place, secret_place};
use crate::webhooks::signing;

/// Headers, sealed for the row of an endpoint.
pub(super) struct SealedHeaders {
    sealed: Option<Sealed>,
    hint: Value,
}

impl SealedHeaders {
    pub fn row(&self) -> SealedAuth<'_> {
        SealedAuth {
            sealed: self.sealed.as_ref().map(Sealed::as_bytes),
            key_version: self.sealed.as_ref().map(Sealed::key_version),
            hint: &self.hint,
        }
    }
}

pub(super) async fn seal_auth(
    services: &Services,
    org: OrgId,
    endpoint: Uuid,
    auth: &AuthInput,
) -> Result<SealedHeaders, VaultError> {
    let mut fields = SecretFields::new();
    let mut masks = Map::new();
    match auth {
        AuthInput::None => {}
        AuthInput::Bearer(token) => {
            fields.insert("authorization", SecretText::new(format!("Bearer {}", token.expose())));
            masks.insert("authorization".to_owned(), json!(format!("Bearer {}", hint(token.expose()))));
        }
        AuthInput::Headers(headers) => {
            for (name, value) in headers {
                let name = name.to_ascii_lowercase();
                masks.insert(name.clone(), json!(hint(value.expose())));
                fields.insert(name, value.clone());
            }
        }
    }
    let sealed = match fields.is_empty() {
        true => None,
        false => Some(services.vault.seal(&auth_place(org, endpoint), fields.encode().expose()).await?),
    };
    Ok(SealedHeaders { sealed, hint: Value::Object(masks) })
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
    headers: SealedHeaders,
    fresh: FreshSecret,
}

impl NewSealed {
    pub async fn of(services: &Services, org: OrgId, one: &Checked) -> Result<Self, VaultError> {
        let endpoint = Uuid::now_v7();
        let headers = seal_auth(services, org, endpoint, &one.auth).await?;
        let fresh = FreshSecret::make(services, org).await?;
        Ok(Self { endpoint, secret: fresh.text.clone(), headers, fresh })
    }

    pub fn auth(&self) -> SealedAuth<'_> {
        self.headers.row()
    }

    pub fn secret_row<'a>(&'a self, by: &'a str) -> NewSecret<'a> {
        self.fresh.row(self.endpoint, by)
    }
}
