//! Checks that refuse an unsafe start, and warnings that do not.
//!
//! `serve` runs them before the port opens; `voxanne doctor` prints them.

use crate::db::PgPool;
use crate::db::catalogue::catalogue_findings;
use crate::db::catalogue::login::{Login, find_login};

/// What the checks found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Each of these stops the start.
    pub faults: Vec<String>,
    /// Worth knowing, and no reason to stop.
    pub warnings: Vec<String>,
}

/// Environment variables that hold a provider's master key in older set-ups. Here each clinic
/// brings its own, and these are never read.
const MASTER_KEYS: &[&str] = &[
    "VAPI_API_KEY",
    "VAPI_PRIVATE_KEY",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "RESEND_API_KEY",
    "ELEVENLABS_API_KEY",
    "WHATSAPP_TOKEN",
    "VONAGE_API_SECRET",
    "AWS_SECRET_ACCESS_KEY",
];

/// Looks at the database as the server's own login sees it, and at the environment.
pub async fn examine(pool: &PgPool) -> Result<Findings, sqlx::Error> {
    let mut findings = Findings { faults: login_faults(pool).await?, warnings: environment_warnings() };
    findings.faults.extend(catalogue_findings(pool).await?);
    Ok(findings)
}

async fn login_faults(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    Ok(judge(&find_login(pool).await?))
}

fn judge(login: &Login) -> Vec<String> {
    let Login { version, name, is_superuser, bypasses, owns_tables } = login;
    let mut faults = Vec::new();
    if *version < 150_000 {
        faults.push(format!("PostgreSQL {} is too old: version 15 or newer is needed.", version / 10_000));
    }
    if *is_superuser {
        faults.push(format!(
            "The login {name} is a superuser, so row-level security would not hold. Log in as voxanne_app."
        ));
    }
    if *bypasses {
        faults.push(format!("The login {name} bypasses row-level security. Log in as voxanne_app."));
    }
    if *owns_tables {
        faults.push(format!(
            "The login {name} owns tables. Log in as voxanne_app; the owner is for migrations only."
        ));
    }
    faults
}

fn environment_warnings() -> Vec<String> {
    MASTER_KEYS
        .iter()
        .filter(|name| std::env::var_os(name).is_some())
        .map(|name| {
            format!(
                "{name} is set in the environment. It is not read here: each clinic connects its own account."
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_a_login_has_its_sentence() {
        let good = || Login {
            version: 150_000,
            name: "voxanne_app".to_owned(),
            is_superuser: false,
            bypasses: false,
            owns_tables: false,
        };
        assert_eq!(judge(&good()), Vec::<String>::new());
        for (login, says) in [
            (Login { version: 140_018, ..good() }, "PostgreSQL 14 is too old"),
            (Login { version: 90_624, ..good() }, "PostgreSQL 9 is too old"),
            (Login { bypasses: true, ..good() }, "voxanne_app bypasses row-level security"),
            (Login { is_superuser: true, ..good() }, "is a superuser"),
            (Login { owns_tables: true, ..good() }, "owns tables"),
        ] {
            let faults = judge(&login);
            assert!(faults.len() == 1 && faults[0].contains(says), "{faults:?}");
        }
    }
}
