//! How what happens is told: each event as the records that its witnesses write.

use tillwire_proto::{
    Amount, Body, BusinessKey, Code, Counted, Currency, DrawerMovement, Fact, LaneId, Line, Observation,
    OriginalTicket, PaymentCommand, PosId, RecordNumber, SegmentId, Stamp, TaxLine, Tender, TenderKind,
    TenderState, TerminalPayment, TicketNumber, TillCount, Transaction, TransactionKind, Void, Witness,
};
use tillwire_verifier::{Decision, Place};

use super::parts::{
    answer, cad, cash_trade, key, kind, line, register, tax, tax_of_a_fifth, tender, tenders, today,
    transaction, usd, whole,
};
use super::{Event, Heard, Held, Pay};

/// Noon UTC two days later, when everything has arrived.
const RECEIVED_MS: i64 = 1_795_435_200_000;

/// The records so far.
#[derive(Debug, Default)]
pub(super) struct Telling {
    pub(super) records: Vec<Held>,
    pub(super) decisions: Vec<Decision>,
    clock_ms: i64,
    told: Vec<Transaction>,
    answers: Vec<TerminalPayment>,
}

impl Telling {
    pub(super) fn tell(&mut self, number: usize, event: &Event) {
        let ticket = (number + 1).to_string();
        match event {
            Event::Trade { .. } => self.trade(&ticket, event),
            Event::Void { of, names, completed } => self.void(&ticket, *of, *names, *completed),
            Event::Again { of, printed } => {
                if let Some(told) = self.earlier(*of) {
                    let witness = if *printed {
                        Witness::Printer
                    } else {
                        Witness::PosPush
                    };
                    self.write(Fact::Transaction(Box::new(told)), witness);
                }
            }
            Event::Revise { of, cents } => {
                if let Some(mut told) = self.earlier(*of).filter(|told| told.trade().is_some()) {
                    told.key.revision += 1;
                    told.body = cash_trade(told.key.kind, *cents);
                    self.push(told);
                }
            }
            Event::Differ { of, cents, chosen } => self.differ(*of, *cents, *chosen),
            Event::Drawer { kind, cents } => self.drawer(&ticket, *kind, *cents),
            Event::Open { till, cents } => {
                let body = Body::Open { float: usd(*cents) };
                self.push(transaction(
                    key(*till, 0, &ticket, TransactionKind::DayOpen),
                    body,
                ));
            }
            Event::Count { till, cents } => {
                let counted = [(TenderKind::Cash, *cents), (TenderKind::Check, 700)];
                let counted = counted.map(|(kind, cents)| Counted {
                    kind,
                    amount: usd(cents),
                });
                let body = Body::Count(TillCount {
                    counted: counted.into(),
                });
                self.push(transaction(
                    key(*till, 0, &ticket, TransactionKind::TillCount),
                    body,
                ));
            }
            Event::Terminal { command, of, cents } => self.terminal(*command, *of, *cents),
            Event::Wrong { cents } => {
                let mut wrong = cash_trade(TransactionKind::Sale, *cents);
                if let Body::Trade(trade) = &mut wrong {
                    trade.totals.net = usd(cents + 1);
                }
                self.push(transaction(key(false, 0, &ticket, TransactionKind::Sale), wrong));
            }
            Event::Foreign { cents } => {
                let sale = cash_trade(TransactionKind::Sale, *cents);
                let mut foreign = transaction(key(false, 0, &ticket, TransactionKind::Sale), sale);
                foreign.currency = Currency::from_code("EUR").expect("a currency");
                self.push(foreign);
            }
        }
    }

    fn earlier(&self, of: usize) -> Option<Transaction> {
        self.told.get(of % self.told.len().max(1)).cloned()
    }

    fn push(&mut self, told: Transaction) -> Place {
        self.told.push(told.clone());
        self.write(Fact::Transaction(Box::new(told)), Witness::PosPush)
    }

    fn write(&mut self, fact: Fact, witness: Witness) -> Place {
        let lane = match witness {
            Witness::Terminal => "pin",
            Witness::Printer => "printer",
            _ => "http",
        };
        let mut segment = [0; 16];
        segment[..lane.len()].copy_from_slice(lane.as_bytes());
        let number = self.records.len() as u64 + 1;
        let place = Place {
            segment: SegmentId(segment),
            number: RecordNumber(number),
        };
        self.clock_ms += 120_000;
        let wall_ms = self.clock_ms;
        self.records.push(Held {
            place,
            lane: LaneId::new(lane).expect("a name"),
            received_ms: RECEIVED_MS,
            observation: Observation {
                witness,
                stamp: Stamp {
                    wall_ms,
                    monotonic_ms: 0,
                },
                attachment: None,
                redacted: 0,
                fact,
            },
        });
        place
    }

    fn trade(&mut self, ticket: &str, event: &Event) {
        let Event::Trade {
            day,
            till,
            lines,
            taxes,
            tip,
            pay,
            over,
            heard,
            prices,
        } = event
        else {
            return;
        };
        let lines: Vec<Line> = lines.iter().map(line).collect();
        let goods: i64 = lines.iter().map(|line| line.extended.minor()).sum();
        let taxes: Vec<TaxLine> = if prices.included && *tip == 0 {
            vec![tax_of_a_fifth(goods)]
        } else {
            taxes
                .iter()
                .map(|(which, cents)| tax(*which, *cents, goods))
                .collect()
        };
        let due: i64 = taxes.iter().map(|tax| tax.amount.minor()).sum();
        let owed = goods + if prices.included { 0 } else { due } + tip + prices.coin;
        let change = if pay.last() == Some(&Pay::Cash) && owed > 0 {
            *over
        } else {
            0
        };
        let mut tenders = tenders(pay, owed + change);
        if *over % 5 == 0 {
            let state = TenderState::Voided;
            tenders.insert(
                0,
                Tender {
                    state,
                    ..tender(Pay::Cash, *over)
                },
            );
        }
        if prices.foreign {
            tenders[0].foreign = Some(Amount::new(1, cad()));
        }
        let kind = kind(&lines);
        let mut trade = whole(lines, taxes, *tip, tenders, change);
        if prices.included {
            trade.prices = tillwire_proto::Prices::TaxIncluded;
            trade.totals.net = usd(goods - due);
        }
        trade.totals.rounding = usd(prices.coin);
        trade.totals.total = usd(owed);
        let mut told = transaction(key(*till, *day, ticket, kind), Body::Trade(trade));
        told.pos_id = PosId::new(&format!("id-{ticket}")).ok();
        self.push(told.clone());
        let cards = told
            .trade()
            .map(|trade| trade.tenders.clone())
            .unwrap_or_default();
        for tender in cards.iter().filter(|tender| tender.kind == TenderKind::Card) {
            self.hear(&told.key, tender.amount.minor(), *heard);
        }
    }

    /// The terminal's own account of a card tender.
    fn hear(&mut self, key: &BusinessKey, cents: i64, heard: Heard) {
        let command = if cents < 0 {
            PaymentCommand::Refund
        } else {
            PaymentCommand::Sale
        };
        let mut said = answer(key.register.clone(), key.day, command, cents.abs());
        match heard {
            Heard::Nothing => return,
            Heard::WithInvoice => said.invoice = Some(key.ticket.clone()),
            Heard::WithoutInvoice => {}
            Heard::Late => self.clock_ms += 40 * 60_000,
            Heard::OtherAmount => {
                said.invoice = Some(key.ticket.clone());
                said.approved = usd(cents.abs() + 100);
            }
        }
        self.say(said);
    }

    fn say(&mut self, said: TerminalPayment) {
        self.answers.push(said.clone());
        self.write(Fact::Terminal(Box::new(said)), Witness::Terminal);
    }

    /// Something at the terminal about an earlier answer, or out of nothing.
    fn terminal(&mut self, command: u8, of: usize, cents: i64) {
        use PaymentCommand as C;
        let commands = [C::Sale, C::Refund, C::Void, C::Reversal, C::TipAdjust, C::PreAuth];
        let command = commands[usize::from(command)];
        let earlier = self.answers.get(of % self.answers.len().max(1)).cloned();
        let said = match (command, earlier) {
            (C::Void | C::Reversal, Some(earlier)) => TerminalPayment { command, ..earlier },
            (C::TipAdjust, Some(earlier)) => TerminalPayment {
                command,
                approved: usd(cents),
                ..earlier
            },
            _ => answer(register(of.is_multiple_of(2)), today(), command, cents),
        };
        self.say(said);
    }

    fn void(&mut self, ticket: &str, of: usize, names: u8, was_completed: bool) {
        let Some(told) = self.earlier(of) else { return };
        let mut original = OriginalTicket {
            ticket: Some(told.key.ticket.clone()),
            pos_id: None,
            day: Some(told.key.day),
        };
        match names {
            0 => original.day = None,
            1 => original.pos_id.clone_from(&told.pos_id),
            2 => {
                original.pos_id.clone_from(&told.pos_id);
                original.ticket = None;
                original.day = None;
            }
            _ => {}
        }
        let mut key = told.key.clone();
        // a void of an earlier day's ticket is rung up today, or was on that day
        if names != 4 {
            key.day = today();
        }
        key.ticket = TicketNumber::new(ticket).expect("a number");
        key.kind = TransactionKind::Void;
        key.revision = 0;
        self.push(transaction(
            key,
            Body::Void(Void {
                of: original,
                was_completed,
            }),
        ));
    }

    /// Another content under the same key, and perhaps a person's word about which is right.
    fn differ(&mut self, of: usize, cents: i64, chosen: u8) {
        let Some(mut told) = self.earlier(of).filter(|told| told.trade().is_some()) else {
            return;
        };
        let first = self
            .records
            .iter()
            .find(|held| matches!(&held.observation.fact, Fact::Transaction(one) if one.key == told.key));
        let first = first.map(|held| held.place);
        told.body = cash_trade(told.key.kind, cents);
        let key = told.key.clone();
        let second = self.write(Fact::Transaction(Box::new(told)), Witness::PosPush);
        let uses = [None, first, Some(second)][usize::from(chosen)];
        if uses.is_some() {
            let cause = format!(
                "conflict:{}:{}:{}:{}",
                key.register,
                key.kind.name(),
                key.ticket,
                key.revision
            );
            self.decisions.push(Decision { cause, uses });
        }
    }

    fn drawer(&mut self, ticket: &str, kind: u8, cents: i64) {
        use TransactionKind as K;
        let (kind, reason) = match kind {
            0 => (K::PaidIn, None),
            1 => (K::PaidIn, Some("fund")),
            2 => (K::PaidOut, Some("supplies")),
            3 => (K::Pickup, None),
            4 => (K::Loan, None),
            _ => (K::PaidOut, Some("nobody knows")),
        };
        let body = Body::Drawer(DrawerMovement {
            amount: usd(cents),
            reason: reason.map(|reason| Code::new(reason).expect("a code")),
        });
        self.push(transaction(key(cents % 2 == 0, 0, ticket, kind), body));
    }
}
