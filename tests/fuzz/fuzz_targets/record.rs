//! A record's body: what decodes must encode to something that decodes to the same, and must verify without panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_proto::{Fact, decode_header, decode_observation, encode_header, encode_observation, pan};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(observation) = decode_observation(bytes) {
        let again = encode_observation(&observation).expect("what was decoded encodes");
        assert_eq!(decode_observation(&again).expect("and decodes"), observation);
        if let Fact::Transaction(transaction) = &observation.fact {
            drop(transaction.verify());
            if let Some(operator) = &transaction.operator {
                assert!(!pan::holds_card_number(operator.as_str().as_bytes()), "no text type holds a card number");
            }
        }
    }
    if let Ok(header) = decode_header(bytes) {
        let again = encode_header(&header).expect("what was decoded encodes");
        assert_eq!(decode_header(&again).expect("and decodes"), header);
    }
});
