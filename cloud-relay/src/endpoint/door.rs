//! The waiting room before TLS: who has connected but not yet shown a whole ClientHello.
//!
//! A full room never keeps a device out: the newcomer takes the place of the oldest of the address that holds most
//! places. A device shows its ClientHello within one round trip, a silent socket never does, so it is the silent
//! sockets that leave.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

#[derive(Debug)]
struct Guest {
    number: u64,
    address: IpAddr,
    leave: CancellationToken,
}

#[derive(Debug, Default)]
struct Room {
    guests: Vec<Guest>,
    next_number: u64,
}

/// See the module head.
#[derive(Debug, Clone)]
pub(super) struct Door {
    room: Arc<Mutex<Room>>,
    places: usize,
}

/// A place in the waiting room; given up when dropped.
#[derive(Debug)]
pub(super) struct Place {
    door: Door,
    number: u64,
    /// Cancelled when somebody else needs the place.
    pub(super) leave: CancellationToken,
}

impl Door {
    pub(super) fn new(places: usize) -> Self {
        Self {
            room: Arc::default(),
            places: places.max(1),
        }
    }

    /// Takes a place, at somebody's cost when the room is full.
    pub(super) fn enter(&self, address: IpAddr) -> Place {
        let mut room = self.room();
        if room.guests.len() >= self.places {
            room.evict();
        }
        let number = room.next_number;
        room.next_number += 1;
        let leave = CancellationToken::new();
        room.guests.push(Guest {
            number,
            address,
            leave: leave.clone(),
        });
        Place {
            door: self.clone(),
            number,
            leave,
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        // a poisoned list of guests is still a list of guests
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn evict(&mut self) {
        let mut places = HashMap::<IpAddr, usize>::new();
        for guest in &self.guests {
            *places.entry(guest.address).or_default() += 1;
        }
        let Some(&most) = places.values().max() else {
            return;
        };
        // guests stand in order of arrival
        if let Some(index) = self
            .guests
            .iter()
            .position(|guest| places.get(&guest.address) == Some(&most))
        {
            self.guests.remove(index).leave.cancel();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut room = self.door.room();
        room.guests.retain(|guest| guest.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_the_fullest_address_leaves() {
        let door = Door::new(3);
        let store = IpAddr::from([10, 0, 0, 1]);
        let flood = IpAddr::from([10, 0, 0, 2]);
        let device = door.enter(store);
        let first = door.enter(flood);
        let second = door.enter(flood);
        let third = door.enter(flood);
        assert!(first.leave.is_cancelled());
        assert!(!device.leave.is_cancelled() && !second.leave.is_cancelled() && !third.leave.is_cancelled());
        drop(second);
        let fourth = door.enter(flood);
        assert!(!third.leave.is_cancelled() && !fourth.leave.is_cancelled());
    }
}
