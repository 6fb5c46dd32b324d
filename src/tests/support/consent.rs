//! A person on Google's consent page: opens it, picks an account, unticks boxes, goes on or cancels.

use scraper::{Html, Selector};
use url::Url;

use super::app::{Answer, Browser, Clinic, TestApp};

/// The form of the consent page, as it was drawn.
pub struct ConsentPage {
    browser: Browser,
    path: String,
    /// Hidden fields and ticked boxes, in order.
    fields: Vec<(String, String)>,
    /// Identifier and address.
    accounts: Vec<(String, String)>,
}

/// Presses "Connect with Google" on the calendar's card and gives the address of the consent page.
pub async fn begin(browser: &Browser, clinic: &Clinic) -> String {
    begin_at(browser, clinic, "google_calendar").await
}

/// The same on another card of Google's.
pub async fn begin_at(browser: &Browser, clinic: &Clinic, card: &str) -> String {
    let org = clinic.org.to_string();
    let form = [("org", org.as_str()), ("intent", "sign_in")];
    let answer = browser.post(&format!("/dashboard/integrations/{card}/connect"), &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.location().to_owned()
}

/// Opens the consent page.
pub async fn open(address: &str) -> ConsentPage {
    let url = Url::parse(address).unwrap();
    let browser = Browser::to(&url.origin().ascii_serialization());
    let page = browser.get(&format!("{}?{}", url.path(), url.query().unwrap_or_default())).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let document = Html::parse_document(&page.body);
    let inputs = |kind: &str| {
        let found = Selector::parse(&format!("input[type={kind}]")).unwrap();
        let pair = |input: scraper::ElementRef<'_>| {
            let label = input.parent().and_then(scraper::ElementRef::wrap);
            let text = label.map(|label| label.text().collect::<String>().trim().to_owned());
            let attribute = |name: &str| input.attr(name).unwrap_or_default().to_owned();
            (attribute("name"), attribute("value"), text.unwrap_or_default())
        };
        document.select(&found).map(pair).collect::<Vec<_>>()
    };
    let mut fields: Vec<(String, String)> =
        inputs("hidden").into_iter().map(|(name, value, _)| (name, value)).collect();
    fields.extend(inputs("checkbox").into_iter().map(|(name, value, _)| (name, value)));
    let accounts = inputs("radio").into_iter().map(|(_, value, text)| (value, text)).collect();
    ConsentPage { browser, path: url.path().to_owned(), fields, accounts }
}

impl ConsentPage {
    /// The boxes that are there.
    pub fn boxes(&self) -> Vec<&str> {
        self.fields.iter().filter(|(name, _)| name == "allow").map(|(_, value)| value.as_str()).collect()
    }

    /// What the product has asked for under that name.
    pub fn asked(&self, name: &str) -> &str {
        self.fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    }

    /// Asks for something else, as somebody would who writes the address anew.
    pub fn ask(&mut self, name: &str, value: &str) {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    /// Goes on as that account, without the boxes that end with one of these words. Gives the path and
    /// query that Google sends the browser back to.
    pub async fn allow(&self, email: &str, unticked: &[&str]) -> String {
        let account = self.accounts.iter().find(|(_, known)| known == email);
        let (id, _) = account.unwrap_or_else(|| panic!("{email} is not offered: {:?}", self.accounts));
        let is_unticked = |(name, value): &&(String, String)| {
            name == "allow" && unticked.iter().any(|word| value.ends_with(word))
        };
        let mut form: Vec<(&str, &str)> = self
            .fields
            .iter()
            .filter(|pair| !is_unticked(pair))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        form.extend([("account", id.as_str()), ("decision", "allow")]);
        self.send(&form).await
    }

    /// Presses "Cancel".
    pub async fn cancel(&self) -> String {
        let mut form: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        form.push(("decision", "cancel"));
        self.send(&form).await
    }

    async fn send(&self, form: &[(&str, &str)]) -> String {
        let answer = self.browser.post(&self.path, form).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let back = Url::parse(answer.location()).unwrap();
        format!("{}?{}", back.path(), back.query().unwrap_or_default())
    }
}

/// The whole way, up to the page that the browser lands on.
pub async fn consent(browser: &Browser, clinic: &Clinic, email: &str, unticked: &[&str]) -> Answer {
    consent_at(browser, clinic, "google_calendar", email, unticked).await
}

/// The same on another card of Google's.
pub async fn consent_at(
    browser: &Browser,
    clinic: &Clinic,
    card: &str,
    email: &str,
    unticked: &[&str],
) -> Answer {
    let page = open(&begin_at(browser, clinic, card).await).await;
    let back = page.allow(email, unticked).await;
    let answer = browser.get(&back).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    browser.get(answer.location()).await
}

impl TestApp {
    /// A clinic with Google Calendar connected: its owner's browser and the id of the Google account.
    pub async fn google_clinic(&self, name: &str) -> (Clinic, Browser, String) {
        let clinic = self.clinic(name).await;
        let owner = self.sign_in(&clinic.email(voxanne::domain::Role::Owner)).await;
        let email = format!("desk@{}.example", clinic.slug);
        let account = self.sandbox.google().add_account(&email);
        let page = consent(&owner, &clinic, &email, &[]).await;
        assert!(page.body.contains("is connected as"), "{}", page.body);
        (clinic, owner, account.id)
    }

    /// How many token pairs an organization has.
    pub async fn pairs(&self, clinic: &Clinic) -> i64 {
        self.count("select count(*) from oauth_tokens where org_id = $1", clinic.org).await
    }

    /// Requests that the token service has seen.
    pub fn token_requests(&self) -> usize {
        let seen = self.sandbox.requests(voxanne::domain::ProviderId::GoogleCalendar);
        seen.iter().filter(|request| request.path == "/oauth/token").count()
    }
}
