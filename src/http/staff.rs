//! Staff of the platform: who they are, and how they enter a clinic.
//!
//! For everybody else nothing here exists: each refusal is the answer to an address that nobody has.
//! Staff enter with a reason, for an hour; the database gives them the role `platform` for as long.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use time::OffsetDateTime;
use tower_sessions::Session;

use super::error::{FieldError, HttpError};
use crate::audit::{Ended, Origin};
use crate::auth::session;
use crate::db::platform::{self, Staff as StaffRow};
use crate::db::{Access, BeginError, OrgTx};
use crate::domain::OrgId;
use crate::integrations::Caller;
use crate::state::AppState;

/// How long a reason is good for.
const MINUTES: i32 = 60;
/// Where programs say why they come.
const REASON: &str = "x-access-reason";

/// A member of the staff, signed in. Holding one is the proof.
pub struct Staff {
    pub state: AppState,
    pub row: StaffRow,
    pub session: Session,
    pub hash: [u8; 32],
    pub origin: Origin,
}

impl FromRequestParts<AppState> for Staff {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        // A key or a token belongs to a clinic and never to staff.
        if parts.headers.contains_key(axum::http::header::AUTHORIZATION) {
            return Err(HttpError::not_found());
        }
        let Ok(origin) = Origin::from_request_parts(parts, state).await;
        let session = parts.extensions.get::<Session>().cloned().ok_or_else(HttpError::not_found)?;
        let hash = session::hash_id(session.id().ok_or_else(HttpError::not_found)?);
        let row = platform::find_staff(&state.services.pool, &hash).await?;
        let row = row.ok_or_else(HttpError::not_found)?;
        Ok(Self { state: state.clone(), row, session, hash, origin })
    }
}

impl Staff {
    /// Opens a clinic with a reason; returns until when. Stands in the clinic's trail.
    pub async fn open(&self, org: OrgId, reason: &str) -> Result<OffsetDateTime, HttpError> {
        let reason = reason.trim();
        if !(8..=300).contains(&reason.chars().count()) || reason.chars().any(char::is_control) {
            let message = "Say in 8 to 300 characters why you need access. The clinic reads it.".to_owned();
            let field = FieldError { field: "reason".to_owned(), message: message.clone() };
            return Err(HttpError::invalid("invalid_fields", message, vec![field]));
        }
        let services = &self.state.services;
        let access = Access::Platform { hash: self.hash, org, opening: true };
        let (mut tx, scope) = OrgTx::begin(&services.pool, &access).await?;
        let until = platform::insert_grant(&mut tx, &self.row, reason, MINUTES).await?;
        let caller = Caller { access, scope, origin: self.origin.clone() };
        caller.record(&mut tx, services, "platform.access_opened", "clinic", Ended::Success, reason).await?;
        tx.commit().await?;
        Ok(until)
    }

    /// Ends the access to a clinic before its time.
    pub async fn leave(&self, org: OrgId) -> Result<(), HttpError> {
        let services = &self.state.services;
        let access = Access::Platform { hash: self.hash, org, opening: true };
        let (mut tx, scope) = OrgTx::begin(&services.pool, &access).await?;
        if platform::end_grants(&mut tx, self.row.id).await? {
            let caller = Caller { access, scope, origin: self.origin.clone() };
            caller.record(&mut tx, services, "platform.access_ended", "clinic", Ended::Success, "").await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Admits staff into a clinic that is open to them.
    pub async fn caller(&self, org: OrgId) -> Result<Caller, BeginError> {
        let access = Access::Platform { hash: self.hash, org, opening: false };
        Caller::admit(&self.state.services.pool, access, self.origin.clone()).await
    }
}

/// Staff in the clinic of the address, for the interface. A reason in the header opens the clinic.
pub struct Visiting {
    pub state: AppState,
    pub caller: Caller,
}

impl FromRequestParts<AppState> for Visiting {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let staff = Staff::from_request_parts(parts, state).await?;
        let Path(path) = Path::<std::collections::HashMap<String, String>>::from_request_parts(parts, state)
            .await
            .map_err(|_| HttpError::not_found())?;
        let org: OrgId = path.get("org").and_then(|id| id.parse().ok()).ok_or_else(HttpError::not_found)?;
        match staff.caller(org).await {
            Ok(caller) => Ok(Self { state: state.clone(), caller }),
            Err(error @ BeginError::NoGrant { .. }) => {
                let reason = parts.headers.get(REASON).and_then(|value| value.to_str().ok());
                let Some(reason) = reason else { return Err(error.into()) };
                staff.open(org, reason).await?;
                Ok(Self { state: state.clone(), caller: staff.caller(org).await? })
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl From<Visiting> for super::api::Admitted {
    fn from(visiting: Visiting) -> Self {
        Self { state: visiting.state, caller: visiting.caller }
    }
}
