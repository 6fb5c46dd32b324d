//! JSON of a stranger, read into a tree without anything that two readers could take differently.
//!
//! Refused are a member that stands twice in one object (one reader takes the first, another the
//! last), `\u0000` in a key or a text (PostgreSQL's jsonb and text take none), nesting deeper than 128
//! levels, numbers out of range, lone surrogates. It is the one parse that a verified body gets
//! anyway. The tree borrows its texts from the body and keeps members in their order: a report is
//! read, cleaned and written again, and nothing of it is looked up often enough to pay for a map.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Number, Value};

/// From this many members on, repetitions are found by hashes instead of by looking at each.
const MANY: usize = 24;

/// A JSON value that borrows from the body it was read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In the order of the body; no key stands twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Reads a whole body. The error says what and where, and never repeats a value.
pub fn parse(body: &[u8]) -> Result<Json<'_>, serde_json::Error> {
    // As a whole and once: a reader of bytes would look at each text in it by itself.
    let text = std::str::from_utf8(body).map_err(|_| serde_json::Error::custom("the body is no UTF-8"))?;
    serde_json::from_str(text)
}

impl Json<'_> {
    /// The member of an object, where this is one that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Json::Object(members) => members.iter().find(|(known, _)| known == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    pub fn as_f64(&self) -> Option<f64> {
        if let Json::Number(number) = self { number.as_f64() } else { None }
    }

    pub fn as_list(&self) -> Option<&[Self]> {
        if let Json::List(items) = self { Some(items) } else { None }
    }

    /// The same as an owned tree, for what outlives the body.
    pub fn to_value(&self) -> Value {
        match self {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(value) => Value::Number(value.clone()),
            Json::Text(text) => Value::String(text.to_string()),
            Json::List(items) => items.iter().map(Json::to_value).collect(),
            Json::Object(members) => Value::Object(
                members.iter().map(|(key, value)| (key.to_string(), value.to_value())).collect(),
            ),
        }
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Number(value) => value.serialize(serializer),
            Json::Text(text) => serializer.serialize_str(text),
            Json::List(items) => serializer.collect_seq(items),
            Json::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

/// A key, checked as texts are.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// A text without NUL, borrowed where it has no escapes.
struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        // JSON writes a NUL as an escape only, and a text with escapes is not borrowed.
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        if value.contains('\0') {
            Err(E::custom("a text holds a NUL"))
        } else {
            Ok(Cow::Owned(value.to_owned()))
        }
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Text.visit_borrowed_str(value).map(Json::Text)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Text.visit_str(value).map(Json::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object: Vec<(Cow<'de, str>, Json<'de>)> = Vec::with_capacity(8);
        let mut hashes = None;
        while let Some(key) = members.next_key_seed(Key)? {
            if stands_in(&object, &key, &mut hashes) {
                return Err(A::Error::custom("a member stands twice in one object"));
            }
            object.push((key, members.next_value()?));
        }
        Ok(Json::Object(object))
    }
}

/// The hashes of an object's keys, with their random seed: nobody can choose keys that collide.
type Hashes = Option<(RandomState, HashSet<u64>)>;

/// Whether a key stands in the object already. An object with many members costs no more than its
/// length: a key is compared with all others only where its hash is there.
fn stands_in(object: &[(Cow<'_, str>, Json<'_>)], key: &str, hashes: &mut Hashes) -> bool {
    if object.len() >= MANY {
        let (seed, known) = hashes.get_or_insert_with(|| {
            let seed = RandomState::new();
            let known = object.iter().map(|(known, _)| seed.hash_one(known.as_ref())).collect();
            (seed, known)
        });
        if known.insert(seed.hash_one(key)) {
            return false;
        }
    }
    object.iter().any(|(known, _)| known == key)
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
            let read = parse(text.as_bytes()).unwrap();
            prop_assert_eq!(read.to_value(), serde_json::from_str::<Value>(&text).unwrap());
            prop_assert_eq!(serde_json::to_value(&read).unwrap(), read.to_value());
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
    fn a_repetition_is_found_among_many_members_too() {
        let members: Vec<String> = (0..50_000).map(|at| format!(r#""k{at}":{at}"#)).collect();
        let sound = format!("{{{}}}", members.join(","));
        assert!(parse(sound.as_bytes()).is_ok());
        for repeated in [0, 23, 24, 25, 49_999] {
            let spoiled = format!(r#"{{{},"k{repeated}":0}}"#, members.join(","));
            assert!(parse(spoiled.as_bytes()).is_err(), "{repeated}");
        }
    }

    #[test]
    fn names_of_private_wrappers_are_keys_like_any_other() {
        let value = parse(br#"{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}"#).unwrap();
        assert!(value.get("$serde_json::private::RawValue").unwrap().as_str().is_some());
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
