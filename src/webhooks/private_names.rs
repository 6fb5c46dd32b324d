//! Which members of a message must not be kept, by their names: secrets always, and what was said unless the
//! clinic's owner wants it kept.

/// Members that hold secrets, at any depth, by their name without capitals and separators: these, and what ends
/// like the second list. `authentication` is a SIP trunk's, with its password.
const SECRETS: [&str; 8] = [
    "token",
    "headers",
    "authentication",
    "authenticationplan",
    "authorization",
    "cookie",
    "idtoken",
    "accesskeyid",
];
const SECRET_ENDS: [&str; 15] = [
    "secret",
    "password",
    "passphrase",
    "passwd",
    "credentials",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "bearertoken",
    "sessiontoken",
    "apikey",
    "secretkey",
    "privatekey",
    "accesskey",
    "signingkey",
];
/// The last two letters of each of them.
const ENDS: [[u8; 2]; SECRETS.len() + SECRET_ENDS.len()] = {
    let mut ends = [[0; 2]; SECRETS.len() + SECRET_ENDS.len()];
    let mut at = 0;
    while at < ends.len() {
        let name = if at < SECRETS.len() { SECRETS[at] } else { SECRET_ENDS[at - SECRETS.len()] }.as_bytes();
        ends[at] = [name[name.len() - 2], name[name.len() - 1]];
        at += 1;
    }
    ends
};
/// The longest name that is looked at; none of a provider's is longer.
const MOST_NAME: usize = 64;

pub fn is_secret(key: &str) -> bool {
    // Two letters at the end rule nearly all names out; separators may stand around them.
    let mut ends = key.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    let (Some(last), Some(before)) = (ends.next(), ends.next()) else { return false };
    if !ENDS.contains(&[before, last]) {
        return false;
    }
    // On the stack: every member of every message is asked.
    let mut name = [0_u8; MOST_NAME];
    let mut length = 0;
    for byte in key.bytes().filter(u8::is_ascii_alphanumeric) {
        if length == MOST_NAME {
            return false;
        }
        name[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let name = &name[..length];
    SECRETS.iter().any(|secret| name == secret.as_bytes())
        || SECRET_ENDS.iter().any(|end| name.ends_with(end.as_bytes()))
}

/// Members that hold what was said, or lead to it.
pub fn is_conversation(key: &str) -> bool {
    matches!(
        key,
        "transcript"
            | "messages"
            | "messagesOpenAIFormatted"
            | "originalTranscript"
            | "recordingUrl"
            | "stereoRecordingUrl"
            | "videoRecordingUrl"
            | "recording"
            | "logUrl"
            | "pcapUrl"
            | "presignedMonoUrl"
            | "presignedStereoUrl"
            | "presignedVideoUrl"
            | "presignedAssistantUrl"
            | "presignedCustomerUrl"
            | "presignedPcapUrl"
            | "presignedLogUrl"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_secret_is_known_by_itself() {
        for name in SECRETS.iter().chain(&SECRET_ENDS) {
            assert!(is_secret(name) && is_secret(&format!("{}_", name.to_uppercase())), "{name}");
        }
        assert!(!is_secret("") && !is_secret("n") && !is_secret("_-"));
    }

    #[test]
    fn secrets_are_known_however_they_are_spelled() {
        for key in [
            "twilioAuthToken",
            "twilioApiKey",
            "twilioApiSecret",
            "serverUrlSecret",
            "secret",
            "secretKey",
            "authToken",
            "apiKey",
            "apiSecret",
            "credentials",
            "token",
            "headers",
            "authenticationPlan",
            "password",
            "authentication",
            "accessToken",
            "privateKey",
            "refreshToken",
            "clientSecret",
            "client_secret",
            "API-KEY",
            "Authorization",
            "sipPassword",
            "secretAccessKey",
            "PRIVATE_KEY",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in [
            "id",
            "name",
            "customer",
            "number",
            "promptTokens",
            "tokens",
            "keypad",
            "assistantId",
            "summary",
            "call",
        ] {
            assert!(!is_secret(key), "{key}");
        }
    }
}
