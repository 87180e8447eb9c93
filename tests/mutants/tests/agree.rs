//! Core and verifier come to the same figures, whatever a day was like.

use proptest::prelude::*;
use tillwire_mutants::{as_handed_on, days, differences, made};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn core_and_verifier_agree_on_every_day(day in days::day(24)) {
        let made = made(&day).map_err(TestCaseError::fail)?;
        let verified = day.verified().map_err(TestCaseError::fail)?;
        let handed_on = as_handed_on(&day).and_then(|day| day.verified()).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&verified, &handed_on);
        let differences = differences(&made, &verified);
        prop_assert!(differences.is_empty(), "{differences:#?}\nleft out: {:#?}", verified.left_out);
    }
}
