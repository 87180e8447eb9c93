//! The machine: a state and the sums behind it, moved by one event at a time.

use serde::{Deserialize, Serialize};
use tillwire_proto::{Amount, Currency, MoneyError};

use super::event::{PaymentAct, PaymentEvent};
use super::illegal::{IllegalEvent, Why};
use super::state::PaymentState;

/// What a payment comes to. All are positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// Reserved or approved.
    pub authorised: Amount,
    /// Taken, with its tip.
    pub captured: Amount,
    /// Of which tip. Captured less tip is never more than authorised.
    pub tip: Amount,
    /// Taken back before settlement: nothing, or everything.
    pub voided: Amount,
    /// Given back. Never more than what was captured, where a capture is known.
    pub refunded: Amount,
    /// Paid out with deposits.
    pub settled_in: Amount,
    /// Taken with deposits, for refunds.
    pub settled_out: Amount,
    /// In the hands of the cardholder's bank.
    pub disputed: Amount,
}

impl Amounts {
    const fn nothing(currency: Currency) -> Self {
        let zero = Amount::zero(currency);
        Self {
            authorised: zero,
            captured: zero,
            tip: zero,
            voided: zero,
            refunded: zero,
            settled_in: zero,
            settled_out: zero,
            disputed: zero,
        }
    }

    /// Taken and not voided.
    fn standing(&self) -> Result<Amount, MoneyError> {
        self.captured.checked_sub(self.voided)
    }

    /// True when deposits agree with what was taken and given back.
    fn is_settled(&self) -> Result<bool, MoneyError> {
        Ok(self.settled_in == self.standing()? && self.settled_out == self.refunded)
    }
}

/// One payment. Made by its first event; moved by [`PaymentLife::after`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentLife {
    state: PaymentState,
    amounts: Amounts,
    /// A refund that belongs to no payment known here.
    alone: bool,
    batched: bool,
}

impl PaymentLife {
    /// A payment that begins with this event.
    ///
    /// # Errors
    /// [`IllegalEvent`] when none begins so.
    pub fn begin(event: PaymentEvent) -> Result<Self, IllegalEvent> {
        if !PaymentState::BEGINNINGS.contains(&event.act) {
            return Err(illegal(None, event, Why::State));
        }
        let blank = Self {
            state: PaymentState::Authorised,
            amounts: Amounts::nothing(event.amount.currency()),
            alone: matches!(event.act, PaymentAct::Refunded | PaymentAct::RefundFailed),
            batched: false,
        };
        blank.moved(event).map_err(|why| illegal(None, event, why))
    }

    /// The payment after an event.
    ///
    /// # Errors
    /// [`IllegalEvent`]: the payment is then still as it was.
    pub fn after(&self, event: PaymentEvent) -> Result<Self, IllegalEvent> {
        let refuse = |why| illegal(Some(self.state), event, why);
        if !self.state.legal().contains(&event.act) {
            return Err(refuse(Why::State));
        }
        if self.batched && matches!(event.act, PaymentAct::TipAdjusted | PaymentAct::Voided) {
            return Err(refuse(Why::BatchClosed));
        }
        self.moved(event).map_err(refuse)
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> PaymentState {
        self.state
    }

    /// What it comes to.
    #[must_use]
    pub const fn amounts(&self) -> &Amounts {
        &self.amounts
    }

    /// What the merchant is owed for it and has not had, negative when it is the other way.
    ///
    /// # Errors
    /// [`MoneyError`] beyond 64 bits.
    pub fn open(&self) -> Result<Amount, MoneyError> {
        let sums = &self.amounts;
        let owed = sums.standing()?.checked_sub(sums.refunded)?;
        owed.checked_sub(sums.settled_in)?.checked_add(sums.settled_out)
    }

    fn moved(&self, event: PaymentEvent) -> Result<Self, Why> {
        let takes_money = event.act == PaymentAct::Settled;
        if (event.amount.is_negative() && !takes_money) || event.tip.is_negative() {
            return Err(Why::Amount);
        }
        let disputes = matches!(event.act, PaymentAct::Disputed | PaymentAct::DisputeReversed);
        if disputes && event.amount.is_zero() {
            return Err(Why::Amount);
        }
        let mut next = self.clone();
        next.take(event).map_err(|refused| match refused {
            Refused::Why(why) => why,
            Refused::Money(_) => Why::Amount,
        })?;
        Ok(next)
    }

    fn take(&mut self, event: PaymentEvent) -> Result<(), Refused> {
        use PaymentState as S;
        let sums = &mut self.amounts;
        self.state = match event.act {
            PaymentAct::Stored => {
                sums.authorised = event.amount;
                S::Stored
            }
            PaymentAct::Declined => {
                *sums = Amounts::nothing(event.amount.currency());
                S::Declined
            }
            PaymentAct::Authorised => {
                sums.authorised = event.amount;
                S::Authorised
            }
            PaymentAct::Captured => capture(sums, event)?,
            PaymentAct::TipAdjusted => {
                let base = sums.captured.checked_sub(sums.tip)?;
                (sums.tip, sums.captured) = (event.amount, base.checked_add(event.amount)?);
                S::TipAdjusted
            }
            PaymentAct::Voided if self.state == S::Refunded => {
                if !self.alone {
                    return Err(Refused::Why(Why::State));
                }
                same(event.amount, sums.refunded)?;
                sums.refunded = Amount::zero(event.amount.currency());
                S::Voided
            }
            PaymentAct::Voided => void(sums, event)?,
            PaymentAct::Batched => {
                self.batched = true;
                self.state
            }
            PaymentAct::Refunded => {
                let refunded = sums.refunded.checked_add(event.amount)?;
                if !self.alone && self.state != S::Stored {
                    within(refunded.checked_add(sums.disputed)?, sums.standing()?)?;
                }
                self.alone |= self.state == S::Stored;
                sums.refunded = refunded;
                S::Refunded
            }
            PaymentAct::RefundFailed => S::RefundFailed,
            PaymentAct::Settled => {
                // a deposit is made of closed batches
                self.batched = true;
                settle(self.state, sums, event)?
            }
            PaymentAct::Disputed => {
                let disputed = sums.disputed.checked_add(event.amount)?;
                within(disputed, sums.settled_in)?;
                within(disputed.checked_add(sums.refunded)?, sums.standing()?)?;
                sums.disputed = disputed;
                S::Disputed
            }
            PaymentAct::DisputeReversed => {
                within(event.amount, sums.disputed)?;
                sums.disputed = sums.disputed.checked_sub(event.amount)?;
                after_dispute(sums)?
            }
        };
        Ok(())
    }
}

/// What stops a change half way; the half is thrown away.
enum Refused {
    Why(Why),
    Money(#[expect(dead_code, reason = "an amount without a meaning is told as one")] MoneyError),
}

impl From<MoneyError> for Refused {
    fn from(error: MoneyError) -> Self {
        Self::Money(error)
    }
}

fn illegal(state: Option<PaymentState>, event: PaymentEvent, why: Why) -> IllegalEvent {
    IllegalEvent { state, event, why }
}

fn within(found: Amount, most: Amount) -> Result<(), Refused> {
    if most.checked_sub(found)?.is_negative() {
        return Err(Refused::Why(Why::Beyond { found, most }));
    }
    Ok(())
}

/// A void takes all, and may leave unsaid how much that is.
fn same(found: Amount, wanted: Amount) -> Result<(), Refused> {
    if found.is_zero() || found == wanted {
        Ok(())
    } else {
        Err(Refused::Why(Why::Differs { wanted }))
    }
}

/// A capture without an authorisation proves one of its own size, tip apart.
fn capture(sums: &mut Amounts, event: PaymentEvent) -> Result<PaymentState, Refused> {
    let captured = sums.captured.checked_add(event.amount)?;
    let tip = sums.tip.checked_add(event.tip)?;
    let base = captured.checked_sub(tip)?;
    if base.is_negative() {
        return Err(Refused::Why(Why::Amount));
    }
    if sums.authorised.is_zero() {
        sums.authorised = base;
    }
    within(base, sums.authorised)?;
    (sums.captured, sums.tip) = (captured, tip);
    let left = sums.authorised.checked_sub(captured)?;
    Ok(if left.is_zero() || left.is_negative() {
        PaymentState::Captured
    } else {
        PaymentState::PartlyCaptured
    })
}

fn void(sums: &mut Amounts, event: PaymentEvent) -> Result<PaymentState, Refused> {
    let there = if sums.captured.is_zero() {
        sums.authorised
    } else {
        sums.captured
    };
    // what was never seen is as its void says
    if !there.is_zero() {
        same(event.amount, there)?;
    }
    sums.voided = sums.captured;
    Ok(PaymentState::Voided)
}

fn after_dispute(sums: &Amounts) -> Result<PaymentState, Refused> {
    Ok(if !sums.disputed.is_zero() {
        PaymentState::Disputed
    } else if sums.is_settled()? {
        PaymentState::Settled
    } else if sums.refunded.is_zero() {
        PaymentState::Captured
    } else {
        PaymentState::Refunded
    })
}

fn settle(state: PaymentState, sums: &mut Amounts, event: PaymentEvent) -> Result<PaymentState, Refused> {
    if event.amount.is_negative() {
        let out = sums.settled_out.checked_sub(event.amount)?;
        within(out, sums.refunded)?;
        sums.settled_out = out;
    } else {
        let paid = sums.settled_in.checked_add(event.amount)?;
        within(paid, sums.standing()?)?;
        sums.settled_in = paid;
    }
    let over = state != PaymentState::Disputed && sums.is_settled()?;
    Ok(if over { PaymentState::Settled } else { state })
}
