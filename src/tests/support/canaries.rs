//! Secrets that are planted, and the search for them in everything that came out.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::app::Answer;

/// A secret and the outputs that may hold it by right.
pub struct Canary {
    pub name: String,
    pub value: String,
    pub allowed: &'static [&'static str],
}

impl Canary {
    /// The forms in which it could leave.
    fn forms(&self) -> Vec<String> {
        let bytes = self.value.as_bytes();
        let percent: String = url::form_urlencoded::byte_serialize(bytes).collect();
        let mut forms = vec![
            self.value.clone(),
            STANDARD.encode(bytes),
            STANDARD_NO_PAD.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
            hex::encode(bytes),
            hex::encode_upper(bytes),
            percent,
            bytes.iter().map(|byte| format!("%{byte:02X}")).collect(),
            format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
        ];
        // Inside of something longer, base64 begins at one of three places.
        for skip in 1..3 {
            let text = STANDARD_NO_PAD.encode(&bytes[skip..]);
            forms.push(text[..text.len() - 2].to_owned());
        }
        forms
    }
}

/// Everything that came out, by where.
#[derive(Default)]
pub struct Outputs(Vec<(String, String)>);

impl Outputs {
    pub fn add(&mut self, output: (String, String)) {
        self.0.push(output);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Keeps an answer, all but the cookie that it sets.
    pub fn keep(&mut self, what: &str, answer: Answer) -> Answer {
        let headers: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| *name != "set-cookie")
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        self.0.push((what.to_owned(), format!("{}\n{}", headers.join("\n"), answer.body)));
        answer
    }

    /// Where a canary stands that may not stand there. One pass over each output, whatever there is of
    /// canaries: the first bytes of all forms are looked up at each place.
    pub fn find(&self, canaries: &[Canary]) -> Vec<String> {
        let mut forms: HashMap<[u8; FIRST], Vec<(&Canary, String)>> = HashMap::new();
        for canary in canaries {
            for form in canary.forms() {
                let first = form.as_bytes()[..FIRST].try_into().unwrap();
                forms.entry(first).or_default().push((canary, form));
            }
        }
        let mut begins = vec![false; 1 << 16];
        let pair = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
        forms.keys().for_each(|first| begins[pair(first)] = true);
        let mut hits = Vec::new();
        for (what, text) in &self.0 {
            let bytes = text.as_bytes();
            for (at, window) in bytes.windows(FIRST).enumerate().filter(|(_, window)| begins[pair(window)]) {
                for (canary, form) in forms.get(window).into_iter().flatten() {
                    if bytes[at..].starts_with(form.as_bytes()) && !canary.allowed.contains(&what.as_str()) {
                        let from = text[..at].rfind('\n').map_or(0, |line| line + 1);
                        let line: String = text[from..].chars().take(300).collect();
                        hits.push(format!("{} in {what}: {line}", canary.name));
                    }
                }
            }
        }
        hits.dedup();
        hits
    }
}

/// So many bytes of a form are looked up; every form is longer.
const FIRST: usize = 8;

#[test]
fn what_is_planted_is_found_in_every_form_and_only_where_it_must_not_be() {
    let canary = Canary { name: "c".to_owned(), value: "a planted secret 17".to_owned(), allowed: &["here"] };
    for form in canary.forms() {
        let mut outputs = Outputs::default();
        outputs.add(("there".to_owned(), format!("first line\nbefore {form} after")));
        outputs.add(("here".to_owned(), form.clone()));
        let hits = outputs.find(std::slice::from_ref(&canary));
        assert!(!hits.is_empty(), "{form}");
        assert!(hits.iter().all(|hit| hit.starts_with("c in there: before")), "{hits:?}");
    }
    let mut clean = Outputs::default();
    clean.add(("there".to_owned(), "a planted secret 18".to_owned()));
    assert_eq!((clean.find(&[canary]), clean.len()), (Vec::new(), 1));
}
