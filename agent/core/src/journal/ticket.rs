//! Is this ticket new, the same again, or changed? Decided from the newest record under its business key.

use tillwire_proto::{BusinessDay, Digest, LaneId, RegisterId, Transaction, Witness, encode_transaction};

/// Bytes of a [`register_day`].
pub const REGISTER_DAY_LEN: usize = 10;

/// What the journal files a ticket under: lane, register, day, then number, and witness and kind with it. Fixed length, and in
/// order of the day and of the number, so that the entries of a day lie beside each other on disk, a close reads one stretch,
/// and the next ticket of a till goes where its last one went: flash wears by the page, and so does time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketKey(pub [u8; 20]);

/// What a ticket says, apart from its revision: equal contents are the same sale told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content(pub [u8; 16]);

/// The newest record under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its revision.
    pub revision: u32,
    /// Its content.
    pub content: Content,
}

/// What to do with an offered ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Journal it under this revision.
    Append {
        /// The revision, which may be higher than the source said.
        revision: u32,
    },
    /// It is there already; answer with the record that holds it.
    Already,
}

/// The first bytes of every [`TicketKey`] of one register's day on one lane.
#[must_use]
pub fn register_day(lane: &LaneId, register: &RegisterId, day: BusinessDay) -> [u8; REGISTER_DAY_LEN] {
    let scope = Digest::of(format!("{lane}\n{register}").as_bytes());
    let mut out = [0; REGISTER_DAY_LEN];
    // Shifted so that days before 1970 sort before those after.
    let days = day.days_since_epoch().wrapping_sub(i32::MIN);
    out[..4].copy_from_slice(&days.to_be_bytes());
    out[4..].copy_from_slice(&scope.as_bytes()[..REGISTER_DAY_LEN - 4]);
    out
}

impl TicketKey {
    /// The [`register_day`] that it begins with.
    #[must_use]
    pub fn register_day(&self) -> [u8; REGISTER_DAY_LEN] {
        let mut day = [0; REGISTER_DAY_LEN];
        day.copy_from_slice(&self.0[..REGISTER_DAY_LEN]);
        day
    }

    /// The key of a transaction as one witness tells it on one lane.
    #[must_use]
    pub fn of(lane: &LaneId, witness: Witness, transaction: &Transaction) -> Self {
        let key = &transaction.key;
        let text = format!("{witness:?}\n{}\n{:?}\n{}", key.store, key.kind, key.ticket);
        let mut out = [0; 20];
        let (day, rest) = out.split_at_mut(REGISTER_DAY_LEN);
        day.copy_from_slice(&register_day(lane, &key.register, key.day));
        let (order, name) = rest.split_at_mut(ORDER_LEN);
        order.copy_from_slice(&order_of(key.ticket.as_str()).to_be_bytes());
        name.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..NAME_LEN]);
        Self(out)
    }
}

/// Bytes of a [`TicketKey`] that order a day's tickets.
const ORDER_LEN: usize = 4;

/// Bytes of a [`TicketKey`] that tell a ticket from every other of its number: 48 bits, among the few that share one.
const NAME_LEN: usize = 6;

/// The number that a ticket's text ends with, modulo 2^32: tills count up.
fn order_of(ticket: &str) -> u32 {
    let digits = ticket.bytes().rev().take_while(u8::is_ascii_digit).count();
    ticket[ticket.len() - digits..].bytes().fold(0_u32, |sum, digit| {
        sum.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'))
    })
}

impl Content {
    /// The content of a transaction; its revision does not count.
    #[must_use]
    pub fn of(transaction: &Transaction) -> Self {
        // nearly every ticket comes as its first revision, and is not copied to say so
        let bytes = if transaction.key.revision == 0 {
            encode_transaction(transaction)
        } else {
            let mut told = transaction.clone();
            told.key.revision = 0;
            encode_transaction(&told)
        };
        let bytes = bytes.expect("a transaction always encodes");
        let mut out = [0; 16];
        out.copy_from_slice(&Digest::of(&bytes).as_bytes()[..16]);
        Self(out)
    }
}

/// Decides what becomes of an offered ticket. Only the newest record counts: a ticket that was changed and changed
/// back is a third revision, because the relay books the newest.
#[must_use]
pub fn decide(known: Option<&Known>, offered_revision: u32, content: &Content) -> Decision {
    match known {
        None => Decision::Append {
            revision: offered_revision,
        },
        Some(known) if known.content == *content => Decision::Already,
        Some(known) => Decision::Append {
            revision: offered_revision.max(known.revision.saturating_add(1)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::sale;
    use super::*;

    fn known(transaction: &Transaction, revision: u32) -> Known {
        Known {
            revision,
            content: Content::of(transaction),
        }
    }

    #[test]
    fn a_ticket_told_again_unchanged_is_already_there() {
        let mut again = sale("1001", 500);
        let known = known(&again, 3);
        again.key.revision = 9;
        assert_eq!(decide(Some(&known), 9, &Content::of(&again)), Decision::Already);
    }

    #[test]
    fn a_changed_ticket_becomes_the_next_revision() {
        let known = known(&sale("1001", 500), 0);
        let changed = Content::of(&sale("1001", 600));
        assert_eq!(
            decide(Some(&known), 0, &changed),
            Decision::Append { revision: 1 }
        );
        assert_eq!(
            decide(Some(&known), 7, &changed),
            Decision::Append { revision: 7 }
        );
        assert_eq!(decide(None, 0, &changed), Decision::Append { revision: 0 });
    }

    #[test]
    fn keys_of_a_register_day_share_their_first_bytes() {
        let lane = LaneId::new("http").unwrap();
        let (one, two) = (sale("1001", 500), sale("1002", 500));
        let day = register_day(&lane, &one.key.register, one.key.day);
        let keys = [&one, &two].map(|t| TicketKey::of(&lane, Witness::PosPush, t));
        assert!(keys.iter().all(|key| key.register_day() == day));
        assert_ne!(keys[0], keys[1]);
        assert_ne!(keys[0], TicketKey::of(&lane, Witness::Printer, &one));
    }

    #[test]
    fn keys_of_a_day_are_in_the_order_in_which_a_till_counts() {
        let lane = LaneId::new("http").unwrap();
        let key = |ticket: &str| TicketKey::of(&lane, Witness::PosPush, &sale(ticket, 500));
        let tickets = ["S1-7", "8", "09", "R-10", "10482", "10483", "4294967295"];
        assert!(tickets.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        // what has no number, or a longer one, is told apart all the same
        for (one, two) in [
            ("A", "B"),
            ("4294967296", "0"),
            ("1-7", "7"),
            ("99999999999999999999", "7"),
        ] {
            assert_ne!(key(one), key(two));
        }
    }

    #[test]
    fn keys_sort_by_business_day_even_before_1970() {
        let lane = LaneId::new("http").unwrap();
        let register = RegisterId::new("till-1").unwrap();
        let key = |days| register_day(&lane, &register, BusinessDay::from_days(days).unwrap());
        assert!(key(-2) < key(-1) && key(-1) < key(0) && key(0) < key(20_000));
    }
}
