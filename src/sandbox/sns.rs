//! The AWS stand-in: SNS and STS at one address, told apart by the action of the form. The signature
//! of every request is really verified (`sns_signature`); answers are XML.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;
use url::form_urlencoded;
use uuid::Uuid;

use crate::domain::ProviderId;

use super::Sandbox;
use super::faults::Fault;
use super::gate::{self, Gate};
use super::sns_signature::{Claim, Verdict};
use super::stand_ins::DemoAccount;
use super::state::{PhoneLogEntry, Shared};

/// An AWS account with one access key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AwsAccount {
    pub name: String,
    /// Twelve digits.
    pub account_id: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    /// Sends to verified numbers only: it takes everything and delivers nothing else.
    pub is_in_sandbox: bool,
    pub verified: Vec<String>,
    /// In US dollars a month.
    pub spend_limit: Option<String>,
    /// Permissions that the key lacks: `sns:Publish`.
    pub denied: Vec<String>,
    /// Numbers that answered STOP.
    pub opted_out: Vec<String>,
    pub is_suspended: bool,
}

/// Name, account id, access key ID and secret access key of the demo accounts.
pub const DEMO_AWS: [[&str; 4]; 2] = [
    ["Sunrise Dental", "000000000001", "AKIADEMODEMODEMODEMA", "DemoDemoDemoDemoDemoDemoDemoDemoDemoAwsA"],
    ["Harbor Clinic", "000000000002", "AKIADEMODEMODEMODEMB", "DemoDemoDemoDemoDemoDemoDemoDemoDemoAwsB"],
];

impl AwsAccount {
    /// An account outside of the sandbox whose key may do everything.
    fn new(name: &str, account_id: &str, access_key_id: &str, secret_access_key: &str) -> Self {
        Self {
            name: name.to_owned(),
            account_id: account_id.to_owned(),
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            is_in_sandbox: false,
            verified: Vec::new(),
            spend_limit: Some("50".to_owned()),
            denied: Vec::new(),
            opted_out: Vec::new(),
            is_suspended: false,
        }
    }
}

impl Sandbox {
    /// Adds an AWS account with a fresh access key.
    pub fn add_aws(&self, name: &str) -> AwsAccount {
        let id = Uuid::new_v4().simple().to_string().to_ascii_uppercase();
        let number = format!("{:012}", Uuid::new_v4().as_u128() % 1_000_000_000_000);
        let secret = format!("{}/{}", Uuid::new_v4().simple(), &id[..7]);
        let account = AwsAccount::new(name, &number, &format!("AKIA{}", &id[..16]), &secret);
        self.shared.change(|world| world.aws.push(account.clone()));
        account
    }

    /// Changes an account; nothing happens where there is none of that access key.
    pub fn change_aws(&self, access_key_id: &str, change: impl FnOnce(&mut AwsAccount)) {
        self.shared
            .change(|world| world.aws.iter_mut().find(|a| a.access_key_id == access_key_id).map(change));
    }
}

/// Adds the demo accounts that are not there yet.
pub(super) fn seed(accounts: &mut Vec<AwsAccount>) {
    for [name, id, key, secret] in DEMO_AWS {
        if !accounts.iter().any(|known| known.access_key_id == key) {
            accounts.push(AwsAccount::new(name, id, key, secret));
        }
    }
}

pub(super) fn demo_fields(_: &Url) -> Vec<(&'static str, String)> {
    let [_, _, key, secret] = DEMO_AWS[0];
    vec![
        ("accessKeyId", key.to_owned()),
        ("secretAccessKey", secret.to_owned()),
        ("region", "eu-central-1".to_owned()),
    ]
}

pub(super) fn demo_accounts() -> Vec<DemoAccount> {
    let account = |[name, id, key, secret]: [&'static str; 4]| DemoAccount {
        name,
        facts: vec![
            ("Account", id.to_owned()),
            ("Access key ID", key.to_owned()),
            ("Secret access key", secret.to_owned()),
            ("Region", "eu-central-1".to_owned()),
        ],
    };
    DEMO_AWS.into_iter().map(account).collect()
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate = Gate { provider: ProviderId::Sns, shared: Arc::clone(&shared), account_name, error: fault };
    Router::new()
        .route("/", post(act))
        .fallback(|| async { error(404, "NotFound", "There is nothing here") })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

/// The namespaces of the two services.
const SNS: &str = "http://sns.amazonaws.com/doc/2010-03-31/";
const STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

fn xml(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, [(CONTENT_TYPE, "text/xml")], body).into_response()
}

fn error(status: u16, code: &str, message: &str) -> Response {
    let kind = if status < 500 { "Sender" } else { "Receiver" };
    xml(
        status,
        format!(
            "<ErrorResponse xmlns=\"{SNS}\">\n  <Error>\n    <Type>{kind}</Type>\n    \
             <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>\n  <RequestId>{}</RequestId>\n</ErrorResponse>\n",
            Uuid::new_v4()
        ),
    )
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => error(403, "AccessDenied", "User is not authorized to perform this action"),
        Fault::Suspended => {
            error(403, "OptInRequired", "The AWS Access Key Id needs a subscription for the service")
        }
        Fault::Expired => error(403, "ExpiredToken", "The security token included in the request is expired"),
        Fault::Throttled => error(429, "Throttled", "Rate exceeded"),
        Fault::ServerError => error(500, "InternalFailure", "We encountered an internal error"),
        Fault::ErrorInside => error(200, "InternalFailure", "We encountered an internal error"),
        _ => error(403, "InvalidClientTokenId", "The security token included in the request is invalid."),
    }
}

/// By the key that a request claims; whether it is its own is told by the answer's status.
fn account_name(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    let claim = Claim::read(headers)?;
    shared.read(|world| {
        let own = world.aws.iter().find(|account| account.access_key_id == claim.access_key_id);
        own.map(|account| account.name.clone())
    })
}

async fn act(
    State(shared): State<Arc<Shared>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let Some(claim) = Claim::read(&headers) else {
        return error(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
    };
    let found =
        shared.read(|world| world.aws.iter().find(|own| own.access_key_id == claim.access_key_id).cloned());
    let Some(account) = found else { return fault(Fault::Unauthorized) };
    let now = OffsetDateTime::now_utc();
    match claim.verify(&account.secret_access_key, uri.path(), &headers, &body, now) {
        Verdict::Good => {}
        Verdict::Forged => {
            let message = "The request signature we calculated does not match the signature you provided.";
            return error(403, "SignatureDoesNotMatch", message);
        }
        Verdict::Expired => {
            return error(403, "SignatureDoesNotMatch", "Signature expired: it is earlier than 15 min. ago");
        }
    }
    if account.is_suspended {
        return fault(Fault::Suspended);
    }
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let field = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
    let (action, version) = (field("Action"), field("Version"));
    let permission = format!("{}:{action}", claim.service);
    if account.denied.contains(&permission) {
        let message = format!("User is not authorized to perform: {permission}");
        return error(403, "AuthorizationError", &message);
    }
    match (claim.service.as_str(), version, action) {
        ("sts", "2011-06-15", "GetCallerIdentity") => answer(
            STS,
            action,
            &format!(
                "<Arn>arn:aws:iam::{id}:user/front-desk</Arn><UserId>AIDADEMO</UserId><Account>{id}</Account>",
                id = account.account_id
            ),
        ),
        ("sns", "2010-03-31", "GetSMSSandboxAccountStatus") => {
            answer(SNS, action, &format!("<IsInSandbox>{}</IsInSandbox>", account.is_in_sandbox))
        }
        ("sns", "2010-03-31", "GetSMSAttributes") => {
            let limit = account.spend_limit.map_or_else(String::new, |limit| {
                format!("<entry><key>MonthlySpendLimit</key><value>{limit}</value></entry>")
            });
            answer(SNS, action, &format!("<attributes>{limit}</attributes>"))
        }
        ("sns", "2010-03-31", "Publish") => publish(&shared, account, &form),
        _ => error(400, "InvalidAction", "The action or operation requested is invalid."),
    }
}

fn answer(namespace: &str, action: &str, result: &str) -> Response {
    let id = Uuid::new_v4();
    xml(
        200,
        format!(
            "<{action}Response xmlns=\"{namespace}\">\n  <{action}Result>{result}</{action}Result>\n  \
             <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\n</{action}Response>\n"
        ),
    )
}

fn publish(shared: &Shared, account: AwsAccount, form: &HashMap<String, String>) -> Response {
    let field = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
    let (to, text) = (field("PhoneNumber"), field("Message"));
    let is_number = to.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if !is_number {
        return error(
            400,
            "InvalidParameter",
            "Invalid parameter: PhoneNumber Reason: +x is not valid to publish to",
        );
    }
    if text.is_empty() || text.chars().count() > 1600 {
        return error(400, "InvalidParameter", "Invalid parameter: Message too long or empty");
    }
    if account.opted_out.iter().any(|number| number == to) {
        return error(400, "OptedOut", "The phone number is opted out");
    }
    let attribute = |name: &str| {
        let at = (1..=9).find(|at| field(&format!("MessageAttributes.entry.{at}.Name")) == name)?;
        form.get(&format!("MessageAttributes.entry.{at}.Value.StringValue")).cloned()
    };
    let sid = Uuid::new_v4().to_string();
    let entry = PhoneLogEntry {
        sid: sid.clone(),
        account_sid: account.account_id,
        account: format!("{} at AWS", account.name),
        from: attribute("AWS.SNS.SMS.SenderID").or(attribute("AWS.MM.SMS.OriginationNumber")),
        messaging_service_sid: None,
        to: to.to_owned(),
        body: text.to_owned(),
        status_callback: None,
        at: OffsetDateTime::now_utc(),
    };
    if !account.is_in_sandbox || account.verified.iter().any(|number| number == to) {
        shared.change(|world| world.texts.push(entry));
    }
    answer(SNS, "Publish", &format!("<MessageId>{sid}</MessageId>"))
}
