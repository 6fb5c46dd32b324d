//! What a token must be, one broken rule at a time.

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;
const ORG: &str = "01890000-0000-7000-8000-000000000001";
const SECRET: &[u8] = b"a shared secret of thirty-two bytes";

fn issuer() -> Issuer {
    Issuer {
        id: Uuid::nil(),
        issuer: "https://id.example".to_owned(),
        audience: "voxanne".to_owned(),
        key: IssuerKey::Secret(SecretBytes::new(SECRET.to_vec())),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example", "aud": "voxanne", "sub": "booking", "org_id": ORG, "role": "admin",
        "exp": NOW + 300, "scope": "integrations:read",
    })
}

fn sign(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

fn with(name: &str, value: Value) -> Result<Bearer, TokenError> {
    let mut claims = claims();
    claims[name] = value;
    verify(&sign(&claims), &issuer(), NOW)
}

fn without(name: &str) -> Result<Bearer, TokenError> {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    verify(&sign(&claims), &issuer(), NOW)
}

/// A token with any header, unsigned.
fn bare(header: &Value) -> String {
    use base64::Engine as _;
    let part = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(header), part(&claims()))
}

#[test]
fn a_token_of_its_issuer_is_believed() {
    let bearer = verify(&sign(&claims()), &issuer(), NOW).unwrap();
    assert_eq!((bearer.org.to_string().as_str(), bearer.role), (ORG, Role::Admin));
    assert_eq!((bearer.subject.as_str(), bearer.scopes.as_deref()), ("booking", Some("integrations:read")));
    assert_eq!(without("role").unwrap().role, Role::Member);
    assert_eq!(with("role", json!("superuser")).unwrap().role, Role::Member);
}

#[test]
fn each_broken_rule_has_its_own_answer() {
    assert_eq!(without("exp"), Err(TokenError::NoExpiry));
    assert_eq!(with("exp", json!(NOW - 31)), Err(TokenError::Expired));
    assert!(with("exp", json!(NOW - 29)).is_ok());
    assert_eq!(with("nbf", json!(NOW + 31)), Err(TokenError::TooEarly));
    assert_eq!(with("aud", json!("another")), Err(TokenError::OtherAudience));
    assert_eq!(without("aud"), Err(TokenError::OtherAudience));
    assert_eq!(with("iss", json!("https://evil.example")), Err(TokenError::UnknownIssuer));
    assert_eq!(without("org_id"), Err(TokenError::NoOrganization));
    assert_eq!(with("org_id", json!("Sunrise Dental")), Err(TokenError::NoOrganization));
    let other =
        encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(b"other")).unwrap();
    assert_eq!(verify(&other, &issuer(), NOW), Err(TokenError::BadSignature));
    let stronger =
        encode(&Header::new(Algorithm::HS512), &claims(), &EncodingKey::from_secret(SECRET)).unwrap();
    assert_eq!(verify(&stronger, &issuer(), NOW), Err(TokenError::BadSignature));
}

#[test]
fn an_unsigned_token_is_refused_however_it_is_spelled() {
    for alg in ["none", "None", "NONE", "nOnE"] {
        assert_eq!(verify(&bare(&json!({ "alg": alg })), &issuer(), NOW), Err(TokenError::Unsigned), "{alg}");
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let keys: JwkSet = serde_json::from_value(json!({ "keys": [
        { "kty": "oct", "kid": "1", "k": "YSBzaGFyZWQgc2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXM" }
    ] }))
    .unwrap();
    let issuer = Issuer { key: IssuerKey::Published(Arc::new(keys)), ..issuer() };
    assert_eq!(verify(&sign(&claims()), &issuer, NOW), Err(TokenError::BadSignature));
}

#[test]
fn a_published_key_verifies_in_its_own_algorithm() {
    // RFC 8037, appendix A: the key of the Ed25519 example.
    let keys: JwkSet = serde_json::from_value(json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }
    ] }))
    .unwrap();
    assert!(has_key(&keys, Some("ed")) && !has_key(&keys, Some("other")) && has_key(&keys, None));
    let issuer = Issuer { key: IssuerKey::Published(Arc::new(keys)), ..issuer() };
    // PKCS #8 of the same example's private key.
    let mut pkcs8 = hex::decode("302e020100300506032b657004220420").unwrap();
    pkcs8.extend(hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap());
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("ed".to_owned());
    let token = encode(&header, &claims(), &EncodingKey::from_ed_der(&pkcs8)).unwrap();
    assert_eq!(verify(&token, &issuer, NOW).map(|bearer| bearer.subject), Ok("booking".to_owned()));
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("ed".to_owned());
    let confused =
        encode(&header, &claims(), &EncodingKey::from_secret(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    assert_eq!(verify(&confused.unwrap(), &issuer, NOW), Err(TokenError::BadSignature));
}

#[test]
fn hostile_texts_are_malformed_and_never_panic() {
    for text in ["", ".", "..", "...", "a.b.c", "e30.e30.", "eyJhbGciOiJIUzI1NiJ9.W10.x", &"a".repeat(9000)] {
        assert_eq!(verify(text, &issuer(), NOW).unwrap_err(), TokenError::Malformed, "{text:.20}");
    }
}
