//! Quiet hours, the words of an alert, and what people may set.

use time::format_description::well_known::Rfc3339;

use super::*;

fn at(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).unwrap()
}

#[test]
fn quiet_hours_are_told_in_the_clinics_time_and_reach_over_midnight() {
    const NIGHT: Option<(i32, i32)> = Some((22 * 60, 7 * 60));
    for (now, zone, quiet, expected) in [
        // 23:30 in Berlin, then 06:59, then 07:00.
        ("2026-01-10T22:30:00Z", "Europe/Berlin", NIGHT, "2026-01-11T06:00:00Z"),
        ("2026-01-11T05:59:59Z", "Europe/Berlin", NIGHT, "2026-01-11T06:00:00Z"),
        ("2026-01-11T06:00:00Z", "Europe/Berlin", NIGHT, "2026-01-11T06:00:00Z"),
        ("2026-01-10T22:30:00Z", "America/New_York", NIGHT, "2026-01-10T22:30:00Z"),
        // Within one day: the lunch break.
        ("2026-07-10T12:30:00Z", "UTC", Some((720, 780)), "2026-07-10T13:00:00Z"),
        ("2026-07-10T13:00:00Z", "UTC", Some((720, 780)), "2026-07-10T13:00:00Z"),
        ("2026-07-10T12:30:00Z", "UTC", None, "2026-07-10T12:30:00Z"),
        // The end lies in the hour that the day does not have: it is 03:30 then.
        ("2026-03-29T00:30:00Z", "Europe/Berlin", Some((60, 150)), "2026-03-29T01:30:00Z"),
        ("2026-01-10T23:30:00Z", "Nowhere/Land", NIGHT, "2026-01-11T07:00:00Z"),
    ] {
        assert_eq!(due_at(at(now), zone, quiet), at(expected), "{now} {zone}");
    }
}

#[test]
fn the_default_text_has_the_fire_sign_and_the_name() {
    let lead = HotLead { id: Uuid::nil(), name: Some("Alex"), number: Some("+15550100123"), score: 80 };
    assert_eq!(
        fill(&default_text(), &lead),
        "\u{1f525} Hot Lead! Alex just expressed high interest in booking."
    );
    let nobody = HotLead { name: None, number: None, ..lead };
    assert!(fill(&default_text(), &nobody).contains("Hot Lead! A caller just"));
    assert_eq!(fill("{score}: {lead_number} {x} {", &nobody), "80: unknown {x} {");
    let cunning = HotLead { name: Some("{score}"), ..nobody };
    assert_eq!(fill("{lead_name}", &cunning), "{score}", "a name is no place");
}

#[test]
fn settings_are_checked_field_by_field() {
    let good = Wanted {
        is_on: true,
        threshold: 70,
        numbers: "+1 555 010 0123\n+15550100124, ".to_owned(),
        mails: "a@clinic.example;b@clinic.example".to_owned(),
        quiet_from: "22:00".to_owned(),
        quiet_until: "7:30".to_owned(),
        ..Wanted::default()
    };
    let checked = check(&good).unwrap();
    assert_eq!(checked.recipients.numbers, ["+15550100123", "+15550100124"]);
    assert_eq!(checked.recipients.mails, ["a@clinic.example", "b@clinic.example"]);
    assert_eq!((checked.quiet, checked.text.as_str()), (Some((1320, 450)), ""));
    let field = |change: &dyn Fn(&mut Wanted)| {
        let mut wanted = good.clone();
        change(&mut wanted);
        match check(&wanted) {
            Err(CallError::Invalid { field, .. }) => field,
            _ => "none",
        }
    };
    assert_eq!(field(&|wanted| wanted.threshold = 0), "threshold");
    assert_eq!(field(&|wanted| wanted.threshold = 101), "threshold");
    assert_eq!(field(&|wanted| wanted.text = "Hi {name}".to_owned()), "text");
    assert_eq!(field(&|wanted| wanted.text = "x".repeat(301)), "text");
    assert_eq!(field(&|wanted| wanted.numbers = "555".to_owned()), "numbers");
    assert_eq!(field(&|wanted| wanted.numbers = "+15550100123\n".repeat(11)), "numbers");
    assert_eq!(field(&|wanted| wanted.mails = "Desk <a@b.example>".to_owned()), "mails");
    assert_eq!(field(&|wanted| wanted.quiet_from = "25:00".to_owned()), "quietFrom");
    assert_eq!(field(&|wanted| wanted.quiet_until = String::new()), "quietUntil");
    assert_eq!(field(&|wanted| wanted.quiet_until = "22:00".to_owned()), "quietUntil");
    assert_eq!(field(&|wanted| wanted.text = default_text()), "none");
}

#[test]
fn members_see_masks() {
    let all = Recipients {
        numbers: vec!["+15550100123".to_owned()],
        mails: vec!["anna@clinic.example".to_owned()],
    };
    let masked = all.masked();
    assert_eq!((masked.numbers[0].as_str(), masked.mails[0].as_str()), ("+15***23", "a***@clinic.example"));
}
