//! What may be deleted, and when sources must wait. Receipts decide; local clocks decide nothing.

use tillwire_proto::RecordNumber;

use crate::settings::Limits;

/// A disk that is larger counts as one of this size with as much room left, in bytes. A twentieth of a large disk is
/// room for years of sales, and no till may be told to wait because of it.
const COUNTED: u64 = 16 << 30;

/// Room for the journal: a disk, or the journal's own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What may still be written, in bytes.
    pub free: u64,
    /// Of how much in all, in bytes.
    pub total: u64,
}

impl Space {
    /// The used part in percent, rounded down, of a space that counts as no larger than [`COUNTED`].
    #[must_use]
    pub fn used_percent(self) -> u8 {
        let counted = self.counted();
        let used = counted - self.free.min(counted);
        let percent = (used * 100).checked_div(counted).unwrap_or(0);
        u8::try_from(percent).unwrap_or(100)
    }

    /// What may still be written before sources are told *busy*, in bytes.
    #[must_use]
    pub fn until_busy(self, limits: &Limits) -> u64 {
        let counted = self.counted();
        let kept_free = counted - counted / 100 * u64::from(limits.busy_percent.min(100));
        self.free.saturating_sub(kept_free)
    }

    fn counted(self) -> u64 {
        self.total.min(COUNTED)
    }
}

/// How much room the disk has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Enough.
    Plenty,
    /// Receipted records are pruned before their time.
    Short,
    /// Sources are told *busy*.
    None,
}

/// What a change of room asks the journal to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomChange {
    /// Give up the reserve and write down that the disk is full.
    Filled,
    /// Make the reserve again and write down that capture goes on.
    Freed,
}

impl Room {
    /// The room at a fill level. It takes two percent less to leave *none* than to enter it, so that a disk on the
    /// edge does not flutter.
    #[must_use]
    pub const fn at(self, used_percent: u8, limits: &Limits) -> Self {
        let busy = match self {
            Self::None => limits.busy_percent.saturating_sub(2),
            _ => limits.busy_percent,
        };
        if used_percent >= busy {
            Self::None
        } else if used_percent >= limits.prune_percent {
            Self::Short
        } else {
            Self::Plenty
        }
    }

    /// What to say when the room has become `next`.
    #[must_use]
    pub const fn change(self, next: Self) -> Option<RoomChange> {
        match (self, next) {
            (Self::None, Self::None) => None,
            (Self::None, _) => Some(RoomChange::Freed),
            (_, Self::None) => Some(RoomChange::Filled),
            _ => None,
        }
    }
}

/// For how many more trading days of the usual size the disk takes sales when nothing may be pruned: a long outage
/// of the relay.
///
/// `free_len` is what may still be written before sources must wait and `used_len` what the journal holds, in bytes;
/// `days_held` how many business days that is. `None` before a day's size is known. Rounded down.
#[must_use]
pub fn buffer_days(free_len: u64, used_len: u64, days_held: u32) -> Option<u16> {
    if days_held == 0 || used_len == 0 {
        return None;
    }
    let days = u128::from(free_len) * u128::from(days_held) / u128::from(used_len);
    Some(u16::try_from(days).unwrap_or(u16::MAX))
}

/// What is known of one segment when pruning looks at it. Numbers are "up to and including"; 0 is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Deleted already.
    pub pruned: RecordNumber,
    /// Covered by a receipt whose hash equals ours.
    pub receipted: RecordNumber,
    /// Covered by such a receipt that the relay gave long enough before its newest one.
    pub receipted_long_ago: RecordNumber,
    /// Added into the lane's perpetual totals.
    pub totalled: RecordNumber,
    /// First record of a day that a close may still have to add up.
    pub spare_from: Option<RecordNumber>,
}

/// Up to which record a segment may be pruned; `None` when there is nothing to prune.
///
/// Nothing without a receipt. With one: what is old goes; when the disk is short, everything except the days that are
/// still to be closed; when sources would have to wait, those too. Nothing that the perpetual totals have not seen.
#[must_use]
pub fn prunable(kept: &Kept, room: Room) -> Option<RecordNumber> {
    let early = match (room, kept.spare_from) {
        (Room::Plenty, _) => RecordNumber::HEADER,
        (Room::Short, Some(spare)) => kept.receipted.min(RecordNumber(spare.0.saturating_sub(1))),
        (Room::Short, None) | (Room::None, _) => kept.receipted,
    };
    let through = early
        .max(kept.receipted_long_ago)
        .min(kept.receipted)
        .min(kept.totalled);
    (through > kept.pruned).then_some(through)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_disk_lasts_for_as_many_days_as_fit_and_nothing_is_guessed_before_the_first() {
        assert_eq!(buffer_days(1_000_000, 0, 0), None);
        assert_eq!(buffer_days(1_000_000, 50_000, 0), None);
        assert_eq!(buffer_days(1_000_000, 300_000, 3), Some(10));
        assert_eq!(buffer_days(99_999, 300_000, 3), Some(0));
        assert_eq!(buffer_days(u64::MAX, 1, u32::MAX), Some(u16::MAX));
    }

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_card_is_counted_as_it_is() {
        let card = Space {
            free: 2 * GIB,
            total: 8 * GIB,
        };
        assert_eq!(card.used_percent(), 75);
        let left = card.until_busy(&Limits::default());
        assert!(
            left.abs_diff(2 * GIB - 8 * GIB / 20) < 1_000,
            "a twentieth is kept, of {left} bytes"
        );
        let none = Space { free: 0, total: 0 };
        assert_eq!((none.used_percent(), none.until_busy(&Limits::default())), (0, 0));
    }

    #[test]
    fn no_till_waits_while_a_large_disk_has_gigabytes_left() {
        let of_256 = |free| Space {
            free,
            total: 256 * GIB,
        };
        let limits = Limits::default();
        let room = |free| Room::Plenty.at(of_256(free).used_percent(), &limits);
        assert_eq!(room(12 * GIB), Room::Plenty, "95 % of it are used");
        assert_eq!(room(2 * GIB), Room::Short);
        assert_eq!(room(GIB / 2), Room::None);
        let left = of_256(12 * GIB).until_busy(&limits);
        assert_eq!(
            left / GIB,
            11,
            "what is told to last is what there is, not what is counted"
        );
    }

    const N: fn(u64) -> RecordNumber = RecordNumber;

    fn kept() -> Kept {
        Kept {
            pruned: N(0),
            receipted: N(50),
            receipted_long_ago: N(0),
            totalled: N(60),
            spare_from: None,
        }
    }

    #[test]
    fn receipted_records_stay_while_there_is_room() {
        assert_eq!(prunable(&kept(), Room::Plenty), None);
    }

    #[test]
    fn a_short_disk_prunes_what_is_receipted_and_no_more() {
        assert_eq!(prunable(&kept(), Room::Short), Some(N(50)));
        let open_day = Kept {
            spare_from: Some(N(31)),
            ..kept()
        };
        assert_eq!(prunable(&open_day, Room::Short), Some(N(30)));
        assert_eq!(prunable(&open_day, Room::None), Some(N(50)));
    }

    #[test]
    fn an_old_receipt_prunes_even_when_there_is_room() {
        let old = Kept {
            receipted_long_ago: N(20),
            spare_from: Some(N(1)),
            ..kept()
        };
        assert_eq!(prunable(&old, Room::Plenty), Some(N(20)));
        assert_eq!(prunable(&Kept { pruned: N(20), ..old }, Room::Plenty), None);
    }

    #[test]
    fn the_reserve_is_spoken_for_once_per_full_disk() {
        let limits = Limits::default();
        let full = Room::Plenty.at(95, &limits);
        assert_eq!(Room::Plenty.change(full), Some(RoomChange::Filled));
        assert_eq!(full.change(full.at(94, &limits)), None);
        assert_eq!(full.change(full.at(92, &limits)), Some(RoomChange::Freed));
        assert_eq!(Room::Plenty.change(Room::Short), None);
    }

    proptest! {
        #[test]
        fn sources_wait_exactly_when_nothing_may_be_written_any_more(
            free in 0..400 * GIB, total in 100..400 * GIB, busy in 1..=99_u8,
        ) {
            let space = Space { free: free.min(total), total };
            let limits = Limits { busy_percent: busy, prune_percent: 0, ..Limits::default() };
            let waits = Room::Plenty.at(space.used_percent(), &limits) == Room::None;
            // a hundredth is rounded, so within a hundred bytes of the edge either may be said
            let left = |free| Space { free, ..space }.until_busy(&limits);
            if waits {
                prop_assert!(left(space.free) <= 100);
            } else {
                prop_assert!(left(space.free + 100) > 0);
            }
        }

        #[test]
        fn nothing_without_a_receipt_is_ever_prunable(
            pruned in 0..100_u64, receipted in 0..100_u64, long_ago in 0..200_u64, totalled in 0..100_u64,
            spare in prop::option::of(1..100_u64),
            room in prop::sample::select(vec![Room::Plenty, Room::Short, Room::None]),
        ) {
            let kept = Kept {
                pruned: N(pruned), receipted: N(receipted), receipted_long_ago: N(long_ago),
                totalled: N(totalled), spare_from: spare.map(N),
            };
            if let Some(through) = prunable(&kept, room) {
                prop_assert!(through.0 <= receipted && through.0 <= totalled && through.0 > pruned);
            }
        }
    }
}
