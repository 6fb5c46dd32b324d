//! Secrets that are planted, and the search for them in everything that came out.

use std::collections::{BTreeSet, HashMap};

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
    /// What may be seen of a masked secret is its first ten and its last six characters at most. One more of
    /// either is a part that no mask shows.
    fn parts(&self) -> Vec<String> {
        let chars: Vec<char> = self.value.chars().collect();
        if chars.len() < 12 {
            return Vec::new();
        }
        // A part that begins with words of everyday would be found everywhere; only secrets are masked.
        let is_secret = chars.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !is_secret {
            return Vec::new();
        }
        // The sandbox's own keys are much alike, and like ids that are shown: only random ones count.
        let is_random = |part: &&[char]| part.iter().collect::<BTreeSet<_>>().len() > 4;
        let parts = [&chars[..11], &chars[chars.len() - 7..]];
        parts.iter().filter(|part| is_random(part)).map(|part| part.iter().collect()).collect()
    }

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

    /// Where a canary stands that may not stand there.
    ///
    /// Parts are looked for in what bytes say, not in how PostgreSQL writes them: seven digits of a secret stand
    /// somewhere in a megabyte of sealed bytes by chance, and a mask is text.
    pub fn find(&self, canaries: &[Canary]) -> Vec<String> {
        let (whole, parts) = (Sought::of(canaries, Canary::forms), Sought::of(canaries, Canary::parts));
        let mut hits = Vec::new();
        for (what, text) in &self.0 {
            whole.find(what, text, &mut hits);
            parts.find(what, &said(text), &mut hits);
        }
        hits.dedup();
        hits
    }
}

/// What is looked for. One pass over each output, whatever there is of canaries: the first bytes of all forms
/// are looked up at each place.
struct Sought<'a> {
    forms: HashMap<[u8; FIRST], Vec<(&'a Canary, String)>>,
    /// Whether a form begins with these two bytes.
    begins: Vec<bool>,
}

impl<'a> Sought<'a> {
    fn of(canaries: &'a [Canary], forms_of: fn(&Canary) -> Vec<String>) -> Self {
        let mut forms: HashMap<[u8; FIRST], Vec<(&Canary, String)>> = HashMap::new();
        for canary in canaries {
            for form in forms_of(canary) {
                let first = form.as_bytes()[..FIRST].try_into().unwrap();
                forms.entry(first).or_default().push((canary, form));
            }
        }
        let mut begins = vec![false; 1 << 16];
        forms.keys().for_each(|first| begins[pair(first)] = true);
        Self { forms, begins }
    }

    fn find(&self, what: &str, text: &str, hits: &mut Vec<String>) {
        let bytes = text.as_bytes();
        for (at, window) in bytes.windows(FIRST).enumerate().filter(|(_, window)| self.begins[pair(window)]) {
            for (canary, form) in self.forms.get(window).into_iter().flatten() {
                if bytes[at..].starts_with(form.as_bytes()) && !canary.allowed.contains(&what) {
                    let from = text[..at].rfind('\n').map_or(0, |line| line + 1);
                    let line: String = text[from..].chars().take(300).collect();
                    hits.push(format!("{} in {what}: {line}", canary.name));
                }
            }
        }
    }
}

fn pair(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// The text with all bytes that PostgreSQL has written as `\x` and digits as what they say.
fn said(text: &str) -> String {
    let mut all = text.split("\\x");
    let mut said = all.next().unwrap_or_default().to_owned();
    for rest in all {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let (bytes, after) = rest.split_at(digits - digits % 2);
        said.push_str("\\x");
        said.push_str(&String::from_utf8_lossy(&hex::decode(bytes).unwrap()));
        said.push_str(after);
    }
    said
}

/// So many bytes of a form are looked up; every form is longer.
const FIRST: usize = 7;

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
    // Of what could be masked, a part that no mask shows is a find as well.
    let masked = Canary { name: "m".to_owned(), value: "c0ffee12badcaf34".to_owned(), allowed: &[] };
    for (shown, count) in [("c0ffee12ba***adcaf34", 1), ("c0ffee12bad***", 1), ("c0ffee12ba***dcaf34", 0)] {
        let mut outputs = Outputs::default();
        outputs.add(("there".to_owned(), shown.to_owned()));
        assert_eq!(outputs.find(std::slice::from_ref(&masked)).len(), count, "{shown}");
    }
    // Of sealed bytes it is chance; of bytes that say it, it is one too.
    let stored = |bytes: &[u8]| format!("value = '\\x{}'", hex::encode(bytes));
    let by_chance = stored(&[0x17, 0x0a, 0xdc, 0xaf, 0x34, 0x99]);
    assert!(by_chance.contains("adcaf34"));
    for (shown, count) in [(by_chance, 0), (stored(b"***adcaf34"), 1), (stored(b"c0ffee12badcaf34"), 2)] {
        let mut outputs = Outputs::default();
        outputs.add(("there".to_owned(), shown.clone()));
        assert_eq!(outputs.find(std::slice::from_ref(&masked)).len(), count, "{shown}");
    }
    let mut clean = Outputs::default();
    clean.add(("there".to_owned(), "a planted secret 18".to_owned()));
    assert_eq!((clean.find(&[canary]), clean.len()), (Vec::new(), 1));
}
