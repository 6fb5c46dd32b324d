//! Strict reading: what is sound comes back, and what could be read in two ways is refused.

use proptest::prelude::*;

use serde_json::Value;

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
        prop_assert_eq!(read, serde_json::from_str::<Value>(&text).unwrap());
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
