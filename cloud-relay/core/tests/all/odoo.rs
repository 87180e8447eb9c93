use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tillwire_proto::{Quantity, Sku, TenderKind};
use tillwire_relay_core::odoo::{
    Answer, Backoff, Breaker, Call, Difference, Direction, Invoicing, JournalEntry, OdooVersion, Permit,
    PickLine, Picking, Refusal, Reply, ResolvedBooks, ResolvedStock, ResolvedTax, Seen, classify_json_rpc,
    classify_json2, confirmed, loaded, read_entry, read_picking,
};
use tillwire_relay_core::settings::AccountCode;

use crate::world::*;

/// What servers of these versions were asked and answered.
fn fixture(name: &str) -> Value {
    let text = match name {
        "entry-17" => include_str!("../fixtures/entry-17.json"),
        "entry-18" => include_str!("../fixtures/entry-18.json"),
        "entry-19" => include_str!("../fixtures/entry-19.json"),
        "picking-17" => include_str!("../fixtures/picking-17.json"),
        "picking-18" => include_str!("../fixtures/picking-18.json"),
        "picking-19" => include_str!("../fixtures/picking-19.json"),
        "answers" => include_str!("../fixtures/answers.json"),
        other => panic!("no fixture {other}"),
    };
    serde_json::from_str(text).unwrap()
}

fn rpc(body: &Value) -> Answer {
    let body = body.to_string();
    classify_json_rpc(&Reply::Http {
        status: 200,
        body: &body,
        retry_after_ms: None,
    })
}

/// The records of a recorded answer.
fn records(body: &Value) -> Value {
    match rpc(body) {
        Answer::Ok(result) => serde_json::from_str(result.get()).unwrap(),
        other => panic!("found {other:?}, wanted a result"),
    }
}

fn seen_answer(name: &str) -> Answer {
    let answers = fixture("answers");
    let answer = &answers[name];
    assert!(answer.is_object(), "no answer {name}");
    let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
    let body = answer["body"]["_raw_body"]
        .as_str()
        .map_or_else(|| answer["body"].to_string(), str::to_owned);
    let reply = Reply::Http {
        status,
        body: &body,
        retry_after_ms: None,
    };
    if name.starts_with("json2") {
        classify_json2(&reply)
    } else {
        classify_json_rpc(&reply)
    }
}

fn id(cell: &Value) -> i64 {
    cell.as_str().unwrap().parse().unwrap()
}

fn resolved_of(fixture: &Value, version: u16) -> ResolvedBooks {
    let rows = &fixture["data"];
    let account = |code: &str, row: usize| (AccountCode::new(code).unwrap(), id(&rows[row][5]));
    ResolvedBooks {
        version: OdooVersion(version),
        journal: id(&rows[0][3]),
        accounts: [account("101501", 0), account("400001", 1), account("220110", 2)].into(),
        taxes: [(
            "City 1%".to_owned(),
            ResolvedTax {
                tax: id(&rows[1][9]),
                repartition: id(&rows[2][10]),
                account: Some(id(&rows[2][5])),
                nothing: false,
                refunds_alike: true,
                percentage: None,
            },
        )]
        .into(),
        journals: BTreeMap::new(),
        analytics: BTreeMap::new(),
        currencies: BTreeMap::new(),
        invoicing: Invoicing::default(),
    }
}

/// 100.00 of goods and 8.27 of a tax that Odoo would compute as 8.25.
fn taxed_entry() -> JournalEntry {
    let mut world = World::new();
    let mut city = tax("City", None, 827);
    city.base = Some(usd(10_000));
    let tenders = vec![tender(TenderKind::Cash, 10_827)];
    world.tell(sale(
        T1,
        "1",
        trade(vec![item("A1", 1, 10_000)], vec![city], &[], tenders, 0),
    ));
    JournalEntry::of(&world.posting(&[]).unwrap())
}

fn arg<'a>(call: &'a Call, name: &str) -> &'a Value {
    &call.args.iter().find(|(arg, _)| *arg == name).unwrap().1
}

fn minor(cell: &Value) -> Option<i64> {
    let text = cell.as_str().unwrap();
    (!text.is_empty()).then(|| {
        tillwire_proto::Amount::parse(text, tillwire_proto::Currency::USD)
            .unwrap()
            .minor()
    })
}

#[test]
fn an_entry_is_written_as_real_servers_took_it() {
    for version in [17, 18, 19] {
        let seen = fixture(&format!("entry-{version}"));
        let resolved = resolved_of(&seen, version);
        let entry = taxed_entry();
        let call = entry.load(&resolved).unwrap();
        assert_eq!((call.model, call.method), ("account.move", "load"));
        assert_eq!(*arg(&call, "fields"), seen["fields"]);
        assert_eq!(call.context, seen["context"]);
        let ours = arg(&call, "data").as_array().unwrap();
        assert_eq!(ours.len(), 3);
        assert_eq!(ours[0][0], json!("tillwire.j_acme_s01_20261120_r1"));
        assert_eq!(
            (&ours[0][2], &ours[0][4]),
            (&json!("2026-11-20"), &json!("entry"))
        );
        // the lines come in order of accounts: cash, tax, revenue
        for (mine, theirs) in [(0, 0), (1, 2), (2, 1)] {
            let (mine, theirs) = (&ours[mine], &seen["data"][theirs]);
            assert_eq!(mine[5], theirs[5], "account");
            assert_eq!(minor(&mine[7]), minor(&theirs[7]), "debit");
            assert_eq!(minor(&mine[8]), minor(&theirs[8]), "credit");
            assert_eq!((&mine[9], &mine[10]), (&theirs[9], &theirs[10]), "tax");
            assert_eq!(minor(&mine[11]), minor(&theirs[11]), "base");
        }
        for row in &ours[1..] {
            assert!(row.as_array().unwrap()[..5].iter().all(|cell| *cell == json!("")));
        }
    }
}

/// A recorded entry and its recorded lines as the one call reads them, which finds the entry's fields on each line.
fn joined(head: &Value, lines: &Value) -> Box<RawValue> {
    let (head, mut lines) = (&records(head)[0], records(lines));
    for line in lines.as_array_mut().unwrap() {
        for (field, of) in [("parent_state", "state"), ("move_name", "name")] {
            line[field] = head[of].clone();
        }
        for field in ["date", "ref", "journal_id"] {
            line[field] = head[field].clone();
        }
    }
    raw(&lines.to_string())
}

/// The same of a picking and its moves.
fn moves_of(head: &Value, moves: &Value) -> Box<RawValue> {
    let (head, mut moves) = (&records(head)[0], records(moves));
    for moved in moves.as_array_mut().unwrap() {
        for (field, of) in [("reference", "name"), ("state", "state")] {
            moved[field] = head[of].clone();
        }
        for field in ["location_id", "location_dest_id"] {
            moved[field] = head[field].clone();
        }
    }
    raw(&moves.to_string())
}

#[test]
fn an_entry_read_back_from_a_real_server_agrees() {
    for version in [17, 18, 19] {
        let seen = fixture(&format!("entry-{version}"));
        let resolved = resolved_of(&seen, version);
        let entry = taxed_entry();
        let mut head = seen["head"].clone();
        // the recording was made under another reference, and without labels
        head["result"][0]["journal_id"] = json!([resolved.journal, "Till"]);
        head["result"][0]["ref"] = json!(entry.reference);
        let mut lines = seen["lines"].clone();
        for line in lines["result"].as_array_mut().unwrap() {
            let minor = |side: &str| minor(&json!(line[side].to_string())).unwrap();
            let amount = minor("debit") - minor("credit");
            let meant = entry.lines.iter().find(|l| l.amount.minor() == amount);
            line["name"] = json!(meant.unwrap().label);
        }
        let read = read_entry(&joined(&head, &lines), &entry, &resolved).unwrap();
        let Seen::Confirmed(verdict) = read else {
            panic!("found {read:?}")
        };
        assert!(verdict.agrees(), "{version}: {verdict:?}");
        // another reference, another label, another date, a cent elsewhere: each is named
        for (place, named) in [("ref", "reference is by hand"), ("name", "line \"by hand\"")] {
            let (mut head, mut lines) = (head.clone(), lines.clone());
            match place {
                "ref" => head["result"][0]["ref"] = json!("by hand"),
                _ => lines["result"][0]["name"] = json!("by hand"),
            }
            let Seen::Confirmed(verdict) = read_entry(&joined(&head, &lines), &entry, &resolved).unwrap()
            else {
                panic!("not confirmed")
            };
            let words: Vec<String> = verdict.differences.iter().map(ToString::to_string).collect();
            assert!(words.iter().any(|word| word.starts_with(named)), "{words:?}");
        }
        head["result"][0]["date"] = json!("2026-12-01");
        let Seen::Confirmed(verdict) = read_entry(&joined(&head, &lines), &entry, &resolved).unwrap() else {
            panic!("not confirmed")
        };
        assert!(verdict.agrees_but_for_date() && !verdict.agrees());
        lines["result"][0]["debit"] = json!(108.28);
        let Seen::Confirmed(verdict) = read_entry(&joined(&head, &lines), &entry, &resolved).unwrap() else {
            panic!("not confirmed")
        };
        assert!(!verdict.agrees_but_for_date());
        assert!(
            verdict
                .differences
                .iter()
                .any(|d| d.to_string().contains("account 101501"))
        );
    }
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[test]
fn a_balancing_line_of_odoos_own_is_noticed() {
    let seen = fixture("entry-17");
    let resolved = resolved_of(&seen, 17);
    let mut head = seen["head"].clone();
    head["result"][0]["journal_id"] = json!([resolved.journal, "Till"]);
    let mut lines = seen["lines"].clone();
    let mut extra = lines["result"][0].clone();
    (extra["debit"], extra["account_id"]) = (json!(0.0), json!([99, "Suspense"]));
    lines["result"].as_array_mut().unwrap().push(extra);
    for line in lines["result"].as_array_mut().unwrap() {
        line["name"] = json!(false);
    }
    let read = read_entry(&joined(&head, &lines), &taxed_entry(), &resolved).unwrap();
    let Seen::Confirmed(verdict) = read else {
        panic!("found {read:?}")
    };
    let expected = Difference::Field {
        what: "number of lines".to_owned(),
        found: "4".to_owned(),
        wanted: "3".to_owned(),
    };
    assert!(verdict.differences.contains(&expected));
}

#[test]
fn an_entry_that_is_gone_or_cancelled_is_named() {
    let resolved = resolved_of(&fixture("entry-17"), 17);
    let entry = taxed_entry();
    assert_eq!(read_entry(&raw("[]"), &entry, &resolved).unwrap(), Seen::Gone);
    let line = r#"[{"account_id":[1,"A"],"name":"x","debit":0.0,"credit":0.0,"parent_state":"cancel","date":"2026-11-20","ref":false,"journal_id":[1,"J"],"move_name":false}]"#;
    assert_eq!(
        read_entry(&raw(line), &entry, &resolved).unwrap(),
        Seen::Cancelled
    );
    assert!(read_entry(&raw("7"), &entry, &resolved).is_err());
}

#[test]
fn a_tax_is_told_to_odoo_only_when_nothing_would_change() {
    let seen = fixture("entry-17");
    let told = |entry: &JournalEntry, resolved: &ResolvedBooks| {
        let call = entry.load(resolved).unwrap();
        let rows = arg(&call, "data").as_array().unwrap().clone();
        rows.iter().any(|row| row[9] != json!("") || row[10] != json!(""))
    };
    let resolved = resolved_of(&seen, 17);
    assert!(told(&taxed_entry(), &resolved));
    let mut other_account = resolved.clone();
    other_account.taxes.get_mut("City 1%").unwrap().account = Some(1);
    assert!(
        !told(&taxed_entry(), &other_account),
        "Odoo would add a line on the tax's own account"
    );
    let mut no_amount = taxed_entry();
    // the amount without its name: the entry balances, and Odoo would compute one beside it
    no_amount.lines.iter_mut().for_each(|line| line.tax = None);
    assert!(
        !told(&no_amount, &resolved),
        "Odoo would compute an amount of its own"
    );
    let mut no_base = taxed_entry();
    no_base.lines.iter_mut().for_each(|line| line.taxed_by.clear());
    assert!(!told(&no_base, &resolved));
    let mut turned = taxed_entry();
    for line in &mut turned.lines {
        line.amount = line.amount.checked_neg().unwrap();
        line.base = line.base.map(|base| base.checked_neg().unwrap());
    }
    assert!(!told(&turned, &resolved), "refunds have another repartition");
    let mut part = taxed_entry();
    part.lines
        .iter_mut()
        .for_each(|line| line.base = line.base.map(|_| usd(9_999)));
    assert!(
        !told(&part, &resolved),
        "the report would show a base that the POS did not"
    );
}

#[test]
fn an_account_that_odoo_lacks_is_named() {
    let mut resolved = resolved_of(&fixture("entry-17"), 17);
    resolved.accounts.remove(&AccountCode::new("101501").unwrap());
    let error = taxed_entry().load(&resolved).unwrap_err().to_string();
    assert!(error.contains("101501"), "{error}");
}

fn picking() -> Picking {
    let line = |sku: &str| PickLine {
        sku: Sku::new(sku).unwrap(),
        lot: None,
        quantity: Quantity::each(1),
    };
    let world = World::new();
    let batch = tillwire_relay_core::stock::StockBatch {
        direction: Direction::Out,
        lines: vec![line("A247512"), line("B247512")],
        kits: Vec::new(),
    };
    batch.picking(&world.settings.tenant, &world.settings.store, day(), 7)
}

fn stock_of(fixture: &Value, version: u16) -> ResolvedStock {
    let fields = fixture["fields"].as_array().unwrap();
    let column = |name: &str| fields.iter().position(|field| field == name).unwrap();
    let cell = |row: usize, name: &str| id(&fixture["data"][row][column(name)]);
    let product = |row, sku: &str| {
        let mut product = crate::stock::product(cell(row, "move_ids/product_id/.id"), sku);
        product.uom.id = cell(row, "move_ids/product_uom/.id");
        (product.sku.clone(), product)
    };
    ResolvedStock {
        version: OdooVersion(version),
        type_out: cell(0, "picking_type_id/.id"),
        type_back: 99,
        stock: cell(0, "location_id/.id"),
        customers: cell(0, "location_dest_id/.id"),
        products: [product(0, "A247512"), product(1, "B247512")].into(),
        lots: std::collections::BTreeMap::new(),
        on_hand: std::collections::BTreeMap::new(),
    }
}

#[test]
fn a_picking_is_written_as_each_version_took_it() {
    for version in [17, 18, 19] {
        let seen = fixture(&format!("picking-{version}"));
        let call = picking().load(&stock_of(&seen, version)).unwrap();
        let fields = arg(&call, "fields").as_array().unwrap();
        let theirs = seen["fields"].as_array().unwrap();
        let without_name: Vec<&Value> = fields.iter().filter(|field| *field != "name").collect();
        assert_eq!(without_name, theirs.iter().collect::<Vec<_>>(), "{version}");
        assert_eq!(fields.contains(&json!("move_ids/name")), version < 19);
        let rows = arg(&call, "data").as_array().unwrap();
        assert_eq!(rows[0][0], json!("tillwire.p_acme_s01_7"));
        assert_eq!(rows[0][1], json!("TW/s01/7"));
        for (row, seen_row) in rows.iter().zip(seen["data"].as_array().unwrap()) {
            for (field, value) in fields.iter().zip(row.as_array().unwrap()) {
                let Some(place) = theirs.iter().position(|their| their == field) else {
                    continue;
                };
                if !["id", "origin", "move_ids/name"].contains(&field.as_str().unwrap()) {
                    assert_eq!(*value, seen_row[place], "{version} {field}");
                }
            }
        }
        assert_eq!(call.context, seen["context"]);
    }
}

#[test]
fn goods_back_swap_the_locations() {
    let stock = stock_of(&fixture("picking-19"), 19);
    let back = Picking {
        direction: Direction::Back,
        ..picking()
    };
    let call = back.load(&stock).unwrap();
    let row = &arg(&call, "data")[0];
    assert_eq!(
        (&row[2], &row[3], &row[4]),
        (
            &json!("99"),
            &json!(stock.customers.to_string()),
            &json!(stock.stock.to_string())
        )
    );
}

#[test]
fn a_picking_read_back_from_a_real_server_agrees() {
    for version in [17, 18, 19] {
        let seen = fixture(&format!("picking-{version}"));
        let stock = stock_of(&seen, version);
        let mut head = seen["head"].clone();
        head["result"][0]["name"] = json!("TW/s01/7");
        let read = read_picking(&moves_of(&head, &seen["moves"]), &picking(), &stock).unwrap();
        let Seen::Confirmed(verdict) = read else {
            panic!("found {read:?}")
        };
        assert!(verdict.agrees(), "{version}: {verdict:?}");
        let mut moves = seen["moves"].clone();
        moves["result"][0]["quantity"] = json!(0.5);
        let Seen::Confirmed(verdict) = read_picking(&moves_of(&head, &moves), &picking(), &stock).unwrap()
        else {
            panic!("not confirmed")
        };
        assert_eq!(
            verdict.differences[0].to_string(),
            "quantity of A247512 is 0.5, wanted 1"
        );
    }
}

#[test]
fn confirming_keeps_odoos_dialogs_away() {
    let (positional, named) = Picking::confirm(17).json_rpc();
    assert_eq!(positional, json!([[17]]));
    assert_eq!(
        named,
        json!({"context": {"skip_backorder": true, "picking_ids_not_to_backorder": [17], "skip_sms": true}})
    );
    assert_eq!(JournalEntry::confirm(5).json2(), json!({"ids": [5]}));
}

#[test]
fn both_protocols_get_the_same_call() {
    let call = &Picking::look(9, false);
    let (positional, named) = call.json_rpc();
    assert_eq!(positional, json!([[["picking_id", "=", 9]]]));
    let fields = json!([
        "product_id",
        "quantity",
        "state",
        "reference",
        "location_id",
        "location_dest_id"
    ]);
    assert_eq!(named, json!({"fields": fields, "order": "id"}));
    assert_eq!(
        call.json2(),
        json!({"domain": [["picking_id", "=", 9]], "fields": fields, "order": "id"})
    );
}

#[test]
fn what_real_servers_answered_means_what_it_should() {
    for version in [17, 19] {
        let of = |name: &str| seen_answer(&format!("{name} {version}"));
        assert!(matches!(
            of("posted already"),
            Answer::Rejected {
                refusal: Refusal::Rule,
                ..
            }
        ));
        assert!(matches!(
            of("validate again"),
            Answer::Rejected {
                refusal: Refusal::Rule,
                ..
            }
        ));
        assert!(matches!(of("serialization"), Answer::Retry { .. }));
        assert!(matches!(of("wrong key"), Answer::Unauthorised { .. }));
        assert!(matches!(of("no rights"), Answer::Unauthorised { .. }));
        assert!(matches!(
            of("unknown column"),
            Answer::Rejected {
                refusal: Refusal::Call,
                ..
            }
        ));
        let Answer::Ok(nothing) = of("nothing") else {
            panic!("a method without result is fine")
        };
        assert_eq!(nothing.get(), "null");
        assert!(confirmed(&nothing).is_ok());
        let Answer::Ok(dialog) = of("dialog") else {
            panic!("a dialog is a result")
        };
        let Err(Answer::Rejected {
            refusal: Refusal::Dialog,
            message,
        }) = confirmed(&dialog)
        else {
            panic!("a dialog is no success")
        };
        assert!(message.contains("stock.backorder.confirmation"));
        let Answer::Ok(raced) = of("load raced") else {
            panic!("load() answers a result")
        };
        assert!(matches!(loaded(&raced), Err(Answer::Retry { .. })));
        let Answer::Ok(bad) = of("bad row") else {
            panic!("load() answers a result")
        };
        let Err(Answer::Rejected {
            refusal: Refusal::Row,
            message,
        }) = loaded(&bad)
        else {
            panic!("a bad row")
        };
        assert!(message.contains("country_id"), "{message}");
        let Answer::Ok(unbalanced) = of("unbalanced") else {
            panic!("load() answers a result")
        };
        assert!(matches!(
            loaded(&unbalanced),
            Err(Answer::Rejected {
                refusal: Refusal::Row,
                ..
            })
        ));
    }
    for (name, wanted) in [
        ("json2 no key", true),
        ("json2 wrong key", true),
        ("json2 private", true),
    ] {
        assert_eq!(
            matches!(seen_answer(name), Answer::Unauthorised { .. }),
            wanted,
            "{name}"
        );
    }
    assert!(matches!(
        seen_answer("json2 no model"),
        Answer::Rejected {
            refusal: Refusal::Missing,
            ..
        }
    ));
    assert!(matches!(
        seen_answer("json2 not found page"),
        Answer::Rejected {
            refusal: Refusal::Missing,
            ..
        }
    ));
    assert!(matches!(
        seen_answer("json2 bad argument"),
        Answer::Rejected {
            refusal: Refusal::Call,
            ..
        }
    ));
    assert!(matches!(seen_answer("json2 gone"), Answer::Ok(_)));
    assert!(matches!(
        seen_answer("malformed"),
        Answer::Rejected {
            refusal: Refusal::Call,
            ..
        }
    ));
}

#[test]
fn whatever_may_have_been_done_is_unknown() {
    for status in [408, 429, 500, 502, 503, 504] {
        let reply = Reply::Http {
            status,
            body: "<html><b>Bad</b> gateway</html>",
            retry_after_ms: Some(7_000),
        };
        for answer in [classify_json_rpc(&reply), classify_json2(&reply)] {
            let Answer::Unknown { after_ms, reason } = answer else {
                panic!("{status}: {answer:?}")
            };
            assert_eq!(after_ms, Some(7_000));
            assert!(
                reason.contains("Bad gateway") && !reason.contains('<'),
                "{reason}"
            );
        }
    }
    for reply in [
        Reply::Lost,
        Reply::Http {
            status: 200,
            body: "{\"jsonrpc\":",
            retry_after_ms: None,
        },
    ] {
        assert!(matches!(classify_json_rpc(&reply), Answer::Unknown { .. }));
        assert!(matches!(classify_json2(&reply), Answer::Unknown { .. }));
    }
    assert!(matches!(
        classify_json_rpc(&Reply::NotConnected),
        Answer::Retry { .. }
    ));
}

#[test]
fn a_serialization_failure_over_json2_is_retried() {
    let body = r#"{"name":"psycopg2.errors.SerializationFailure","message":"could not serialize access"}"#;
    let reply = Reply::Http {
        status: 500,
        body,
        retry_after_ms: None,
    };
    assert!(matches!(classify_json2(&reply), Answer::Retry { .. }));
}

#[test]
fn load_that_answers_oddly_is_never_a_success() {
    for odd in [
        r#"{"ids":[1,2],"messages":[]}"#,
        r#"{"ids":[],"messages":[]}"#,
        "7",
        "null",
    ] {
        assert!(matches!(loaded(&raw(odd)), Err(Answer::Unknown { .. })), "{odd}");
    }
    let bare = raw(r#"{"ids":false,"messages":[]}"#);
    assert!(matches!(loaded(&bare), Err(Answer::Rejected { .. })));
    let warned = raw(r#"{"ids":[5],"messages":[{"type":"warning","message":"w"}]}"#);
    assert_eq!(loaded(&warned).unwrap(), 5);
}

#[test]
fn the_breaker_opens_probes_once_and_closes() {
    let mut breaker = Breaker::new(
        3,
        Backoff {
            first_ms: 1_000,
            most_ms: 8_000,
        },
    );
    for turn in 0..2 {
        breaker.failed(turn, 1);
        assert_eq!(breaker.ask(turn), Permit::Go);
    }
    breaker.failed(10, 1);
    let Permit::Wait { until_ms } = breaker.ask(11) else {
        panic!("three failures open it")
    };
    assert!((1_010..=2_010).contains(&until_ms), "{until_ms}");
    assert_eq!(breaker.ask(until_ms), Permit::Probe);
    assert!(
        matches!(breaker.ask(until_ms), Permit::Wait { .. }),
        "one probe at a time"
    );
    breaker.failed(until_ms, 2);
    assert!(matches!(breaker.ask(until_ms), Permit::Wait { .. }));
    breaker.succeeded();
    assert_eq!(breaker.ask(0), Permit::Go);
    assert!(!breaker.is_open());
}

#[test]
fn waits_grow_to_their_ceiling_and_differ_by_seed() {
    let backoff = Backoff::default();
    let most = |attempt| (0..200).map(|seed| backoff.wait_ms(attempt, seed)).max().unwrap();
    assert!(most(0) <= 1_000 && most(0) > 800);
    assert!(most(3) <= 8_000 && most(3) > 6_400);
    assert!(most(63) <= 300_000 && most(u32::MAX) > 240_000);
    let differing: std::collections::BTreeSet<u64> = (0..100).map(|seed| backoff.wait_ms(6, seed)).collect();
    assert!(differing.len() > 90);
}
