//! Who an appointment or a note is about: sealed as a whole, found again by a keyed hash of the number.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::OrgId;
use crate::domain::mask::mask_phone;
use crate::domain::phone::PhoneNumber;
use crate::state::Services;
use crate::vault::{Place, Sealed, VaultError};

/// The longest name, and the longest text that a patient's words are kept with, in characters.
const MOST_NAME: usize = 120;
pub(super) const MOST_TEXT: usize = 2000;

/// A patient as a call has told them. `Debug` says nothing of it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patient {
    pub name: String,
    /// In E.164 form; empty where nobody has said it.
    pub phone: String,
    /// What the practice should know, or the message.
    pub text: String,
}

impl std::fmt::Debug for Patient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patient(..)")
    }
}

impl Patient {
    /// From what was said; a number that is none is left out.
    pub fn of(name: Option<&str>, phone: Option<&str>, text: Option<&str>) -> Self {
        let tidy = |text: Option<&str>, most: usize| -> String {
            let kept = text.unwrap_or_default().chars().filter(|c| *c == '\n' || !c.is_control());
            kept.take(most).collect::<String>().trim().to_owned()
        };
        let phone = phone.and_then(|text| PhoneNumber::parse(text).ok());
        Self {
            name: tidy(name, MOST_NAME).replace('\n', " "),
            phone: phone.map(|number| number.as_str().to_owned()).unwrap_or_default(),
            text: tidy(text, MOST_TEXT),
        }
    }

    /// What lists show of them: `A*** +15***23`.
    pub fn mask(&self) -> String {
        let initial = self.name.chars().next().map(|first| format!("{first}***"));
        let number = (!self.phone.is_empty()).then(|| mask_phone(&self.phone));
        let parts: Vec<String> = initial.into_iter().chain(number).collect();
        if parts.is_empty() { "unknown".to_owned() } else { parts.join(" ") }
    }

    pub(super) async fn seal(&self, services: &Services, place: &Place<'_>) -> Result<Sealed, VaultError> {
        let bytes = serde_json::to_vec(self).map_err(|_| VaultError::UnreadableFields)?;
        services.vault.seal(place, &bytes).await
    }

    /// Opens what was sealed; none where it was emptied.
    pub async fn open(
        services: &Services,
        place: &Place<'_>,
        sealed: Option<&Vec<u8>>,
    ) -> Result<Option<Self>, VaultError> {
        let Some(bytes) = sealed else { return Ok(None) };
        let opened = services.vault.open_at(place, &Sealed::parse(bytes.clone())?).await?;
        serde_json::from_slice(opened.expose()).map(Some).map_err(|_| VaultError::UnreadableFields)
    }
}

/// The place of an appointment's patient.
pub const fn appointment_place(org: OrgId, id: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "appointments", column: "sealed_patient", provider: "", row: id }
}

/// The place of a note.
pub const fn note_place(org: OrgId, id: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "notes", column: "sealed_note", provider: "", row: id }
}

/// By what the appointments of a number are found again, within one clinic. None without a number.
pub(super) async fn key_of(
    services: &Services,
    org: OrgId,
    phone: &str,
) -> Result<Option<[u8; 32]>, VaultError> {
    let Ok(number) = PhoneNumber::parse(phone) else { return Ok(None) };
    let value = [org.0.as_bytes(), number.as_str().as_bytes()].concat();
    services.vault.fingerprint("patient of a clinic", &value).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_show_an_initial_and_a_masked_number() {
        let patient = Patient::of(Some(" Alex\nExample "), Some("+1 555 010 0123"), None);
        assert_eq!((patient.name.as_str(), patient.mask().as_str()), ("Alex Example", "A*** +15***23"));
        assert_eq!(Patient::of(None, Some("call me"), None).mask(), "unknown");
        assert_eq!(format!("{patient:?}"), "Patient(..)");
    }
}
