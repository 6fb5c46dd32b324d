//! Calls that never were: the ids of test messages which a clinic sends itself.
//!
//! Vapi's own ids are UUIDs, so nothing of Vapi's can be taken for a test; and who could make one up has
//! the clinic's signing secret. A quiet test runs through everything but reaches nobody outside: no
//! tool has its effect, nobody is alerted. A loud one does what a real message would do.

/// What the ids of quiet tests begin with.
const QUIET: &str = "voxanne-test-";
/// What the ids of loud tests begin with.
const LOUD: &str = "voxanne-trial-";

/// The id of the call in a test message; `unique` tells tests apart.
pub fn call_id(unique: &str, is_loud: bool) -> String {
    format!("{}{unique}", if is_loud { LOUD } else { QUIET })
}

/// Whether a call is a test of either kind.
pub fn is_sample(call_id: &str) -> bool {
    is_quiet(call_id) || call_id.starts_with(LOUD)
}

/// Whether a call is a test that must reach nobody outside.
pub fn is_quiet(call_id: &str) -> bool {
    call_id.starts_with(QUIET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_says_what_it_is_and_a_call_of_vapi_is_none() {
        assert!(is_quiet(&call_id("1", false)) && is_sample(&call_id("1", false)));
        assert!(!is_quiet(&call_id("1", true)) && is_sample(&call_id("1", true)));
        assert!(!is_sample("c0ffee00-0000-4000-8000-000000000001"));
    }
}
