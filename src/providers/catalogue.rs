//! The table of contents: every provider that the product can connect, in the order in which it
//! shows them.

use crate::domain::ProviderId;

use super::Provider;
use super::elevenlabs::ElevenLabsProvider;
use super::google::calendar::GoogleCalendarProvider;
use super::google::sheets::GoogleSheetsProvider;
use super::hubspot::HubSpotProvider;
use super::n8n::N8nProvider;
use super::resend::ResendProvider;
use super::retell::RetellProvider;
use super::sns::SnsProvider;
use super::stripe::StripeProvider;
use super::twilio::TwilioProvider;
use super::vapi::VapiProvider;
use super::vonage::VonageProvider;
use super::whatsapp::WhatsAppProvider;

/// All providers.
pub fn catalogue() -> &'static [&'static dyn Provider] {
    &[
        &VapiProvider,
        &TwilioProvider,
        &ElevenLabsProvider,
        &ResendProvider,
        &StripeProvider,
        &HubSpotProvider,
        &RetellProvider,
        &N8nProvider,
        &GoogleCalendarProvider,
        &GoogleSheetsProvider,
        &WhatsAppProvider,
        &VonageProvider,
        &SnsProvider,
    ]
}

/// The provider of that id.
pub fn find(id: ProviderId) -> &'static dyn Provider {
    match id {
        ProviderId::Vapi => &VapiProvider,
        ProviderId::Twilio => &TwilioProvider,
        ProviderId::ElevenLabs => &ElevenLabsProvider,
        ProviderId::Resend => &ResendProvider,
        ProviderId::Stripe => &StripeProvider,
        ProviderId::HubSpot => &HubSpotProvider,
        ProviderId::Retell => &RetellProvider,
        ProviderId::N8n => &N8nProvider,
        ProviderId::GoogleCalendar => &GoogleCalendarProvider,
        ProviderId::GoogleSheets => &GoogleSheetsProvider,
        ProviderId::WhatsApp => &WhatsAppProvider,
        ProviderId::Vonage => &VonageProvider,
        ProviderId::Sns => &SnsProvider,
    }
}

/// The errors of every provider that is signed in to with one key.
#[cfg(test)]
pub(super) fn dialects() -> [&'static super::api_error::Dialect; 6] {
    use super::{elevenlabs, hubspot, n8n, resend, retell, stripe};
    [
        &elevenlabs::errors::DIALECT,
        &resend::errors::DIALECT,
        &stripe::errors::DIALECT,
        &hubspot::errors::DIALECT,
        &retell::errors::DIALECT,
        &n8n::errors::DIALECT,
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::vault::{SecretFields, SecretText};

    #[test]
    fn every_provider_is_listed_once_and_found_by_its_id() {
        let listed: Vec<ProviderId> = catalogue().iter().map(|provider| provider.spec().id).collect();
        assert_eq!(listed, ProviderId::ALL);
        for id in ProviderId::ALL {
            assert_eq!(find(id).spec().id, id);
        }
    }

    #[test]
    fn every_field_says_where_its_value_is_found_and_shows_an_example_that_fits() {
        for provider in catalogue() {
            let spec = provider.spec();
            let keys: HashSet<&str> = spec.fields.iter().map(|field| field.key).collect();
            assert_eq!(keys.len(), spec.fields.len(), "{}: a key twice", spec.name);
            for field in spec.fields {
                assert!(field.where_url.starts_with("https://"), "{}", field.key);
                assert!(!field.where_to_find.is_empty(), "{}", field.key);
                assert!(field.pattern.matches(field.example), "{}: {}", field.key, field.example);
            }
        }
    }

    #[test]
    fn a_mask_sent_back_and_an_endless_value_are_refused_in_every_field() {
        for provider in catalogue() {
            for field in provider.spec().fields {
                for value in ["0123456789***234567".to_owned(), "a".repeat(5000)] {
                    let mut fields = SecretFields::new();
                    fields.insert(field.key, SecretText::new(value));
                    let problems = provider.check(&fields).expect_err(field.key);
                    assert!(problems.iter().any(|problem| problem.field == field.key), "{}", field.key);
                }
            }
        }
    }
}
