//! What must hold for every value and every byte string.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

#[path = "support/sample.rs"]
mod sample;

use proptest::prelude::*;
use sample::{DeviceKey, RelayKey};
use tillwire_proto::*;

fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..12)
}

fn packed(bodies: &[Vec<u8>]) -> Batch {
    let header = encode_header(&sample::header()).unwrap();
    let previous = chain::header_hash(&header);
    Batch::pack(sample::segment(), Some(header), RecordNumber(1), previous, bodies)
}

proptest! {
    #[test]
    fn a_batch_unpacks_to_the_bodies_that_were_packed(bodies in bodies()) {
        let batch = packed(&bodies);
        let run = batch.unpack().unwrap();
        prop_assert_eq!(run.bodies, bodies);
        prop_assert_eq!(*run.hashes.last().unwrap(), batch.last);
        prop_assert_eq!(batch.hashes().unwrap(), run.hashes);
    }

    #[test]
    fn a_bundle_unpacks_to_what_was_packed_and_its_name_tells_every_change(
        captured in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 1..12),
        which in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
    ) {
        let bundle = AttachmentBundle::pack(&captured);
        let all = bundle.unpack().unwrap();
        let found: Vec<&[u8]> = all.parts.iter().map(|(_, range)| &all.plain[range.clone()]).collect();
        prop_assert_eq!(&found, &captured);
        let name = |all: &Bundled| AttachmentBundle::name(all.parts.iter().map(|(digest, _)| *digest));
        let own = AttachmentBundle::name(captured.iter().map(|one| Digest::of(one)));
        prop_assert_eq!(name(&all), own);
        let mut changed = captured;
        let one = which.index(changed.len());
        let at = byte.index(changed[one].len());
        changed[one][at] ^= 1;
        prop_assert_ne!(name(&AttachmentBundle::pack(&changed).unpack().unwrap()), own);
    }

    #[test]
    fn a_bundle_of_any_bytes_is_refused_or_unpacks_to_its_lengths(
        lens in prop::collection::vec(0..70_000_u32, 0..300),
        packed in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        for packing in [Packing::Plain, Packing::Zstd, Packing::ZstdFacts1] {
            let bundle = AttachmentBundle { lens: lens.clone(), packing, packed: Blob(packed.clone()) };
            if let Ok(all) = bundle.unpack() {
                let found: Vec<usize> = all.parts.iter().map(|(_, range)| range.len()).collect();
                let said: Vec<usize> = lens.iter().map(|len| *len as usize).collect();
                prop_assert_eq!(found, said);
            }
        }
    }

    #[test]
    fn the_chain_detects_every_single_bit_change(bodies in bodies(), which in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let honest = packed(&bodies);
        let mut changed = bodies.clone();
        let body = which.index(changed.len());
        prop_assume!(!changed[body].is_empty());
        let bit = bit.index(changed[body].len() * 8);
        changed[body][bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(packed(&changed).last, honest.last);
    }

    #[test]
    fn the_chain_detects_removal_and_reordering(bodies in bodies(), at in any::<prop::sample::Index>()) {
        prop_assume!(bodies.len() > 1);
        let honest = packed(&bodies).last;
        let mut removed = bodies.clone();
        removed.remove(at.index(bodies.len()));
        prop_assert_ne!(packed(&removed).last, honest);
        let mut swapped = bodies.clone();
        let first = at.index(bodies.len() - 1);
        swapped.swap(first, first + 1);
        prop_assume!(swapped != bodies);
        prop_assert_ne!(packed(&swapped).last, honest);
    }

    #[test]
    fn every_single_bit_change_of_a_message_is_refused(bit in any::<prop::sample::Index>()) {
        let key = DeviceKey::random();
        let mut message = seal(Kind::Batch, &sample::batch(), &key).unwrap();
        let bit = bit.index(message.len() * 8);
        message[bit / 8] ^= 1 << (bit % 8);
        let refused = Envelope::open(&message, UP_LEN_MAX).and_then(|e| e.verify_device(key.public())).is_err();
        prop_assert!(refused);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = decode_observation(&bytes);
        let _ = decode_header(&bytes);
        if let Ok(envelope) = Envelope::open(&bytes, UP_LEN_MAX) {
            let _ = envelope.decode::<Batch>().map(|batch| assert_eq!(batch.hashes(), batch.unpack().map(|run| run.hashes)));
        }
        if let Ok(batch) = postcard::from_bytes::<Batch>(&bytes) {
            assert_eq!(batch.hashes(), batch.unpack().map(|run| run.hashes));
        }
    }

    #[test]
    fn amounts_print_and_parse_back(minor in any::<i64>()) {
        let amount = Amount::new(minor, Currency::USD);
        prop_assert_eq!(Amount::parse(&amount.decimal(), Currency::USD).unwrap(), amount);
    }

    #[test]
    fn quantities_print_and_parse_back(millionths in any::<i64>()) {
        let quantity = Quantity::from_millionths(millionths, Unit::Each);
        prop_assert_eq!(Quantity::parse(&quantity.decimal(), Unit::Each).unwrap(), quantity);
    }

    #[test]
    fn rounding_is_never_off_by_a_unit(value in -1_000_000_i64..1_000_000, by in 1_i64..1000) {
        let amount = Amount::new(value, Currency::USD);
        for rounding in [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down] {
            let rounded = amount.mul_ratio(1, by, rounding).unwrap().minor();
            prop_assert!((rounded * by - value).abs() < by || rounding != Rounding::Down);
            prop_assert!((rounded * by - value).abs() * 2 <= by || rounding == Rounding::Down);
        }
    }

    #[test]
    fn a_ticket_whose_totals_were_changed_does_not_verify(part in 0_usize..7, by in prop_oneof![-5000_i64..0, 1_i64..5000]) {
        let mut sale = sample::sale();
        let Body::Trade(trade) = &mut sale.body else { unreachable!() };
        let t = &mut trade.totals;
        let field = [&mut t.net, &mut t.discount, &mut t.tax, &mut t.tip, &mut t.rounding, &mut t.total, &mut t.paid].into_iter().nth(part).unwrap();
        *field = field.checked_add(sample::usd(by)).unwrap();
        prop_assert!(sale.verify().is_err());
    }

    #[test]
    fn no_text_with_a_card_number_becomes_a_record(prefix in "[a-z ]{0,20}", suffix in "[a-z ]{0,20}") {
        let text = format!("{prefix} 4111111111111111 {suffix}");
        prop_assert!(Description::new(&text).is_err());
        prop_assert!(Note::cleaned(&text).is_none_or(|note| !note.as_str().contains("411111")));
    }
}

#[test]
fn every_sample_transaction_adds_up() {
    for transaction in sample::every_transaction() {
        transaction
            .verify()
            .unwrap_or_else(|e| panic!("{}: {e}", transaction.key.kind.name()));
    }
}

#[test]
fn prices_that_include_tax_add_up_to_the_same_net() {
    let mut sale = sample::sale();
    let Body::Trade(trade) = &mut sale.body else {
        unreachable!()
    };
    trade.lines[0].unit_price = sample::usd(3167);
    trade.lines[0].extended = sample::usd(5220 + 534);
    assert!(
        sale.verify().is_err(),
        "as prices before tax this is 5.34 too much"
    );
    let Body::Trade(trade) = &mut sale.body else {
        unreachable!()
    };
    trade.prices = Prices::TaxIncluded;
    sale.verify().unwrap();
}

#[test]
fn rounding_to_the_smallest_coin_is_part_of_what_is_owed() {
    let mut sale = sample::sale();
    let Body::Trade(trade) = &mut sale.body else {
        unreachable!()
    };
    trade.totals.rounding = sample::usd(1);
    trade.totals.total = sample::usd(9505);
    trade.totals.paid = sample::usd(9505);
    trade.tenders[0].amount = sample::usd(2001);
    sale.verify().unwrap();
}

#[test]
fn a_sale_with_a_foreign_amount_names_the_part() {
    let mut sale = sample::sale();
    let Body::Trade(trade) = &mut sale.body else {
        unreachable!()
    };
    trade.taxes[0].amount = Amount::new(534, Currency::from_code("CAD").unwrap());
    let error = sale.verify().unwrap_err().to_string();
    assert_eq!(error, "found 5.34 CAD in tax line, wanted an amount in USD");
}

#[test]
fn an_unpaid_ticket_names_both_figures() {
    let mut sale = sample::sale();
    let Body::Trade(trade) = &mut sale.body else {
        unreachable!()
    };
    trade.tenders[1].amount = sample::usd(7000);
    trade.totals.paid = sample::usd(8504);
    assert_eq!(
        sale.verify().unwrap_err().to_string(),
        "paid 85.04 USD, but 95.04 USD is owed"
    );
}

#[test]
fn messages_of_a_newer_minor_version_keep_their_unknown_fields() {
    let key = RelayKey::fixed();
    let mut message = seal(
        Kind::Want,
        &Want {
            segment: sample::segment(),
            from: RecordNumber(3),
        },
        &key,
    )
    .unwrap();
    message.truncate(message.len() - SIGNATURE_LEN);
    message[3] = version::MINOR + 1;
    message.extend(b"a field of tomorrow");
    let signature = key.sign(&[b"tillwire envelope v1", message.as_slice()].concat());
    message.extend(signature);
    let envelope = Envelope::open(&message, DOWN_LEN_MAX).unwrap();
    envelope.verify_relay(key.public()).unwrap();
    assert_eq!(envelope.decode::<Want>().unwrap().from, RecordNumber(3));
    assert!(envelope.body.ends_with(b"tomorrow"));
}

#[test]
fn bytes_after_the_last_field_are_refused_in_our_own_version() {
    let key = RelayKey::fixed();
    let honest = seal(
        Kind::Want,
        &Want {
            segment: sample::segment(),
            from: RecordNumber(3),
        },
        &key,
    )
    .unwrap();
    let mut longer = honest[..honest.len() - SIGNATURE_LEN].to_vec();
    longer.push(0);
    longer.extend(&honest[honest.len() - SIGNATURE_LEN..]);
    let envelope = Envelope::open(&longer, DOWN_LEN_MAX).unwrap();
    assert_eq!(envelope.verify_relay(key.public()), Err(EnvelopeError::Signature));
    assert!(matches!(
        envelope.decode::<Want>(),
        Err(EnvelopeError::Body { .. })
    ));
}

#[test]
fn a_batch_that_claims_too_much_is_refused_before_unpacking() {
    let honest = sample::batch();
    let bombs = [
        Batch {
            unpacked_len: u32::MAX,
            ..honest.clone()
        },
        Batch {
            count: u32::MAX,
            ..honest.clone()
        },
        Batch {
            first: RecordNumber(0),
            ..honest.clone()
        },
        Batch {
            first: RecordNumber(u64::MAX),
            ..honest.clone()
        },
        Batch {
            header: None,
            ..honest.clone()
        },
        Batch {
            count: honest.count - 1,
            ..honest.clone()
        },
    ];
    for bomb in bombs {
        assert!(bomb.unpack().is_err());
    }
}

#[test]
fn limits_of_both_directions_hold_when_sealing() {
    let key = RelayKey::fixed();
    let marks = vec![
        Mark {
            segment: sample::segment(),
            through: RecordNumber(1),
            hash: Some(Digest::of(b"x"))
        };
        1000
    ];
    let hello = RelayHello {
        relay: RelayId([1; 16]),
        generation: 1,
        at_ms: 0,
        marks,
    };
    assert!(matches!(
        seal(Kind::RelayHello, &hello, &key),
        Err(EnvelopeError::TooLong { .. })
    ));
}

#[test]
fn a_hello_of_the_largest_size_fits_a_message_downwards() {
    let key = RelayKey::fixed();
    let mark = Mark {
        segment: sample::segment(),
        through: RecordNumber(u64::MAX),
        hash: Some(Digest::of(b"x")),
    };
    let hello = RelayHello {
        relay: RelayId([1; 16]),
        generation: u32::MAX,
        at_ms: i64::MAX,
        marks: vec![mark; HELLO_SEGMENTS_MAX],
    };
    assert!(seal(Kind::RelayHello, &hello, &key).is_ok());
}

/// Sales of one till with their own numbers, items, prices, times and digests: a batch of them must stay near the
/// 80 bytes a sale that the link was budgeted for, digest of the captured bytes (32) included.
#[test]
fn a_batch_of_varied_sales_stays_small_on_the_wire() {
    let bodies: Vec<Vec<u8>> = (0..200_u32)
        .map(|i| {
            let mut sale = sample::sale();
            sale.key.ticket = TicketNumber::new(&format!("{}", 10_482 + i)).unwrap();
            sale.pos_id = PosId::new(&format!("{}", 204_881 + i * 7)).ok();
            sale.at = LocalTime(sale.at.0 + i64::from(i) * 97);
            let Body::Trade(trade) = &mut sale.body else {
                unreachable!()
            };
            for (n, line) in (0_u32..).zip(&mut trade.lines) {
                line.unit_price = sample::usd(i64::from((i * 7919 + n * 104_729) % 9000) + 99);
                line.extended = line.unit_price;
                line.discounts.clear();
                line.quantity = Quantity::each(1);
                line.sku = Sku::new(&format!("SKU-{:05}", (i * 31 + n * 17) % 400)).ok();
            }
            trade.tenders.truncate(1);
            let mut observation = sample::observation(Witness::PosPush, Fact::Transaction(Box::new(sale)));
            observation.stamp.wall_ms += i64::from(i) * 97_003;
            observation.stamp.monotonic_ms += u64::from(i) * 97_003;
            observation.attachment = Some(AttachmentRef {
                digest: Digest::of(&i.to_be_bytes()),
                len: 3000 + i,
            });
            encode_observation(&observation).unwrap()
        })
        .collect();
    let message = seal(Kind::Batch, &packed(&bodies), &DeviceKey::random()).unwrap();
    let live = seal(Kind::Batch, &packed(&bodies[..1]), &DeviceKey::random()).unwrap();
    println!(
        "{} bytes a sale batched, {} alone with its segment header",
        message.len() / bodies.len(),
        live.len()
    );
    assert!(
        message.len() / bodies.len() <= 110,
        "{}",
        message.len() / bodies.len()
    );
}
