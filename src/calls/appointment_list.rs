//! Appointments as people look at them: a list, with the patients for those who may see them.

use uuid::Uuid;

use super::patients::{self, Patient};
use super::{CallError, notes};
use crate::audit::Ended;
use crate::db::appointments::{self, AppointmentRow, Which};
use crate::domain::OrgId;
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;

/// Appointments on one page.
pub const SHOWN: i64 = 200;

/// An appointment with its patient, where the reader may see them.
pub struct OpenedAppointment {
    pub row: AppointmentRow,
    /// None where it was emptied, or where the reader may not see it.
    pub patient: Option<Patient>,
}

/// What stands in the trail when somebody has the patients of a list opened.
pub const OPENED: &str = "appointments.opened";

/// A list of the clinic's appointments. Patients are opened for owners and admins only, which stands in the trail;
/// one that does not open is shown masked.
pub async fn list(
    services: &Services,
    caller: &Caller,
    which: Which,
    most: i64,
) -> Result<Vec<OpenedAppointment>, CallError> {
    let all = list_behind(services, caller, which, most, None).await?;
    let opened = all.iter().filter(|one| one.patient.is_some()).count();
    if opened > 0 {
        // Without the row in the trail nothing is shown.
        let mut tx = caller.begin(services).await?;
        let details = format!("{opened} patients");
        caller.record(&mut tx, services, OPENED, "appointments", Ended::Success, &details).await?;
        tx.commit().await.map_err(IntegrationError::from)?;
    }
    Ok(all)
}

/// The same from behind one of them on. Whoever shows it records that.
pub async fn list_behind(
    services: &Services,
    caller: &Caller,
    which: Which,
    most: i64,
    behind: Option<Uuid>,
) -> Result<Vec<OpenedAppointment>, CallError> {
    let mut tx = caller.begin(services).await?;
    let rows = appointments::list(&mut tx, which, services.clock.now(), most, behind).await?;
    tx.commit().await?;
    Ok(open(services, caller.org(), rows, caller.scope.role.may_configure()).await)
}

/// Opens the patients of appointments.
pub async fn open(
    services: &Services,
    org: OrgId,
    rows: Vec<AppointmentRow>,
    may_see: bool,
) -> Vec<OpenedAppointment> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let place = patients::appointment_place(org, row.id);
        let opened = match may_see {
            true => Patient::open(services, &place, row.sealed_patient.as_ref()).await,
            false => Ok(None),
        };
        let patient = opened.unwrap_or_else(|error| notes::unreadable(org, row.id, &error));
        all.push(OpenedAppointment { row, patient });
    }
    all
}
