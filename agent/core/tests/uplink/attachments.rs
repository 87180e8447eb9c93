//! Captured bytes behind the facts: together, in pieces, again.

use tillwire_agent_core::settings::RelayLink;
use tillwire_agent_core::uplink::{Command, Down, SegmentFacts, Uplink};
use tillwire_proto::{AttachmentReceipt, Digest, RecordNumber, RelayHello};

use super::{HEARD, RELAY, SEGMENT, batch, commands, facts, give_receipt, greeted, hash, hello, keep};

fn load(from: u64, through: u64, offset: u32) -> Command {
    Command::SendAttachments {
        segment: SEGMENT,
        from,
        through,
        offset,
    }
}

fn attached(through: u64) -> Command {
    Command::KeepAttached {
        segment: SEGMENT,
        through,
    }
}

fn give_attachment_receipt(uplink: &mut Uplink, now: u64, digest: Digest, have: u32, complete: bool) {
    let receipt = AttachmentReceipt {
        digest,
        have,
        complete,
    };
    uplink.handle_message(now, &Down::AttachmentReceipt(&receipt));
}

/// A machine whose only record left at 1000, with so many attachments to go behind it.
fn attaching(attachments: u64) -> Uplink {
    let mut uplink = greeted(
        SegmentFacts {
            attachments,
            ..facts(1, 0)
        },
        0,
    );
    assert_eq!(commands(&mut uplink, 1_000), [HEARD, batch(1)]);
    uplink.handle_sent(1_000, SEGMENT, RecordNumber(1));
    uplink
}

#[test]
fn attachments_travel_behind_the_facts_and_long_ones_resume() {
    let mut uplink = attaching(2);
    assert_eq!(commands(&mut uplink, 1_000), [load(1, 2, 0)]);
    uplink.handle_attachments_sent(1_001, SEGMENT, 1, 1, hash(1));
    assert_eq!(commands(&mut uplink, 1_001), [load(2, 2, 0)]);
    uplink.handle_attachments_sent(1_001, SEGMENT, 2, 2, hash(2));
    give_attachment_receipt(&mut uplink, 1_050, hash(1), 49_152, false);
    assert_eq!(commands(&mut uplink, 1_050), [load(1, 1, 49_152)]);
    uplink.handle_attachments_sent(1_050, SEGMENT, 1, 1, hash(1));
    give_attachment_receipt(&mut uplink, 1_060, hash(2), 80, true);
    assert_eq!(commands(&mut uplink, 1_060), []);
    give_attachment_receipt(&mut uplink, 1_070, hash(1), 60_000, true);
    assert_eq!(commands(&mut uplink, 1_070), [attached(2)]);
}

#[test]
fn what_fits_a_message_goes_together_and_one_receipt_is_for_all_of_it() {
    let mut uplink = attaching(300);
    assert_eq!(commands(&mut uplink, 1_000), [load(1, 300, 0)]);
    uplink.handle_attachments_sent(1_001, SEGMENT, 1, 256, hash(1));
    assert_eq!(commands(&mut uplink, 1_001), [load(257, 300, 0)]);
    uplink.handle_attachments_sent(1_001, SEGMENT, 257, 300, hash(2));
    give_attachment_receipt(&mut uplink, 1_050, hash(2), 9_000, true);
    assert_eq!(commands(&mut uplink, 1_050), [], "the first are not there yet");
    give_attachment_receipt(&mut uplink, 1_060, hash(1), 9_000, true);
    assert_eq!(commands(&mut uplink, 1_060), [attached(300)]);
}

#[test]
fn what_does_not_fit_when_it_is_sent_again_goes_in_a_message_of_its_own() {
    let mut uplink = attaching(40);
    commands(&mut uplink, 1_000);
    give_receipt(&mut uplink, 1_001, 1);
    uplink.handle_attachments_sent(1_001, SEGMENT, 1, 40, hash(1));
    assert_eq!(commands(&mut uplink, 1_001), [keep(1)]);
    uplink.handle_timeout(11_001);
    assert_eq!(commands(&mut uplink, 11_001), [load(1, 40, 0)]);
    uplink.handle_attachments_sent(11_001, SEGMENT, 1, 25, hash(2));
    assert_eq!(commands(&mut uplink, 11_001), [load(26, 40, 0)]);
    uplink.handle_attachments_sent(11_001, SEGMENT, 26, 40, hash(3));
    give_attachment_receipt(&mut uplink, 11_050, hash(3), 1, true);
    give_attachment_receipt(&mut uplink, 11_050, hash(2), 1, true);
    assert_eq!(commands(&mut uplink, 11_050), [attached(40)]);
}

#[test]
fn what_the_disk_changed_is_passed_over_and_what_stands_behind_it_goes() {
    let mut uplink = attaching(9);
    commands(&mut uplink, 1_000);
    give_receipt(&mut uplink, 1_001, 1);
    uplink.handle_attachments_sent(1_001, SEGMENT, 1, 9, hash(1));
    assert_eq!(commands(&mut uplink, 1_001), [keep(1)]);
    uplink.handle_timeout(11_002);
    assert_eq!(commands(&mut uplink, 11_002), [load(1, 9, 0)]);
    uplink.handle_attachments_sent(11_002, SEGMENT, 1, 4, hash(2));
    assert_eq!(commands(&mut uplink, 11_002), [load(5, 9, 0)]);
    uplink.handle_attachments_missing(SEGMENT, 5, 5);
    assert_eq!(commands(&mut uplink, 11_002), [load(6, 9, 0)]);
    uplink.handle_attachments_sent(11_002, SEGMENT, 6, 9, hash(3));
    for digest in [hash(2), hash(3)] {
        give_attachment_receipt(&mut uplink, 11_050, digest, 1, true);
    }
    assert_eq!(commands(&mut uplink, 11_050), [attached(5), attached(9)]);
}

#[test]
fn a_relay_put_back_to_a_copy_is_offered_every_attachment_again() {
    let facts = SegmentFacts {
        attachments: 3,
        attached: 3,
        ..facts(1, 1)
    };
    let mut uplink = Uplink::new(RelayLink::default(), 1, vec![facts], Some((RELAY, 0)), 0);
    uplink.handle_timeout(1_000);
    uplink.next_command(1_000);
    uplink.handle_connected(1_000);
    commands(&mut uplink, 1_000);
    uplink.handle_message(1_000, &Down::Hello(&hello(1), &[Some(hash(1))]));
    let rewind = Command::Rewind {
        segment: SEGMENT,
        through: RecordNumber(1),
    };
    assert_eq!(commands(&mut uplink, 1_000), [rewind, HEARD, load(1, 3, 0)]);
}

#[test]
fn behind_a_broker_a_copied_relay_gets_what_only_the_one_before_it_receipted() {
    let mut uplink = attaching(9);
    commands(&mut uplink, 1_000);
    give_receipt(&mut uplink, 1_001, 1);
    uplink.handle_attachments_sent(1_001, SEGMENT, 1, 4, hash(1));
    assert_eq!(commands(&mut uplink, 1_001), [keep(1), load(5, 9, 0)]);
    uplink.handle_attachments_sent(1_001, SEGMENT, 5, 9, hash(2));
    give_attachment_receipt(&mut uplink, 1_050, hash(2), 1, true);
    assert_eq!(commands(&mut uplink, 1_050), []);
    let copied = RelayHello {
        generation: 2,
        ..hello(1)
    };
    uplink.handle_message(1_060, &Down::Hello(&copied, &[Some(hash(1))]));
    let heard = Command::Heard {
        relay: RELAY,
        generation: 2,
    };
    assert_eq!(commands(&mut uplink, 1_060), [heard, load(1, 9, 0)]);
}
