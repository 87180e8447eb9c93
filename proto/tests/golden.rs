//! The bytes of every message of every released version, committed. A change here is a change of the protocol.
//!
//! `TILLWIRE_WRITE_GOLDEN=1 cargo test -p tillwire-proto --test golden` writes files that do not exist yet; it
//! never overwrites one.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]
#![allow(clippy::disallowed_methods, reason = "a test reads its fixtures")]

#[path = "support/sample.rs"]
mod sample;

use std::path::PathBuf;

use sample::{DeviceKey, RelayKey};
use tillwire_proto::*;

fn hex_lines(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes
        .chunks(32)
        .map(|c| data_encoding::HEXLOWER.encode(c))
        .collect();
    lines.join("\n") + "\n"
}

fn golden(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/v1.0")
        .join(format!("{name}.hex"));
    if !path.exists() && std::env::var_os("TILLWIRE_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, hex_lines(bytes)).unwrap();
    }
    let wanted = std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; write it with TILLWIRE_WRITE_GOLDEN=1", path.display()));
    assert_eq!(
        hex_lines(bytes),
        wanted,
        "{name}: the bytes of a released message changed"
    );
}

fn without_signature(message: &[u8]) -> &[u8] {
    &message[..message.len() - SIGNATURE_LEN]
}

#[test]
fn record_bodies_keep_their_bytes() {
    for observation in sample::every_observation() {
        let body = encode_observation(&observation).unwrap();
        assert_eq!(decode_observation(&body).unwrap(), observation);
        let name = match &observation.fact {
            Fact::Transaction(t) => format!("record-{}", t.key.kind.name()),
            Fact::Terminal(_) => "record-terminal".to_owned(),
            Fact::Unreadable(_) => "record-unreadable".to_owned(),
            Fact::Notice(_) => "record-notice".to_owned(),
            Fact::Close(_) => "record-close".to_owned(),
            Fact::Printed(_) => "record-printed".to_owned(),
            Fact::Report(_) => "record-report".to_owned(),
            Fact::Screen(_) => "record-screen".to_owned(),
        };
        golden(&name, &body);
    }
    golden("segment-header", &encode_header(&sample::header()).unwrap());
}

#[test]
fn messages_upwards_keep_their_bytes() {
    let key = DeviceKey::random();
    let hello = AgentHello {
        version: Version::new("0.1.0").unwrap(),
        stamp: sample::stamp(),
        segments: vec![SegmentState {
            lane: LaneId::new("maple-main-pos").unwrap(),
            segment: sample::segment(),
            first_kept: RecordNumber(1),
            last: RecordNumber(14),
            hash: sample::batch().last,
        }],
        more: false,
        health: AgentHealth {
            backlog: 14,
            attachments: 3,
            disk_percent: 41,
            buffer_days: Some(212),
            certificate_ends_ms: 1_893_456_000_000,
            state: Note::new("ok").unwrap(),
        },
    };
    let chunk = AttachmentChunk {
        digest: Digest::of(b"captured bytes"),
        len: 3539,
        packed_len: 4,
        offset: 0,
        bytes: Blob(vec![1, 2, 3, 4]),
    };
    golden(
        "agent-hello",
        without_signature(&seal(Kind::AgentHello, &hello, &key).unwrap()),
    );
    golden(
        "attachment-chunk",
        without_signature(&seal(Kind::Attachment, &chunk, &key).unwrap()),
    );
    let bundle = AttachmentBundle {
        lens: vec![3, 4],
        packing: Packing::Plain,
        packed: Blob(b"onefour".to_vec()),
    };
    golden(
        "attachment-bundle",
        without_signature(&seal(Kind::AttachmentBundle, &bundle, &key).unwrap()),
    );
    let plain = Batch::pack(
        sample::segment(),
        None,
        RecordNumber(2),
        Digest::of(b"previous"),
        &[[1, 2, 3]],
    );
    assert_eq!(plain.packing, Packing::Plain);
    golden(
        "batch-plain",
        without_signature(&seal(Kind::Batch, &plain, &key).unwrap()),
    );
}

#[test]
fn messages_downwards_keep_their_bytes_and_signatures() {
    let key = RelayKey::fixed();
    let relay = RelayId([3; 16]);
    let (segment, through) = (sample::segment(), RecordNumber(14));
    let hash = sample::batch().last;
    let mark = Mark {
        segment,
        through,
        hash: Some(hash),
    };
    let hello = RelayHello {
        relay,
        generation: 1,
        at_ms: sample::stamp().wall_ms,
        marks: vec![mark],
    };
    let lane = LaneId::new("maple-main-pos").unwrap();
    let receipt = Receipt {
        relay,
        generation: 1,
        lane,
        segment,
        through,
        hash,
        at_ms: sample::stamp().wall_ms,
    };
    let refusal = Refusal {
        segment: Some(segment),
        reason: RefusalReason::Fork,
        detail: Note::new("record 7 has another hash than the one on file").unwrap(),
        retry_after_ms: 60_000,
    };
    let have = AttachmentReceipt {
        digest: Digest::of(b"captured bytes"),
        have: 4,
        complete: true,
    };
    golden("relay-hello", &seal(Kind::RelayHello, &hello, &key).unwrap());
    golden("receipt", &seal(Kind::Receipt, &receipt, &key).unwrap());
    golden(
        "want",
        &seal(
            Kind::Want,
            &Want {
                segment,
                from: RecordNumber(3),
            },
            &key,
        )
        .unwrap(),
    );
    golden(
        "attachment-receipt",
        &seal(Kind::AttachmentReceipt, &have, &key).unwrap(),
    );
    golden("refusal", &seal(Kind::Refusal, &refusal, &key).unwrap());
}

fn read_golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v1.0/{name}.hex"));
    let text = std::fs::read_to_string(path).unwrap().replace('\n', "");
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// A compressor may find a shorter form one day; what it wrote once must unpack for ever.
#[test]
fn packed_batch_of_the_first_release_still_unpacks() {
    let message = read_golden("batch-packed");
    let (batch, rest) = postcard::take_from_bytes::<Batch>(&message[HEAD_LEN..]).unwrap();
    assert!(rest.is_empty());
    assert_eq!(batch.packing, Packing::ZstdFacts1);
    assert_eq!(
        batch.unpack().unwrap().bodies,
        sample::batch().unpack().unwrap().bodies
    );
}

#[test]
fn golden_messages_open_verify_and_decode() {
    let key = RelayKey::fixed();
    let bytes = read_golden("receipt");
    let envelope = Envelope::open(&bytes, DOWN_LEN_MAX).unwrap();
    envelope.verify_relay(key.public()).unwrap();
    assert_eq!(envelope.decode::<Receipt>().unwrap().through, RecordNumber(14));
}
