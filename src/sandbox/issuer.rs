//! The stand-in of an identity provider: its published keys, one of each family, and what signs for them.
//!
//! The Ed25519 pair is the example of RFC 8037, appendix A, that of P-256 the example of RFC 7515,
//! appendix A.3, which nobody can mistake for real ones. The RSA pair was made for this file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const KEY_ID: &str = "demo";
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// PKCS #8 (RFC 8410) around the private half.
const PRIVATE: &str =
    "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

const P256_KEY_ID: &str = "demo-p256";
const P256_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const P256_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
/// PKCS #8 around both halves.
const P256_PRIVATE: &str = "\
    308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b02010104208e9b109e719098bf980487df\
    1f5d77e9cb29606ebed2263b5f57c213df84f4b2a144034200047fcdce2770f6c45d4183cbee6fdb4b7b580733357be9\
    ef13bacf6e3c7bd15445c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad\
    ";

const RSA_KEY_ID: &str = "demo-rsa";
/// The modulus of 2048 bits.
const RSA_N: &str = "\
    nLkYdHL4KUdvdDfLZV4z8NBTyxIAPxxEQyEeXyYaBvtcoR8wMQVI6rooPx_Yx9XFW8PlwljACoywDKrDYdjCrnEpKIuGbZWG\
    tb1uKgScvIxEeTmbD5FG_mbSeJjGWBK8Qsql2b7_LQQcKbPZR0rLTmWY6lFEPyU2fe5LPKxc4SjTyUM7aNodVDzkMGM7RN7i\
    M5VsmKoyub8BckRBvx6SdKID0sWH1qN15aQDM-\
    _6BSwu0wIC74M969gxbxlHt3O2V64HuhJl4M6NBuGJQWJMIWlx3CO5VaHwP3Jeh_XtfcAeeM4h-ok-\
    Km1mKrW4x6ZB_VV8N_W0TjfqtA0T2X-RpQ\
    ";
/// PKCS #1 in Base64.
const RSA_PRIVATE: &str = "\
    MIIEoAIBAAKCAQEAnLkYdHL4KUdvdDfLZV4z8NBTyxIAPxxEQyEeXyYaBvtcoR8wMQVI6rooPx/Yx9XFW8PlwljACoywDKrD\
    YdjCrnEpKIuGbZWGtb1uKgScvIxEeTmbD5FG/mbSeJjGWBK8Qsql2b7/LQQcKbPZR0rLTmWY6lFEPyU2fe5LPKxc4SjTyUM7\
    aNodVDzkMGM7RN7iM5VsmKoyub8BckRBvx6SdKID0sWH1qN15aQDM+/6BSwu0wIC74M969gxbxlHt3O2V64HuhJl4M6NBuGJ\
    QWJMIWlx3CO5VaHwP3Jeh/XtfcAeeM4h+ok+Km1mKrW4x6ZB/VV8N/W0TjfqtA0T2X+RpQIDAQABAoH/AXghKPZRXUTnxpWM\
    H2cpFX9E429HxILluogujYKau9xsNRZ8Kfl8Tx1vqY48egmHA1U5OJk2AHzqwzOjbhQzvwiDwKpa/qwByn8vVgJOqQ90Ya6O\
    +MmXE/6vlAt0NvjCyxC047wZ24VhiwKLBuzfx9xfLDmW0JpVggvtDwr1BydXEyOJCcTv9L6iSO1CGisfWCpXd97p9aWRl2R+\
    eY/79DA+qYO7ov41tGheb1KIPI2l9tRSo26QBJa/8QXEuOq6ffhnIISWTAxo450dzO7gnchaLvW9a1u913t5hE0MV/xQqiZs\
    jBQZUlrTj7PAp4hABxW92Q+k8XzTbB1IlnYBAoGBAM3Tp7zMAOKV7zOLyUiZ4kdr/iz3szqzRH3J4HNlXVDuOqr6dfVhs/gj\
    B0w2R9x6Wwh5qBh82A05lDjfb0QLUJ0J1/SLgDF1bKj4lfEkhQ0b1kP2r6ODHn7EJ2WIap/3PEIxJXq6VoAXEOsQQaKjzbZJ\
    FSaU222nzL8tVIlYJ5WFAoGBAMLtL8ERsS1gOW1+IAToJKQTjhFfo4ogAipB2rHTuvUep34cpWz81TNWFN0elkyXCBnREKM3\
    gGtiHL/9SPQ4Xa2t9p4hsLLSQSq2davs6kRp1obZfEKyskbOE+PCJF4YPZbrXzI1Qyi4TK63Z/AazWVQg5zNexuDA8p3wpTx\
    7jWhAoGAAw8YORgXE0cDLRLwxOF0mXcjaeusgDzV0cDEUzK4dlF0EcJzKlhvYkqy+xD7dG1lGPUl6GdClr+6UjYP40T/x7Wz\
    vfCs0Q9btA8tu029pHo7bvsllRqHw36Kz1l9rC7yeFFeqzpFutWc7MFrGE2y6vifFdm0gSazRkwYK4ph3DkCgYAf3FTp4dJr\
    8EZytyLUqn0StH+MJ227re+sqIbuegUc+52050nCvrC6a1+NpOo8KpOQZLOree7rnmXEm8nI4U2ujbi5sBgJooQ0Tw58w4Sn\
    GgWOlQ3SeRLar+RgXeND3gJzIJW2xy3rAfTGugOrIzZfUQGyJ4Pvw0JjXZ/YaJLfAQKBgBxRPq2UnicweiXMaOZQyQe5s51B\
    EhPk9GVr8qfJN1GIL0M4fGCiXfDKjSlYhZiSYKhuZsLoW0/+Q7WYI4f9ydz+H2gGjk6ikmaS1qUl2jYgt39yqN3aQFG1Jf+J\
    wpeW4k1ixwCb7jF574h457Tzg3UEE59Cp0F8YV01nmb0UKP0\
    ";

/// Id and private key (PKCS #8) of what `/jwks` on the shared port publishes.
pub fn demo_issuer_key() -> (&'static str, Vec<u8>) {
    (KEY_ID, hex::decode(PRIVATE).unwrap_or_default())
}

/// The same of its key on the curve P-256.
pub fn demo_issuer_p256_key() -> (&'static str, Vec<u8>) {
    (P256_KEY_ID, hex::decode(P256_PRIVATE).unwrap_or_default())
}

/// The same of its RSA key (PKCS #1).
pub fn demo_issuer_rsa_key() -> (&'static str, Vec<u8>) {
    (RSA_KEY_ID, STANDARD.decode(RSA_PRIVATE).unwrap_or_default())
}

pub(super) fn router(asked: Arc<AtomicU64>) -> Router {
    Router::new().route("/jwks", get(show)).with_state(asked)
}

async fn show(State(asked): State<Arc<AtomicU64>>) -> Json<Value> {
    asked.fetch_add(1, Ordering::Relaxed);
    Json(json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": KEY_ID, "x": PUBLIC },
        { "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": P256_KEY_ID, "x": P256_X, "y": P256_Y },
        { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": RSA_KEY_ID, "n": RSA_N, "e": "AQAB" },
    ] }))
}
