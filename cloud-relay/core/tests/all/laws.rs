//! What holds for every day, however it went.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tillwire_proto::{Body, PaymentCommand, Quantity, Sku, TenderKind, Transaction, TransactionKind};
use tillwire_relay_core::books::{Contribution, Posting, parts, postings};
use tillwire_relay_core::facts::DayFacts;
use tillwire_relay_core::odoo::{
    Answer, Backoff, Effect, EffectState, JournalEntry, Next, Payload, Refusal, Seen, Step, StepResult,
    Verdict,
};
use tillwire_relay_core::settings::Corrections;
use tillwire_relay_core::stock::{delta, moved};
use tillwire_relay_core::store_day::assess;

use crate::stock::{odoo, rules, same};
use crate::world::*;

/// One thing that happens, kept small so that failing days are short.
#[derive(Debug, Clone)]
pub enum Event {
    Sale {
        till: bool,
        lines: Vec<(u8, i32, i64)>,
        tax: i64,
        tip: i64,
        tender: u8,
        over: i64,
    },
    Return {
        till: bool,
        sku: u8,
        minor: i64,
    },
    Gift {
        minor: i64,
    },
    Void {
        of: usize,
    },
    Drawer {
        kind: u8,
        minor: i64,
    },
    Count {
        till: bool,
        minor: i64,
    },
    Again {
        of: usize,
    },
    Revise {
        of: usize,
        minor: i64,
    },
    Unknown {
        minor: i64,
    },
    Wrong {
        minor: i64,
    },
    Paid {
        minor: i64,
    },
}

pub fn event() -> impl Strategy<Value = Event> {
    let money = 1..50_000_i64;
    let line = (0..4_u8, 1..5_i32, 0..10_000_i64);
    prop_oneof![
        6 => (any::<bool>(), prop::collection::vec(line, 1..4), 0..900_i64, 0..300_i64, 0..4_u8, 0..2_000_i64)
            .prop_map(|(till, lines, tax, tip, tender, over)| Event::Sale { till, lines, tax, tip, tender, over }),
        2 => (any::<bool>(), 0..4_u8, money.clone())
            .prop_map(|(till, sku, minor)| Event::Return { till, sku, minor }),
        1 => money.clone().prop_map(|minor| Event::Gift { minor }),
        2 => (0..40_usize).prop_map(|of| Event::Void { of }),
        2 => (0..5_u8, money.clone()).prop_map(|(kind, minor)| Event::Drawer { kind, minor }),
        1 => (any::<bool>(), money.clone()).prop_map(|(till, minor)| Event::Count { till, minor }),
        2 => (0..40_usize).prop_map(|of| Event::Again { of }),
        1 => (0..40_usize, money.clone()).prop_map(|(of, minor)| Event::Revise { of, minor }),
        1 => money.clone().prop_map(|minor| Event::Unknown { minor }),
        1 => money.clone().prop_map(|minor| Event::Wrong { minor }),
        2 => money.prop_map(|minor| Event::Paid { minor }),
    ]
}

fn till(second: bool) -> &'static str {
    if second { T2 } else { T1 }
}

fn told_so_far(world: &World) -> Vec<Transaction> {
    let facts = world.records.iter().map(|record| &record.observation.fact);
    facts
        .filter_map(|fact| match fact {
            tillwire_proto::Fact::Transaction(transaction) => Some((**transaction).clone()),
            _ => None,
        })
        .collect()
}

fn apply(world: &mut World, number: usize, event: &Event) {
    let ticket = (number + 1).to_string();
    let told = told_so_far(world);
    match event {
        Event::Sale {
            till: second,
            lines,
            tax: due,
            tip,
            tender: how,
            over,
        } => {
            let lines: Vec<_> = lines
                .iter()
                .map(|(sku, count, unit)| item(&format!("S{sku}"), *count, *unit))
                .collect();
            let owed = lines.iter().map(|l| l.extended.minor()).sum::<i64>() + due + tip;
            let (kind, change) = match how {
                0 => (TenderKind::Cash, *over),
                1 => (TenderKind::Card, 0),
                2 => (TenderKind::GiftCard, 0),
                _ => (TenderKind::Check, 0),
            };
            let taxes = if *due == 0 {
                vec![]
            } else {
                vec![tax("City", Some(10_000), *due)]
            };
            let tenders = vec![tender(kind, owed + change)];
            world.tell(sale(
                till(*second),
                &ticket,
                trade(lines, taxes, &[*tip], tenders, change),
            ));
            if *how == 1 {
                world.pay(answer(till(*second), PaymentCommand::Sale, owed, Some(&ticket)));
            }
        }
        Event::Return {
            till: second,
            sku,
            minor,
        } => {
            world.tell(cash_return(till(*second), &ticket, &format!("S{sku}"), *minor));
        }
        Event::Gift { minor } => {
            let tenders = vec![tender(TenderKind::Cash, *minor)];
            world.tell(sale(
                T1,
                &ticket,
                trade(vec![gift_card(*minor)], vec![], &[], tenders, 0),
            ));
        }
        Event::Void { of } => {
            if let Some(of) = told.get(*of % told.len().max(1)) {
                world.tell(void(
                    of.key.register.as_str(),
                    &ticket,
                    of.key.ticket.as_str(),
                    None,
                ));
            }
        }
        Event::Drawer { kind, minor } => {
            let (kind, reason) = match kind {
                0 => (TransactionKind::PaidIn, None),
                1 => (TransactionKind::PaidOut, Some("supplies")),
                2 => (TransactionKind::Pickup, None),
                3 => (TransactionKind::Loan, None),
                _ => (TransactionKind::PaidOut, Some("no such reason")),
            };
            world.tell(drawer(T1, &ticket, kind, *minor, reason));
        }
        Event::Count { till: second, minor } => {
            let mut count = count(till(*second), *minor);
            count.key.ticket = tillwire_proto::TicketNumber::new(&ticket).unwrap();
            world.tell(count);
        }
        Event::Again { of } => {
            if let Some(of) = told.get(*of % told.len().max(1)) {
                world.print(of.clone());
            }
        }
        Event::Revise { of, minor } => {
            let sales: Vec<_> = told
                .iter()
                .filter(|t| t.key.kind == TransactionKind::Sale)
                .collect();
            if let Some(of) = sales.get(*of % sales.len().max(1)) {
                let mut new = cash_sale(of.key.register.as_str(), of.key.ticket.as_str(), *minor);
                new.key.revision = of.key.revision + 1;
                world.tell(new);
            }
        }
        Event::Unknown { minor } => {
            let kind = TenderKind::Other(tillwire_proto::Code::new("EBAY").unwrap());
            let tenders = vec![tender(kind, *minor)];
            world.tell(sale(
                T1,
                &ticket,
                trade(vec![item("S1", 1, *minor)], vec![], &[], tenders, 0),
            ));
        }
        Event::Wrong { minor } => {
            let mut wrong = cash_sale(T1, &ticket, *minor);
            if let Body::Trade(trade) = &mut wrong.body {
                trade.totals.net = usd(minor + 1);
            }
            world.tell(wrong);
        }
        Event::Paid { minor } => {
            world.pay(answer(T1, PaymentCommand::Sale, *minor, None));
        }
    }
}

pub fn world_of(events: &[Event]) -> World {
    let mut world = World::new();
    for (number, event) in events.iter().enumerate() {
        apply(&mut world, number, event);
    }
    world
}

fn sum(posting: &Posting) -> i64 {
    posting.lines().map(|(_, line)| line.amount.minor()).sum()
}

fn balances(lines: impl Iterator<Item = (String, i64)>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (line, minor) in lines {
        *sums.entry(line).or_insert(0) += minor;
    }
    sums.retain(|_, minor| *minor != 0);
    sums
}

fn per(parts: &[Contribution], name: impl Fn(&Contribution) -> String) -> BTreeMap<String, i64> {
    balances(parts.iter().map(|part| (name(part), part.amount.minor())))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_posting_sums_to_nothing(events in prop::collection::vec(event(), 0..30)) {
        let world = world_of(&events);
        if let Some(posting) = world.posting(&[]) {
            prop_assert_eq!(sum(&posting), 0);
            prop_assert!(posting.lines().all(|(_, line)| !line.amount.is_zero() && !line.records.is_empty()));
        }
    }

    #[test]
    fn the_order_of_arrival_changes_nothing(
        (events, order) in prop::collection::vec(event(), 0..25)
            .prop_flat_map(|events| (Just(events), any::<u64>()))
    ) {
        let world = world_of(&events);
        let mut shuffled = world.records.clone();
        shuffled.sort_by_key(|record| tillwire_relay_core::odoo::jitter(order, record.id.number.0, u64::MAX - 1));
        let facts = DayFacts::gather(&world.settings, day(), shuffled);
        let (one, other) = (world.assess(), assess(&facts, &world.settings, LATER, &[]));
        prop_assert_eq!(one.ledger, other.ledger);
        prop_assert_eq!(one.stock, other.stock);
        prop_assert_eq!(one.exceptions, other.exceptions);
        prop_assert_eq!(one.registers, other.registers);
        prop_assert_eq!(one.state, other.state);
    }

    #[test]
    fn a_target_has_nothing_to_post_against_itself(events in prop::collection::vec(event(), 0..25)) {
        let world = world_of(&events);
        if let Some(first) = world.posting(&[]) {
            prop_assert_eq!(world.posting(&[first]), None);
        }
    }

    #[test]
    fn postings_over_a_growing_day_add_up_to_its_target(
        events in prop::collection::vec(event(), 1..25),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let all = world_of(&events);
        let mut posted: Vec<Posting> = Vec::new();
        let mut sizes: Vec<usize> = cuts.iter().map(|cut| cut.index(all.records.len().max(1))).collect();
        sizes.sort_unstable();
        sizes.push(all.records.len());
        for size in sizes {
            let mut part = World::new();
            part.records = all.records[..size].to_vec();
            let (tenant, store) = (&part.settings.tenant, &part.settings.store);
            for next in postings(tenant, store, day(), &part.ledger(), &posted, Corrections::Difference).unwrap() {
                prop_assert_eq!(next.revision() as usize, posted.len() + 1);
                posted.push(next);
            }
        }
        let posted = balances(posted.iter().flat_map(Posting::lines).map(|(key, line)| {
            (format!("{key:?}"), line.amount.minor())
        }));
        let target = balances(all.ledger().lines().map(|(key, line)| (format!("{key:?}"), line.amount.minor())));
        prop_assert_eq!(posted, target);
    }

    #[test]
    fn every_posted_cent_leads_to_tickets_and_every_ticket_to_what_was_posted(
        events in prop::collection::vec(event(), 1..25),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let all = world_of(&events);
        let (mut postings, mut told): (Vec<Posting>, Vec<Contribution>) = (Vec::new(), Vec::new());
        let mut sizes: Vec<usize> = cuts.iter().map(|cut| cut.index(all.records.len().max(1))).collect();
        sizes.sort_unstable();
        sizes.push(all.records.len());
        for size in sizes {
            let mut part = World::new();
            part.records = all.records[..size].to_vec();
            let ledger = part.ledger();
            let Some(next) = part.posting(&postings) else { continue };
            let made = parts(&next, ledger.contributions(), &told).unwrap();
            prop_assert_eq!(&made.rest, &[]);
            prop_assert!(made.of.iter().all(|part| !part.records.is_empty()));
            let lines = balances(next.lines().map(|(key, line)| (format!("{key:?}"), line.amount.minor())));
            prop_assert_eq!(per(&made.of, |part| format!("{:?}", part.line)), lines);
            told.extend(made.of);
            // forward: what was told of each ticket is what the ledger has of it
            let by_ticket = |part: &Contribution| format!("{:?} {:?}", part.ticket, part.line);
            prop_assert_eq!(per(&told, by_ticket), per(ledger.contributions(), by_ticket));
            postings.push(next);
        }
    }

    #[test]
    fn voiding_all_sales_leaves_no_revenue(events in prop::collection::vec(event(), 0..15)) {
        let mut world = world_of(&events);
        let trades: Vec<Transaction> = told_so_far(&world)
            .into_iter()
            .filter(|t| tillwire_proto::is_trade(t.key.kind))
            .collect();
        for (number, sold) in trades.iter().enumerate() {
            let ticket = format!("v{number}");
            world.tell(void(sold.key.register.as_str(), &ticket, sold.key.ticket.as_str(), None));
        }
        let assessment = world.assess();
        let revenue = assessment.ledger.lines().any(|(key, _)| key.account.as_str() == "400001");
        prop_assert!(!revenue);
        prop_assert!(assessment.stock.items.is_empty());
        prop_assert_eq!(assessment.total.trades, 0);
    }

    #[test]
    fn duplicates_and_second_witnesses_change_no_figure(events in prop::collection::vec(event(), 0..20)) {
        let world = world_of(&events);
        let mut doubled = world_of(&events);
        for transaction in told_so_far(&world) {
            doubled.print(transaction);
        }
        let copies = doubled.records.clone();
        doubled.records.extend(copies);
        prop_assert_eq!(spell(&world.ledger()), spell(&doubled.ledger()));
        let (one, two) = (world.assess(), doubled.assess());
        prop_assert_eq!(kinds(&one), kinds(&two));
        let quantities = |day: &tillwire_relay_core::store_day::DayAssessment| -> Vec<(Sku, Quantity)> {
            day.stock.items.iter().map(|(sku, item)| (sku.clone(), item.quantity)).collect()
        };
        prop_assert_eq!(quantities(&one), quantities(&two));
        prop_assert_eq!(one.total, two.total);
    }

    #[test]
    fn stock_moved_in_steps_adds_up_to_the_target(
        events in prop::collection::vec(event(), 1..25),
        cut in any::<prop::sample::Index>(),
    ) {
        let all = world_of(&events);
        let odoo = odoo(&["S0", "S1", "S2", "S3", "A1"]);
        let mut pickings = Vec::new();
        for size in [cut.index(all.records.len().max(1)), all.records.len()] {
            let mut part = World::new();
            part.records = all.records[..size].to_vec();
            let target = part.assess().stock;
            let (tenant, store) = (&part.settings.tenant, &part.settings.store);
            let next = delta(&rules(&part, &same), &target, &moved(&pickings).unwrap(), &odoo);
            for batch in next.batches {
                prop_assert!(batch.lines.iter().all(|l| !l.quantity.is_zero() && !l.quantity.is_negative()));
                let number = pickings.len() as u64 + 1;
                pickings.push(batch.picking(tenant, store, day(), number));
            }
        }
        let done: BTreeMap<Sku, Quantity> = moved(&pickings).unwrap().into_iter()
            .map(|(goods, quantity)| (goods.sku, quantity)).filter(|(_, quantity)| !quantity.is_zero()).collect();
        let wanted: BTreeMap<Sku, Quantity> = all.assess().stock.items.into_iter()
            .map(|(sku, item)| (sku, item.quantity)).filter(|(_, quantity)| !quantity.is_zero()).collect();
        prop_assert_eq!(done, wanted);
    }

    #[test]
    fn every_ticket_is_in_the_books_or_has_a_reason(events in prop::collection::vec(event(), 0..25)) {
        let world = world_of(&events);
        let facts = world.facts();
        let tickets = tillwire_relay_core::tickets::Tickets::settle(&facts, &world.settings, &[]);
        let ledger = world.ledger();
        for ticket in &tickets.counted {
            let moves_money = ticket.transaction.trade().is_some_and(|trade| !trade.totals.total.is_zero());
            if moves_money {
                let booked = ledger.of_ticket(ticket.key).next().is_some();
                let held = ledger.held_tickets().contains_key(ticket.key);
                prop_assert!(booked != held, "{:?} booked {booked} held {held}", ticket.key);
            }
        }
        for (line, total) in ledger.lines() {
            let parts: i64 = ledger.of_line(line).map(|part| part.amount.minor()).sum();
            prop_assert_eq!(parts, total.amount.minor());
        }
    }

    #[test]
    fn an_effect_becomes_true_at_most_once_whatever_goes_wrong(faults in prop::collection::vec(0..8_u8, 0..40)) {
        let mut server = Server::default();
        let mut world = World::new();
        world.tell(cash_sale(T1, "1", 1000));
        let entry = JournalEntry::of(&world.posting(&[]).unwrap());
        let mut effect = Effect::intend(Payload::JournalEntry(entry));
        let mut faults = faults.into_iter().chain(std::iter::repeat(0));
        let mut now = 0;
        for turn in 0..200 {
            match effect.next(now) {
                Next::Finished => break,
                Next::Wait { until_ms } => now = until_ms,
                Next::Do(step) => {
                    let before = effect.calling().unwrap();
                    effect = match server.play(step, faults.next().unwrap()) {
                        Some(result) => before.answered(result, now, Backoff::default(), turn).unwrap(),
                        None => before.recovered(),
                    };
                }
            }
        }
        prop_assert_eq!(effect.state, EffectState::Done);
        prop_assert_eq!((server.created, server.posted), (1, 1));
    }
}

/// An Odoo that creates once per key and posts once per entry, and whose answers get lost.
#[derive(Default)]
struct Server {
    created: u32,
    posted: u32,
}

impl Server {
    /// Faults: 1 not reached, 2 answer lost after the commit, 3 lost before it, 4 busy, 5 wrong key for a while, 6 the
    /// caller is killed after the commit, 7 a gateway's error after the commit. `None` when the caller was killed.
    fn play(&mut self, step: Step, fault: u8) -> Option<StepResult> {
        let unknown = || Answer::Unknown {
            after_ms: None,
            reason: "lost".to_owned(),
        };
        let failed = |answer| Some(StepResult::Failed(answer));
        match fault {
            1 => {
                return failed(Answer::Retry {
                    after_ms: None,
                    reason: "refused".to_owned(),
                });
            }
            3 => return failed(unknown()),
            4 => {
                return failed(Answer::Retry {
                    after_ms: Some(10),
                    reason: "serialize".to_owned(),
                });
            }
            5 => {
                return failed(Answer::Unauthorised {
                    message: "denied".to_owned(),
                });
            }
            _ => {}
        }
        let result = self.run(step);
        match fault {
            2 | 7 => failed(unknown()),
            6 => None,
            _ => Some(result),
        }
    }

    fn run(&mut self, step: Step) -> StepResult {
        match step {
            Step::Load => {
                self.created = 1;
                StepResult::Loaded(41)
            }
            Step::Look if self.posted > 0 => StepResult::Seen(Seen::Confirmed(Verdict::default())),
            Step::Look => StepResult::Seen(Seen::Draft(Verdict::default())),
            Step::Confirm if self.posted > 0 => StepResult::Failed(Answer::Rejected {
                refusal: Refusal::Rule,
                message: "must be in draft".to_owned(),
            }),
            Step::Confirm => {
                self.posted += 1;
                StepResult::Confirmed
            }
        }
    }
}
