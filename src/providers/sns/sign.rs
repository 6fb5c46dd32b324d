//! AWS's signature (`SigV4`) over one form, by the crate that AWS's own SDK signs with.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use url::Url;

use super::super::egress::SIGNED_FORM;
use super::credentials::SnsCredentials;

/// The request can not be signed: a value has a character that no header can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsignable;

/// The headers that prove a form to a service: the time and the signature.
pub(super) fn headers(
    credentials: &SnsCredentials,
    service: &str,
    url: &Url,
    body: &str,
    now: SystemTime,
) -> Result<Vec<(&'static str, String)>, Unsignable> {
    let secret = credentials.secret_access_key.expose();
    let identity = Credentials::new(&credentials.access_key_id, secret, None, None, "clinic").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(credentials.region)
        .name(service)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| Unsignable)?
        .into();
    let kind = [("content-type", SIGNED_FORM)].into_iter();
    let request = SignableRequest::new("POST", url.as_str(), kind, SignableBody::Bytes(body.as_bytes()))
        .map_err(|_| Unsignable)?;
    let (signed, _) = sign(request, &params).map_err(|_| Unsignable)?.into_parts();
    let (headers, _) = signed.into_parts();
    Ok(headers.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::vault::SecretText;

    /// Computed beside this code with another implementation, which agrees with AWS's `get-vanilla`.
    #[test]
    fn a_known_form_has_its_known_signature() {
        let credentials = SnsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: SecretText::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
            region: "us-east-1",
            sender_id: None,
            origination_number: None,
        };
        let url = Url::parse("https://sns.us-east-1.amazonaws.com/").expect("a URL");
        let body = "Action=Publish&Version=2010-03-31&PhoneNumber=%2B15555550100&Message=Hello";
        // 2024-01-01T00:00:00Z
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200);
        let headers = headers(&credentials, "sns", &url, body, now).expect("signed");
        let find = |name: &str| headers.iter().find(|(known, _)| *known == name).expect(name).1.clone();
        assert_eq!(find("x-amz-date"), "20240101T000000Z");
        let authorization = find("authorization");
        assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-date"), "{authorization}");
        assert!(
            authorization
                .ends_with("Signature=c23555abc30f42226f04f341ccc641ac56d15ae40d9eab5c8aa91b683887012b"),
            "{authorization}"
        );
        assert!(!format!("{headers:?}").contains("bPxRfiCYEXAMPLEKEY"));
    }
}
