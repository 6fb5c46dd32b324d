//! What a clinic brings for AWS: an access key, the region that sends, who messages come from.

use crate::domain::ProviderId;
use crate::domain::phone::PhoneNumber;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

use super::super::check::filled;

/// Regions in which SNS sends text messages
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-supported-regions-countries.html>). A region
/// becomes a part of a host name, so nothing else is ever taken.
pub const REGIONS: [&str; 29] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "ca-central-1",
    "sa-east-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "af-south-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
];

/// An AWS account as a clinic has set it up.
#[derive(Clone, Debug)]
pub struct SnsCredentials {
    pub access_key_id: String,
    pub secret_access_key: SecretText,
    /// One of [`REGIONS`].
    pub region: &'static str,
    pub sender_id: Option<String>,
    pub origination_number: Option<PhoneNumber>,
}

impl Credential for SnsCredentials {
    const PROVIDER: ProviderId = ProviderId::Sns;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        let missing = |field| VaultError::MissingField { provider: Self::PROVIDER, field };
        let invalid = |field| VaultError::InvalidField { provider: Self::PROVIDER, field };
        let region = filled(fields, "region").ok_or_else(|| missing("region"))?;
        let number = filled(fields, "originationNumber").map(PhoneNumber::parse).transpose();
        Ok(Self {
            access_key_id: filled(fields, "accessKeyId").ok_or_else(|| missing("accessKeyId"))?.to_owned(),
            secret_access_key: fields
                .find("secretAccessKey")
                .filter(|value| !value.expose().is_empty())
                .cloned()
                .ok_or_else(|| missing("secretAccessKey"))?,
            region: REGIONS.into_iter().find(|known| *known == region).ok_or_else(|| invalid("region"))?,
            sender_id: filled(fields, "senderId").map(str::to_owned),
            origination_number: number.map_err(|_| invalid("originationNumber"))?,
        })
    }
}

/// Whether text messages can be sent from there.
pub(super) fn is_region(text: &str) -> bool {
    REGIONS.contains(&text)
}

/// Whether a message may come from that name.
pub(super) fn is_sender_id(text: &str) -> bool {
    (1..=11).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed_and_a_region_is_one_of_the_list() {
        let mut fields = SecretFields::new();
        for (key, value) in
            [("accessKeyId", "AKIA0000000000000000"), ("secretAccessKey", "canary"), ("region", "eu-west-1")]
        {
            fields.insert(key, SecretText::new(value.to_owned()));
        }
        let credentials = SnsCredentials::from_fields(&fields).expect("complete");
        assert!(!format!("{credentials:?}").contains("canary"));
        fields.insert("region", SecretText::new("example.com/?".to_owned()));
        let error = SnsCredentials::from_fields(&fields).expect_err("no region");
        assert!(matches!(error, VaultError::InvalidField { field: "region", .. }), "{error}");
    }
}
