//! The tripwire: whatever it is given, no card number is left, and what holds no card data is left as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_agent_core::capture::tripwire::sweep;
use tillwire_proto::pan;

fuzz_target!(|bytes: &[u8]| {
    let mut swept = bytes.to_vec();
    let redactions = sweep(&mut swept);
    assert!(!pan::holds_card_number(&swept), "a card number was left");
    if redactions.total() == 0 {
        assert_eq!(swept, bytes, "nothing was found, and something was changed");
    }
});
