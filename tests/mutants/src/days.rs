//! Random store-days: what may happen at two tills around one business day, told by one or several witnesses, in time
//! and late. Kept small, so that a day that shows a difference shrinks to a few lines.

mod parts;
mod told;

use std::fmt;

use proptest::prelude::*;
use serde_json::{Value, json};
use tillwire_proto::{BusinessDay, LaneId, Observation};
use tillwire_verifier::{Decision, Evidence, Figures, Place, Record, figures};

use told::Telling;

/// A stored record.
#[derive(Debug, Clone)]
pub struct Held {
    /// Where it stands.
    pub place: Place,
    /// Its lane.
    pub lane: LaneId,
    /// When the relay stored it.
    pub received_ms: i64,
    /// What it says.
    pub observation: Observation,
}

/// A store-day with everything that bears on it. Prints as what happened, not as what was written down of it.
#[derive(Clone)]
pub struct Day {
    /// The business day.
    pub day: BusinessDay,
    /// The store's settings as a retailer writes them.
    pub settings: Value,
    /// The retailer's mapping file, where there is one.
    pub mapping: Option<Value>,
    /// The records, in order of arrival.
    pub records: Vec<Held>,
    /// What people decided.
    pub decisions: Vec<Decision>,
    /// After how many records the books were posted and the stock moved; in order. At last, all are there.
    pub looks: Vec<usize>,
    pub(crate) events: Vec<Event>,
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a day of {} records:", self.records.len())?;
        for (number, event) in self.events.iter().enumerate() {
            writeln!(f, "  {}: {event:?}", number + 1)?;
        }
        writeln!(f, "looked at after {:?} records", self.looks)?;
        writeln!(f, "decisions {:?}", self.decisions)?;
        write!(f, "settings {}\nmapping {:?}", self.settings, self.mapping)
    }
}

impl Day {
    /// What the verifier says that the day comes to.
    ///
    /// # Errors
    /// As [`figures`].
    pub fn verified(&self) -> Result<Figures, String> {
        let records = self.records.iter().map(|held| Record {
            place: held.place,
            received_ms: held.received_ms,
            observation: &held.observation,
        });
        figures(Evidence {
            day: self.day,
            settings: &self.settings,
            mapping: self.mapping.as_ref(),
            records: records.collect(),
            decisions: self.decisions.clone(),
        })
    }
}

/// How a trade is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pay {
    Cash,
    Visa,
    Card,
    GiftCard,
    Check,
    Unknown,
}

/// How the prices of a ticket are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prices {
    /// The lines include the tax.
    pub(crate) included: bool,
    /// What rounding to the smallest coin added.
    pub(crate) coin: i64,
    /// The first tender was in Canadian dollars.
    pub(crate) foreign: bool,
}

/// What the terminal tells of a card tender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Nothing,
    WithInvoice,
    WithoutInvoice,
    Late,
    OtherAmount,
}

/// A line to be.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// 0 to 5 goods, 6 a gift card, 7 shipping, 8 a fee.
    pub(crate) what: u8,
    pub(crate) count: i32,
    pub(crate) unit: i64,
    pub(crate) off: i64,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A sale, return or exchange: signs of the counts decide.
    Trade {
        /// -1 the day before, 0 the day, 1 the day after.
        day: i32,
        till: bool,
        lines: Vec<Wanted>,
        taxes: Vec<(u8, i64)>,
        tip: i64,
        pay: Vec<Pay>,
        over: i64,
        heard: Heard,
        prices: Prices,
    },
    Void {
        of: usize,
        names: u8,
        completed: bool,
    },
    Again {
        of: usize,
        printed: bool,
    },
    Revise {
        of: usize,
        cents: i64,
    },
    Differ {
        of: usize,
        cents: i64,
        chosen: u8,
    },
    Drawer {
        kind: u8,
        cents: i64,
    },
    Open {
        till: bool,
        cents: i64,
    },
    Count {
        till: bool,
        cents: i64,
    },
    Terminal {
        command: u8,
        of: usize,
        cents: i64,
    },
    Wrong {
        cents: i64,
    },
    Foreign {
        cents: i64,
    },
}

fn line() -> impl Strategy<Value = Wanted> {
    let off = prop_oneof![3 => Just(0_i64), 1 => 1..300_i64];
    (0..9_u8, 1..5_i32, 0..10_000_i64, off).prop_map(|(what, count, unit, off)| Wanted {
        what,
        count,
        unit,
        off,
    })
}

fn trade() -> impl Strategy<Value = Event> {
    let pay = prop_oneof![
        4 => Just(Pay::Cash), 3 => Just(Pay::Visa), 2 => Just(Pay::Card), 1 => Just(Pay::GiftCard),
        1 => Just(Pay::Check), 1 => Just(Pay::Unknown),
    ];
    let heard = prop_oneof![
        Just(Heard::Nothing),
        Just(Heard::WithInvoice),
        Just(Heard::WithoutInvoice),
        Just(Heard::Late),
        Just(Heard::OtherAmount),
    ];
    let day = prop_oneof![1 => Just(-1), 8 => Just(0), 1 => Just(1)];
    let back = prop_oneof![4 => Just(1_i32), 1 => Just(-1), 1 => Just(0)];
    let lines = prop::collection::vec(line(), 1..4);
    let taxes = prop::collection::vec((0..4_u8, 0..900_i64), 0..3);
    let money = (0..300_i64, 0..2_000_i64);
    let pays = prop::collection::vec(pay, 1..3);
    let coin = prop_oneof![4 => Just(0_i64), 1 => -2..3_i64];
    let rare = || prop::bool::weighted(0.2);
    let prices = (rare(), coin, rare()).prop_map(|(included, coin, foreign)| Prices {
        included,
        coin,
        foreign,
    });
    (day, any::<bool>(), lines, back, taxes, money, pays, heard, prices).prop_map(
        |(day, till, mut lines, back, taxes, (tip, over), pay, heard, prices)| {
            for (number, line) in lines.iter_mut().enumerate() {
                let sign = if back == 0 { [-1, 1][number % 2] } else { back };
                line.count *= sign;
                line.off *= i64::from(sign);
            }
            let tip = if tip > 200 { tip } else { 0 };
            Event::Trade {
                day,
                till,
                lines,
                taxes,
                tip,
                pay,
                over,
                heard,
                prices,
            }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let cents = 1..50_000_i64;
    let of = 0..40_usize;
    prop_oneof![
        10 => trade(),
        3 => (of.clone(), 0..5_u8, prop::bool::weighted(0.9))
            .prop_map(|(of, names, completed)| Event::Void { of, names, completed }),
        2 => (of.clone(), any::<bool>()).prop_map(|(of, printed)| Event::Again { of, printed }),
        1 => (of.clone(), cents.clone()).prop_map(|(of, cents)| Event::Revise { of, cents }),
        1 => (of.clone(), cents.clone(), 0..3_u8)
            .prop_map(|(of, cents, chosen)| Event::Differ { of, cents, chosen }),
        2 => (0..6_u8, cents.clone()).prop_map(|(kind, cents)| Event::Drawer { kind, cents }),
        1 => (any::<bool>(), cents.clone()).prop_map(|(till, cents)| Event::Open { till, cents }),
        1 => (any::<bool>(), cents.clone()).prop_map(|(till, cents)| Event::Count { till, cents }),
        2 => (0..6_u8, of, cents.clone())
            .prop_map(|(command, of, cents)| Event::Terminal { command, of, cents }),
        1 => cents.clone().prop_map(|cents| Event::Wrong { cents }),
        1 => cents.prop_map(|cents| Event::Foreign { cents }),
    ]
}

/// What retailers decide differently.
type Choices = (bool, bool, bool, bool, bool, bool, u8);

/// The store as its retailer wrote it; some retailers decided more than others.
fn settings((discount, suspense, by_brand, waits, float, more, _): Choices) -> Value {
    let mut written = json!({
        "tenant": "acme", "store": "s01", "time_zone": "America/Chicago", "registers": ["till-1", "till-2"],
        "odoo": {"company": "Acme", "journal": "TILL", "warehouse": "S01", "accounts": {
            "tender": {"cash": "101501", "card": "101710", "check": "101720"},
            "tax": {"State": "220101", "State@0.01": "220102",
                    "City": {"account": "220110", "odoo_tax": "City 1%"}},
            "revenue": "400001", "shipping": "400002", "gift_card": "230001", "tip": "230002",
            "cash_over": "440001", "cash_short": "640001", "paid_in": {"default": "480001", "fund": "480002"},
            "paid_out": {"supplies": "600001"}, "safe": "101510"}},
    });
    let accounts = &mut written["odoo"]["accounts"];
    if discount {
        accounts["discount"] = json!("400009");
    }
    if suspense {
        accounts["suspense"] = json!("999999");
    }
    if by_brand {
        accounts["tender"]["card.visa"] = json!("101711");
        accounts["tender"]["card.amex"] = json!("101712");
    }
    if more {
        accounts["tender"]["cash.CAD"] = json!("101502");
        accounts["category"] = json!({"shoes": "400011", "hats": {"account": "400012", "analytic": "Hats"}});
        accounts["product"] = json!({"S1": {"category": "hats"}});
        accounts["returns"] = json!("400019");
        accounts["discount_reason"] = json!({"staff": "400008"});
        accounts["rounding"] = json!("650001");
        accounts["register"] = json!({"till-2": {"cash_short": "640002"}});
    }
    if more && discount {
        written["odoo"]["corrections"] = json!("reverse-and-replace");
    }
    if waits {
        written["ticket_without_terminal"] = json!("hold");
    }
    if float {
        written["opening_float"] = json!("200.00");
    }
    written
}

/// A mapping file over the store's own table: versions of yesterday, of today and of tomorrow.
fn mapping((_, _, by_brand, .., which): Choices) -> Option<Value> {
    let version = |number, effective: &str, all: Value, store: Value| {
        json!({"number": number, "effective": effective, "author": "a bookkeeper", "all": all,
               "store": {"acme/s01": store}})
    };
    let yesterday = version(
        3,
        "2026-11-19",
        json!({"revenue": "400101"}),
        json!({"tip": "230102"}),
    );
    let mut remove = vec!["shipping", "tax.State@0.01"];
    if by_brand {
        remove.push("tender.card.visa");
    }
    let today = version(
        2,
        "2026-11-20",
        json!({"tip": "230202"}),
        json!({"remove": remove}),
    );
    let again = version(
        4,
        "2026-11-20",
        json!({"tender": {"cash": "101599"}}),
        json!({"fee": "400303"}),
    );
    let tomorrow = version(5, "2026-11-21", json!({"revenue": "400999"}), json!({}));
    match which {
        0 => Some(json!({"version": [tomorrow, today, yesterday]})),
        1 => Some(json!({"version": [again, today]})),
        _ => None,
    }
}

/// Any store-day of at most `events_max` things that happen.
pub fn day(events_max: usize) -> impl Strategy<Value = Day> {
    let choices = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.2),
        any::<bool>(),
        any::<bool>(),
        0..4_u8,
    );
    let looks = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    (choices, prop::collection::vec(event(), 0..events_max), looks).prop_map(|(choices, events, looks)| {
        let mut telling = Telling::default();
        for (number, event) in events.iter().enumerate() {
            telling.tell(number, event);
        }
        let size = telling.records.len();
        let mut looks: Vec<usize> = looks.iter().map(|look| look.index(size.max(1))).collect();
        looks.sort_unstable();
        Day {
            day: parts::today(),
            settings: settings(choices),
            mapping: mapping(choices),
            records: telling.records,
            decisions: telling.decisions,
            looks,
            events,
        }
    })
}
