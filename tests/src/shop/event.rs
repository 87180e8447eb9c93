//! What can happen at a register, in plain numbers. Amounts are cents, signed from the retailer's side.

/// One thing that happened at one register.
#[derive(Debug, Clone)]
pub struct Event {
    /// Index of the store.
    pub store: usize,
    /// Index of the register in the store.
    pub register: usize,
    /// Seconds after the business day's midnight, local.
    pub second: u32,
    /// The till's number for it: counts the register's drawer movements and counts; see [`Event::label`].
    pub number: u64,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// The day began with so much in the drawer.
    Open { float: i64 },
    /// Goods and money changed hands.
    Ticket(Box<Ticket>),
    /// An earlier ticket was taken back.
    Void(Box<Ticket>),
    /// The drawer was opened.
    NoSale,
    /// Cash put in for a reason.
    PaidIn { amount: i64, reason: &'static str },
    /// Cash taken out for a reason.
    PaidOut { amount: i64, reason: &'static str },
    /// Cash to the safe.
    Pickup { amount: i64 },
    /// Cash from the safe.
    Loan { amount: i64 },
    /// The drawer was counted.
    Count { counted: i64 },
    /// The day ended.
    Close,
}

/// What kind of ticket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goods out.
    Sale,
    /// Goods in.
    Return,
    /// Both.
    Exchange,
}

/// A completed ticket.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// Heartland's internal number.
    pub id: u64,
    /// The number on the receipt.
    pub number: u64,
    /// What kind.
    pub kind: Kind,
    /// Goods and gift cards.
    pub lines: Vec<TicketLine>,
    /// One per tax that applied.
    pub taxes: Vec<TaxPart>,
    /// What was tendered; negative when it went to the customer.
    pub payments: Vec<Payment>,
    /// Cash given back from what was tendered; never negative.
    pub change: i64,
    /// Internal number of the ticket that goods come back from.
    pub parent: Option<u64>,
}

/// One line.
#[derive(Debug, Clone)]
pub struct TicketLine {
    /// Index of the product; `None` for a gift card sold.
    pub product: Option<usize>,
    /// How many; negative when they come back.
    pub quantity: i64,
    /// Price of one before discounts.
    pub unit: i64,
    /// Price of one after discounts, where there was one.
    pub adjusted: Option<i64>,
}

/// Tax of one jurisdiction on one ticket.
#[derive(Debug, Clone)]
pub struct TaxPart {
    /// Whose.
    pub name: String,
    /// At which rate.
    pub rate_millionths: i64,
    /// How much.
    pub amount: i64,
}

/// One payment.
#[derive(Debug, Clone)]
pub struct Payment {
    /// How.
    pub how: How,
    /// How much.
    pub amount: i64,
}

/// A way to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Notes and coins.
    Cash,
    /// A card, by brand (`VISA`) and last four.
    Card { brand: &'static str, last4: String },
    /// A gift card.
    GiftCard,
    /// A tender type of the retailer's own.
    Other(&'static str),
}

impl Event {
    /// What the till calls a drawer movement or count.
    #[must_use]
    pub fn label(&self) -> String {
        format!("E{}", self.number)
    }
}

impl TicketLine {
    /// What the line adds to the total.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.quantity * self.adjusted.unwrap_or(self.unit)
    }

    /// How much less than without discount.
    #[must_use]
    pub fn discount(&self) -> i64 {
        self.quantity * self.unit - self.value()
    }
}

impl Ticket {
    /// Lines after discounts, before tax.
    #[must_use]
    pub fn net(&self) -> i64 {
        self.lines.iter().map(TicketLine::value).sum()
    }

    /// All taxes.
    #[must_use]
    pub fn tax(&self) -> i64 {
        self.taxes.iter().map(|t| t.amount).sum()
    }

    /// What is owed.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.net() + self.tax()
    }

    /// What the retailer kept.
    #[must_use]
    pub fn paid(&self) -> i64 {
        self.payments.iter().map(|p| p.amount).sum::<i64>() - self.change
    }

    /// What it does to the drawer.
    #[must_use]
    pub fn cash(&self) -> i64 {
        let cash = self.payments.iter().filter(|p| p.how == How::Cash);
        cash.map(|p| p.amount).sum::<i64>() - self.change
    }
}

impl What {
    /// What it does to the drawer.
    #[must_use]
    pub fn cash(&self) -> i64 {
        match self {
            Self::Ticket(ticket) => ticket.cash(),
            Self::Void(ticket) => -ticket.cash(),
            Self::PaidIn { amount, .. } | Self::Loan { amount } => *amount,
            Self::PaidOut { amount, .. } | Self::Pickup { amount } => -amount,
            Self::Open { .. } | Self::NoSale | Self::Count { .. } | Self::Close => 0,
        }
    }
}
