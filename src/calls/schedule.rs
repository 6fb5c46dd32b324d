//! A clinic's hours, closures and services: read, checked, stored, brought to both agents at Vapi.

use super::CallError;
use crate::audit::Ended;
use crate::db::{jobs, schedules};
use crate::domain::clinic_plan::ClinicPlan;
use crate::integrations::ensure::{self, ENSURE_ASSISTANTS};
use crate::integrations::{Caller, IntegrationError, Problem};
use crate::state::Services;

/// The clinic's plan: what it has said, or what every clinic starts with.
pub async fn find(services: &Services, caller: &Caller) -> Result<ClinicPlan, CallError> {
    let mut tx = caller.begin(services).await?;
    let row = schedules::find(&mut tx).await?;
    tx.commit().await?;
    Ok(row.plan.map(|stored| stored.0).unwrap_or_default())
}

/// Stores a plan and tells both agents, as far as Vapi is connected and answers.
///
/// # Errors
/// `Invalid` with every field that is not right.
pub async fn save(services: &Services, caller: &Caller, plan: &ClinicPlan) -> Result<(), CallError> {
    caller.require_configure(services, "schedule.changed", "clinic").await?;
    let problems = plan.problems();
    if !problems.is_empty() {
        let problems = problems
            .into_iter()
            .map(|problem| Problem { field: problem.field.to_owned(), message: problem.message })
            .collect();
        return Err(IntegrationError::Invalid(problems).into());
    }
    let mut tx = caller.begin(services).await?;
    schedules::save(&mut tx, plan, caller.user()).await?;
    jobs::request(&mut tx, ENSURE_ASSISTANTS).await?;
    caller.record(&mut tx, services, "schedule.changed", "clinic", Ended::Success, "").await?;
    tx.commit().await.map_err(IntegrationError::from)?;
    // The job goes on where this does not finish; the agents' page shows how they stand.
    if let Err(error) = ensure::ensure_assistants(services, caller.org()).await {
        tracing::info!(error = &error as &dyn std::error::Error, org = %caller.org(), "the assistants are not up to date yet");
    }
    Ok(())
}
