//! Whom the reports are about: assistants with their signing secrets, and the requests made of them.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    io::Write as _,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::client::Target;

/// One assistant. The key schedule of its secret is kept, as a server would keep it.
struct Tenant {
    assistant_id: String,
    key: Hmac<Sha256>,
}

pub struct Tenants {
    all: Vec<Tenant>,
    /// Tells the call ids of this run from those of every other.
    run: u64,
    /// Makes every body about as long as a real report.
    transcript: String,
}

const TYPICAL_LENGTH: usize = 1500;

impl Tenants {
    /// Reads one JSON object a line with the members `assistantId` and `secret`.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut all = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let member =
                |name| string_member(line, name).with_context(|| format!("line {}: no {name}", index + 1));
            let key = Hmac::new_from_slice(member("secret")?.as_bytes())?;
            all.push(Tenant { assistant_id: member("assistantId")?.to_owned(), key });
        }
        ensure!(!all.is_empty(), "there is no tenant");
        let spoken = "AI: Good morning, how can I help you? User: I would like an appointment. ";
        let transcript = spoken.repeat(TYPICAL_LENGTH / spoken.len() - 6);
        Ok(Self { all, run: RandomState::new().hash_one(std::process::id()), transcript })
    }

    /// Writes request `number`, head and body; no two numbers and no two runs give the same call.
    pub fn write_request(&self, target: &Target, number: u64, forged: bool, into: &mut Vec<u8>) {
        let tenant = &self.all[number as usize % self.all.len()];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let body = self.body(&tenant.assistant_id, number, now.as_millis());
        let seconds = now.as_secs();
        let mut mac = tenant.key.clone();
        mac.update(seconds.to_string().as_bytes());
        mac.update(b".");
        mac.update(body.as_bytes());
        let mut signature = mac.finalize().into_bytes();
        if forged {
            signature[0] ^= 1;
        }
        into.clear();
        // Writing to memory cannot fail.
        let _ = write!(
            into,
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             x-vapi-timestamp: {seconds}\r\nx-vapi-signature: {}\r\n\r\n{body}",
            target.path,
            target.host,
            body.len(),
            hex::encode(signature),
        );
    }

    fn body(&self, assistant_id: &str, number: u64, now: u128) -> String {
        // The shape of a version 4 UUID, filled from the run and the number.
        let (run, low) = (self.run, number & 0xffff_ffff_ffff);
        let call = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{low:012x}",
            run >> 32,
            run >> 16 & 0xffff,
            run >> 4 & 0xfff,
            number >> 48 & 0xfff
        );
        format!(
            "{{\"message\":{{\"type\":\"end-of-call-report\",\"timestamp\":{now},\
             \"call\":{{\"id\":\"{call}\",\"assistantId\":\"{assistant_id}\",\"type\":\"inboundPhoneCall\",\
             \"customer\":{{\"number\":\"+14155550100\"}}}},\"endedReason\":\"customer-ended-call\",\
             \"analysis\":{{\"summary\":\"The caller asked for an appointment and was given one.\"}},\
             \"artifact\":{{\"transcript\":\"{}\"}}}}}}",
            self.transcript
        )
    }
}

/// The value of a string member. Enough for the ids and secrets of a file that we write ourselves: an
/// escape in a value is refused rather than misread.
fn string_member<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let after = line.split_once(&format!("\"{name}\""))?.1.trim_start().strip_prefix(':')?.trim_start();
    let value = after.strip_prefix('"')?.split_once('"')?.0;
    (!value.contains('\\')).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: u64, forged: bool) -> String {
        let tenants = Tenants::parse(r#"{"assistantId": "a-1", "secret": "s3cret"}"#).unwrap();
        let target = Target::parse("http://127.0.0.1:1/api/webhooks/vapi").unwrap();
        let mut bytes = Vec::new();
        tenants.write_request(&target, number, forged, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    fn header<'a>(request: &'a str, name: &str) -> &'a str {
        request.split_once(&format!("{name}: ")).unwrap().1.split_once("\r\n").unwrap().0
    }

    fn verifies(request: &str) -> bool {
        let body = request.split_once("\r\n\r\n").unwrap().1;
        let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
        mac.update(format!("{}.{body}", header(request, "x-vapi-timestamp")).as_bytes());
        mac.verify_slice(&hex::decode(header(request, "x-vapi-signature")).unwrap()).is_ok()
    }

    #[test]
    fn the_signature_covers_timestamp_and_body() {
        assert!(verifies(&request(7, false)));
        assert!(!verifies(&request(7, true)));
    }

    #[test]
    fn a_body_is_about_as_long_as_a_real_report_and_says_so() {
        let request = request(1, false);
        let body = request.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(header(&request, "content-length"), body.len().to_string());
        assert!((1300..1700).contains(&body.len()), "{}", body.len());
    }

    #[test]
    fn every_request_is_another_call() {
        let call = |text: &str| text.split_once("\"id\":\"").unwrap().1[..36].to_owned();
        let ids = [call(&request(1, false)), call(&request(2, false)), call(&request(1, false))];
        assert!(ids[0] != ids[1] && ids[0] != ids[2], "{ids:?}");
    }

    #[test]
    fn a_line_without_a_secret_is_named() {
        let error = Tenants::parse("\n{\"assistantId\":\"a\"}\n").err().unwrap();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(Tenants::parse("").is_err());
    }
}
