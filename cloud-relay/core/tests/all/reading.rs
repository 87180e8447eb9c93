//! What a record tells, as an auditor reads it.

use tillwire_proto::{
    AuthCode, CardBrand, CardFacts, CloseRecord, Code, Customer, Description, Discount, Fact, Last4, Note,
    Notice, NoticeKind, OriginalTicket, Outcome, PaymentCommand, PosId, ProcessorReference, Quantity,
    RegisterId, TenderKind, TenderState, TicketNumber, Transaction, TransactionKind, Unit, Unreadable,
};
use tillwire_relay_core::reading::Reading;

use crate::world::*;

fn told(transaction: Transaction) -> String {
    Reading::of(&Fact::Transaction(Box::new(transaction))).to_string()
}

fn words(text: &str) -> Option<Description> {
    Description::cleaned(text)
}

#[test]
fn sale_reads_like_its_receipt() {
    let mut mug = off(item("MUG", 2, 600), 200);
    mug.description = words("Blue mug");
    mug.discounts = vec![Discount {
        amount: usd(200),
        reason: words("Members"),
    }];
    let mut nuts = item("NUTS", 1, 999);
    nuts.quantity = Quantity::parse("0.335", Unit::Pound).unwrap();
    nuts.extended = usd(335);
    let mut county = tax("TX", Some(82_500), 110);
    county.base = Some(usd(1335));
    let mut visa = tender(TenderKind::Card, 1000);
    visa.card = Some(CardFacts {
        last4: Last4::new("0087"),
        auth_code: AuthCode::new("05231A").ok(),
        reference: ProcessorReference::new("200073811442").ok(),
        ..card(CardBrand::Visa)
    });
    let mut trade = trade(
        vec![mug, nuts],
        vec![county],
        &[],
        vec![visa, tender(TenderKind::Cash, 500)],
        55,
    );
    trade.customer = Some(Customer {
        id: PosId::new("c-7").unwrap(),
        name: words("Ann Lee"),
    });
    assert_eq!(
        told(sale("r1", "A-1", trade)),
        "\
What: sale
Ticket: A-1
Store: s01
Register: r1
Business day: 2026-11-20
Till's clock: 2026-11-20T12:39:00
Currency: USD
Adds up: yes, every total is the sum of its parts
Customer: Ann Lee, id c-7
Net: 13.35 USD
Discounts inside net: 2.00 USD
Tax: 1.10 USD
Total: 14.45 USD
Paid, less change: 14.45 USD
Change: 0.55 USD
Lines:
  Line      SKU   Quantity     Price  Discounts            Comes to
  Blue mug  MUG          2  6.00 USD  2.00 USD (Members)  10.00 USD
  item      NUTS  0.335 lb  9.99 USD                       3.35 USD
Taxes:
  Jurisdiction   Rate         On       Tax
  TX            8.25%  13.35 USD  1.10 USD
Tenders:
  Tender  Card                                                              Amount
  card    visa •••• 0087, chip, approval 05231A, reference 200073811442  10.00 USD
  cash                                                                    5.00 USD
"
    );
}

#[test]
fn ticket_that_does_not_add_up_says_both_figures() {
    let mut wrong = cash_sale("r1", "7", 500);
    if let tillwire_proto::Body::Trade(trade) = &mut wrong.body {
        trade.totals.net = usd(501);
    }
    let text = told(wrong);
    assert!(
        text.contains("Adds up: no: net is stated as 5.01 USD, but its parts add up to 5.00 USD"),
        "{text}"
    );
}

#[test]
fn payment_that_is_not_complete_says_so() {
    let mut pending = tender(TenderKind::Card, 500);
    pending.state = TenderState::Pending;
    let mut taken_back = tender(TenderKind::Other(Code::new("ebay").unwrap()), 100);
    taken_back.state = TenderState::Voided;
    let text = told(sale(
        "r1",
        "8",
        trade(vec![item("A", 1, 500)], vec![], &[], vec![pending, taken_back], 0),
    ));
    assert!(text.contains("card    not paid yet  5.00 USD"), "{text}");
    assert!(text.contains("ebay    taken back    1.00 USD"), "{text}");
}

#[test]
fn what_is_not_a_sale_tells_what_it_is() {
    let with = |transaction: Transaction, lines: &[&str]| {
        let text = told(transaction);
        for line in lines {
            assert!(text.lines().any(|one| one == *line), "{line:?} is not in\n{text}");
        }
    };
    with(
        void("r1", "12", "11", Some(day())),
        &[
            "What: void",
            "Takes back: ticket 11, of 2026-11-20",
            "Had been completed: yes",
        ],
    );
    with(
        drawer("r1", "13", TransactionKind::PaidOut, 2_000, Some("milk")),
        &["What: paid-out", "Amount: 20.00 USD", "Reason: milk"],
    );
    with(
        count("r1", 12_345),
        &["What: till-count", "Counted:", "  cash    123.45 USD"],
    );
    with(
        opening("r1", 20_000),
        &["What: day-open", "Opening float: 200.00 USD"],
    );
    with(
        closing("r1"),
        &["What: day-close", "The register's own totals: the POS tells none"],
    );
    let mut back = cash_return("r1", "14", "MUG", 600);
    if let tillwire_proto::Body::Trade(trade) = &mut back.body {
        trade.original = Some(OriginalTicket {
            ticket: Some(TicketNumber::new("9").unwrap()),
            pos_id: None,
            day: None,
        });
    }
    with(
        back,
        &[
            "What: return",
            "Goods come back from: ticket 9",
            "Total: -6.00 USD",
        ],
    );
    with(revised(cash_sale("r1", "15", 100), 2), &["Revision: 2"]);
}

#[test]
fn terminal_tells_what_was_asked_and_what_became_of_it() {
    let mut payment = answer("r1", PaymentCommand::Sale, 1_445, Some("A-1"));
    payment.outcome = Outcome::Partial;
    payment.approved = usd(1_000);
    payment.message = Some(Note::new("insufficient funds").unwrap());
    assert_eq!(
        Reading::of(&Fact::Terminal(Box::new(payment))).to_string(),
        "\
What: a terminal's answer to a sale
Outcome: approved for less than was asked
Store: s01
Register: r1
Terminal: pin-1
Terminal's clock: 2026-11-20T13:53:20
Asked for: 14.45 USD
Approved: 10.00 USD
Card: visa, chip
Invoice: A-1
Terminal's words: insufficient funds
"
    );
}

#[test]
fn box_tells_of_its_day_its_troubles_and_what_it_could_not_read() {
    let mut world = World::new();
    world.tell(cash_sale("r1", "1", 500));
    let close: CloseRecord = world.close_record("r1");
    let head = close.spans[0].head;
    let text = Reading::of(&Fact::Close(close)).to_string();
    for line in [
        "What: the box's own account of a register's day",
        "Sales, returns and exchanges: 1",
        "Net: 5.00 USD",
        "  cash    5.00 USD",
    ] {
        assert!(text.lines().any(|one| one == line), "{line:?} is not in\n{text}");
    }
    assert!(text.contains(&head.to_string()), "{text}");
    let notice = Notice {
        kind: NoticeKind::DiskFull,
        text: Note::new("3 MiB are left").unwrap(),
    };
    assert_eq!(
        Reading::of(&Fact::Notice(notice)).to_string(),
        "What: a notice of the box: the disk is too full, sources were told busy\nIn its words: 3 MiB are left\n"
    );
    let unreadable = Unreadable {
        reason: Code::new("malformed").unwrap(),
        detail: Note::new("found '<', wanted a digit").unwrap(),
        register: Some(RegisterId::new("r1").unwrap()),
    };
    assert_eq!(
        Reading::of(&Fact::Unreadable(unreadable)).to_string(),
        "What: bytes that did not become a transaction\nCause: malformed\nFound: found '<', wanted a digit\nRegister: r1\n"
    );
}
