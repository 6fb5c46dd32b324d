//! The calls of a message and their arguments, however they are spelled: members of four shapes, times
//! as models write them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ZonedDateTime};
use serde_json::{Map, Value};

use crate::domain::clinic_plan::Minute;

/// One call of a tool, however it was spelled.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    pub arguments: Map<String, Value>,
}

/// A time that a model has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Day(Date),
    Moment(Timestamp),
}

impl ToolCall {
    /// Reads the calls of a message: `function.arguments` as object or as string, flat `arguments`,
    /// flat `parameters`.
    pub fn list(message: &Value) -> Vec<Self> {
        let listed = ["toolCallList", "toolCalls"].into_iter().find_map(|key| message[key].as_array());
        listed.into_iter().flatten().filter_map(Self::read).collect()
    }

    fn read(value: &Value) -> Option<Self> {
        let id = value["id"].as_str().filter(|id| !id.is_empty() && id.len() <= 200 && !id.contains('\0'))?;
        let function = &value["function"];
        let name = function["name"].as_str().or(value["name"].as_str())?;
        let arguments =
            [&function["arguments"], &value["arguments"], &value["parameters"], &function["parameters"]]
                .into_iter()
                .find_map(|given| match given {
                    Value::Object(members) => Some(members.clone()),
                    Value::String(text) => serde_json::from_str(text).ok(),
                    _ => None,
                });
        Some(Self {
            id: id.to_owned(),
            name: name.chars().filter(|c| !c.is_control()).take(64).collect(),
            arguments: arguments.unwrap_or_default(),
        })
    }

    /// The first of these arguments that is a text with something in it.
    pub fn text(&self, keys: &[&str]) -> Option<&str> {
        keys.iter()
            .find_map(|key| self.arguments.get(*key)?.as_str())
            .map(str::trim)
            .filter(|text| !text.is_empty() && !text.contains('\0'))
    }

    /// The telephone number that was said.
    pub fn phone(&self) -> Option<&str> {
        self.text(&["phone", "phoneNumber", "number"])
    }

    /// Whether one of these arguments says yes.
    pub(super) fn is_yes(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| match self.arguments.get(*key) {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::String(text)) => matches!(text.to_ascii_lowercase().as_str(), "true" | "yes"),
            _ => false,
        })
    }

    /// The time that these arguments name: one of them as a whole, or a day and `time` beside it.
    pub(super) fn when(&self, keys: &[&str], now: &ZonedDateTime) -> Option<When> {
        let named = keys.iter().find_map(|key| parse_when(self.text(&[key])?, now));
        let minute = self.text(&["time", "startTime"]).and_then(Minute::parse);
        match (named, minute) {
            (Some(When::Day(day)), Some(minute)) => Some(at(day, minute, now.time_zone())),
            (named, _) => named,
        }
    }
}

fn at(day: Date, minute: Minute, zone: &TimeZone) -> When {
    let part = |number: u16| i8::try_from(number).unwrap_or_default();
    let time = Time::new(part(minute.hour()), part(minute.minute()), 0, 0).unwrap_or(Time::MIN);
    moment(day.to_datetime(time), zone).unwrap_or(When::Day(day))
}

fn moment(local: DateTime, zone: &TimeZone) -> Option<When> {
    zone.to_ambiguous_zoned_datetime(local).compatible().ok().map(|zoned| When::Moment(zoned.timestamp()))
}

/// Reads a time: with an offset it is that moment, without one it is the clinic's wall clock. A day
/// alone stays a day.
pub(super) fn parse_when(text: &str, now: &ZonedDateTime) -> Option<When> {
    let (text, zone) = (text.trim(), now.time_zone());
    let is_sane = |when: &When| match when {
        When::Day(day) => (2000..=2100).contains(&day.year()),
        When::Moment(at) => (2000..=2100).contains(&at.to_zoned_datetime(zone.clone()).year()),
    };
    let relative = match text.to_ascii_lowercase().as_str() {
        "today" | "now" => Some(now.date()),
        "tomorrow" => now.date().checked_add(Span::new().days(1)).ok(),
        _ => None,
    };
    if let Some(day) = relative {
        return Some(When::Day(day));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(When::Moment(at)).filter(is_sane);
    }
    let day: Date = text.get(..10)?.parse().ok()?;
    let rest = text[10..].trim_start_matches(['T', 't', ' ', ',']).trim();
    let rest = rest.strip_prefix("at ").unwrap_or(rest);
    if rest.is_empty() {
        return Some(When::Day(day)).filter(is_sane);
    }
    let when = match text.parse::<DateTime>() {
        Ok(local) => moment(local, zone),
        Err(_) => Minute::parse(rest).map(|minute| at(day, minute, zone)),
    };
    when.filter(is_sane)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> ZonedDateTime {
        "2026-11-30T09:00:00[America/New_York]".parse().unwrap()
    }

    #[test]
    fn all_four_spellings_of_arguments_are_read() {
        let expected = json!({ "message": "Hi" });
        for call in [
            json!({"id":"t","type":"function","function":{"name":"send_sms","arguments":{"message":"Hi"}}}),
            json!({"id":"t","type":"function","function":{"name":"send_sms","arguments":"{\"message\":\"Hi\"}"}}),
            json!({"id":"t","name":"send_sms","arguments":{"message":"Hi"}}),
            json!({"id":"t","name":"send_sms","parameters":{"message":"Hi"}}),
        ] {
            let read = ToolCall::list(&json!({ "toolCallList": [call] }));
            assert_eq!(read.len(), 1);
            assert_eq!(
                (read[0].name.as_str(), Value::Object(read[0].arguments.clone())),
                ("send_sms", expected.clone())
            );
        }
    }

    #[test]
    fn calls_without_id_or_name_are_left_out() {
        assert_eq!(
            ToolCall::list(&json!({ "toolCallList": [{"name":"x"}, {"id":"t"}, 7, {"id":"","name":"x"}] })),
            []
        );
        assert_eq!(ToolCall::list(&json!({ "toolCallList": "x" })), []);
    }

    #[test]
    fn a_time_is_read_in_every_way_that_models_write_it() {
        let two = When::Moment("2026-12-01T19:00:00Z".parse().unwrap());
        for text in [
            "2026-12-01T14:00",
            "2026-12-01T14:00:00",
            "2026-12-01 14:00",
            "2026-12-01 2 pm",
            "2026-12-01 at 2:00 PM",
            "2026-12-01T14:00:00-05:00",
            "2026-12-01T19:00:00Z",
            " 2026-12-01T20:00:00+01:00 ",
        ] {
            assert_eq!(parse_when(text, &now()), Some(two), "{text}");
        }
        let day = When::Day("2026-12-01".parse().unwrap());
        for text in ["2026-12-01", "tomorrow", "Tomorrow "] {
            assert_eq!(parse_when(text, &now()), Some(day), "{text}");
        }
        for wrong in ["", "soon", "2026-13-01", "2026-12-01 25:00", "9999-12-01", "01.12.2026", "äöü äöü äöü"]
        {
            assert_eq!(parse_when(wrong, &now()), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_and_a_time_beside_it_are_one_moment() {
        let call = |arguments: Value| ToolCall {
            id: "t".to_owned(),
            name: "book_appointment".to_owned(),
            arguments: arguments.as_object().unwrap().clone(),
        };
        let two = Some(When::Moment("2026-12-01T19:00:00Z".parse().unwrap()));
        let keys = ["start", "date"];
        assert_eq!(call(json!({ "date": "2026-12-01", "time": "14:00" })).when(&keys, &now()), two);
        assert_eq!(call(json!({ "start": "2026-12-01T14:00", "time": "9:00" })).when(&keys, &now()), two);
        assert_eq!(call(json!({ "time": "9:00" })).when(&keys, &now()), None);
    }

    #[test]
    fn an_hour_that_a_day_does_not_have_is_the_next_one() {
        let spring = parse_when("2027-03-14 02:30", &now());
        assert_eq!(spring, Some(When::Moment("2027-03-14T07:30:00Z".parse().unwrap())));
    }
}
