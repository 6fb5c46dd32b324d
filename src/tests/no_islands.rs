//! A machine on which no WASM can be built: the server starts, says so, and what people do works.

use voxanne::sandbox::DEMO_TWILIO;

use super::support::app::Browser;
use super::support::cluster::scratch_folder;
use super::support::process::{DataFolder, Serving};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_browser_half_the_server_says_so_and_a_clinic_connects_its_account_by_form() {
    let data = DataFolder::new("no-islands");
    let site = scratch_folder("site");
    // What the build leaves where there is no WASM target: a style sheet and its hash.
    std::fs::create_dir(site.join("pkg")).unwrap();
    std::fs::write(site.join("hash.txt"), "css: 0123\n").unwrap();
    std::fs::write(site.join("pkg/voxanne.0123.css"), "body { color: black }").unwrap();
    let arguments = ["--sandbox", "--data-dir", data.text(), "--site-dir", site.to_str().unwrap()];
    let serving = Serving::start(&arguments, &[]);
    assert!(serving.said().contains("There is no browser half here"), "{}", serving.said());

    let account = &serving.ready["accounts"][0];
    let (org, browser) = (account["org"].as_str().unwrap(), Browser::to(serving.url()));
    let fields = ["email", "password"].map(|name| (name, account[name].as_str().unwrap()));
    assert_eq!(browser.post("/login", &fields).await.status, 303);
    let panel = browser.get("/dashboard/integrations?panel=twilio").await.body;
    assert!(panel.contains("/pkg/voxanne.0123.css") && !panel.contains("<script"), "{panel}");
    assert_eq!(browser.get("/pkg/voxanne.0123.css").await.status, 200);

    let twilio = &DEMO_TWILIO[0];
    let typed = [
        ("org", org),
        ("accountSid", twilio.account_sid),
        ("authToken", twilio.auth_token),
        ("phoneNumber", twilio.number),
    ];
    let sent = browser.post("/dashboard/integrations/twilio/connect", &typed).await;
    assert_eq!(sent.status, 303, "{}", sent.body);
    let said = browser.get(sent.location()).await.body;
    assert!(said.contains("Twilio is connected"), "{said}");
    assert_eq!(serving.terminate(), Some(0));
    std::fs::remove_dir_all(site).unwrap();
}
