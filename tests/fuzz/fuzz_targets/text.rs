//! Texts from outside: amounts, quantities, dates, topics, names, and the card number grammar.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_proto::{Amount, BusinessDay, Currency, LocalTime, Note, Quantity, Topic, Unit, pan};

fuzz_target!(|bytes: &[u8]| {
    let mut masked = bytes.to_vec();
    pan::mask_card_numbers(&mut masked);
    assert_eq!(masked.len(), bytes.len());
    assert!(!pan::holds_card_number(&masked), "masking leaves nothing behind");
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(amount) = Amount::parse(text, Currency::USD) {
        assert_eq!(Amount::parse(&amount.decimal(), Currency::USD), Ok(amount));
    }
    if let Ok(quantity) = Quantity::parse(text, Unit::Each) {
        assert_eq!(Quantity::parse(&quantity.decimal(), Unit::Each), Ok(quantity));
    }
    drop(text.parse::<BusinessDay>());
    drop(text.parse::<LocalTime>());
    drop(text.parse::<Topic>());
    if let Some(note) = Note::cleaned(text) {
        assert!(!pan::holds_card_number(note.as_str().as_bytes()));
    }
});
