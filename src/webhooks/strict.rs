//! JSON of a stranger, read into a tree without anything that two readers could take differently.
//!
//! Refused are a member that stands twice in one object (one reader takes the first, another the
//! last), `\u0000` in a key or a text (PostgreSQL's jsonb and text take none), nesting deeper than 128
//! levels, numbers out of range, lone surrogates. It is the one parse that a verified body gets
//! anyway: a repeated key shows when it is put into its map, so that nothing is walked twice. What
//! `serde_json`'s own tree would do with the key names of its private wrappers does not happen here.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// Reads a whole body. The error says what and where, and never repeats a value.
pub fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Strict>(body).map(|strict| strict.0)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree).map(Self)
    }
}

/// A key, checked as texts are.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        if key.contains('\0') { Err(nul()) } else { Ok(Self(key)) }
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        if value.contains('\0') { Err(nul()) } else { Ok(Value::String(value.to_owned())) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(Key(key)) = members.next_key()? {
            let Strict(value) = members.next_value()?;
            match map.entry(key) {
                Entry::Vacant(place) => place.insert(value),
                Entry::Occupied(_) => return Err(A::Error::custom("a member stands twice in one object")),
            };
        }
        Ok(Value::Object(map))
    }
}

fn nul<E: Error>() -> E {
    E::custom("a text holds a NUL")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Objects, lists and scalars, some levels deep; `serde_json` writes them without repetition.
    fn tree() -> impl Strategy<Value = Value> {
        let text = || "[^\u{0}]{0,6}";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f32>().prop_map(|number| Value::from(f64::from(number))),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(text(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Puts `bad`, a member without its comma, into the object at the end of a path that `turns` chooses.
    fn planted(value: &Value, bad: &str, turns: &mut impl Iterator<Item = usize>) -> String {
        match value {
            Value::Array(items) if !items.is_empty() => {
                let chosen = turns.next().unwrap_or_default() % items.len();
                let texts: Vec<String> = items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| if at == chosen { planted(item, bad, turns) } else { item.to_string() })
                    .collect();
                format!("[{}]", texts.join(","))
            }
            Value::Object(members) if !members.is_empty() => {
                let chosen = turns.next().unwrap_or_default() % (members.len() + 1);
                let mut texts: Vec<String> = members
                    .iter()
                    .enumerate()
                    .map(|(at, (key, item))| {
                        let item = if at == chosen { planted(item, bad, turns) } else { item.to_string() };
                        format!("{}:{item}", Value::from(key.as_str()))
                    })
                    .collect();
                if chosen == members.len() {
                    texts.push(bad.to_owned());
                }
                format!("{{{}}}", texts.join(","))
            }
            _ => format!("{{{bad}}}"),
        }
    }

    const BAD: &[&str] = &[
        r#""twice":1,"x":2,"twice":1"#,
        r#""twice":1,"tw\u0069ce":2"#,
        r#""":1,"":1"#,
        r#""x":"a\u0000b""#,
        r#""x":["\u0000"]"#,
        r#""k\u0000":1"#,
        r#""x":"\ud800""#,
        r#""\udc00":1"#,
        r#""x":"\ude00\ud83d""#,
        r#""x":1e309"#,
        r#""x":-1e309"#,
        r#""x":Infinity"#,
        r#""x":01"#,
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_sound_comes_back_as_it_was(value in tree()) {
            let text = value.to_string();
            prop_assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        }

        #[test]
        fn one_bad_member_anywhere_spoils_the_whole(value in tree(), which in 0..BAD.len(), path in prop::collection::vec(0_usize..100, 6)) {
            let text = planted(&value, BAD[which], &mut path.into_iter());
            prop_assert!(parse(text.as_bytes()).is_err(), "{}", text);
        }

        #[test]
        fn random_bytes_are_read_or_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn the_same_key_in_different_objects_is_no_repetition() {
        parse(br#"{"a":{"id":1,"x":{"id":2}},"b":[{"id":1},{"id":1}],"id":3}"#).unwrap();
    }

    #[test]
    fn names_of_private_wrappers_are_keys_like_any_other() {
        let value = parse(br#"{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}"#).unwrap();
        assert!(value["$serde_json::private::RawValue"].is_string());
        assert!(value.get("a").is_none());
    }

    #[test]
    fn nesting_ends_at_127_levels() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        parse(nested(127).as_bytes()).unwrap();
        assert!(parse(nested(128).as_bytes()).is_err());
        assert!(parse(nested(500_000).as_bytes()).is_err());
        assert!(parse(&b"{\"a\":".repeat(200_000)).is_err());
        assert!(parse("9".repeat(400).as_bytes()).is_err(), "an integer beyond every float");
    }

    #[test]
    fn an_error_repeats_nothing_of_the_body() {
        let error = parse(br#"{"CANARY":"x","CANARY":"y"}"#).unwrap_err().to_string();
        assert!(!error.contains("CANARY"), "{error}");
    }
}
