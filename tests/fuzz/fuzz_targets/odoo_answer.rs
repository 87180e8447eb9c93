//! Whatever Odoo, or a proxy in front of it, answers: it becomes one of the closed answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_relay_core::odoo::{Answer, Reply, classify_json_rpc, classify_json2, confirmed, loaded};

fuzz_target!(|input: (u16, &str)| {
    let (status, body) = input;
    let reply = Reply::Http { status, body, retry_after_ms: None };
    for answer in [classify_json_rpc(&reply), classify_json2(&reply)] {
        if let Answer::Ok(result) = answer {
            drop(loaded(&result));
            drop(confirmed(&result));
        }
    }
});
