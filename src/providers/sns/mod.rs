//! AWS SNS: text messages through the clinic's own AWS account.
//!
//! What this module knows comes from AWS's service descriptions of SNS (2010-03-31) and STS
//! (2011-06-15). Both speak the query protocol: a signed form goes out, XML comes back. The secret
//! key signs and never travels. The names of the attributes of a text message, and the codes of errors that
//! all of AWS's services share, are in the documentation's prose alone.

use async_trait::async_trait;

use crate::domain::ProviderId;
use crate::domain::pattern::Pattern;
use crate::domain::provider::{CapabilitySpec, FieldSpec, ProviderSpec, SignIn};
use crate::vault::SecretFields;

use super::check::{Problems, filled};
use super::{FieldProblem, Provider, SmsSender, TestContext, TestReport};

pub mod client;
pub mod credentials;
pub mod errors;
mod send;
mod sign;
mod test;
mod xml;

pub use credentials::{REGIONS, SnsCredentials};
pub use errors::SnsError;

/// The provider's name in sentences.
const NAME: &str = "AWS SNS";

const USERS_URL: &str = "https://console.aws.amazon.com/iam/home#/users";
const SMS_URL: &str = "https://console.aws.amazon.com/sns/v3/home#/mobile/text-messaging";

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::Sns,
    name: NAME,
    category: "Messages",
    purpose: "Sends text messages over your own AWS account, alone or beside another sender.",
    on_disconnect: "Text messages are no longer sent over AWS: confirmations, reminders and hot-lead alerts stop where nothing else sends them.",
    after_disconnect: "Deactivate or delete the access key in the AWS console if nothing else uses it.",
    console_url: USERS_URL,
    sign_in: SignIn::Fields,
    permissions: &["sns:Publish", "sns:GetSMSSandboxAccountStatus", "sns:GetSMSAttributes"],
    fields: &[
        FieldSpec {
            key: "accessKeyId",
            label: "Access key ID",
            example: "AKIA0000000000000000",
            pattern: Pattern::Alphanumeric { length: 20 },
            secret: false,
            required: true,
            where_to_find: "AWS console, IAM, Users, the user, Security credentials, Access keys",
            where_url: USERS_URL,
            folded_under: None,
        },
        FieldSpec {
            key: "secretAccessKey",
            label: "Secret access key",
            example: "0000000000000000000000000000000000000000",
            pattern: Pattern::Text { max: 128 },
            secret: true,
            required: true,
            where_to_find: "Shown once, when the access key is made",
            where_url: USERS_URL,
            folded_under: None,
        },
        FieldSpec {
            key: "region",
            label: "Region",
            example: "eu-central-1",
            pattern: Pattern::Text { max: 20 },
            secret: false,
            required: true,
            where_to_find: "AWS console, top right, the name beside the region",
            where_url: SMS_URL,
            folded_under: None,
        },
        FieldSpec {
            key: "senderId",
            label: "Sender ID",
            example: "Sunrise",
            pattern: Pattern::Text { max: 11 },
            secret: false,
            required: false,
            where_to_find: "A name of up to 11 letters and digits, where the recipient's country allows one",
            where_url: SMS_URL,
            folded_under: Some("Choose who it comes from"),
        },
        FieldSpec {
            key: "originationNumber",
            label: "Origination number",
            example: "+15550100123",
            pattern: Pattern::Phone,
            secret: false,
            required: false,
            where_to_find: "AWS End User Messaging, Configurations, Phone numbers",
            where_url: SMS_URL,
            folded_under: Some("Choose who it comes from"),
        },
    ],
    capabilities: &[
        CapabilitySpec { key: "account", label: "Reach the account" },
        CapabilitySpec { key: "send_sms", label: "Send text messages" },
        CapabilitySpec { key: "any_recipient", label: "Send to any number" },
        CapabilitySpec { key: "read_limits", label: "Read the limits of the account" },
    ],
};

/// AWS SNS in the catalogue.
pub struct SnsProvider;

#[async_trait]
impl Provider for SnsProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    fn check(&self, fields: &SecretFields) -> Result<(), Vec<FieldProblem>> {
        let mut problems = Problems::of(&SPEC, fields);
        if filled(fields, "accessKeyId").is_some_and(|id| id.starts_with("ASIA")) {
            let message =
                "This is a temporary key, which ends within hours. Enter one that begins with AKIA.";
            problems.add("accessKeyId", message);
        }
        if let Some(region) = filled(fields, "region")
            && !credentials::is_region(region)
        {
            problems.add(
                "region",
                format!("Enter one of the regions that send text messages: {}.", REGIONS.join(", ")),
            );
        }
        if let Some(sender) = filled(fields, "senderId")
            && !credentials::is_sender_id(sender)
        {
            let message = "A sender ID has 1 to 11 letters and digits, with a letter among them.";
            problems.add("senderId", message);
        }
        problems.judge()
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }

    fn sms(&self) -> Option<&dyn SmsSender> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::SecretText;

    fn problems(changes: &[(&str, &str)]) -> Vec<&'static str> {
        let mut fields = SecretFields::new();
        for field in SPEC.fields {
            fields.insert(field.key, SecretText::new(field.example.to_owned()));
        }
        for (key, value) in changes {
            fields.insert(key, SecretText::new((*value).to_owned()));
        }
        let problems = SnsProvider.check(&fields).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn only_regions_that_send_text_messages_are_taken() {
        assert_eq!(problems(&[]), [""; 0]);
        for region in ["mars-1", "eu-central-1.evil.example", "eu-central-1/", "EU-CENTRAL-1 "] {
            assert_eq!(problems(&[("region", region)]), ["region"], "{region}");
        }
    }

    #[test]
    fn temporary_keys_and_impossible_senders_are_refused() {
        assert_eq!(problems(&[("accessKeyId", "ASIA0000000000000000")]), ["accessKeyId"]);
        assert_eq!(problems(&[("senderId", "Sunrise Dental")]), ["senderId"]);
        assert_eq!(problems(&[("senderId", "12345")]), ["senderId"]);
    }
}
