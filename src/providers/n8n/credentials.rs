//! What a clinic brings for n8n: an address and, where it wants to, an API key.

use url::Url;

use crate::domain::ProviderId;
use crate::vault::{Credential, SecretFields, SecretText, VaultError};

use super::super::check::filled;

/// First segments of n8n's own pages and interfaces: what people copy from the address line.
const PAGES: [&str; 12] = [
    "home",
    "workflow",
    "workflows",
    "projects",
    "settings",
    "signin",
    "setup",
    "executions",
    "credentials",
    "webhook",
    "webhook-test",
    "api",
];

/// An n8n instance of a clinic.
#[derive(Clone, Debug)]
pub struct N8nCredentials {
    /// Without n8n's own pages behind it.
    pub base: Url,
    pub api_key: Option<SecretText>,
}

impl N8nCredentials {
    /// What pins a card to this instance.
    pub fn identity(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }
}

/// The address of an instance, without the page that was open in it. None for what is no address of
/// a server, or carries a user name, a query or a fragment.
pub(super) fn base_of(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if !is_plain || !url.has_host() || !matches!(url.scheme(), "https" | "http") {
        return None;
    }
    let kept: Vec<String> = url
        .path_segments()?
        .take_while(|segment| !PAGES.contains(segment))
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
        .collect();
    let is_page = url.path_segments()?.any(|segment| PAGES.contains(&segment));
    if !is_page && (url.query().is_some() || url.fragment().is_some()) {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    url.set_path(&kept.join("/"));
    Some(url)
}

impl Credential for N8nCredentials {
    const PROVIDER: ProviderId = ProviderId::N8n;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        let field = "baseUrl";
        let text =
            filled(fields, field).ok_or(VaultError::MissingField { provider: Self::PROVIDER, field })?;
        let base = base_of(text).ok_or(VaultError::InvalidField { provider: Self::PROVIDER, field })?;
        let api_key = fields.find("apiKey").filter(|key| !key.expose().is_empty()).cloned();
        Ok(Self { base, api_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_that_was_open_is_cut_off() {
        for (typed, base) in [
            ("https://clinic.app.n8n.cloud", "https://clinic.app.n8n.cloud/"),
            ("https://clinic.app.n8n.cloud/workflows?x=1", "https://clinic.app.n8n.cloud/"),
            ("https://tools.clinic.example/n8n/workflow/12#a", "https://tools.clinic.example/n8n"),
            ("https://tools.clinic.example/n8n/", "https://tools.clinic.example/n8n"),
            ("http://10.0.0.7:5678/api/v1", "http://10.0.0.7:5678/"),
        ] {
            assert_eq!(base_of(typed).as_ref().map(Url::as_str), Some(base), "{typed}");
        }
        for wrong in [
            "clinic",
            "https://user:word@clinic.example",
            "https://a.example/?x",
            "https://a.example/#x",
            "file:///etc",
        ] {
            assert_eq!(base_of(wrong), None, "{wrong}");
        }
    }
}
