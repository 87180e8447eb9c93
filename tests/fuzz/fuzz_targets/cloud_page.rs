//! A page of a retailer's account in the cloud: read or refused, and what follows from it moves on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_agent_core::capture::heartland_retail::graph::{NextOrders, OrderQuestion, read_orders};
use tillwire_agent_core::capture::heartland_retail::cloud::{Listing, Next, Question, read_listed, read_page, ticket_path};
use tillwire_agent_core::capture::heartland_retail::{paid, shelf};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(listed) = read_listed(bytes, Listing::Tickets) {
        assert!(ticket_path(&listed.id).is_some(), "an id that cannot be asked for");
    }
    if let Ok(page) = read_orders(bytes, "station") {
        let question = OrderQuestion::after(jiff::Timestamp::UNIX_EPOCH, 300);
        if let NextOrders::Ask(next) = question.next(&page) {
            assert!(next.after.is_some() && next != question, "the same question again");
        }
    }
    if let Ok(page) = shelf::read_page(bytes, 1) {
        assert!(!(page.more && bytes.len() < 20), "a page that does not end");
    }
    let currency = tillwire_proto::Currency::from_code("USD").expect("a currency");
    for paid in paid::of_ticket(bytes, currency) {
        assert!(!paid.id.is_empty(), "a payment without an id");
    }
    let _payments = paid::read_page(bytes, currency);
    let Ok(page) = read_page(bytes, Listing::Tickets) else { return };
    let question = Question::after(jiff::Timestamp::UNIX_EPOCH, 300);
    if let Next::Ask(next) = question.next(&page) {
        assert!(next.since > question.since || next.len > question.len || next.within > question.within, "the same question again");
    }
});
