//! Draws every page with sample data and holds what is true for all of them.

mod call_samples;
mod event_samples;
mod gallery;
mod samples;
mod staff;
mod telephone;
mod webhooks;

use scraper::{Html, Selector};

use self::gallery::all_pages;
use self::samples::{cards, integrations, shell, twelve_cards, twilio_card, vapi_card};
use super::connect_panel::connect_status;
use super::integrations::{IntegrationsView, integrations_page, parse_filter, summary};
use crate::app::components::card::CardView;
use crate::app::wire::ConnectAnswer;
use crate::app::{Assets, NavItem, Shell, render, render_fragment};
use crate::domain::card::{CardState, Meaning};
use crate::domain::{Outcome, ProviderId};

/// What a value would need to become markup somewhere.
const EVIL: &str = "</textarea></title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

fn select(html: &str, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    Html::parse_document(html).select(&selector).map(|element| element.html()).collect()
}

#[test]
fn every_page_has_one_main_heading_and_no_duplicate_id() {
    for (name, html) in all_pages("Dr. Nord") {
        assert_eq!(select(&html, "h1").len(), 1, "{name}");
        assert_eq!(select(&html, "main#main").len(), 1, "{name}");
        if matches!(name, "states" | "twelve") {
            // The same providers many times over: not a page that can exist.
            continue;
        }
        let selector = Selector::parse("[id]").unwrap();
        let document = Html::parse_document(&html);
        let mut ids: Vec<_> = document.select(&selector).filter_map(|element| element.attr("id")).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}: {ids:?}");
    }
}

#[test]
fn every_input_has_a_label() {
    for (name, html) in all_pages("Dr. Nord") {
        let document = Html::parse_document(&html);
        let inputs = Selector::parse("input:not([type=hidden]), textarea, select").unwrap();
        for input in document.select(&inputs) {
            let id = input.attr("id").unwrap_or_default();
            let label = Selector::parse(&format!("label[for=\"{id}\"]")).unwrap();
            assert_eq!(document.select(&label).count(), 1, "{name}: {}", input.html());
        }
        let buttons = Selector::parse("button, a[href]:not([aria-hidden])").unwrap();
        for button in document.select(&buttons) {
            let words: String = button.text().collect();
            assert!(
                !words.trim().is_empty() || button.attr("aria-label").is_some(),
                "{name}: {}",
                button.html()
            );
        }
    }
}

/// Every page wakes its islands; the agents' page also loads the script by which one talks to an agent.
fn scripts_of(name: &str) -> usize {
    if name == "agents" { 2 } else { 1 }
}

#[test]
fn no_page_needs_an_inline_style_or_an_inline_handler() {
    for (name, html) in all_pages("Dr. Nord") {
        assert!(select(&html, "[style], style").is_empty(), "{name}");
        assert!(select(&html, "[onclick], [onsubmit], [onerror]").is_empty(), "{name}");
        let scripts = select(&html, "script");
        assert_eq!(scripts.len(), scripts_of(name), "{name}");
        assert!(scripts.iter().all(|script| script.contains("nonce=\"bm9uY2U\"")), "{name}");
        assert!(!scripts[0].contains("&gt;") || scripts[0].contains("=&gt;"), "{name}");
    }
}

#[test]
fn text_never_becomes_markup() {
    let plain = all_pages("Dr. Nord");
    for ((name, evil), (_, plain)) in all_pages(EVIL).into_iter().zip(plain) {
        assert_eq!(select(&evil, "script").len(), scripts_of(name), "{name}");
        assert!(select(&evil, "img[src=x], [onerror]").is_empty(), "{name}");
        let count = |html: &str| select(html, "*").len();
        assert_eq!(count(&evil), count(&plain), "{name}: the text changed the shape of the page");
    }
}

#[test]
fn every_posting_form_inside_says_which_clinic_it_is_for() {
    for (name, html) in all_pages("Dr. Nord") {
        let document = Html::parse_document(&html);
        let forms = Selector::parse(".with-nav form[method=post]").unwrap();
        let org = Selector::parse("[name=org]").unwrap();
        for form in document.select(&forms) {
            assert!(form.select(&org).next().is_some(), "{name}: {}", form.html());
        }
    }
}

#[test]
fn save_anyway_is_offered_only_when_nobody_could_tell() {
    let pages = all_pages("Dr. Nord");
    let html = |wanted: &str| &pages.iter().find(|(name, _)| *name == wanted).unwrap().1;
    assert_eq!(select(html("undetermined"), "button[value=save_anyway]").len(), 1);
    assert!(select(html("refused"), "button[value=save_anyway]").is_empty());
    assert!(select(html("connect"), "button[value=save_anyway]").is_empty());
    assert_eq!(select(html("refused"), "input[name=draft][form=connect-form]").len(), 1);
}

#[test]
fn members_see_state_and_who_to_ask_but_no_form() {
    let pages = all_pages("A. Meyer");
    let (_, html) = pages.iter().find(|(name, _)| *name == "member").unwrap();
    assert!(select(html, ".card form, .card .button").is_empty());
    assert!(html.contains("Ask an owner or admin: A. Meyer"));
    assert_eq!(select(html, ".card-title [data-state]").len(), 2);
}

#[test]
fn cards_stand_worst_first_and_the_summary_counts_them() {
    let html = render(shell("Integrations", NavItem::Integrations), || integrations_page(integrations(None)));
    assert!(html.find("data-provider=\"twilio\"").unwrap() < html.find("data-provider=\"vapi\"").unwrap());
    assert_eq!(summary(&cards()), "1 of 2 needs attention.");
    assert_eq!(summary(&[vapi_card(CardState::Connected)]), "1 of 1 connected. Everything works.");
    assert_eq!(parse_filter("broken"), Some(Meaning::Broken));
    assert_eq!(parse_filter("nonsense"), None);
}

#[test]
fn restore_is_offered_only_where_nothing_is_connected() {
    let pages = all_pages("Dr. Nord");
    for page in ["settings", "integrations", "states"] {
        let (_, html) = pages.iter().find(|(name, _)| *name == page).unwrap();
        assert!(select(html, "form[action$=\"/restore\"]").is_empty(), "{page}");
    }
    let gone = CardView { has_credential: false, ..twilio_card(CardState::NotConfigured) };
    let view = IntegrationsView { cards: vec![gone], ..integrations(None) };
    let html = render(shell("Integrations", NavItem::Integrations), || integrations_page(view));
    assert_eq!(select(&html, "form[action=\"/dashboard/integrations/twilio/restore\"]").len(), 1);
}

#[test]
fn a_cell_says_its_column_where_rows_become_blocks() {
    let pages = all_pages("Dr. Nord");
    for page in ["settings", "events", "audit", "calls", "call"] {
        let (_, html) = pages.iter().find(|(name, _)| *name == page).unwrap();
        let document = Html::parse_document(html);
        let parsed = |selector: &str| Selector::parse(selector).unwrap();
        let (table, column, cell) = (parsed("table"), parsed("thead th"), parsed("tbody tr:first-child td"));
        assert!(document.select(&table).next().is_some(), "{page} has a table");
        for table in document.select(&table) {
            let columns: Vec<String> = table.select(&column).map(|one| one.text().collect()).collect();
            let labels: Vec<String> = table
                .select(&cell)
                .filter_map(|one| one.attr("data-label"))
                .filter(|label| !label.is_empty())
                .map(str::to_owned)
                .collect();
            assert!(columns.ends_with(&labels), "{page}: {columns:?}, {labels:?}");
            assert!(columns.len() - labels.len() <= 1, "{page}: {columns:?}, {labels:?}");
        }
    }
}

#[test]
fn providers_stand_in_groups_and_only_trouble_moves_a_group() {
    let draw = |cards, filter| {
        let view = IntegrationsView { cards, filter, ..integrations(None) };
        render(shell("Integrations", NavItem::Integrations), || integrations_page(view))
    };
    let headings = |html: &str| {
        let document = Html::parse_document(html);
        let heading = Selector::parse(".group h2").unwrap();
        document.select(&heading).map(|element| element.text().collect()).collect::<Vec<String>>()
    };
    let in_trouble = draw(twelve_cards(), None);
    assert_eq!(headings(&in_trouble)[..2], ["Messages", "Voice"]);
    assert_eq!(headings(&in_trouble).len(), 6);
    assert!(in_trouble.contains("1 of 2 connected"), "each group says how much of it is connected");
    let calm: Vec<_> =
        twelve_cards().into_iter().filter(|card| card.state.meaning() != Meaning::Broken).collect();
    assert_eq!(headings(&draw(calm, None))[0], "Voice");
    assert_eq!(headings(&draw(twelve_cards(), Some(Meaning::Broken))), ["Messages"]);
    let none = draw(twelve_cards(), Some(Meaning::Attention));
    assert!(headings(&none).is_empty() && none.contains("None in this state"));
}

#[test]
fn the_answer_of_a_stream_is_drawn_as_the_page_is() {
    let answer = ConnectAnswer {
        report: Some(samples::report(Outcome::Refused)),
        draft: Some("d".to_owned()),
        message: Some(EVIL.to_owned()),
        ..ConnectAnswer::default()
    };
    let fragment = render_fragment(|| connect_status(ProviderId::Twilio, "Twilio", answer));
    assert!(!fragment.contains("<script") && !fragment.contains("<img"), "{fragment}");
    assert!(!fragment.contains("leptos-island"), "nothing wakes what arrives later: {fragment}");
    assert_eq!(select(&fragment, "input[name=draft][form=connect-form]").len(), 1);
    let pages = all_pages("Dr. Nord");
    let (_, page) = pages.iter().find(|(name, _)| *name == "refused").unwrap();
    assert_eq!(select(&fragment, "[data-outcome]"), select(page, "[data-outcome]"));
}

#[test]
fn every_entry_of_the_navigation_is_in_the_row_and_the_later_ones_in_the_menu() {
    let html = render(shell("Audit", NavItem::Audit), || integrations_page(integrations(None)));
    let (row, menu) = (select(&html, ".nav-row a"), select(&html, ".nav-more a"));
    assert_eq!(row[3..], menu);
    assert_eq!(select(&html, ".nav-row a[aria-current=page]").len(), 1);
    assert_eq!(select(&html, ".nav-here").len(), 1, "the menu is lit when the page is in it");
}

#[test]
fn every_provider_has_a_mark() {
    for provider in ProviderId::ALL {
        let path = format!("{}/public/marks/{}.svg", env!("CARGO_MANIFEST_DIR"), provider.as_str());
        assert!(std::path::Path::new(&path).is_file(), "{path}");
    }
}

#[test]
fn without_built_files_there_is_no_script_at_all() {
    let assets = Assets { css_href: "/a.css".to_owned(), js_href: None, wasm_href: None, talk: None };
    let html = render(Shell { assets, ..shell("Integrations", NavItem::Integrations) }, || {
        integrations_page(integrations(None))
    });
    assert!(select(&html, "script, link[rel=modulepreload]").is_empty());
}

/// `VOXANNE_PREVIEW=folder cargo test pictures_of_all_pages` writes the pages as files to look at.
#[test]
fn pictures_of_all_pages_can_be_taken() {
    let pages = all_pages("Dr. Nord");
    assert!(pages.len() > 20);
    if let Some(folder) = std::env::var_os("VOXANNE_PREVIEW") {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, html) in pages {
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.html")), html).unwrap();
        }
    }
}
