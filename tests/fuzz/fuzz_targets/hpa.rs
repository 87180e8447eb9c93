//! What a HPA terminal says, judged as `talk.rs` tells.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_agent_core::capture::settings::Dialect;
use tillwire_proto::TerminalId;

#[path = "../talk.rs"]
mod talk;

fuzz_target!(|input: (u16, Vec<u8>)| {
    let (cut, bytes) = input;
    talk::hear(&Dialect::Hpa(TerminalId::new("t1").expect("a name")), cut, &bytes);
});
