//! What is read of Stripe's answers: only the few members that are needed.

use serde::Deserialize;

/// The account of a key.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    pub id: String,
    #[serde(default)]
    pub charges_enabled: bool,
    #[serde(default)]
    pub business_profile: Option<BusinessProfile>,
    #[serde(default)]
    pub settings: Option<Settings>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct BusinessProfile {
    pub name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Settings {
    #[serde(default)]
    pub dashboard: Option<Dashboard>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Dashboard {
    pub display_name: Option<String>,
}

impl Account {
    /// The name as the dashboard shows it, else that of the business.
    pub fn name(&self) -> Option<String> {
        let shown =
            self.settings.as_ref().and_then(|settings| settings.dashboard.as_ref()?.display_name.clone());
        let own = || self.business_profile.as_ref().and_then(|profile| profile.name.clone());
        shown.filter(|name| !name.is_empty()).or_else(own)
    }
}

/// What is in the account.
#[derive(Clone, Debug, Deserialize)]
pub struct Balance {
    pub available: Vec<Amount>,
}

/// An amount in the smallest unit of its currency.
#[derive(Clone, Debug, Deserialize)]
pub struct Amount {
    pub amount: i64,
    pub currency: String,
}

/// Currencies whose smallest unit is the whole one: <https://docs.stripe.com/currencies>.
const WHOLE: [&str; 16] = [
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
    "XPF",
];
/// Currencies with three decimal places.
const THIRDS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

impl Amount {
    /// "USD 1,234.50".
    pub fn text(&self) -> String {
        let currency = super::super::answer::quote(&self.currency).to_ascii_uppercase();
        let places: u32 = match currency.as_str() {
            code if WHOLE.contains(&code) => 0,
            code if THIRDS.contains(&code) => 3,
            _ => 2,
        };
        let unit = 10_i64.pow(places);
        let sign = if self.amount < 0 { "-" } else { "" };
        let whole = super::super::report::grouped((self.amount / unit).saturating_abs());
        if places == 0 {
            return format!("{currency} {sign}{whole}");
        }
        let rest = (self.amount % unit).abs();
        format!("{currency} {sign}{whole}.{rest:0width$}", width = places as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_places_of_their_currency() {
        let text = |amount, currency: &str| Amount { amount, currency: currency.to_owned() }.text();
        assert_eq!(text(123_450, "usd"), "USD 1,234.50");
        assert_eq!(text(-5, "eur"), "EUR -0.05");
        assert_eq!(text(500, "jpy"), "JPY 500");
        assert_eq!(text(1_005, "kwd"), "KWD 1.005");
    }
}
