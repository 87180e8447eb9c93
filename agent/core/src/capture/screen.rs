//! The POS's extension page, as a live sign of what happens in the store: the POS opens an address of ours in a frame
//! beside each ticket and names that ticket in the query (`ticket_id`, `customer_id`, `account_uuid`, `subdomain`,
//! `pos_url`; source: the vendor's own ui-extension-demo). It says which ticket is on which register's screen, so that a
//! terminal's answer in the next moments can be told to be its payment. A hint, never a sale.

use tillwire_proto::{PosId, RegisterId, Screen, ScreenState, StoreId};

/// Why an opened page says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScreenError {
    /// No ticket is open.
    #[error("found no ticket_id in the address, wanted the one that the POS adds")]
    NoTicket,
    /// Not an id of a ticket.
    #[error("found ticket_id {found:?}, wanted an id such as 1042")]
    BadTicket {
        /// As found.
        found: String,
    },
}

/// Reads the query of an opened page. Nothing but the ticket's id is kept: who the customer is, is nobody's business here.
///
/// # Errors
/// [`ScreenError`].
pub fn read(query: &str, store: &StoreId, register: &RegisterId) -> Result<Screen, ScreenError> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let id = pairs
        .filter(|(name, _)| *name == "ticket_id")
        .map(|(_, value)| value)
        .find(|value| !value.is_empty())
        .ok_or(ScreenError::NoTicket)?;
    let bad = || ScreenError::BadTicket {
        found: id.chars().take(40).collect(),
    };
    // ids are numbers or UUIDs: what would have to be decoded is none
    if !id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err(bad());
    }
    Ok(Screen {
        store: store.clone(),
        register: register.clone(),
        pos_id: Some(PosId::new(id).map_err(|_| bad())?),
        ticket: None,
        state: ScreenState::Open,
        total: None,
        at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(query: &str) -> Result<Screen, ScreenError> {
        let (store, register) = (
            StoreId::new("austin").unwrap(),
            RegisterId::new("till-1").unwrap(),
        );
        read(query, &store, &register)
    }

    #[test]
    fn the_ticket_on_the_screen_is_named_by_the_address_and_nothing_else_is_kept() {
        let query = "ticket_id=1042&customer_id=77&account_uuid=9f&subdomain=maple&pos_url=https%3A%2F%2Fpos";
        let screen = opened(query).unwrap();
        assert_eq!(screen.pos_id, Some(PosId::new("1042").unwrap()));
        assert_eq!(screen.state, ScreenState::Open);
        assert!(!format!("{screen:?}").contains("77"));
    }

    #[test]
    fn a_page_without_a_ticket_or_with_nonsense_says_so() {
        for query in ["", "ticket_id=", "customer_id=1042", "ticket_id"] {
            assert_eq!(opened(query), Err(ScreenError::NoTicket), "{query}");
        }
        for query in [
            "ticket_id=%3Cscript%3E",
            "ticket_id=a b",
            &format!("ticket_id={}", "9".repeat(500)),
        ] {
            assert!(
                matches!(opened(query), Err(ScreenError::BadTicket { .. })),
                "{query}"
            );
        }
    }
}
