//! Scopes of programs: which part of the interface a key or a token reaches.
//!
//! A scope is a noun of the interface and `read` or `write`: `integrations:read`. `write` includes
//! `read`; the words alone (`read`, `write`) stand for every noun. No scopes at all means: whatever
//! the role may.

/// The nouns: what follows `/api/` in the addresses of the interface.
pub const NOUNS: &[&str] = &[
    "agents",
    "alerts",
    "analytics",
    "api-keys",
    "appointments",
    "audit",
    "calls",
    "credentials",
    "deliveries",
    "endpoints",
    "events",
    "integrations",
    "live",
    "messages",
    "notes",
    "phone-numbers",
    "schedule",
    "sms",
    "voices",
];

/// What one request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    noun: String,
    writes: bool,
}

impl Needed {
    /// Of a request by its path. Outside of the interface the noun is one that no scope names.
    pub fn by(path: &str, writes: bool) -> Self {
        let mut parts = path.trim_start_matches('/').split('/');
        let noun = match (parts.next(), parts.next(), parts.next()) {
            (Some("api"), Some("organization"), Some(noun)) | (Some("api"), Some(noun), _) => noun,
            _ => "dashboard",
        };
        Self { noun: noun.to_owned(), writes }
    }

    /// The scope that would do, as a person writes it.
    pub fn name(&self) -> String {
        format!("{}:{}", self.noun, if self.writes { "write" } else { "read" })
    }

    /// Whether one of the scopes allows it.
    pub fn is_within<'a>(&self, scopes: impl IntoIterator<Item = &'a str>) -> bool {
        let is_known = NOUNS.contains(&self.noun.as_str());
        scopes.into_iter().any(|scope| {
            let (noun, right) = scope.split_once(':').unwrap_or(("", scope));
            let is_right = right == "write" || (right == "read" && !self.writes);
            is_right && is_known && (noun.is_empty() || noun == self.noun)
        })
    }
}

/// Whether a text is a scope that some request could need.
pub fn is_scope(text: &str) -> bool {
    match text.split_once(':') {
        Some((noun, right)) => NOUNS.contains(&noun) && matches!(right, "read" | "write"),
        None => matches!(text, "read" | "write"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_opens_its_own_noun_and_write_includes_read() {
        let read = Needed::by("/api/integrations/status", false);
        let write = Needed::by("/api/integrations/vapi", true);
        assert_eq!((read.name(), write.name()), ("integrations:read".into(), "integrations:write".into()));
        assert!(read.is_within(["integrations:read"]) && read.is_within(["integrations:write"]));
        assert!(write.is_within(["integrations:write"]) && !write.is_within(["integrations:read"]));
        assert!(write.is_within(["write"]) && !write.is_within(["read"]) && read.is_within(["read"]));
        assert!(!read.is_within(["agents:write"]) && !read.is_within([]));
        assert_eq!(Needed::by("/api/organization/credentials/x", true).name(), "credentials:write");
    }

    #[test]
    fn no_scope_reaches_pages() {
        for scopes in [["read"], ["write"], ["dashboard:write"]] {
            assert!(!Needed::by("/dashboard/integrations", false).is_within(scopes));
        }
    }

    #[test]
    fn only_scopes_that_mean_something_are_scopes() {
        assert!(is_scope("write") && is_scope("sms:write") && is_scope("audit:read"));
        for wrong in ["", "sms", "sms:", ":read", "sms:own", "patients:read", "SMS:read", "dashboard:read"] {
            assert!(!is_scope(wrong), "{wrong}");
        }
    }
}
