//! The table of contents: every provider that the product can connect, in the order in which it
//! shows them.

use crate::domain::ProviderId;

use super::Provider;
use super::sns::SnsProvider;
use super::twilio::TwilioProvider;
use super::vapi::VapiProvider;
use super::vonage::VonageProvider;

/// All providers.
pub fn catalogue() -> &'static [&'static dyn Provider] {
    &[&VapiProvider, &TwilioProvider, &VonageProvider, &SnsProvider]
}

/// The provider of that id.
pub fn find(id: ProviderId) -> &'static dyn Provider {
    match id {
        ProviderId::Vapi => &VapiProvider,
        ProviderId::Twilio => &TwilioProvider,
        ProviderId::Vonage => &VonageProvider,
        ProviderId::Sns => &SnsProvider,
    }
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
