//! Notes for the team: what agents were told, which call-backs they promised, what a call left open.

use uuid::Uuid;

use super::CallError;
use super::patients::{Patient, note_place};
use crate::audit::Ended;
use crate::db::notes::{self, NewNote, NoteRow};
use crate::db::{OrgTx, fresh_id};
use crate::domain::OrgId;
use crate::domain::mask::mask_phone;
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::{Sealed, VaultError};
use crate::webhooks::event_data::{EventData, NoteTaken};
use crate::webhooks::outbound::{OutboundEvent, emit};

/// Notes on one page.
pub const SHOWN: i64 = 100;

/// What a note is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// The caller wants the team to know something.
    Message,
    /// The caller was told that the team calls back.
    CallBack,
    /// A call has left something open that a person has to end.
    FollowUp,
}

impl NoteKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            NoteKind::Message => "message",
            NoteKind::CallBack => "callback",
            NoteKind::FollowUp => "follow_up",
        }
    }
}

/// A note that is sealed and not yet written down: sealing may need another connection, so it comes before
/// the transaction that the note belongs to.
pub struct Prepared {
    id: Uuid,
    kind: NoteKind,
    call: Option<String>,
    mask: Option<String>,
    sealed: Sealed,
    patient: Patient,
}

/// Seals a note.
pub(super) async fn prepare(
    services: &Services,
    org: OrgId,
    call_id: &str,
    kind: NoteKind,
    patient: &Patient,
) -> Result<Prepared, VaultError> {
    let id: Uuid = fresh_id();
    let sealed = patient.seal(services, &note_place(org, id)).await?;
    let mask = (!patient.phone.is_empty()).then(|| mask_phone(&patient.phone));
    let call = Some(call_id.to_owned()).filter(|id| !id.is_empty());
    Ok(Prepared { id, kind, call, mask, sealed, patient: patient.clone() })
}

impl Prepared {
    /// Writes the note down, together with the event for the clinic's endpoints.
    pub(super) async fn insert(&self, tx: &mut OrgTx, services: &Services) -> Result<Uuid, CallError> {
        let Self { id, kind, call, mask, sealed, patient } = self;
        let new = NewNote {
            id: *id,
            kind: kind.as_str(),
            call_id: call.as_deref(),
            caller_mask: mask.as_deref(),
            sealed_note: sealed.as_bytes(),
            key_version: sealed.key_version(),
        };
        notes::insert(tx, &new).await?;
        let data = EventData::NoteTaken(NoteTaken {
            note_id: *id,
            call_id: call.clone(),
            kind: kind.as_str().to_owned(),
            name: patient.name.clone(),
            phone: patient.phone.clone(),
            message: patient.text.clone(),
        });
        emit(tx, &services.vault, &OutboundEvent::of(&data, "call")).await?;
        Ok(*id)
    }
}

/// Keeps a note. Of call-backs a call leaves one at most.
pub async fn take(
    services: &Services,
    org: OrgId,
    call_id: &str,
    kind: NoteKind,
    patient: &Patient,
) -> Result<Option<Uuid>, CallError> {
    let note = prepare(services, org, call_id, kind, patient).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    if kind == NoteKind::CallBack
        && let Some(call) = &note.call
        && notes::has_of_call(&mut tx, call, kind.as_str()).await?
    {
        tx.commit().await?;
        return Ok(None);
    }
    let id = note.insert(&mut tx, services).await?;
    tx.commit().await?;
    Ok(Some(id))
}

/// A note with what it says, where the reader may see that.
pub struct OpenedNote {
    pub row: NoteRow,
    /// None where it was emptied, or where the reader may not see it.
    pub patient: Option<Patient>,
}

/// What stands in the trail when somebody has notes opened.
pub const OPENED: &str = "notes.opened";

/// The clinic's notes. What they say is opened for owners and admins only, which stands in the trail; one that
/// does not open is shown without it.
pub async fn list(services: &Services, caller: &Caller) -> Result<Vec<OpenedNote>, CallError> {
    let mut tx = caller.begin(services).await?;
    let rows = notes::list(&mut tx, SHOWN).await?;
    tx.commit().await?;
    let all = open(services, caller.org(), rows, caller.scope.role.may_configure()).await;
    let opened = all.iter().filter(|one| one.patient.is_some()).count();
    if opened > 0 {
        // Without the row in the trail nothing is shown.
        let mut tx = caller.begin(services).await?;
        let details = format!("{opened} notes");
        caller.record(&mut tx, services, OPENED, "notes", Ended::Success, &details).await?;
        tx.commit().await.map_err(IntegrationError::from)?;
    }
    Ok(all)
}

/// Opens what notes say.
pub async fn open(services: &Services, org: OrgId, rows: Vec<NoteRow>, may_see: bool) -> Vec<OpenedNote> {
    let mut notes = Vec::with_capacity(rows.len());
    for row in rows {
        let opened = match may_see {
            true => Patient::open(services, &note_place(org, row.id), row.sealed_note.as_ref()).await,
            false => Ok(None),
        };
        let patient = opened.unwrap_or_else(|error| unreadable(org, row.id, &error));
        notes.push(OpenedNote { row, patient });
    }
    notes
}

/// One row that does not open is one line without its words, and never a broken page.
pub(super) fn unreadable(org: OrgId, row: Uuid, error: &VaultError) -> Option<Patient> {
    tracing::error!(error = error as &dyn std::error::Error, %org, %row, "a patient's data does not open");
    None
}

/// Marks a note as seen to.
pub async fn mark_done(services: &Services, caller: &Caller, id: Uuid) -> Result<(), CallError> {
    let target = id.to_string();
    caller.require_configure(services, "note.done", &target).await?;
    let mut tx = caller.begin(services).await?;
    notes::mark_done(&mut tx, id, caller.user()).await?;
    caller.record(&mut tx, services, "note.done", &target, Ended::Success, "").await?;
    Ok(tx.commit().await.map_err(IntegrationError::from)?)
}
